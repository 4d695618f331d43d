package pgsim_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"payment-system/pg/pgsim"
)

// Proves: a simulator that is told to remembers the newest payments, and nothing of the others.
func TestServer_keep(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *pgsim.Server) { s.Keep = 4 })
	oldKakao, _ := s.kakaoPaid(nil)
	oldToss, order := s.tossPaid("pay_card", nil)
	var keys []string
	for range 2 {
		tid, _ := s.kakaoReady()
		key, _ := s.tossReady()
		keys = append(keys, tid, key)
	}
	for _, key := range keys {
		s.ledger(key) // it fails when there is none
	}
	var rows []row
	if err := json.Unmarshal(s.send(http.MethodGet, "/sim/ledger", nil).body, &rows); err != nil || len(rows) != len(keys) {
		t.Errorf("the ledger has %d payments, %v, want %d", len(rows), err, len(keys))
	}
	for _, path := range []string{"/payments/" + oldToss, "/payments/orders/" + order} {
		if got := s.toss(http.MethodGet, path, nil).status; got != http.StatusNotFound {
			t.Errorf("%s answers %d", path, got)
		}
	}
	if got := s.kakao("order", doc{"cid": "TC0ONETIME", "tid": oldKakao}).status; got == http.StatusOK {
		t.Error("Kakao Pay still knows what it should have forgotten")
	}
}
