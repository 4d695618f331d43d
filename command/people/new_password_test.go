package people_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"payment-system/command/people"
	"payment-system/internal/mail"
	"payment-system/internal/mysqldb"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

// triesOfOne is how often one network may try one account.
var triesOfOne = redis_rate.Limit{Rate: 10, Burst: 10, Period: 10 * time.Minute}

const another = "quite another passphrase"

// ends remembers whose sessions were ended, and which was spared.
type ends struct {
	mu   sync.Mutex
	seen []string
	err  error
}

func (e *ends) EndOthers(_ context.Context, user shop.UserID, token string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, string(user)+" but "+token)
	return e.err
}

// requestReset asks for a code and waits for the mail.
func (s *office) requestReset(email string) (shop.VerificationID, mail.Mail) {
	s.t.Helper()
	before := len(s.box.Mails(""))
	requested, err := s.RequestPasswordReset(s.t.Context(), people.RequestPasswordReset{Email: email, RemoteIP: "192.0.2.1"})
	s.must(err)
	if left := requested.ExpiresAt.Sub(s.Now()); left < 9*time.Minute || left > 10*time.Minute {
		s.t.Errorf("the code lives %v, want ten minutes", left)
	}
	shoptest.Eventually(s.t, "a mail arrives", func() bool { return len(s.box.Mails("")) > before })
	return requested.VerificationID, s.box.Mails("")[0]
}

func (s *office) reset(id shop.VerificationID, code, password string) error {
	_, err := s.ResetPassword(s.t.Context(), people.ResetPassword{VerificationID: id, Code: code, Password: password})
	return err
}

func (s *office) change(user shop.User, current, password string) error {
	_, err := s.ChangePassword(s.t.Context(), people.ChangePassword{
		By:      shop.Caller{UserID: user.ID, Actor: shop.ActorShopper},
		Session: "this", RemoteIP: "192.0.2.1", Current: current, Password: password,
	})
	return err
}

func TestHandler_ResetPassword(t *testing.T) {
	t.Parallel()

	t.Run("a mailed code chooses a new password, once, and the owner is told", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		ended := &ends{}
		s.Sessions = ended
		user := s.open("kim@example.com", passphrase)
		id, letter := s.requestReset(" Kim@Example.com ")
		code := sixDigits.FindString(letter.Text)
		if letter.To != "kim@example.com" || code == "" || !strings.Contains(letter.HTML, code) ||
			!strings.Contains(letter.Subject, "비밀번호") {
			t.Fatalf("the mail to %s is %q:\n%s", letter.To, letter.Subject, letter.Text)
		}
		done, err := s.ResetPassword(t.Context(), people.ResetPassword{VerificationID: id, Code: " " + code[:3] + " " + code[3:], Password: another})
		s.must(err)
		user.Version = 2
		if diff := cmp.Diff(user, done.User); diff != "" {
			t.Errorf("the account differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(user, latest[shop.User](s, string(user.ID))); diff != "" {
			t.Errorf("the event differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{string(user.ID) + " but ", string(user.ID) + " but "}, ended.seen); diff != "" {
			t.Errorf("sessions ended differ (-want +got):\n%s", diff)
		}
		s.wants("the old password", s.second(s.signIn("kim@example.com", passphrase)), shop.Unauthenticated, "")
		s.must(s.second(s.signIn("kim@example.com", another)))
		s.refuses("the code again", shop.Invalid, "verificationId", func(context.Context) error { return s.reset(id, code, passphrase) }) //nolint:contextcheck // The office has its own.
		shoptest.Eventually(t, "the owner is told", func() bool { return len(s.box.Mails("kim@example.com")) == 2 })
		if told := s.box.Mails("kim@example.com")[0]; told.Subject != "비밀번호가 바뀌었어요" || sixDigits.MatchString(told.Text) {
			t.Errorf("the owner is told %q:\n%s", told.Subject, told.Text)
		}
		if n := s.count("SELECT COUNT(*) FROM events WHERE payload LIKE '%$2a$%'"); n != 0 || slices.Contains(sixDigits.FindAllString(s.log.String(), -1), code) {
			t.Errorf("%d events hold a hash, or the log holds the code", n)
		}
	})

	t.Run("nothing tells whether an address has an account", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		id, letter := s.requestReset("nobody@example.com")
		if letter.To != "nobody@example.com" || sixDigits.MatchString(letter.Text+letter.HTML) || !strings.Contains(letter.Text, "가입된 계정이 없어요") {
			t.Errorf("the mail to %s says\n%s", letter.To, letter.Text)
		}
		s.refuses("a guess", shop.Invalid, "code", func(context.Context) error { return s.reset(id, "x", another) }) //nolint:contextcheck // The office has its own.
	})

	t.Run("five wrong codes spend the right one", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.open("kim@example.com", passphrase)
		id, letter := s.requestReset("kim@example.com")
		code := sixDigits.FindString(letter.Text)
		s.wants("a bad password", s.reset(id, wrong(code), "short"), shop.Invalid, "password") // costs no try
		got := shoptest.Tally(5, func(int) error { return s.reset(id, wrong(code), another) })
		if diff := cmp.Diff(map[shop.Code]int{shop.Invalid: 5}, got); diff != "" {
			t.Errorf("outcomes differ (-want +got):\n%s", diff)
		}
		s.wants("the right one", s.reset(id, code, another), shop.Invalid, "verificationId")
		s.must(s.second(s.signIn("kim@example.com", passphrase)))
	})

	t.Run("a code is for one purpose, and for ten minutes", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.open("kim@example.com", passphrase)
		id, letter := s.requestReset("kim@example.com")
		s.wants("confirming it for sign-up", s.confirm(id, sixDigits.FindString(letter.Text)), shop.Invalid, "verificationId")
		s.wants("signing up by it", s.second(s.signUp(id, another)), shop.Invalid, "verificationId")
		requested, mail := s.request("lee@example.com")
		code := sixDigits.FindString(mail.Text)
		s.wants("a code for sign-up", s.reset(requested.VerificationID, code, another), shop.Invalid, "verificationId")
		s.must(s.confirm(requested.VerificationID, code))
		s.wants("a confirmed one", s.reset(requested.VerificationID, code, another), shop.Invalid, "verificationId")
		keys := s.shop.Redis.Keys(t.Context(), "reset:*").Val()
		if len(keys) != 1 {
			t.Fatalf("%d codes are stored, want 1", len(keys))
		}
		if ttl := s.shop.Redis.PTTL(t.Context(), keys[0]).Val(); ttl < 9*time.Minute || ttl > 10*time.Minute {
			t.Errorf("a code lives %v more, want ten minutes", ttl)
		}
		s.must(s.shop.Redis.PExpire(t.Context(), keys[0], time.Millisecond).Err())
		shoptest.Eventually(t, "it expires", func() bool { return s.shop.Redis.Exists(t.Context(), keys...).Val() == 0 })
		s.wants("an expired one", s.reset(id, sixDigits.FindString(letter.Text), another), shop.Invalid, "verificationId")
		s.wants("an id that is none", s.reset("nonsense", "123456", another), shop.Invalid, "verificationId")
	})

	t.Run("of many who send one code at once, one chooses the password", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.open("kim@example.com", passphrase)
		id, letter := s.requestReset("kim@example.com")
		code := sixDigits.FindString(letter.Text)
		passwords := []string{"the first passphrase", "the second passphrase", "the third passphrase"}
		errs := make([]error, len(passwords))
		var racing sync.WaitGroup
		for i, password := range passwords {
			racing.Go(func() { errs[i] = s.reset(id, code, password) })
		}
		racing.Wait()
		won := 0
		for i, err := range errs {
			_, signedIn := s.signIn("kim@example.com", passwords[i])
			if (err == nil) != (signedIn == nil) {
				t.Errorf("the reset to %q answers %v, and signing in with it %v", passwords[i], err, signedIn)
			}
			if err == nil {
				won++
			} else {
				s.wants("who is late", err, shop.Invalid, "verificationId")
			}
		}
		if n := s.count("SELECT COUNT(*) FROM events WHERE kind = ?", shop.KindUserPasswordChanged); won != 1 || n != 1 {
			t.Errorf("%d won and %d changes are noted, want 1", won, n)
		}
	})

	t.Run("mails are limited with those for sign-up", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		got := shoptest.Tally(8, func(i int) error {
			if i%2 == 0 {
				_, err := s.RequestEmailVerification(t.Context(), people.RequestEmailVerification{Email: "kim@example.com", RemoteIP: "192.0.2.1"})
				return err
			}
			_, err := s.RequestPasswordReset(t.Context(), people.RequestPasswordReset{Email: "kim@example.com", RemoteIP: "192.0.2.1"})
			return err
		})
		if diff := cmp.Diff(map[shop.Code]int{"": 5, shop.RateLimited: 3}, got); diff != "" {
			t.Errorf("outcomes differ (-want +got):\n%s", diff)
		}
		s.refuses("no address", shop.Invalid, "email", func(ctx context.Context) error {
			_, err := s.RequestPasswordReset(ctx, people.RequestPasswordReset{Email: "kim"})
			return err
		})
	})

	t.Run("without Redis, sessions or a database nothing changes, and the code is good again", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		user := s.open("kim@example.com", passphrase)
		id, letter := s.requestReset("kim@example.com")
		code := sixDigits.FindString(letter.Text)
		input := people.ResetPassword{VerificationID: id, Code: code, Password: another}
		noSessions, noDatabase, noRedis := s.replica(), s.replica(), s.replica()
		noSessions.Sessions = &ends{err: shop.NotNow("Nobody can be signed in at the moment.", errors.New("down"))}
		away, err := mysqldb.OpenAway("root@tcp(127.0.0.1:1)/payment_system", mysqldb.Config{})
		s.must(err)
		t.Cleanup(func() { away.Close() })
		noDatabase.DB = away
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		s.must(err)
		listener.Close()
		down := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{listener.Addr().String()}, MaxRetries: -1, DialerRetries: 1})
		t.Cleanup(func() { down.Close() })
		noRedis.Redis = down
		for name, h := range map[string]*people.Handler{"sessions": noSessions, "a database": noDatabase, "Redis": noRedis} {
			s.refuses("a reset without "+name, shop.Unavailable, "", func(ctx context.Context) error {
				_, err := h.ResetPassword(ctx, input)
				return err
			})
			s.refuses("a change without "+name, shop.Unavailable, "", func(ctx context.Context) error {
				_, err := h.ChangePassword(ctx, people.ChangePassword{
					By: shop.Caller{UserID: user.ID, Actor: shop.ActorShopper}, Current: passphrase, Password: another, RemoteIP: "192.0.2.1",
				})
				return err
			})
		}
		s.refuses("a code without Redis", shop.Unavailable, "", func(ctx context.Context) error {
			_, err := noRedis.RequestPasswordReset(ctx, people.RequestPasswordReset{Email: "kim@example.com", RemoteIP: "192.0.2.1"})
			return err
		})
		s.must(s.reset(id, code, another))
	})
}

func TestHandler_ChangePassword(t *testing.T) {
	t.Parallel()

	t.Run("who knows the password chooses another, and stays signed in", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		ended := &ends{}
		s.Sessions = ended
		user := s.open("kim@example.com", passphrase)
		s.must(s.change(user, passphrase, another))
		if diff := cmp.Diff([]string{string(user.ID) + " but this", string(user.ID) + " but this"}, ended.seen); diff != "" {
			t.Errorf("sessions ended differ (-want +got):\n%s", diff)
		}
		s.wants("the old password", s.second(s.signIn("kim@example.com", passphrase)), shop.Unauthenticated, "")
		s.must(s.second(s.signIn("kim@example.com", another)))
		shoptest.Eventually(t, "the owner is told", func() bool { return len(s.box.Mails("kim@example.com")) == 1 })
		if current, err := s.IsCurrent(t.Context(), user); err != nil || current {
			t.Errorf("an account as it was before the change is current: %v, %v", current, err)
		}
	})

	t.Run("bad input is refused by name and changes nothing", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		user := s.open("kim@example.com", passphrase)
		for name, test := range map[string]struct{ current, password, field string }{
			"another password": {"correct horse battery stapl", another, "current"},
			"no password":      {"", another, "current"},
			"what is no text":  {"\xff", another, "current"},
			"too long a one":   {strings.Repeat("x", 5000), another, "current"},
			"a short new one":  {passphrase, "1234567", "password"},
			"a new one of two": {passphrase, "two\nlines", "password"},
		} {
			s.refuses(name, shop.Invalid, test.field, func(context.Context) error { return s.change(user, test.current, test.password) }) //nolint:contextcheck // The office has its own.
		}
		s.tried("tries:address:"+shop.HashOf("kim@example.com", "192.0.2.1"), triesOfOne, 9)
		s.refuses("too many guesses", shop.RateLimited, "", func(context.Context) error { return s.change(user, passphrase, another) }) //nolint:contextcheck // The office has its own.
	})

	t.Run("of two changes at once, one stands", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		user := s.open("kim@example.com", passphrase)
		passwords := []string{"the first passphrase", "the second passphrase"}
		got := shoptest.Tally(2, func(i int) error { return s.change(user, passphrase, passwords[i]) })
		if got[""] != 1 || got[shop.Conflict]+got[shop.Invalid] != 1 {
			t.Errorf("outcomes are %v, want one change", got)
		}
		if n := s.count("SELECT version FROM users WHERE id = ?", string(user.ID)); n != 2 {
			t.Errorf("the account is of version %d, want 2", n)
		}
	})
}
