package people_test

import (
	"context"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"golang.org/x/text/unicode/norm"

	"payment-system/command/people"
	"payment-system/internal/mail"
	"payment-system/internal/mysqltest"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/shop"
)

const passphrase = "correct horse battery staple"

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// request asks for a code and waits for the mail.
func (s *office) request(email string) (shop.VerificationRequested, mail.Mail) {
	s.t.Helper()
	before := len(s.box.Mails(""))
	requested, err := s.RequestEmailVerification(s.t.Context(), people.RequestEmailVerification{Email: email, RemoteIP: "192.0.2.1"})
	s.must(err)
	shoptest.Eventually(s.t, "a mail arrives", func() bool { return len(s.box.Mails("")) > before })
	return requested, s.box.Mails("")[0]
}

// verified returns a confirmed verification of an address.
func (s *office) verified(email string) shop.VerificationID {
	s.t.Helper()
	requested, mail := s.request(email)
	s.must(s.confirm(requested.VerificationID, sixDigits.FindString(mail.Text)))
	return requested.VerificationID
}

func (s *office) confirm(id shop.VerificationID, code string) error {
	_, err := s.ConfirmEmailVerification(s.t.Context(), people.ConfirmEmailVerification{VerificationID: id, Code: code})
	return err
}

func (s *office) signUp(id shop.VerificationID, password string) (shop.User, error) {
	signedUp, err := s.SignUp(s.t.Context(), people.SignUp{VerificationID: id, Password: password})
	return signedUp.User, err
}

func (s *office) signIn(email, password string) (shop.User, error) {
	signedIn, err := s.SignIn(s.t.Context(), people.SignIn{Email: email, Password: password, RemoteIP: "192.0.2.1"})
	return signedIn.User, err
}

// open opens an account.
func (s *office) open(email, password string) shop.User {
	s.t.Helper()
	opened, err := s.OpenAccount(s.t.Context(), people.OpenAccount{Email: email, Password: password, Role: shop.RoleCustomer})
	s.must(err)
	return opened.User
}

// wants checks that err has the code given and names the field given, if any.
func (s *office) wants(what string, err error, code shop.Code, field string) {
	s.t.Helper()
	if shop.CodeOf(err) != code || field != "" && details(err)["field"] != field {
		s.t.Errorf("%s: error %v with details %v, want %s of field %q", what, err, details(err), code, field)
	}
}

// wrong returns a code of six digits that is not the one given.
func wrong(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return "9" + code[1:]
}

func TestHandler_SignUp(t *testing.T) {
	t.Parallel()

	t.Run("a mailed code opens an account", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		before := testclock.Now()
		requested, mail := s.request("  Kim@Example.COM ")
		code := sixDigits.FindString(mail.Text)
		codes := append(sixDigits.FindAllString(mail.Text, -1), sixDigits.FindAllString(mail.HTML, -1)...)
		if diff := cmp.Diff([]string{code, code}, codes); mail.To != "kim@example.com" || code == "" || diff != "" {
			t.Fatalf("the mail to %q has these codes (-want +got):\n%s", mail.To, diff)
		}
		if !strings.Contains(mail.HTML, `<html lang="ko">`) || !strings.Contains(mail.Text, "인증 번호") {
			t.Errorf("the mail is not in Korean:\n%s", mail.Text)
		}
		if strings.Contains(string(requested.VerificationID), code) || slices.Contains(sixDigits.FindAllString(s.log.String(), -1), code) {
			t.Error("the code is not in the mail alone")
		}
		if left := requested.ExpiresAt.Sub(before); left < 9*time.Minute || left > 11*time.Minute {
			t.Errorf("the code lives %v, want ten minutes", left)
		}
		s.wants("before the code", s.second(s.signUp(requested.VerificationID, passphrase)), shop.Invalid, "verificationId")
		s.must(s.confirm(requested.VerificationID, code))
		s.must(s.confirm(requested.VerificationID, code))
		user, err := s.signUp(requested.VerificationID, passphrase)
		s.must(err)
		want := shop.User{ID: user.ID, Email: "kim@example.com", Role: shop.RoleCustomer, CreatedAt: user.CreatedAt, Version: 1}
		if diff := cmp.Diff(want, user); diff != "" {
			t.Errorf("account differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, latest[shop.User](s, string(user.ID))); diff != "" {
			t.Errorf("event differs (-want +got):\n%s", diff)
		}
		for _, secret := range []string{"password", "$2a$"} {
			if n := s.count("SELECT COUNT(*) FROM events WHERE payload LIKE ?", "%"+secret+"%"); n != 0 {
				t.Errorf("%d events hold %q", n, secret)
			}
		}
		s.wants("the same verification", s.second(s.signUp(requested.VerificationID, passphrase)), shop.Invalid, "verificationId")
		in, err := s.signIn("KIM@example.com", passphrase)
		s.must(err)
		if diff := cmp.Diff(user, in); diff != "" {
			t.Errorf("signed in as another (-up +in):\n%s", diff)
		}
	})

	t.Run("a code can be typed with spaces and in full width", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		requested, mail := s.request("kim@example.com")
		code := sixDigits.FindString(mail.Text)
		wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, code[3:])
		s.must(s.confirm(requested.VerificationID, " "+code[:3]+" "+wide))
	})

	t.Run("five wrong codes spend the verification", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		requested, mail := s.request("kim@example.com")
		code := sixDigits.FindString(mail.Text)
		got := shoptest.Tally(4, func(int) error { return s.confirm(requested.VerificationID, wrong(code)) })
		if diff := cmp.Diff(map[shop.Code]int{shop.Invalid: 4}, got); diff != "" {
			t.Errorf("outcomes differ (-want +got):\n%s", diff)
		}
		s.wants("the fifth", s.confirm(requested.VerificationID, strings.Repeat("9", 1000)), shop.Invalid, "code")
		s.wants("the right one", s.confirm(requested.VerificationID, code), shop.Invalid, "verificationId")

		requested, mail = s.request("kim@example.com")
		code = sixDigits.FindString(mail.Text)
		for range 4 {
			s.wants("a wrong code", s.confirm(requested.VerificationID, wrong(code)), shop.Invalid, "code")
		}
		s.must(s.confirm(requested.VerificationID, code))
	})

	t.Run("a verification ends after ten minutes, confirmed or not", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		requested, mail := s.request("kim@example.com")
		confirmed := s.verified("lee@example.com")
		keys := s.shop.Redis.Keys(t.Context(), "verification:*").Val()
		if len(keys) != 2 {
			t.Fatalf("%d verifications are stored, want 2", len(keys))
		}
		for _, key := range keys {
			if ttl := s.shop.Redis.PTTL(t.Context(), key).Val(); ttl < 9*time.Minute || ttl > 10*time.Minute {
				t.Errorf("a verification lives %v more, want ten minutes", ttl)
			}
			s.must(s.shop.Redis.PExpire(t.Context(), key, time.Millisecond).Err())
		}
		shoptest.Eventually(t, "they expire", func() bool { return s.shop.Redis.Exists(t.Context(), keys...).Val() == 0 })
		s.wants("an expired code", s.confirm(requested.VerificationID, sixDigits.FindString(mail.Text)), shop.Invalid, "verificationId")
		s.wants("an expired confirmation", s.second(s.signUp(confirmed, passphrase)), shop.Invalid, "verificationId")
		s.wants("an id that is none", s.confirm("nonsense", "123456"), shop.Invalid, "verificationId")
	})

	t.Run("a taken address answers the same and is told so by mail", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.open("kim@example.com", passphrase)
		fresh, _ := s.request("lee@example.com")
		taken, mail := s.request("kim@example.com")
		if mail.To != "kim@example.com" || sixDigits.MatchString(mail.Text+mail.HTML) {
			t.Errorf("the mail to %q reads:\n%s", mail.To, mail.Text)
		}
		if !strings.Contains(mail.Text, "이미 가입") || !strings.Contains(mail.HTML, "로그인") {
			t.Errorf("the mail does not say that there is an account:\n%s", mail.Text)
		}
		if len(fresh.VerificationID) != len(taken.VerificationID) || taken.ExpiresAt.Before(fresh.ExpiresAt) {
			t.Errorf("answers differ: %v and %v", fresh, taken)
		}
		for range 5 {
			s.wants("a guess", s.confirm(taken.VerificationID, "x"), shop.Invalid, "code")
		}
		s.wants("a guess too many", s.confirm(taken.VerificationID, "x"), shop.Invalid, "verificationId")
	})

	t.Run("an address that got an account meanwhile is a conflict", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		one, two := s.verified("kim@example.com"), s.verified("kim@example.com")
		_, err := s.signUp(one, passphrase)
		s.must(err)
		s.refuses("the second", shop.Conflict, "", func(context.Context) error { return s.second(s.signUp(two, passphrase)) }) //nolint:contextcheck // The office has its own.
	})

	t.Run("one verification opens one account, however many use it at once", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		id := s.verified("kim@example.com")
		got := shoptest.Tally(4, func(int) error { return s.second(s.signUp(id, passphrase)) })
		if diff := cmp.Diff(map[shop.Code]int{"": 1, shop.Invalid: 3}, got); diff != "" {
			t.Errorf("outcomes differ (-want +got):\n%s", diff)
		}
	})

	t.Run("bad input is refused by name and changes nothing", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		id := s.verified("kim@example.com")
		for _, password := range []string{"", "일곱글자일곱글", "1234567", strings.Repeat("x", 1001), "null\x00byte", "bad\xffbytes", "half a pair \ufffd", strings.Repeat("x", 1<<20)} {
			s.refuses("a password", shop.Invalid, "password", func(context.Context) error { return s.second(s.signUp(id, password)) }) //nolint:contextcheck // The office has its own.
		}
		for _, email := range []string{
			"", "kim", "kim@", "@example.com", "kim@example", "kim@@example.com", "kim@example..com", "kim@.com", "kim@-a.com",
			"kim lee@example.com", "Kim <kim@example.com>", "kim@example.com\r\nBcc: lee@example.com", `"kim"@example.com`, "kim@[127.0.0.1]",
			"kim..lee@example.com", ".kim@example.com", strings.Repeat("k", 65) + "@example.com", "k@" + strings.Repeat("a.", 130) + "com", "a\xff@example.com",
		} {
			_, err := s.RequestEmailVerification(t.Context(), people.RequestEmailVerification{Email: email, RemoteIP: "192.0.2.1"})
			s.wants("address "+email, err, shop.Invalid, "email")
		}
		_, err := s.signUp(id, "여덟글자여덟글자")
		s.must(err)
	})

	t.Run("nobody is let on without Redis", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.open("kim@example.com", passphrase)
		id := s.verified("lee@example.com")
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		s.must(err)
		listener.Close()
		down := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{listener.Addr().String()}, MaxRetries: -1, DialerRetries: 1})
		t.Cleanup(func() { down.Close() })
		s.Redis = down
		s.refuses("a code", shop.Unavailable, "", func(ctx context.Context) error {
			_, err := s.RequestEmailVerification(ctx, people.RequestEmailVerification{Email: "park@example.com", RemoteIP: "192.0.2.1"})
			return err
		})
		s.refuses("a confirmation", shop.Unavailable, "", func(context.Context) error { return s.confirm(id, "123456") })                      //nolint:contextcheck // The office has its own.
		s.refuses("a sign-up", shop.Unavailable, "", func(context.Context) error { return s.second(s.signUp(id, passphrase)) })                //nolint:contextcheck // The office has its own.
		s.refuses("a sign-in", shop.Unavailable, "", func(context.Context) error { return s.second(s.signIn("kim@example.com", passphrase)) }) //nolint:contextcheck // The office has its own.
	})

	t.Run("a sign-up that met no database can be tried again", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		id := s.verified("kim@example.com")
		broken := s.replica()
		broken.DB = mysqltest.New(t)
		s.must(broken.DB.Close())
		if _, err := broken.SignUp(t.Context(), people.SignUp{VerificationID: id, Password: passphrase}); err == nil {
			t.Fatal("signed up without a database")
		}
		_, err := s.signUp(id, passphrase)
		s.must(err)
	})
}

func TestHandler_SignIn(t *testing.T) {
	t.Parallel()

	t.Run("a wrong password and an unknown address are told and take the same", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.PasswordCost = 0
		s.open("kim@example.com", passphrase)
		if n := s.count(`SELECT COUNT(*) FROM users WHERE password_hash LIKE '$2a$12$%'`); n != 1 {
			t.Error("the password is not hashed at a cost of 12")
		}
		var wrong, unknown error
		wrongTook, unknownTook := time.Hour, time.Duration(0)
		for range 2 { // the faster of wrong ones, the slower of unknown ones: a busy machine makes any slow
			start := time.Now()
			_, wrong = s.signIn("kim@example.com", "correct horse battery stapl")
			wrongTook = min(wrongTook, time.Since(start))
			start = time.Now()
			_, unknown = s.signIn("lee@example.com", passphrase)
			unknownTook = max(unknownTook, time.Since(start))
		}
		s.wants("a wrong password", wrong, shop.Unauthenticated, "")
		if wrong.Error() != unknown.Error() {
			t.Errorf("told %q and %q", wrong, unknown)
		}
		// Without a hash to compare it would be a thousand times faster.
		if unknownTook < wrongTook/10 {
			t.Errorf("an unknown address took %v, a wrong password %v", unknownTook, wrongTook)
		}
	})

	t.Run("long Korean passphrases count in full, however they are composed", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		long := "동해물과백두산이마르고닳도록하느님이보우하사우리나라만세무궁" // 30 syllables, 90 bytes
		s.open("kim@example.com", long)
		_, err := s.signIn("kim@example.com", strings.TrimSuffix(long, "궁")+"화")
		s.wants("another last syllable", err, shop.Unauthenticated, "")
		_, err = s.signIn("kim@example.com", norm.NFD.String(long))
		s.must(err)
	})

	t.Run("guessing is limited, by address and network, and success forgives", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.open("kim@example.com", passphrase)
		guess := func() error { return s.second(s.signIn("kim@example.com", "guess after guess")) }
		s.wants("a guess", guess(), shop.Unauthenticated, "")
		s.must(s.second(s.signIn("kim@example.com", passphrase)))
		if left := s.shop.Redis.Keys(t.Context(), "rate:tries:address:*").Val(); len(left) != 0 {
			t.Errorf("success left %d counters", len(left))
		}
		s.wants("a guess", guess(), shop.Unauthenticated, "")
		// Eight more take seconds of hashing: count them where they are counted.
		counter := strings.TrimPrefix(s.shop.Redis.Keys(t.Context(), "rate:tries:address:*").Val()[0], "rate:")
		_, err := redis_rate.NewLimiter(s.shop.Redis).AllowN(t.Context(), counter, redis_rate.Limit{Rate: 10, Burst: 10, Period: 10 * time.Minute}, 8)
		s.must(err)
		s.wants("the tenth guess", guess(), shop.Unauthenticated, "")
		_, err = s.signIn("Kim@example.com", passphrase)
		s.wants("one more", err, shop.RateLimited, "")
		if seconds, ok := details(err)["retryAfter"].(int); !ok || seconds < 1 || seconds > 600 {
			t.Errorf("retryAfter is %v, want seconds", details(err)["retryAfter"])
		}
		if _, err := s.SignIn(t.Context(), people.SignIn{Email: "kim@example.com", Password: passphrase, RemoteIP: "2001:db8::1"}); err != nil {
			t.Errorf("from another network: %v", err)
		}
	})

	t.Run("mails are limited by address", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		got := shoptest.Tally(8, func(i int) error {
			_, err := s.RequestEmailVerification(t.Context(), people.RequestEmailVerification{Email: "kim@example.com", RemoteIP: "192.0.2.1"})
			return err
		})
		if diff := cmp.Diff(map[shop.Code]int{"": 5, shop.RateLimited: 3}, got); diff != "" {
			t.Errorf("outcomes differ (-want +got):\n%s", diff)
		}
		s.must(s.Drain(t.Context()))
		if n := len(s.box.Mails("kim@example.com")); n != 5 {
			t.Errorf("%d mails were sent, want 5", n)
		}
	})

	t.Run("who stops waiting for a turn to hash is let go", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got := shoptest.Tally(8, func(int) error {
			_, err := s.SignIn(ctx, people.SignIn{Email: "kim@example.com", Password: passphrase})
			return err
		})
		if got[shop.Unavailable] != 8 {
			t.Errorf("outcomes %v, want all UNAVAILABLE", got)
		}
	})
}

func TestHandler_MakeOperator(t *testing.T) {
	t.Parallel()
	s := openOffice(t)
	user := s.open("kim@example.com", passphrase)
	for range 2 {
		changed, err := s.MakeOperator(t.Context(), people.MakeOperator{Email: "Kim@Example.com"})
		s.must(err)
		want := user
		want.Role, want.Version = shop.RoleOperator, 2
		if diff := cmp.Diff(want, changed.User); diff != "" {
			t.Errorf("account differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, latest[shop.User](s, string(user.ID))); diff != "" {
			t.Errorf("event differs (-want +got):\n%s", diff)
		}
	}
	s.refuses("nobody", shop.NotFound, "", func(ctx context.Context) error {
		_, err := s.MakeOperator(ctx, people.MakeOperator{Email: "lee@example.com"})
		return err
	})
	s.refuses("opening it again", shop.Conflict, "", func(ctx context.Context) error {
		_, err := s.OpenAccount(ctx, people.OpenAccount{Email: "kim@example.com", Password: passphrase, Role: shop.RoleOperator})
		return err
	})
	s.refuses("a role that is none", shop.Invalid, "role", func(ctx context.Context) error {
		_, err := s.OpenAccount(ctx, people.OpenAccount{Email: "lee@example.com", Password: passphrase, Role: "ADMIN"})
		return err
	})
}

// second returns the error of a call.
func (s *office) second(_ shop.User, err error) error { return err }
