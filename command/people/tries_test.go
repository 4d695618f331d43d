package people_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"

	"payment-system/command/people"
	"payment-system/internal/limits"
	"payment-system/shop"
)

// tried counts tries under a name, as many wrong passwords would, whose hashing takes seconds.
func (s *office) tried(name string, limit redis_rate.Limit, n int) {
	s.t.Helper()
	if _, err := redis_rate.NewLimiter(s.shop.Redis).AllowN(s.t.Context(), name, limit, n); err != nil {
		s.t.Fatal(err)
	}
}

// guess tries a password from an address, and returns what came of it.
func (s *office) guess(email, password, from string) error {
	_, err := s.SignIn(s.t.Context(), people.SignIn{Email: email, Password: password, RemoteIP: from})
	return err
}

func TestHandler_SignIn_guessing(t *testing.T) {
	t.Parallel()
	const owner = "kim@example.com"
	ofAccount := "tries:account:" + shop.HashOf(owner)
	atOnce := redis_rate.Limit{Rate: 10, Burst: 50, Period: 20 * time.Minute}

	t.Run("one who guesses locks out nobody at another address", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.open(owner, passphrase)
		s.tried("tries:address:"+shop.HashOf(owner, limits.Network("203.0.113.7")), redis_rate.Limit{Rate: 10, Burst: 10, Period: 10 * time.Minute}, 10)
		s.tried(ofAccount, atOnce, 10)
		s.wants("one guess more", s.guess(owner, "guess after guess", "203.0.113.7"), shop.RateLimited, "")
		for _, elsewhere := range []string{"198.51.100.23", "2001:db8::7", "::ffff:198.51.100.24"} {
			s.must(s.guess(owner, passphrase, elsewhere))
		}
	})

	t.Run("many addresses guess no faster than one", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		s.open(owner, passphrase)
		s.must(s.guess(owner, passphrase, "198.51.100.23"))
		s.tried(ofAccount, atOnce, 49)
		for i := range 3 {
			s.wants("a guess from one more", s.guess(owner, passphrase, fmt.Sprintf("203.0.113.%d", i)), shop.RateLimited, "")
		}
		s.must(s.guess(owner, passphrase, "198.51.100.23"))
		s.must(s.guess(owner, passphrase, "::ffff:198.51.100.23"))
		s.wants("another of the owner's neighbours", s.guess(owner, passphrase, "198.51.100.24"), shop.RateLimited, "")
		s.open("park@example.com", passphrase)
		s.must(s.guess("park@example.com", passphrase, "203.0.113.1"))
	})

	t.Run("where the account was opened its owner is known", func(t *testing.T) {
		t.Parallel()
		s := openOffice(t)
		_, err := s.SignUp(t.Context(), people.SignUp{VerificationID: s.verified(owner), Password: passphrase, RemoteIP: "2001:db8:1:2::9"})
		s.must(err)
		s.tried(ofAccount, atOnce, 50)
		s.must(s.guess(owner, passphrase, "2001:db8:1:2:ffff::1"))
		s.wants("in another network", s.guess(owner, passphrase, "2001:db8:1:3::9"), shop.RateLimited, "")
	})
}

func TestHandler_RequestEmailVerification_floods(t *testing.T) {
	t.Parallel()
	s := openOffice(t)
	ask := func(email, from string) error {
		_, err := s.RequestEmailVerification(t.Context(), people.RequestEmailVerification{Email: email, RemoteIP: from})
		return err
	}
	for range 5 {
		s.must(ask("kim@example.com", "203.0.113.7"))
	}
	s.wants("a sixth from one address", ask("kim@example.com", "203.0.113.7"), shop.RateLimited, "")
	s.must(ask("kim@example.com", "198.51.100.23"))
	s.must(ask("park@example.com", "203.0.113.7"))
	for i := range 14 {
		s.must(ask("kim@example.com", fmt.Sprintf("192.0.2.%d", i)))
	}
	s.wants("a mailbox that is full", ask("kim@example.com", "192.0.2.200"), shop.RateLimited, "")
	s.must(ask("park@example.com", "192.0.2.200"))
}
