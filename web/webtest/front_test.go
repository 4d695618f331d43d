package webtest_test

import "testing"

// TestWeb_FirstLook opens what the printed address shows.
func TestWeb_FirstLook(t *testing.T) {
	t.Parallel()
	p := sharedDev(t).open(t)
	p.visit("/")
	p.find("heading", "payment-system")
	p.click("link", "Mailbox")
	p.arrives("/dev/mailbox/")
}
