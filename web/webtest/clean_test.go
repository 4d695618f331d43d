package webtest_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// A watch hears what goes on behind a page. Whatever no page should do is a stain on it: a message in
// the console, a breach of the policy, a request to elsewhere, and a request that fails.
type watch struct {
	origins []string // that may be asked

	mu       sync.Mutex
	stains   []string
	forgiven []string // parts of stains that the test brings about
	requests map[network.RequestID]string
	asked    []string // URLs, in order
}

func newWatch(origins ...string) *watch {
	return &watch{origins: origins, requests: map[network.RequestID]string{}}
}

// forgive lets stains pass in which the words occur.
func (w *watch) forgive(words ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forgiven = append(w.forgiven, words...)
}

// found returns the stains that nobody forgave.
func (w *watch) found() (stains []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, stain := range w.stains {
		if !slices.ContainsFunc(w.forgiven, func(words string) bool { return strings.Contains(stain, words) }) {
			stains = append(stains, stain)
		}
	}
	return stains
}

// urls returns what was asked for so far.
func (w *watch) urls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

func (w *watch) stain(format string, args ...any) {
	w.stains = append(w.stains, fmt.Sprintf(format, args...))
}

// hear takes an event of the page's.
func (w *watch) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		w.stain("console.%s: %s", e.Type, told(e.Args))
	case *runtime.EventExceptionThrown:
		w.stain("exception: %s", thrown(e.ExceptionDetails))
	case *log.EventEntryAdded:
		w.stain("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *audits.EventIssueAdded:
		w.hearIssue(e.Issue)
	case *network.EventRequestWillBeSent:
		w.hearRequest(e)
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			w.stain("answer %d to %s", e.Response.Status, e.Response.URL)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			w.stain("request failed: %s%s %s", e.ErrorText, e.BlockedReason, w.requests[e.RequestID])
		}
	}
}

func (w *watch) hearIssue(issue *audits.InspectorIssue) {
	switch policy := issue.Details.ContentSecurityPolicyIssueDetails; {
	case policy != nil:
		w.stain("policy: %s blocks %s (%s)", policy.ViolatedDirective, policy.BlockedURL, policy.ContentSecurityPolicyViolationType)
	case issue.Details.CookieIssueDetails != nil, issue.Details.MixedContentIssueDetails != nil, issue.Details.CorsIssueDetails != nil,
		issue.Details.QuirksModeIssueDetails != nil, issue.Details.DeprecationIssueDetails != nil:
		w.stain("issue: %s", issue.Code)
	}
}

func (w *watch) hearRequest(e *network.EventRequestWillBeSent) {
	address := e.Request.URL
	w.requests[e.RequestID] = address
	w.asked = append(w.asked, address)
	to, err := url.Parse(address)
	if err != nil {
		w.stain("request to %s", address)
		return
	}
	switch to.Scheme {
	case "data", "blob", "about":
	default:
		if !slices.Contains(w.origins, to.Scheme+"://"+to.Host) {
			w.stain("foreign request to %s", address)
		}
	}
}

func told(args []*runtime.RemoteObject) string {
	var words []string
	for _, arg := range args {
		words = append(words, strings.TrimSpace(string(arg.Value)+" "+arg.Description))
	}
	return strings.Join(words, " ")
}

func thrown(details *runtime.ExceptionDetails) string {
	if details.Exception != nil && details.Exception.Description != "" {
		return details.Text + " " + details.Exception.Description
	}
	return details.Text
}
