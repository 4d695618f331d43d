package people

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"sync"
	texttemplate "text/template"
	"time"

	"payment-system/shop"
)

//go:embed letters/*.txt letters/*.html
var letterFiles embed.FS

var (
	letterTexts = texttemplate.Must(texttemplate.ParseFS(letterFiles, "letters/*.txt"))
	letterPages = htmltemplate.Must(htmltemplate.ParseFS(letterFiles, "letters/*.html"))
)

// A letter is a mail to be written.
type letter struct{ name, subject string }

var (
	codeLetter    = letter{name: "code", subject: "이메일 인증 번호를 보내 드립니다"}
	accountLetter = letter{name: "account", subject: "이미 가입된 이메일 주소입니다"}
	resetLetter   = letter{name: "reset", subject: "비밀번호 재설정 번호를 보내 드려요"}
	nobodyLetter  = letter{name: "nobody", subject: "이 주소로 가입된 계정이 없어요"}
	changedLetter = letter{name: "changed", subject: "비밀번호가 바뀌었어요"}
)

// write returns the mail, in text and HTML.
func (l letter) write(to, code, publicURL string) (Message, error) {
	data := struct {
		Subject, Email, Code, URL string
		Minutes                   int
	}{Subject: l.subject, Email: to, Code: code, URL: publicURL, Minutes: int(verificationTTL / time.Minute)}
	var text, page bytes.Buffer
	if err := letterTexts.ExecuteTemplate(&text, l.name+".txt", data); err != nil {
		return Message{}, fmt.Errorf("write letter %s: %w", l.name, err)
	}
	if err := letterPages.ExecuteTemplate(&page, l.name+".html", data); err != nil {
		return Message{}, fmt.Errorf("write letter %s: %w", l.name, err)
	}
	return Message{To: to, Subject: l.subject, Text: text.String(), HTML: page.String()}, nil
}

// send writes and mails a letter.
func (h *Handler) send(ctx context.Context, l letter, to, code string) error {
	message, err := l.write(to, code, h.PublicURL)
	if err != nil {
		return err
	}
	return h.Mailer.Send(ctx, message)
}

const (
	maxLetters    = 1_000
	maxCarriers   = 4
	letterTries   = 3
	letterPause   = 2 * time.Second // before the second try; twice as long before the third
	letterTimeout = 30 * time.Second
)

// A delivery writes and sends one mail.
type delivery func(ctx context.Context) error

// A letterBox holds deliveries until a carrier takes them. Carriers come when
// there is something to carry, and leave when there is not. The zero value is
// empty.
type letterBox struct {
	mu       sync.Mutex
	waiting  []delivery
	carriers int
}

// post has a mail sent in the background, beyond the end of ctx. It returns
// Unavailable when too many wait.
func (h *Handler) post(ctx context.Context, d delivery) error {
	h.letters.mu.Lock()
	defer h.letters.mu.Unlock()
	if len(h.letters.waiting) >= maxLetters {
		return shop.NotNow("Too many mails at once. Try again in a moment.", nil)
	}
	h.letters.waiting = append(h.letters.waiting, d)
	if h.letters.carriers < maxCarriers {
		h.letters.carriers++
		ctx = context.WithoutCancel(ctx)
		h.background.Start(func() { h.carry(ctx) })
	}
	return nil
}

// carry sends mails until none waits.
func (h *Handler) carry(ctx context.Context) {
	for d := h.letters.next(); d != nil; d = h.letters.next() {
		if err := deliver(ctx, d); err != nil {
			h.Logger.ErrorContext(ctx, "mail not sent", slog.Any("error", err))
		}
	}
}

// next returns the oldest delivery, or nil when the carrier may leave.
func (b *letterBox) next() delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.carriers--
		b.waiting = nil
		return nil
	}
	d := b.waiting[0]
	b.waiting[0] = nil
	b.waiting = b.waiting[1:]
	return d
}

// deliver tries a few times: mail servers are often only busy.
func deliver(ctx context.Context, d delivery) error {
	pause := letterPause
	for try := 1; ; try++ {
		err := once(ctx, d)
		if err == nil || try == letterTries {
			return err
		}
		time.Sleep(pause)
		pause *= 2
	}
}

func once(ctx context.Context, d delivery) error {
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	return d(ctx)
}
