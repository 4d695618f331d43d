package faulttest_test

import (
	"fmt"
	"testing"
	"time"

	"payment-system/internal/proof"
)

func TestDatabase(t *testing.T) {
	t.Parallel()
	for i, wanted := range []plan{{replicas: 2, stock: 1_000_000}, {replicas: 2, stock: 1_000_000, noLocks: true}} {
		name := "a database killed under load has what was acknowledged"
		if wanted.noLocks {
			name += ", with locks that do nothing"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, wanted)
			done := proof.Begin(t, "database", h.seed)
			count := (proof.Count(t, "database") + i) / 2
			acknowledged, slowest := h.killDatabase(count)
			figure := proof.Figure{Times: count, Note: fmt.Sprintf("%d purchases, slowest start %.1f s", acknowledged, slowest.Seconds())}
			if wanted.noLocks {
				figure.NoLocks = count
			}
			done(figure)
		})
	}
}

// killDatabase kills MariaDB a number of times while a crowd shops, and then holds what the
// shoppers were told against the books. It returns how many of their purchases were acknowledged,
// and how long MariaDB took to start at most.
func (h *house) killDatabase(times int) (acknowledged int, slowest time.Duration) {
	h.t.Helper()
	enough := h.lookOut()
	done := make(chan struct{})
	go func() {
		defer close(done)
		dice := h.dice("killer")
		for range times {
			time.Sleep(time.Duration(200+dice.IntN(1000)) * time.Millisecond)
			if err := h.servers.KillMySQL(); err != nil {
				h.t.Error(err)
			}
			time.Sleep(time.Duration(dice.IntN(300)) * time.Millisecond)
			began := time.Now()
			if err := h.servers.StartMySQL(h.t.Context()); err != nil {
				h.t.Error(err)
			}
			slowest = max(slowest, time.Since(began))
		}
	}()
	purchases := h.crowd(6, done)
	h.calm(purchases)
	enough()
	h.checkBlames()
	for _, p := range purchases {
		if p.orderID != "" {
			acknowledged++
		}
	}
	if acknowledged < times {
		h.t.Errorf("only %d purchases were made around %d kills", acknowledged, times)
	}
	return acknowledged, slowest
}
