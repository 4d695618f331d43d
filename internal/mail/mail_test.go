package mail_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"payment-system/internal/mail"
	"payment-system/internal/testclock"
)

var at = testclock.Now().Truncate(time.Second)

func TestMailer_Send(t *testing.T) {
	t.Parallel()

	t.Run("a mail arrives as it was written", func(t *testing.T) {
		t.Parallel()
		box := open(t)
		message := mail.Message{
			To:      "김철수.kim+shop@example.com",
			Subject: "[가게] 이메일 인증 번호를 보내 드립니다 — 아주 긴 제목이 여러 줄로 나뉘어도 그대로 읽혀야 합니다",
			Text:    "안녕하세요.\n.\n인증 번호: 012345\n" + strings.Repeat("긴 줄 ", 100) + "\n끝",
			HTML:    "<!doctype html><html lang=\"ko\"><body><p>인증 번호: <b>012345</b> &amp; =끝</p></body></html>",
		}
		send(t, box, message)
		want := []mail.Mail{{To: message.To, Subject: message.Subject, Text: message.Text, HTML: message.HTML, At: at}}
		if diff := cmp.Diff(want, box.Mails(""), cmpopts.IgnoreFields(mail.Mail{}, "ID")); diff != "" {
			t.Errorf("mail differs (-sent +kept):\n%s", diff)
		}
	})

	t.Run("its errors say where and never to whom", func(t *testing.T) {
		t.Parallel()
		box := open(t)
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"kim@example.com", "kim@example.com\r\nBcc: lee@example.com", ""} {
			err := mailer(box).Send(t.Context(), mail.Message{To: to, Subject: "s", Text: "t", HTML: "h"})
			if err == nil || strings.Contains(err.Error(), "kim") {
				t.Errorf("Send to %q: error %v, want one without the address", to, err)
			}
		}
	})

	t.Run("wrong settings are told before the first mail", func(t *testing.T) {
		t.Parallel()
		for _, m := range []mail.Mailer{
			{Addr: "localhost", From: "shop@example.com"},
			{Addr: "localhost:0", From: "shop@example.com"},
			{Addr: "localhost:smtp", From: "shop@example.com"},
			{Addr: "localhost:25", From: "nobody"},
		} {
			m.Now = testclock.Now
			if err := m.Check(); err == nil {
				t.Errorf("Addr %q From %q: no error", m.Addr, m.From)
			}
		}
		good := mail.Mailer{Addr: "mail.example.com:587", From: "가게 <shop@example.com>", User: "u", Password: "p", Now: testclock.Now}
		if err := good.Check(); err != nil {
			t.Error(err)
		}
	})
}

func TestMailbox(t *testing.T) {
	t.Parallel()

	t.Run("keeps the newest thousand, newest first", func(t *testing.T) {
		t.Parallel()
		box := open(t)
		for i := range 1003 {
			send(t, box, mail.Message{To: "kim@example.com", Subject: fmt.Sprint(i), Text: "t", HTML: "h"})
		}
		mails := box.Mails("KIM@example.com")
		if len(mails) != 1000 || mails[0].Subject != "1002" || mails[999].Subject != "3" {
			t.Errorf("kept %d, from %q to %q; want 1000, from 1002 to 3", len(mails), mails[0].Subject, mails[len(mails)-1].Subject)
		}
		if others := box.Mails("lee@example.com"); len(others) != 0 {
			t.Errorf("somebody else has %d mails", len(others))
		}
	})

	t.Run("answers JSON with the names the contract gives", func(t *testing.T) {
		t.Parallel()
		box := open(t)
		send(t, box, mail.Message{To: "kim+1@example.com", Subject: "s", Text: "t", HTML: "h"})
		var mails []map[string]any
		body := get(t, box, "/dev/mailbox?to="+url.QueryEscape("kim+1@example.com"), http.StatusOK).Body
		if err := json.NewDecoder(body).Decode(&mails); err != nil {
			t.Fatal(err)
		}
		id := box.Mails("")[0].ID
		want := []map[string]any{{"id": id, "to": "kim+1@example.com", "subject": "s", "text": "t", "html": "h", "at": at.Format(time.RFC3339)}}
		if diff := cmp.Diff(want, mails); diff != "" {
			t.Errorf("JSON differs (-want +got):\n%s", diff)
		}
		if empty := get(t, box, "/dev/mailbox?to=lee@example.com", http.StatusOK).Body.String(); empty != "[]" {
			t.Errorf("nobody's mails are %s, want []", empty)
		}
	})

	t.Run("shows a mail in a frame it cannot leave", func(t *testing.T) {
		t.Parallel()
		box := open(t)
		send(t, box, mail.Message{To: "kim@example.com", Subject: "<script>s</script>", Text: "<script>t</script>", HTML: `<p>"><script>h</script>`})
		for _, path := range []string{"/dev/mailbox/", "/dev/mailbox/?to=kim%40example.com", "/dev/mailbox/" + box.Mails("")[0].ID} {
			answer := get(t, box, path, http.StatusOK)
			if body := answer.Body.String(); strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;s") {
				t.Errorf("%s does not show the mail as text:\n%s", path, body)
			}
			if policy := answer.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
				t.Errorf("%s has the policy %q", path, policy)
			}
		}
		one := get(t, box, "/dev/mailbox/"+box.Mails("")[0].ID, http.StatusOK).Body.String()
		if !strings.Contains(one, `<iframe sandbox srcdoc="`) {
			t.Error("the HTML part is not in a sandboxed frame")
		}
		get(t, box, "/dev/mailbox/none", http.StatusNotFound)
	})

	t.Run("only reads", func(t *testing.T) {
		t.Parallel()
		answer := httptest.NewRecorder()
		open(t).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/dev/mailbox/", nil))
		if answer.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST answers %d", answer.Code)
		}
	})
}

func TestMailbox_Close(t *testing.T) {
	before := goleak.IgnoreCurrent()
	box := open(t)
	send(t, box, mail.Message{To: "kim@example.com", Subject: "s", Text: "t", HTML: "h"})
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
	if len(box.Mails("")) != 1 {
		t.Error("what was taken is gone")
	}
}

func open(t *testing.T) *mail.Mailbox {
	t.Helper()
	box, err := mail.OpenMailbox("127.0.0.1:0", func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}

func mailer(box *mail.Mailbox) *mail.Mailer {
	return &mail.Mailer{Addr: box.Addr(), From: "가게 <shop@example.com>", Now: testclock.Now}
}

func send(t *testing.T, box *mail.Mailbox, message mail.Message) {
	t.Helper()
	if err := mailer(box).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, box *mail.Mailbox, path string, status int) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	box.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if answer.Code != status {
		t.Fatalf("%s answers %d, want %d", path, answer.Code, status)
	}
	return answer
}
