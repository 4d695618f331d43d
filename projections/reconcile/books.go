package reconcile

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"payment-system/pg"
	"payment-system/shop"
)

// A scanner reads the columns of a row.
type scanner func(out ...any) error

// A reader reads the books, and writes nothing.
type reader struct{ db *sql.DB }

// each reads rows one by one.
func (r reader) each(ctx context.Context, query string, args []any, do func(scanner) error) error {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read the books: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return fmt.Errorf("read the books: %w", err)
		}
	}
	return rows.Err()
}

// idsOf reads a column of ids.
func idsOf[ID ~string](ctx context.Context, r reader, query string, args ...any) ([]ID, error) {
	var ids []ID
	err := r.each(ctx, query, args, func(scan scanner) error {
		var id ID
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// places is n placeholders.
func places(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// findingKey names a difference within its file.
func findingKey(kind shop.DiscrepancyKind, subject string) string {
	sum := sha256.Sum256([]byte(string(kind) + "\x00" + subject))
	return hex.EncodeToString(sum[:])
}

// booked is what the books say of one attempt, its payment and its order. A nil
// booked is nothing.
type booked struct {
	attempt struct {
		id                 shop.AttemptID
		status             shop.PaymentStatus
		key                *string
		months             int // as the gateway's record has it, else as asked
		captured, refunded shop.Won
	}
	payment struct {
		id       shop.PaymentID
		status   shop.PaymentStatus
		attempt  shop.AttemptID
		amount   shop.Won
		taxFree  shop.Won
		captured shop.Won
		version  int
	}
	orderID shop.OrderID
	order   shop.OrderStatus
	refunds []bookedRefund
}

type bookedRefund struct {
	status         shop.RefundStatus
	amount         shop.Won
	leg            *string
	doneAt         *time.Time
	namedElsewhere bool // another file than this has a leg of its name
}

func (b *booked) version() int {
	if b == nil {
		return 0
	}
	return b.payment.version
}

// left is what the attempt holds.
func (b *booked) left() shop.Won { return b.attempt.captured - b.attempt.refunded }

// pays reports whether the attempt is the one that pays the order.
func (b *booked) pays() bool {
	return b.payment.attempt == b.attempt.id && b.payment.captured > 0
}

// waits reports whether the order still waits for money.
func (b *booked) waits() bool {
	return b.order == shop.OrderStatusPlaced && b.payment.captured == 0 &&
		b.payment.status != shop.PaymentStatusExpired && b.payment.status != shop.PaymentStatusCanceled
}

// refunding reports whether a refund is under way.
func (b *booked) refunding() bool {
	for _, refund := range b.refunds {
		if refund.status == shop.RefundStatusRequested || refund.status == shop.RefundStatusUnknown {
			return true
		}
	}
	return false
}

// says is what the books say, in a few words.
func (b *booked) says() string {
	return fmt.Sprintf("%s %s won, order %s is %s", b.attempt.status, b.payment.amount, b.orderID, b.order)
}

// A bookPage is what the books say of a page of payments.
type bookPage struct {
	byKey, byID map[string]*booked
}

// of finds the attempt that an entry of the file is about: by the gateway's key, else by the
// merchant order id.
func (p *bookPage) of(e entry) *booked {
	if found := p.byKey[e.key]; found != nil {
		return found
	}
	return p.byID[e.ref]
}

// readBooks reads all that may answer to a page of payments.
func (p *plan) readBooks(ctx context.Context, page []statement) (*bookPage, error) {
	books := &bookPage{byKey: map[string]*booked{}, byID: map[string]*booked{}}
	var keys, ids []any
	for _, s := range page {
		keys = appendASCII(keys, s.key)
		ids = appendASCII(ids, s.rows[0].ref)
	}
	if err := p.readAttempts(ctx, books, "a.payment_key", keys); err != nil {
		return nil, err
	}
	if err := p.readAttempts(ctx, books, "a.id", ids); err != nil {
		return nil, err
	}
	return books, p.readRefunds(ctx, books)
}

// appendASCII leaves out what no id or key of ours can be.
func appendASCII(values []any, value string) []any {
	for i := range len(value) {
		if value[i] >= 0x80 {
			return values
		}
	}
	return append(values, value)
}

func (p *plan) readAttempts(ctx context.Context, books *bookPage, column string, values []any) error {
	if len(values) == 0 {
		return nil
	}
	query := `SELECT a.id, a.status, a.payment_key, COALESCE(k.card_install_months, t.card_installment_plan_months,
		a.installment_months), a.captured_amount, a.refunded_amount,
		p.id, p.status, p.attempt_id, p.amount, p.tax_free_amount, p.captured_amount, p.version, o.id, o.status
		FROM attempts a JOIN payments p ON p.id = a.payment_id JOIN orders o ON o.id = p.order_id
		LEFT JOIN kakao_payments k ON k.attempt_id = a.id LEFT JOIN toss_payments t ON t.attempt_id = a.id
		WHERE a.pg = ? AND ` + column + ` IN (` + places(len(values)) + `)`
	return p.job.books.each(ctx, query, append([]any{string(p.job.rec.PG)}, values...), func(scan scanner) error {
		b := &booked{}
		err := scan(&b.attempt.id, &b.attempt.status, &b.attempt.key, &b.attempt.months, &b.attempt.captured,
			&b.attempt.refunded,
			&b.payment.id, &b.payment.status, &b.payment.attempt, &b.payment.amount, &b.payment.taxFree, &b.payment.captured,
			&b.payment.version, &b.orderID, &b.order)
		if known := books.byID[string(b.attempt.id)]; known != nil {
			return err
		}
		books.byID[string(b.attempt.id)] = b
		if b.attempt.key != nil {
			books.byKey[*b.attempt.key] = b
		}
		return err
	})
}

func (p *plan) readRefunds(ctx context.Context, books *bookPage) error {
	var ids []any
	for id := range books.byID {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	return p.job.books.each(ctx, `SELECT f.attempt_id, f.status, f.amount, f.transaction_key, f.done_at, EXISTS (
			SELECT 1 FROM settlement_rows r JOIN reconciliations c ON c.id = r.reconciliation_id AND c.replaced_by IS NULL
			WHERE r.payment_key = a.payment_key AND r.leg_key = f.transaction_key
			AND r.kind = ? AND r.malformed IS NULL AND r.reconciliation_id <> ?)
		FROM refunds f JOIN attempts a ON a.id = f.attempt_id
		WHERE f.payment_id IN (SELECT payment_id FROM attempts WHERE id IN (`+places(len(ids))+`))
		ORDER BY f.requested_at, f.id`,
		append([]any{shop.SettlementRefund, string(p.job.rec.ID)}, ids...), func(scan scanner) error {
			var attempt string
			var refund bookedRefund
			err := scan(&attempt, &refund.status, &refund.amount, &refund.leg, &refund.doneAt, &refund.namedElsewhere)
			if b := books.byID[attempt]; b != nil {
				b.refunds = append(b.refunds, refund)
			}
			return err
		})
}

// ask asks the gateway what it has of an attempt. It reports false when the
// gateway does not answer, or was asked often enough for one plan.
func (p *plan) ask(ctx context.Context, b *booked) (pg.Payment, bool) {
	if p.asks == 0 {
		return pg.Payment{}, false
	}
	p.asks--
	answer, err := p.job.reconciler.Money.AskGateway(ctx, b.attempt.id)
	if err != nil {
		p.job.reconciler.Logger.InfoContext(ctx, "gateway did not tell", "attempt_id", string(b.attempt.id), "error", err)
	}
	return answer, err == nil
}

// joined puts notes together.
func joined(notes ...string) string { return strings.TrimSpace(strings.Join(notes, " ")) }
