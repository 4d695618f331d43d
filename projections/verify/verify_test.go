package verify_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"payment-system/command"
	"payment-system/internal/mysqltest"
	"payment-system/internal/shoptest"
	"payment-system/pg"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

// books are a small shop: one order paid at Kakao Pay and refunded by a third, one paid by card at
// Toss Payments, one that waits, one that was canceled.
type books struct {
	*shoptest.Shop
	kakao, toss                   *pgtest.Fake
	product                       shop.Product
	paid, waiting, card, canceled shop.Order
	payment, cardPayment          shop.Payment
}

func newBooks(t *testing.T) *books {
	t.Helper()
	return newBooksAt(t, mysqltest.New(t))
}

func newBooksAt(t *testing.T, db *sql.DB) *books {
	t.Helper()
	b := &books{kakao: pgtest.NewFake(shop.PGKakao), toss: pgtest.NewFake(shop.PGToss)}
	b.Shop = shoptest.Open(t, shoptest.Options{DB: db, Gateways: b.gateways()})
	b.fill(t)
	b.Published(t)
	return b
}

func (b *books) gateways() map[shop.PG]pg.Gateway {
	return map[shop.PG]pg.Gateway{shop.PGKakao: b.kakao, shop.PGToss: b.toss}
}

func (b *books) fill(t *testing.T) {
	t.Helper()
	b.product = b.Sell(t, 30_000, 10)
	shoptest.Must(b.Commands.AdjustStock(t.Context(), command.AdjustStock{IdempotencyKey: "a", ProductID: b.product.ID, Quantity: 5, Reason: "입고"}))(t)
	b.paid, b.waiting, b.card, b.canceled = b.place(t, 1), b.place(t, 2), b.place(t, 3), b.place(t, 1)
	b.payment = b.pay(t, b.paid, shop.PGKakao, b.kakao)
	b.cardPayment = b.pay(t, b.card, shop.PGToss, b.toss)
	third := b.payment.Amount / 3
	b.payment = shoptest.Must(b.Commands.CancelPayment(t.Context(), command.CancelPayment{
		By: shoptest.Shopper, IdempotencyKey: "third", PaymentID: b.payment.ID, Amount: &third, Reason: "하나만",
	}))(t).Payment
	shoptest.Must(b.Commands.CancelOrder(t.Context(), command.CancelOrder{By: shoptest.Shopper, IdempotencyKey: "cancel", OrderID: b.canceled.ID}))(t)
}

func (b *books) place(t *testing.T, quantity int) shop.Order {
	t.Helper()
	return b.Order(t, b.product.ID, quantity)
}

func (b *books) pay(t *testing.T, order shop.Order, gateway shop.PG, fake *pgtest.Fake) shop.Payment {
	t.Helper()
	readied := b.Ready(t, order.ID, gateway)
	token := fake.Pay(*readied.PaymentKey)
	approve := command.ApprovePayment{By: shoptest.Shopper, PaymentID: readied.ID}
	if gateway == shop.PGKakao {
		approve.PgToken = &token
	} else {
		approve.PaymentKey, approve.Amount = readied.PaymentKey, &readied.Amount
	}
	return shoptest.Must(b.Commands.ApprovePayment(t.Context(), approve))(t).Payment
}

func TestVerifier_Verify(t *testing.T) {
	t.Parallel()

	t.Run("finds nothing wrong with books that only commands wrote", func(t *testing.T) {
		t.Parallel()
		b := newBooks(t)
		if found := b.Violations(t, b.gateways()); len(found) > 0 {
			t.Errorf("violations:\n%s", strings.Join(found, "\n"))
		}
	})

	b := newBooks(t)
	for _, damage := range []struct {
		name, statement string
		args            []any
		later           time.Duration
		want            []string // each begins a line that must be found
	}{
		{"stock that vanished", `UPDATE stock SET available = available - 1`, nil, 0, []string{"stock " + string(b.product.ID), "events " + string(b.product.ID)}},
		{"stock held by nobody", `UPDATE stock SET reserved = reserved + 1, available = available - 1`, nil, 0, []string{"stock " + string(b.product.ID) + " held and sold"}},
		{"an order paid by nothing", `UPDATE orders SET status = 'PAID' WHERE id = ?`, []any{b.waiting.ID}, 0, []string{"money " + string(b.waiting.ID), "stock", "events " + string(b.waiting.ID)}},
		{"a total that is not its lines'", `UPDATE orders SET total = total + 1 WHERE id = ?`, []any{b.paid.ID}, 0, []string{"money " + string(b.paid.ID) + " an order's total", "money " + string(b.payment.ID) + " a payment asks"}},
		{"a refund nobody made", `UPDATE payments SET refunded_amount = refunded_amount + 1 WHERE id = ?`, []any{b.payment.ID}, 0, []string{"money " + string(b.payment.ID) + " a payment's money", "events " + string(b.payment.ID)}},
		{"a refund that was lost", `DELETE FROM refunds WHERE payment_id = ?`, []any{b.payment.ID}, 0, []string{"money " + string(b.payment.AttemptID), "events " + string(b.payment.ID)}},
		{"refunds over the capture", `UPDATE refunds SET amount = 100000 WHERE payment_id = ?`, []any{b.payment.ID}, 0, []string{"money " + string(b.payment.AttemptID) + " refunds are never"}},
		{"money kept for a canceled order", `UPDATE orders SET status = 'CANCELED' WHERE id = ?`, []any{b.card.ID}, 5 * time.Minute, []string{"money " + string(b.cardPayment.ID) + " money is held only"}},
		{"late money left on an attempt", `UPDATE payments p JOIN orders o ON o.id = p.order_id
SET o.status = 'EXPIRED', p.status = 'EXPIRED', p.captured_amount = 0 WHERE p.id = ?`, []any{b.cardPayment.ID}, 5 * time.Minute, []string{"money " + string(b.cardPayment.AttemptID) + " an attempt that pays for nothing"}},
		{"a VAT that is not", `UPDATE payments SET vat = vat + 1 WHERE id = ?`, []any{b.payment.ID}, 0, []string{"money " + string(b.payment.ID) + " a payment's VAT"}},
		{
			"two live attempts", `INSERT INTO attempts (id, payment_id, pg, status, ready_key, approve_key, pg_token, secret, return_url, method, installment_months, captured_amount, refunded_amount, started_at)
VALUES ('att_00000000000000000000000001', ?, 'TOSS', 'READY', '', '', '', '', '', '', 0, 0, 0, NOW(6)), ('att_00000000000000000000000002', ?, 'TOSS', 'READY', '', '', '', '', '', '', 0, 0, 0, NOW(6))`,
			[]any{b.payment.ID, b.payment.ID},
			0,
			[]string{"money " + string(b.payment.ID) + " a payment has one live"},
		},
		{"a second charge", `INSERT INTO attempts (id, payment_id, pg, status, ready_key, approve_key, pg_token, secret, return_url, method, installment_months, captured_amount, refunded_amount, started_at)
VALUES ('att_00000000000000000000000001', ?, 'TOSS', 'APPROVED', '', '', '', '', '', '', 0, 30000, 0, NOW(6))`, []any{b.payment.ID}, 5 * time.Minute, []string{"money " + string(b.payment.ID) + " an order is charged"}},
		{"an event that was lost", `DELETE FROM events WHERE aggregate_id = ? AND version = 2`, []any{b.payment.ID}, 0, []string{"events " + string(b.payment.ID) + " version 3 follows version 1"}},
		{"a state that cannot follow", `UPDATE events SET kind = 'payment.canceled', status = 'CANCELED' WHERE aggregate_id = ? AND version = 2`, []any{b.payment.ID}, 0, []string{"states " + string(b.payment.ID) + " version 3"}},
		{"an event of nothing", `INSERT INTO events (aggregate_id, version, kind, status, payload, actor, at, hash, parts, shard, published_at) VALUES ('ord_00000000000000000000000001', 1, 'order.placed', 'PLACED', '{}', 'SHOPPER', NOW(6), '', '', 0, NOW(6))`, nil, 0, []string{"events ord_00000000000000000000000001"}},
		{"an event that was never published", `UPDATE events SET published_at = NULL WHERE aggregate_id = ? AND version = 1`, []any{b.paid.ID}, 2 * time.Minute, []string{"outbox " + string(b.paid.ID)}},
		{"a view that lags", `UPDATE order_views SET version = version - 1 WHERE id = ?`, []any{b.paid.ID}, 0, []string{"views " + string(b.paid.ID)}},
		{"a view that lies", `UPDATE payment_views SET document = REPLACE(document, '"amount":30000', '"amount":30001') WHERE id = ?`, []any{b.payment.ID}, 0, []string{"views " + string(b.payment.ID) + " amount"}},
		{"a column that lies", `UPDATE order_views SET status = 'PLACED' WHERE id = ?`, []any{b.paid.ID}, 0, []string{"views " + string(b.paid.ID) + " column status"}},
		{"a product hidden behind the view's back", `UPDATE products SET hidden = 1`, nil, 0, []string{"events " + string(b.product.ID) + " hidden"}},
		{"a shelf that lies", `UPDATE product_views SET hidden = 1, category = 'x', stock = stock + 1`, nil, 0, []string{"views " + string(b.product.ID) + " column stock"}},
		{"a product that is found by another name", `UPDATE product_views SET words = 'x'`, nil, 0, []string{"views " + string(b.product.ID) + " it is not found"}},
		{"a gram that was lost", `DELETE FROM product_grams WHERE product_id = ? LIMIT 1`, []any{b.product.ID}, 0, []string{"views " + string(b.product.ID) + " the index lacks 1 of"}},
		{"a view that was lost", `DELETE FROM product_views`, nil, 0, []string{"views " + string(b.product.ID)}},
		{"a record that lies", `UPDATE kakao_payments SET record = REPLACE(record, '"tid":"', '"tid":"X')`, nil, 0, []string{"views " + string(b.payment.ID) + " tid"}},
		{"an outcome that stays open", `UPDATE payments SET status = 'UNKNOWN' WHERE id = ?`, []any{b.cardPayment.ID}, time.Hour, []string{"unresolved " + string(b.cardPayment.ID)}},
		{"an order without its key", `DELETE FROM idempotency WHERE subject = ?`, []any{b.waiting.ID}, 0, []string{"idempotency " + string(b.waiting.ID)}},
		{"an attempt without its key", `DELETE FROM idempotency WHERE subject = ?`, []any{b.cardPayment.AttemptID}, 0, []string{"idempotency " + string(b.cardPayment.AttemptID)}},
		{"a refund without its key", `DELETE FROM idempotency WHERE subject = ?`, []any{b.payment.Refunds[0].ID}, 0, []string{"idempotency " + string(b.payment.Refunds[0].ID)}},
		{"a product without its key", `DELETE FROM idempotency WHERE operation = 'createProduct'`, nil, 0, []string{"idempotency " + string(b.product.ID)}},
		{"an adjustment without its key", `DELETE FROM idempotency WHERE operation = 'adjustStock'`, nil, 0, []string{"idempotency " + string(b.product.ID)}},
	} {
		t.Run("finds "+damage.name, func(t *testing.T) {
			found := b.sabotage(t, damage.statement, damage.args, damage.later)
			for _, want := range damage.want {
				if !beginsAny(found, want) {
					t.Errorf("no violation begins with %q:\n%s", want, strings.Join(found, "\n"))
				}
			}
		})
	}
}

// tables are those that sabotage may damage.
var tables = []string{"stock", "orders", "payments", "attempts", "refunds", "events", "idempotency", "order_views", "payment_views", "product_views", "product_grams", "kakao_payments"}

// sabotage damages the books, verifies them and repairs them.
func (b *books) sabotage(t *testing.T, statement string, args []any, later time.Duration) []string {
	t.Helper()
	return b.sabotageBy(t, func(exec func(string, ...any)) { exec(statement, args...) }, later)
}

// sabotageAll runs several statements, each with the same arguments.
func (b *books) sabotageAll(t *testing.T, statements []string, args []any) []string {
	t.Helper()
	return b.sabotageBy(t, func(exec func(string, ...any)) {
		for _, statement := range statements {
			exec(statement, args...)
		}
	}, 0)
}

func (b *books) sabotageBy(t *testing.T, damage func(exec func(string, ...any)), later time.Duration) []string {
	t.Helper()
	conn := shoptest.Must(b.DB.Conn(t.Context()))(t)
	defer conn.Close()
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, table := range tables {
		exec("CREATE TABLE copy_of_" + table + " LIKE " + table)
		exec("INSERT INTO copy_of_" + table + " SELECT * FROM " + table)
	}
	damage(exec)
	found := b.ViolationsLater(t, nil, later)
	for _, table := range tables {
		exec("DELETE FROM " + table)
		exec("INSERT INTO " + table + " SELECT * FROM copy_of_" + table)
		exec("DROP TABLE copy_of_" + table)
	}
	return found
}

func beginsAny(lines []string, prefix string) bool {
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

func TestVerifier_Verify_gateways(t *testing.T) {
	t.Parallel()

	t.Run("finds a refund that only the gateway knows, unless a case stands for it", func(t *testing.T) {
		t.Parallel()
		b := newBooks(t)
		shoptest.Must(b.toss.Cancel(t.Context(), pg.CancelRequest{
			IdempotencyKey: "console", Key: pg.Key{PaymentKey: *b.cardPayment.PaymentKey, AttemptID: b.cardPayment.AttemptID},
			Amount: 1_000, Available: b.cardPayment.Amount, Reason: "console",
		}))(t)
		found := b.Violations(t, b.gateways())
		if len(found) != 1 || !beginsAny(found, "gateway "+string(b.cardPayment.AttemptID)) {
			t.Errorf("violations:\n%s", strings.Join(found, "\n"))
		}
		shoptest.Must(b.Commands.OpenCase(t.Context(), command.OpenCase{
			PG: shop.PGToss, Kind: shop.DiscrepancyKindRefundUnrecorded, PaymentID: &b.cardPayment.ID, AttemptID: &b.cardPayment.AttemptID, Amount: 1_000,
		}))(t)
		if found := b.Violations(t, b.gateways()); len(found) > 0 {
			t.Errorf("violations in spite of the case:\n%s", strings.Join(found, "\n"))
		}
	})

	t.Run("finds it in spite of a case that cannot explain it", func(t *testing.T) {
		t.Parallel()
		b := newBooks(t)
		shoptest.Must(b.toss.Cancel(t.Context(), pg.CancelRequest{
			IdempotencyKey: "console", Key: pg.Key{PaymentKey: *b.cardPayment.PaymentKey, AttemptID: b.cardPayment.AttemptID},
			Amount: 1_000, Available: b.cardPayment.Amount, Reason: "console",
		}))(t)
		open := func(kind shop.DiscrepancyKind) {
			shoptest.Must(b.Commands.OpenCase(t.Context(), command.OpenCase{PG: shop.PGToss, Kind: kind, PaymentID: &b.cardPayment.ID, AttemptID: &b.cardPayment.AttemptID}))(t)
		}
		for _, kind := range []shop.DiscrepancyKind{
			shop.DiscrepancyKindApprovalUnrecorded, shop.DiscrepancyKindPaidAfterEnd, shop.DiscrepancyKindRefundMissing,
			shop.DiscrepancyKindMissingAtGateway, shop.DiscrepancyKindTaxFreeDiffers, shop.DiscrepancyKindInstallmentDiffers,
		} {
			open(kind)
		}
		if found := b.Violations(t, b.gateways()); !beginsAny(found, "gateway "+string(b.cardPayment.AttemptID)) {
			t.Errorf("cases that cannot explain it hide a refund made at the gateway:\n%s", strings.Join(found, "\n"))
		}
		open(shop.DiscrepancyKindReversedAtGateway)
		if found := b.Violations(t, b.gateways()); len(found) > 0 {
			t.Errorf("violations in spite of the case that explains it:\n%s", strings.Join(found, "\n"))
		}
		open(shop.DiscrepancyKindAmountDiffers)
		if found := b.Violations(t, b.gateways()); !beginsAny(found, "gateway "+string(b.cardPayment.AttemptID)) {
			t.Error("two cases stand for one difference, and none is told")
		}
	})

	t.Run("finds it in spite of a case over an overdue refund that has ended", func(t *testing.T) {
		t.Parallel()
		b := newBooks(t)
		b.toss.Lose("cancel", 1)
		part := shop.Won(2_000)
		_, err := b.Commands.CancelPayment(t.Context(), command.CancelPayment{
			By: shoptest.Shopper, IdempotencyKey: "part", PaymentID: b.cardPayment.ID, Amount: &part, Reason: "변심",
		})
		if shop.CodeOf(err) != shop.InProgress {
			t.Fatalf("the refund ended in %v", err)
		}
		now := b.Commands.Now
		b.Commands.Now = func() time.Time { return now().Add(20 * time.Minute) }
		b.toss.Fail("lookup", pg.OutcomeUnknown, 0)
		shoptest.Must(b.Commands.ResolvePayments(t.Context()))(t)
		b.toss.Heal()
		var cases int
		if err := b.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM discrepancies WHERE attempt_id = ? AND expected = 'an answer'`, b.cardPayment.AttemptID).Scan(&cases); err != nil || cases != 1 {
			t.Fatalf("%d cases over what is overdue, %v", cases, err)
		}
		shoptest.Must(b.Commands.ResolveAttempt(t.Context(), command.ResolveAttempt{AttemptID: b.cardPayment.AttemptID, Actor: shop.ActorResolver}))(t)
		if _, err := b.DB.ExecContext(t.Context(), `UPDATE discrepancies SET status = 'OPEN' WHERE attempt_id = ?`, b.cardPayment.AttemptID); err != nil {
			t.Fatal(err)
		}
		shoptest.Must(b.toss.Cancel(t.Context(), pg.CancelRequest{
			IdempotencyKey: "console", Key: pg.Key{PaymentKey: *b.cardPayment.PaymentKey, AttemptID: b.cardPayment.AttemptID},
			Amount: 1_000, Available: b.cardPayment.Amount - part, Reason: "console",
		}))(t)
		if found := b.Violations(t, b.gateways()); !beginsAny(found, "gateway "+string(b.cardPayment.AttemptID)) {
			t.Errorf("the case over what was overdue hides a refund made at the gateway:\n%s", strings.Join(found, "\n"))
		}
	})

	t.Run("a gateway that does not answer proves nothing", func(t *testing.T) {
		t.Parallel()
		b := newBooks(t)
		b.kakao.Lose("lookup", 1_000)
		if found := b.Violations(t, b.gateways()); !beginsAny(found, "gateway "+string(b.payment.AttemptID)+" the gateway could not be asked") {
			t.Errorf("violations:\n%s", strings.Join(found, "\n"))
		}
	})
}
