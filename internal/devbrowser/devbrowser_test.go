package devbrowser_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"payment-system/internal/devbrowser"
	"payment-system/internal/proof"
	"payment-system/internal/shoptest"
)

func TestFind(t *testing.T) {
	t.Run("without a browser on request", func(t *testing.T) {
		t.Setenv(devbrowser.Variable, "none")
		if _, err := devbrowser.Find(t.Context(), devbrowser.Config{}); !errors.Is(err, devbrowser.ErrNone) {
			t.Errorf("found with error %v, want ErrNone", err)
		}
	})
	t.Run("what is installed, or is fetched, starts", func(t *testing.T) {
		if os.Getenv(devbrowser.Variable) == "none" {
			t.Skip(devbrowser.ErrNone)
		}
		wantStarts(t, devbrowser.Config{})
	})
	t.Run("what is unpacked starts", func(t *testing.T) {
		if !proof.Torture() {
			t.Skip("fetches 200 MB: set TORTURE=1 to run it")
		}
		wantStarts(t, devbrowser.Config{IgnoreInstalled: true})
	})
	t.Run("where nothing can be fetched, the packages are named", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		t.Setenv("XDG_CACHE_HOME", os.Args[0]) // which is no folder
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
		_, err := devbrowser.Find(t.Context(), devbrowser.Config{IgnoreInstalled: true})
		if err == nil || !strings.Contains(err.Error(), "chromium and fonts-nanum on Debian") {
			t.Errorf("error %v", err)
		}
	})
}

// wantStarts wants a browser that prints a page with Korean text.
func wantStarts(t *testing.T, config devbrowser.Config) {
	t.Helper()
	config.Progress = os.Stderr
	found := shoptest.Must(devbrowser.Find(t.Context(), config))(t)
	command := exec.CommandContext(t.Context(), found.Path, "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--disable-background-networking", "--user-data-dir="+t.TempDir(),
		"--dump-dom", "data:text/html;charset=utf-8,<p>보성 녹차</p>")
	command.Env = append(os.Environ(), found.Environment...)
	page, err := command.Output()
	if err != nil || !strings.Contains(string(page), "<p>보성 녹차</p>") {
		t.Errorf("%s printed %q, error %v", found.Path, page, err)
	}
}
