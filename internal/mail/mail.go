// Package mail sends mails by SMTP and, where there is no mail server, keeps
// them in a mailbox that a browser can open.
package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// A Message is a mail with a text and an HTML part that say the same.
type Message struct{ To, Subject, Text, HTML string }

// A Mailer sends mails through one SMTP server, each on a connection of its own.
type Mailer struct {
	Addr     string // host:port; port 465 speaks TLS at once, others by STARTTLS
	From     string // an address, or "Name <address>"
	User     string // "" when the server asks for none
	Password string
	Timeout  time.Duration // of a whole mail; 15 s when zero
	Now      func() time.Time
}

// Send hands a mail to the server. TLS is a must where a password is sent to
// another machine, and is used everywhere else when the server offers it. Its
// errors hold no part of the mail.
func (m *Mailer) Send(ctx context.Context, message Message) error {
	mail, err := m.compose(message)
	if err != nil {
		return err
	}
	client, err := m.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout())
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, mail); err != nil {
		return fmt.Errorf("send a mail through %s: %w", m.Addr, withoutAddresses(err))
	}
	return nil
}

// Check reports what is wrong with the mailer's settings, without dialing.
func (m *Mailer) Check() error {
	if _, err := m.client(); err != nil {
		return err
	}
	_, err := m.compose(Message{To: "nobody@example.com", Subject: "-", Text: "-", HTML: "-"})
	return err
}

func (m *Mailer) timeout() time.Duration { return cmp.Or(m.Timeout, 15*time.Second) }

func (m *Mailer) compose(message Message) (*gomail.Msg, error) {
	mail := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := mail.From(m.From); err != nil {
		return nil, fmt.Errorf("the sender's address %q is not one", m.From)
	}
	if err := mail.To(message.To); err != nil {
		return nil, errors.New("the recipient's address is not one")
	}
	mail.Subject(message.Subject)
	mail.SetDateWithValue(m.Now())
	mail.SetMessageID()
	mail.SetGenHeader("Auto-Submitted", "auto-generated")
	mail.SetGenHeader(gomail.HeaderContentLang, "ko")
	mail.SetBodyString(gomail.TypeTextPlain, message.Text)
	mail.AddAlternativeString(gomail.TypeTextHTML, message.HTML)
	return mail, nil
}

func (m *Mailer) client() (*gomail.Client, error) {
	host, digits, err := net.SplitHostPort(m.Addr)
	if err != nil {
		return nil, fmt.Errorf("the mail server's address %q is not host:port", m.Addr)
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("the mail server's address %q has no port number", m.Addr)
	}
	options := []gomail.Option{gomail.WithPort(int(port)), gomail.WithTimeout(m.timeout())}
	switch {
	case port == 465:
		options = append(options, gomail.WithSSL())
	case m.User != "" && !isLoopback(host):
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	}
	if m.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(m.User), gomail.WithPassword(m.Password))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("set up mail through %s: %w", m.Addr, err)
	}
	return client, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// withoutAddresses keeps what a log may hold of an error: go-mail's own names
// the recipients.
func withoutAddresses(err error) error {
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return err
	}
	if code := refused.ErrorCode(); code != 0 {
		return fmt.Errorf("the server refused with %d: %s", code, refused.Reason)
	}
	return errors.New(refused.Reason.String())
}
