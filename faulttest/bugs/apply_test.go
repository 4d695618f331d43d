package bugs_test

import (
	"errors"
	"strings"
	"testing"
)

const headOfABug = "bug: the shop gives money away\nrule: 5. The server computes money\ntest: ./command -run 'TestX/of_y'\n\n"

const someDiff = `--- a/command/x.go
+++ b/command/x.go
@@ -10,4 +10,3 @@ func x() {
 	one()
-	two()
-	three()
+	four()
 	five()
`

func TestParseBug(t *testing.T) {
	t.Parallel()
	t.Run("a head and a diff are read", func(t *testing.T) {
		t.Parallel()
		b, err := parseBug("01-x", headOfABug+someDiff)
		if err != nil {
			t.Fatal(err)
		}
		if b.what != "the shop gives money away" || len(b.aims) != 1 || b.aims[0] != (aim{pkg: "./command", run: "TestX/of_y"}) || len(b.files) != 1 || b.files[0].path != "command/x.go" {
			t.Errorf("got %+v", b)
		}
	})
	t.Run("a head may name several tests, of the table too", func(t *testing.T) {
		t.Parallel()
		b, err := parseBug("01-x", strings.Replace(headOfABug, "test: ", "test: FAULT_PERCENT=20 ./faulttest -run TestSale\ntest: ", 1)+someDiff)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.aims) != 2 || b.aims[0] != (aim{pkg: "./faulttest", run: "TestSale", percent: "20"}) || b.aims[1].ofTable() {
			t.Errorf("got %+v", b)
		}
	})
	for name, text := range map[string]string{
		"a test that says more":                strings.Replace(headOfABug, "test: ", "test: SOON=1 ", 1) + someDiff,
		"a test without a selection":           strings.Replace(headOfABug, " -run 'TestX/of_y'", "", 1) + someDiff,
		"a head that does not say the test":    strings.Replace(headOfABug, "test: ", "bug: ", 1) + someDiff,
		"a head that says more":                "fault: x\n" + headOfABug + someDiff,
		"no diff":                              headOfABug,
		"a hunk with fewer lines than it says": headOfABug + strings.Replace(someDiff, "-10,4", "-10,5", 1),
		"a line that is none of a hunk":        headOfABug + strings.Replace(someDiff, "+\tfour()", "\tfour()", 1),
		"a diff that names two files":          headOfABug + strings.Replace(someDiff, "+++ b/command/x.go", "+++ b/command/y.go", 1),
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			if b, err := parseBug("01-x", text); err == nil {
				t.Errorf("read as %+v", b)
			}
		})
	}
}

func TestFilePatch_apply(t *testing.T) {
	t.Parallel()
	b, err := parseBug("01-x", headOfABug+someDiff)
	if err != nil {
		t.Fatal(err)
	}
	const block = "\tone()\n\ttwo()\n\tthree()\n\tfive()\n"
	t.Run("lines are found wherever they are by now", func(t *testing.T) {
		t.Parallel()
		got, err := b.files[0].apply("package x\n\nfunc x() {\n" + block + "}\n")
		if want := "package x\n\nfunc x() {\n\tone()\n\tfour()\n\tfive()\n}\n"; err != nil || got != want {
			t.Errorf("got %q, %v", got, err)
		}
	})
	for name, text := range map[string]string{
		"lines that are gone":                "package x\n",
		"lines of which one changed":         strings.Replace(block, "five", "six", 1),
		"lines that could be in either of 2": block + block,
		"an empty file":                      "",
	} {
		t.Run(name+" make the patch stale", func(t *testing.T) {
			t.Parallel()
			if got, err := b.files[0].apply(text); !errors.Is(err, errStale) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]verdict{
		"--- FAIL: TestX (0.1s)\n    --- FAIL: TestX/of_y (0.1s)\nFAIL\n": caught,
		"PASS\n": survived,
		"testing: warning: no tests to run\nPASS\n":                                          nothingRan,
		"panic: test timed out after 1m30s\n\trunning tests:\n":                              outOfTime,
		"--- FAIL: TestX (0.1s)\npanic: runtime error: nil pointer [recovered]\n\ngoroutine": fellOver,
		"fatal error: all goroutines are asleep - deadlock!\n":                               fellOver,
		"open: no such file\n": unclear,
	} {
		if got := judge(output, strings.HasSuffix(output, "PASS\n")); got != want {
			t.Errorf("%q is %q, want %q", output, got, want)
		}
	}
}
