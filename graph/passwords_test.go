package graph_test

import (
	"testing"

	"payment-system/internal/shoptest"
	"payment-system/shop"
)

func TestServer_passwords(t *testing.T) {
	t.Parallel()
	const (
		viewer = `{ viewer { email } }`
		signIn = `mutation($input: SignInInput!) { signIn(input: $input) { user { id } } }`
		change = `mutation($input: ChangePasswordInput!) { changePassword(input: $input) { user { email } } }`
		again  = "quite another passphrase"
	)
	isSignedIn := func(b *browser) bool { return dig(b.must(viewer, nil), "viewer", "email") == "kim@example.com" }
	signs := func(b *browser, password string) reply {
		return b.ask(signIn, map[string]any{"input": map[string]any{"email": "kim@example.com", "password": password}})
	}

	t.Run("a change ends the other sessions, their sockets too, and keeps this one", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		here := s.shopper(t, "kim@example.com")
		there, stranger := s.browser(t), s.browser(t)
		signs(there, password)
		order := here.order(s.operator(t).product("차", 1000, 10))
		line := there.connect()
		line.subscribe("1", order)
		line.hear("next", "1")
		if code := stranger.ask(change, map[string]any{"input": map[string]any{"current": password, "password": again}}).code(); code != shop.Unauthenticated {
			t.Errorf("a stranger is answered %q", code)
		}
		if code := here.ask(change, map[string]any{"input": map[string]any{"current": "wrong horse", "password": again}}).code(); code != shop.Invalid {
			t.Errorf("who does not know the password is answered %q", code)
		}
		if !isSignedIn(here) || !isSignedIn(there) {
			t.Fatal("a refused change ended a session")
		}
		here.must(change, map[string]any{"input": map[string]any{"current": password, "password": again}})
		if !isSignedIn(here) || isSignedIn(there) {
			t.Errorf("signed in are this browser: %v, and another: %v", isSignedIn(here), isSignedIn(there))
		}
		line.expectClose(4403)
		if code := signs(stranger, password).code(); code != shop.Unauthenticated {
			t.Errorf("the old password is answered %q", code)
		}
		if answer := signs(stranger, again); len(answer.Errors) > 0 {
			t.Errorf("the new password is answered %v", answer.Errors)
		}
	})

	t.Run("a reset ends every session, and signs nobody in", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		here := s.shopper(t, "kim@example.com")
		there := s.browser(t)
		signs(there, password)
		data := here.must(`mutation { requestPasswordReset(input: {email: "kim@example.com"}) { verificationId expiresAt } }`, nil)
		shoptest.Eventually(t, "the mail comes", func() bool { return len(s.mailbox.Mails("kim@example.com")) == 2 })
		code := sixDigits.FindString(s.mailbox.Mails("kim@example.com")[0].Text)
		input := map[string]any{
			"verificationId": dig(data, "requestPasswordReset", "verificationId"), "code": code, "password": again,
		}
		data = here.must(`mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { user { email } } }`,
			map[string]any{"input": input})
		if dig(data, "resetPassword", "user", "email") != "kim@example.com" {
			t.Errorf("the reset answers %v", data)
		}
		if isSignedIn(here) || isSignedIn(there) {
			t.Errorf("signed in are this browser: %v, and another: %v", isSignedIn(here), isSignedIn(there))
		}
		if answer := signs(there, again); len(answer.Errors) > 0 || !isSignedIn(there) {
			t.Errorf("the new password is answered %v", answer.Errors)
		}
	})
}
