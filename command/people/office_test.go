package people_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/command/people"
	"payment-system/internal/mail"
	"payment-system/internal/shoptest"
	"payment-system/shop"
)

// An office is the commands about accounts on servers of their own, with a mailbox and
// a log that can be read. It has no read models: these tests read the books.
type office struct {
	*people.Handler
	t    testing.TB
	shop *shoptest.Shop
	box  *mail.Mailbox
	log  *shoptest.Log
}

func openOffice(t testing.TB) *office {
	t.Helper()
	s := &office{t: t, box: shoptest.OpenMailbox(t), log: &shoptest.Log{}}
	s.shop = shoptest.Open(t, shoptest.Options{Logger: s.log.Logger(), PublicURL: "http://shop.example"})
	s.Handler = s.replica()
	return s
}

// replica returns another handler on the same servers.
func (s *office) replica() *people.Handler {
	h := s.shop.People(s.t, s.box)
	h.Projector = shoptest.NoViews{}
	return h
}

func (s *office) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *office) count(query string, args ...any) int {
	s.t.Helper()
	return shoptest.Count(s.t, s.DB, query, args...)
}

// refuses runs do and checks that it is refused with the code given, naming the
// field given unless that is "", and that it changed nothing. Proves I15.
func (s *office) refuses(name string, code shop.Code, field string, do func(ctx context.Context) error) {
	s.t.Helper()
	before := shoptest.Checksums(s.t, s.DB)
	err := do(s.t.Context())
	if shop.CodeOf(err) != code || field != "" && details(err)["field"] != field {
		s.t.Errorf("%s: error %v with details %v, want %s of field %q", name, err, details(err), code, field)
	}
	if diff := cmp.Diff(before, shoptest.Checksums(s.t, s.DB)); diff != "" {
		s.t.Errorf("%s changed the books (-before +after):\n%s", name, diff)
	}
}

func details(err error) map[string]any {
	if e, ok := errors.AsType[*shop.Error](err); ok {
		return e.Details
	}
	return nil
}

// latest returns an aggregate as its latest event left it.
func latest[T any](s *office, id string) T {
	s.t.Helper()
	var payload []byte
	s.must(s.DB.QueryRowContext(s.t.Context(),
		"SELECT payload FROM events WHERE aggregate_id = ? ORDER BY version DESC LIMIT 1", id).Scan(&payload))
	var aggregate T
	s.must(json.Unmarshal(payload, &aggregate))
	return aggregate
}
