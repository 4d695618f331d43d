package command_test

import (
	"strings"
	"testing"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

// Proves that whoever makes look-ups due locks attempts as whoever changes one does: rows first.
func TestLookUpsNow_lockOrder(t *testing.T) {
	t.Parallel()
	s := openTill(t, 10)
	first, second := s.ready(s.order(1), shop.PGToss), s.ready(s.order(1), shop.PGToss)
	later := s.clock.Now().Add(time.Hour)
	for _, p := range []shop.Payment{first, second} {
		_, err := s.db.ExecContext(s.ctx, `UPDATE attempts SET check_at = ?, checks = 1, unresolved_since = ? WHERE id = ?`, later, later, string(p.AttemptID))
		s.must(err)
	}
	changing, err := s.db.BeginTx(s.ctx, nil)
	s.must(err)
	for range 20 { // who has done more is not the one that is given up
		_, err = changing.ExecContext(s.ctx, `UPDATE orders SET version = version + 1 WHERE id = ?`, string(first.OrderID))
		s.must(err)
	}
	_, err = changing.ExecContext(s.ctx, `SELECT id FROM attempts WHERE id = ? FOR UPDATE`, string(first.AttemptID))
	s.must(err)
	waking, now := make(chan error, 1), s.clock.Now()
	go func() { waking <- books.LookUpsNow(s.ctx, s.db, shop.PGToss, now) }()
	eventually(t, "it waits", func() bool {
		var waiting int
		s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM information_schema.processlist
			WHERE db = DATABASE() AND info LIKE 'UPDATE attempts%' AND time_ms > 100`).Scan(&waiting))
		return waiting > 0
	})
	_, err = changing.ExecContext(s.ctx, `UPDATE attempts SET check_at = ? WHERE id = ?`, later.Add(time.Minute), string(first.AttemptID))
	s.must(err)
	s.must(changing.Rollback())
	s.must(<-waking)
	var due int
	s.must(s.db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM attempts WHERE check_at = ?`, now).Scan(&due))
	if due != 2 {
		t.Errorf("%d attempts are due, want 2", due)
	}
	var kind, name, status, database string
	s.must(s.db.QueryRowContext(s.ctx, "SHOW ENGINE INNODB STATUS").Scan(&kind, &name, &status))
	s.must(s.db.QueryRowContext(s.ctx, "SELECT DATABASE()").Scan(&database))
	if _, deadlock, found := strings.Cut(status, "LATEST DETECTED DEADLOCK"); found && strings.Contains(strings.SplitN(deadlock, "\nTRANSACTIONS\n", 2)[0], database) {
		t.Errorf("there was a deadlock:\n%.4000s", deadlock)
	}
}
