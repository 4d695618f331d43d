package books

import (
	"context"
	"database/sql"
	"fmt"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// A Standing is the cases of a gateway that are open, by what they are about, but
// for those of one reconciliation.
type Standing map[string]shop.DiscrepancyID

// stands leaves out cases of files that a newer version replaced: they end, unless a
// person has made them his.
const stands = `(resolved_by IS NOT NULL OR NOT EXISTS (SELECT 1 FROM reconciliations c
	WHERE c.id = discrepancies.reconciliation_id AND c.replaced_by IS NOT NULL))`

func (s Standing) read(ctx context.Context, tx *sql.Tx, gateway shop.PG, but shop.ReconciliationID, column string,
	values []any,
) error {
	if len(values) == 0 {
		return nil
	}
	args := append([]any{string(shop.DiscrepancyStatusOpen), string(gateway), string(but)}, values...)
	type openCase struct {
		id    shop.DiscrepancyID
		about string
	}
	open, err := mysqldb.Collect(ctx, tx, func(rows *sql.Rows) (c openCase, err error) {
		var f Subject
		err = rows.Scan(&c.id, &f.Kind, &f.PaymentID, &f.AttemptID, &f.Key)
		c.about = f.about()
		return c, err
	}, `SELECT id, kind, payment_id, attempt_id, dedup_key FROM discrepancies WHERE status = ? AND pg = ?
		AND reconciliation_id <> ? AND `+stands+` AND `+
		column+` IN (`+marks(len(values))+`) ORDER BY id DESC`, args...)
	if err != nil {
		return fmt.Errorf("read the open cases of %s: %w", gateway, err)
	}
	for _, c := range open {
		s[c.about] = c.id
	}
	return nil
}

// Note returns what to say of a case that is not opened because another stands for
// its subject, and reports whether one does.
func (s Standing) Note(of Subject) (note string, stands bool) {
	id, stands := s[of.about()]
	if !stands {
		return "", false
	}
	return "Case " + string(id) + " stands for it already.", true
}

// FindStanding reads the open cases that stand for some of the subjects, and lets
// nobody else open one of the gateway until the transaction ends.
func FindStanding(ctx context.Context, tx *sql.Tx, gateway shop.PG, but shop.ReconciliationID,
	subjects []Subject,
) (Standing, error) {
	var payments, keys []any
	for _, f := range subjects {
		switch {
		case f.PaymentID != nil:
			payments = append(payments, string(*f.PaymentID))
		case f.Key != "" && f.Kind != shop.DiscrepancyKindMalformedRow: // whose key is its line
			keys = append(keys, f.Key)
		}
	}
	found := Standing{}
	if len(payments)+len(keys) == 0 {
		return found, nil
	}
	if err := lockCases(ctx, tx, gateway); err != nil {
		return nil, err
	}
	if err := found.read(ctx, tx, gateway, but, `payment_id`, payments); err != nil {
		return nil, err
	}
	return found, found.read(ctx, tx, gateway, but, `payment_id IS NULL AND dedup_key`, keys)
}

// A Subject is what a case is about.
type Subject struct {
	Kind      shop.DiscrepancyKind
	PaymentID *shop.PaymentID
	AttemptID *shop.AttemptID
	Key       string // names the difference within its file; "" outside any
}

// about names the subject, in whatever file: the payment and its attempt or, where
// the books have none, the row's own payment.
func (f Subject) about() string {
	if f.PaymentID == nil {
		return f.Key
	}
	if f.AttemptID == nil {
		return fmt.Sprint(f.Kind, " ", *f.PaymentID)
	}
	return fmt.Sprint(f.Kind, " ", *f.PaymentID, " ", *f.AttemptID)
}
