package main_test

import (
	"strings"
	"testing"
)

// TestReconcile_settings runs the command with settings that it must refuse before it
// opens anything: there is no database here.
func TestReconcile_settings(t *testing.T) {
	t.Parallel()
	nowhere := []string{"MYSQL_DSN=user@tcp(127.0.0.1:1)/none", "REDIS_ADDRS=127.0.0.1:1"}
	for name, test := range map[string]struct {
		environment, args []string
		says              string
	}{
		"a day in words":                {args: []string{"--date", "yesterday"}, says: "--date yesterday is not a day: write it like 2026-01-31"},
		"a day that no calendar has":    {args: []string{"--date", "2026-02-30"}, says: "--date 2026-02-30 is not a day"},
		"a day by the environment":      {environment: []string{"RECONCILE_DATE=26/11/26"}, says: "is not a day"},
		"no folder for temporary files": {environment: []string{"TMPDIR=/proc/nowhere"}, says: "TMPDIR: settlement files need a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"reconcile", "--pg", "toss", "toss.csv"}, test.args...)
			out, code := runProgram(t, append(nowhere[:2:2], test.environment...), args...)
			if code != 1 || !strings.Contains(out, test.says) {
				t.Errorf("exit %d, %q, want it to say %q", code, out, test.says)
			}
		})
	}
	t.Run("serve looks for the folder too", func(t *testing.T) {
		t.Parallel()
		environment := append(nowhere[:2:2], "TMPDIR=/proc/nowhere", "SMTP_ADDR=127.0.0.1:1", "SMTP_FROM=shop@example.com",
			"TOSS_SECRET_KEY=test_sk_1", "TOSS_CLIENT_KEY=test_ck_1")
		if out, code := runProgram(t, environment, "serve"); code != 1 || !strings.Contains(out, "TMPDIR: settlement files need a folder") {
			t.Errorf("exit %d, %q", code, out)
		}
	})
}
