package mail

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	maxMails     = 1_000
	maxMailBytes = 1 << 20
)

// A Mail is what the mailbox keeps of one.
type Mail struct {
	ID      string    `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	At      time.Time `json:"at"`
}

// A Mailbox is an SMTP server that keeps the newest 1,000 mails in memory,
// whoever they are for, and an http.Handler that shows them. It is for
// development: bind it to loopback only.
type Mailbox struct {
	now      func() time.Time
	server   *smtp.Server
	listener net.Listener
	served   chan struct{}

	mu    sync.Mutex
	mails []Mail // oldest first
}

// OpenMailbox listens on addr, "127.0.0.1:0" say, until Close.
func OpenMailbox(addr string, now func() time.Time) (*Mailbox, error) {
	listener, err := net.Listen("tcp", addr) //nolint:noctx // It listens until Close.
	if err != nil {
		return nil, fmt.Errorf("open the mailbox: %w", err)
	}
	b := &Mailbox{now: now, listener: listener, served: make(chan struct{})}
	b.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{box: b}, nil }))
	b.server.Domain = "localhost"
	b.server.MaxRecipients = 50
	b.server.MaxMessageBytes = maxMailBytes
	b.server.ReadTimeout = time.Minute
	b.server.WriteTimeout = time.Minute
	b.server.EnableSMTPUTF8 = true
	b.server.ErrorLog = silence{}
	go func() {
		defer close(b.served)
		_ = b.server.Serve(listener) // It ends with Close; nothing else is to be told.
	}()
	return b, nil
}

// Addr is where the mailbox takes mail, as host:port.
func (b *Mailbox) Addr() string { return b.listener.Addr().String() }

// Close stops taking mail. What was taken can still be shown.
func (b *Mailbox) Close() error {
	// The server knows its listener only once it serves: close it here.
	if err := b.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the mailbox: %w", err)
	}
	<-b.served
	if err := b.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, smtp.ErrServerClosed) {
		return fmt.Errorf("close the mailbox: %w", err)
	}
	return nil
}

// Mails returns the mails for an address, or all when to is "", newest first.
func (b *Mailbox) Mails(to string) []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := []Mail{}
	for _, m := range slices.Backward(b.mails) {
		if to == "" || strings.EqualFold(m.To, to) {
			found = append(found, m)
		}
	}
	return found
}

func (b *Mailbox) mail(id string) (Mail, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.mails, func(m Mail) bool { return m.ID == id })
	if at < 0 {
		return Mail{}, false
	}
	return b.mails[at], true
}

func (b *Mailbox) keep(m Mail) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m.ID = strings.ToLower(rand.Text())
	m.At = b.now().UTC()
	b.mails = append(b.mails, m)
	if more := len(b.mails) - maxMails; more > 0 {
		b.mails = slices.Delete(b.mails, 0, more)
	}
}

// A session is one SMTP connection.
type session struct {
	box *Mailbox
	to  []string
}

// Mail begins a mail.
func (s *session) Mail(string, *smtp.MailOptions) error {
	s.to = nil
	return nil
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data keeps the mail, once for each recipient.
func (s *session) Data(r io.Reader) error {
	m, err := read(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "The mail cannot be read."}
	}
	for _, to := range s.to {
		m.To = to
		s.box.keep(m)
	}
	return nil
}

// Reset forgets the mail that was begun.
func (s *session) Reset() { s.to = nil }

// Logout ends the session.
func (s *session) Logout() error { return nil }

// read takes a mail apart.
func read(r io.Reader) (Mail, error) {
	raw, err := netmail.ReadMessage(r)
	if err != nil {
		return Mail{}, fmt.Errorf("read a mail: %w", err)
	}
	var m Mail
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(raw.Header.Get("Subject")); err != nil {
		return Mail{}, fmt.Errorf("read a subject: %w", err)
	}
	return m, m.readPart(raw.Header, raw.Body, 0)
}

// A header is one of a mail or of its parts.
type header interface{ Get(key string) string }

var errTooDeep = errors.New("the mail's parts are too deep")

func (m *Mail) readPart(h header, body io.Reader, depth int) error {
	if depth > 5 {
		return errTooDeep
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		return m.readParts(multipart.NewReader(body, params["boundary"]), depth)
	}
	text, err := io.ReadAll(decoded(h.Get("Content-Transfer-Encoding"), body))
	if err != nil {
		return fmt.Errorf("read a part: %w", err)
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	switch {
	case kind == "text/html" && m.HTML == "":
		m.HTML = string(text)
	case kind == "text/plain" && m.Text == "":
		m.Text = string(text)
	}
	return nil
}

func (m *Mail) readParts(parts *multipart.Reader, depth int) error {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the parts: %w", err)
		}
		if err := m.readPart(part.Header, part, depth+1); err != nil {
			return err
		}
	}
}

func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	}
	return body
}

// silence is a logger for a server whose clients are told all there is to say.
type silence struct{}

// Printf prints nothing.
func (silence) Printf(string, ...any) {}

// Println prints nothing.
func (silence) Println(...any) {}
