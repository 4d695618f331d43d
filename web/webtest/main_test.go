package webtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"payment-system/internal/devbrowser"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := endAll(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// ends are what is called when all tests have ended, last first.
var ends struct {
	sync.Mutex

	calls []func() error
}

func atEnd(call func() error) {
	ends.Lock()
	defer ends.Unlock()
	ends.calls = append(ends.calls, call)
}

func endAll() error {
	ends.Lock()
	defer ends.Unlock()
	var errs []error
	for _, call := range slices.Backward(ends.calls) {
		errs = append(errs, call())
	}
	return errors.Join(errs...)
}

// browser is the one browser of all tests, each of which has a profile of its own in it.
var browser = sync.OnceValues(func() (context.Context, error) {
	found, err := devbrowser.Find(context.Background(), devbrowser.Config{Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(found.Path), chromedp.Env(found.Environment...), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1280, 800), chromedp.Flag("lang", "ko"), chromedp.Flag("accept-lang", "ko-KR,ko"), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-background-networking", true),
		// A process for each site, and one to spare, would cost a tenth of all the tests' time; what opens below the field for
		// addresses, two pages of the browser's own in each window, would cost half of it.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,SpareRendererForSitePerProcess,"+
			"WebUIOmniboxPopup,WebUIOmniboxAimPopup"),
		chromedp.Flag("disable-site-isolation-trials", true), chromedp.Flag("renderer-process-limit", "1"),
	)...)
	ctx, stop := chromedp.NewContext(allocator)
	atEnd(func() error {
		stop()
		stopAllocator()
		return nil
	})
	return ctx, chromedp.Do(ctx)
})

// needBrowser returns the browser, and skips the test where there is to be none.
func needBrowser(t *testing.T) context.Context {
	t.Helper()
	ctx, err := browser()
	if errors.Is(err, devbrowser.ErrNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}
