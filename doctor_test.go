package main_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"payment-system/internal/mail"
	"payment-system/internal/mysqltest"
	"payment-system/internal/shoptest"
)

// wellSet is dev's environment with what serve needs more.
func (d *dev) wellSet(t *testing.T) []string {
	t.Helper()
	mailbox, err := mail.OpenMailbox("127.0.0.1:0", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mailbox.Close() })
	return append(d.environment(), "SMTP_ADDR="+mailbox.Addr(), "SMTP_FROM=shop@example.com")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)

	t.Run("a right set-up is sound", func(t *testing.T) {
		t.Parallel()
		out, code := runProgram(t, d.wellSet(t), "doctor")
		if code != 0 || strings.Contains(out, "FAULT") {
			t.Errorf("exit %d:\n%s", code, out)
		}
		for _, name := range []string{"settings", "MYSQL_DSN", "clock", "schema", "rights", "REDIS_ADDRS", "temporary folder", "KAKAO_SECRET_KEY", "TOSS_SECRET_KEY", "SMTP_ADDR"} {
			if !strings.Contains(out, "\n"+name+" ") {
				t.Errorf("nothing is said of %s:\n%s", name, out)
			}
		}
	})

	t.Run("for programs too, and with a letter", func(t *testing.T) {
		t.Parallel()
		mailbox, err := mail.OpenMailbox("127.0.0.1:0", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mailbox.Close() })
		environment := append(d.environment(), "SMTP_ADDR="+mailbox.Addr(), "SMTP_FROM=shop@example.com")
		out, code := runProgram(t, environment, "doctor", "--json", "--mail", "someone@example.com")
		var answer struct {
			OK     bool
			Checks []struct{ Check, Result, Detail string }
		}
		if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 || !answer.OK || len(answer.Checks) < 10 {
			t.Errorf("exit %d, error %v:\n%s", code, err, out)
		}
		if len(mailbox.Mails("someone@example.com")) != 1 {
			t.Error("no letter came")
		}
	})

	silent := "127.0.0.1:" + freePort(t)
	for name, broken := range map[string]struct{ setting, says string }{
		"no database":           {"MYSQL_DSN=root:s3cret@tcp(" + silent + ")/payment_system", "MYSQL_DSN FAULT connect to the database"},
		"an empty database":     {"MYSQL_DSN=" + mysqltest.Empty(t), "schema FAULT the database has schema version 0"},
		"a DSN that is none":    {"MYSQL_DSN=mysql://root:s3cret@h/x", "settings FAULT set MYSQL_DSN to a DSN"},
		"no Redis":              {"REDIS_ADDRS=redis://:s3cret@" + silent, "REDIS_ADDRS FAULT"},
		"no quorum":             {"LOCK_REDIS_ADDRS=" + silent, "LOCK_REDIS_ADDRS FAULT"},
		"a wrong Kakao key":     {"KAKAO_SECRET_KEY=DEVs3cret", "KAKAO_SECRET_KEY FAULT the gateway does not take the key"},
		"a wrong Toss key":      {"TOSS_SECRET_KEY=test_sk_s3cret", "TOSS_SECRET_KEY FAULT the gateway does not take the key"},
		"no gateway":            {"TOSS_BASE_URL=http://" + silent, "TOSS_SECRET_KEY FAULT the gateway does not answer"},
		"no mail server":        {"SMTP_ADDR=" + silent, "SMTP_ADDR FAULT sign in at the mail server"},
		"no temporary folder":   {"TMPDIR=/no/such/folder", "temporary folder FAULT let TMPDIR name a folder"},
		"no settlement folder":  {"SETTLEMENT_SOURCE=file:///no/such/folder", "settings FAULT"},
		"no replica":            {"MYSQL_READ_DSN=root:s3cret@tcp(" + silent + ")/payment_system", "MYSQL_READ_DSN FAULT"},
		"contradicting times":   {"SESSION_IDLE=24h", "settings FAULT set SESSION_IDLE"},
		"a secret's empty file": {"SMTP_PASSWORD_FILE=" + secretFile(t, "\n"), "set SMTP_PASSWORD_FILE to a file that holds the secret"},
	} {
		t.Run(name+" is named", func(t *testing.T) {
			t.Parallel()
			out, code := runProgram(t, append(d.wellSet(t), broken.setting), "doctor")
			if code != 1 || !strings.Contains(strings.Join(strings.Fields(out), " "), broken.says) {
				t.Errorf("exit %d, want %q:\n%s", code, broken.says, out)
			}
			if strings.Contains(out, "s3cret") {
				t.Errorf("it says a secret:\n%s", out)
			}
		})
	}

	t.Run("rights that are missing, and those that are too many", func(t *testing.T) {
		t.Parallel()
		account := mysqltest.NewAccount(t, mysqltest.DSN(t))
		account.Grant("SELECT, INSERT")
		out, code := runProgram(t, append(d.wellSet(t), "MYSQL_DSN="+account.DSN), "doctor")
		if code != 1 || !strings.Contains(out, "grant the account of MYSQL_DSN UPDATE, DELETE on users") {
			t.Errorf("exit %d:\n%s", code, out)
		}
		account.Grant("UPDATE, DELETE")
		out, code = runProgram(t, append(d.wellSet(t), "MYSQL_DSN="+account.DSN), "doctor")
		if code != 0 || !strings.Contains(out, "the account may change what has happened") {
			t.Errorf("exit %d:\n%s", code, out)
		}
	})
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]struct {
		settings []string
		says     string
	}{
		"both":            {[]string{"TOSS_SECRET_KEY=test_sk_1", "TOSS_SECRET_KEY_FILE=" + secretFile(t, "test_sk_2")}, "set TOSS_SECRET_KEY or TOSS_SECRET_KEY_FILE, not both"},
		"a missing file":  {[]string{"KAKAO_SECRET_KEY=", "KAKAO_SECRET_KEY_FILE=/no/such/file"}, "set KAKAO_SECRET_KEY_FILE to a file that holds the secret"},
		"many lines":      {[]string{"MYSQL_DSN=", "MYSQL_DSN_FILE=" + secretFile(t, "root@tcp(a)/b\ns3cret")}, "holds more than one line"},
		"a folder":        {[]string{"MYSQL_DSN=", "MYSQL_DSN_FILE=" + t.TempDir()}, "set MYSQL_DSN_FILE to a file that holds the secret"},
		"a CA that is no": {[]string{"MYSQL_CA_FILE=" + secretFile(t, "x")}, "set MYSQL_CA_FILE to a file of certificates"},
		"no such CA":      {[]string{"REDIS_CA_FILE=/no/such/file"}, "set REDIS_CA_FILE to a file of certificates"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			out, code := runProgram(t, append(append([]string{}, sound...), wrong.settings...), "serve")
			if code != 1 || !strings.Contains(out, wrong.says) || strings.Contains(out, "s3cret") {
				t.Errorf("exit %d, want %q:\n%s", code, wrong.says, out)
			}
		})
	}
	t.Run("their last line end does not count", func(t *testing.T) {
		t.Parallel()
		environment := append(without(sound, "MYSQL_DSN"), "MYSQL_DSN_FILE="+secretFile(t, mysqltest.DSN(t)+"\r\n"))
		if out, code := runProgram(t, environment, "verify"); code != 0 {
			t.Errorf("exit %d:\n%s", code, out)
		}
	})
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	replica := d.startReplica(t)
	addr := strings.TrimPrefix(replica.url, "http://localhost")
	for _, setting := range []string{"HTTP_ADDR=" + addr, "HTTP_ADDR=0.0.0.0" + addr, "HTTP_ADDR=127.0.0.1" + addr} {
		if out, code := runProgram(t, []string{setting}, "healthcheck"); code != 0 || out != "ready\n" {
			t.Errorf("%s: exit %d:\n%s", setting, code, out)
		}
	}
	if out, code := runProgram(t, []string{"HTTP_ADDR=127.0.0.1:" + freePort(t)}, "healthcheck"); code != 1 || !strings.Contains(out, "connection refused") {
		t.Errorf("nobody there: exit %d:\n%s", code, out)
	}
	if out, code := runProgram(t, []string{"HTTP_ADDR=here"}, "healthcheck"); code != 1 || !strings.Contains(out, "set HTTP_ADDR to host:port") {
		t.Errorf("no address: exit %d:\n%s", code, out)
	}
}

// TestReady names what a replica lacks, and no more.
func TestReady(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	account := mysqltest.NewAccount(t, mysqltest.DSN(t))
	account.Grant("SELECT, INSERT, UPDATE, DELETE")
	replica := d.startReplica(t, "MYSQL_DSN="+account.DSN, "JOBS=false")
	account.Revoke("SELECT", "goose_db_version")
	shoptest.Eventually(t, "it is not ready", func() bool { return status(replica.url+"/readyz") == http.StatusServiceUnavailable })
	if _, said := newClient(t, replica.url).get(t, replica.url+"/readyz"); said != "not ready: schema\n" {
		t.Errorf("it says %q", said)
	}
	setting := "HTTP_ADDR=127.0.0.1" + strings.TrimPrefix(replica.url, "http://localhost")
	if out, code := runProgram(t, []string{setting}, "healthcheck"); code != 1 || out != "not ready: schema\n" {
		t.Errorf("healthcheck: exit %d:\n%s", code, out)
	}
}
