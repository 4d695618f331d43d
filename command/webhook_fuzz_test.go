package command_test

import (
	"os/exec"
	"regexp"
	"testing"

	"payment-system/internal/proof"
)

var executions = regexp.MustCompile(`elapsed: (\S+), execs: (\d+) `)

// TestHandler_fuzzedWebhooks has the fuzzer make webhooks for minutes. Every run of the tests gives
// FuzzHandler_ReceiveWebhook its seeds only.
func TestHandler_fuzzedWebhooks(t *testing.T) {
	t.Parallel()
	if !proof.Torture() {
		t.Skip("the fuzzer is for the torture run")
	}
	done := proof.Begin(t, "webhooks", 0)
	output, err := exec.CommandContext(t.Context(), "go", "test", "-run", "^$", "-fuzz", "^FuzzHandler_ReceiveWebhook$", "-fuzztime", "5m", "-parallel", "1", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	found := executions.FindAllSubmatch(output, -1)
	if len(found) == 0 {
		t.Fatalf("nothing was fuzzed:\n%s", output)
	}
	last := found[len(found)-1]
	done(proof.Figure{Note: string(last[2]) + " webhooks of the fuzzer's making in " + string(last[1])})
}
