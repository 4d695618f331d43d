package command_test

import (
	"testing"
	"time"

	"payment-system/command"
	"payment-system/internal/mysqltest"
	"payment-system/shop"
)

// What asks the database besides buying: operators, webhooks and the schedule.
func TestHandler_statements_rest(t *testing.T) {
	t.Parallel()
	dsn, log := mysqltest.DSN(t), &statements{}
	s := openFakes(t, dsn, 100)
	paid, readied := s.pay(1, shop.PGToss), s.ready(s.order(1), shop.PGKakao)
	unknown, _ := s.unanswered(shop.PGToss)
	decided := s.openCase(paid, shop.DiscrepancyKindTaxFreeDiffers)
	operator := shop.Caller{UserID: "usr_operator", Actor: shop.ActorOperator}
	s.DB = log.open(t, dsn)
	s.Projector = projector{} // whose statements are counted elsewhere
	operations := []operation{
		{"create a product", func() error {
			_, err := s.CreateProduct(s.ctx, command.CreateProduct{By: operator, IdempotencyKey: "k", Name: "보성 녹차", Price: 9_000, Stock: 7})
			return err
		}, `BEGIN
INSERT idempotency
INSERT products
INSERT stock
INSERT stock_adjustments
INSERT events
UPDATE idempotency
COMMIT`},
		{"change a product", func() error {
			price := shop.Won(12_000)
			_, err := s.UpdateProduct(s.ctx, command.UpdateProduct{By: operator, ProductID: s.product.ID, Price: &price})
			return err
		}, `BEGIN
SELECT stock
UPDATE stock
UPDATE products
SELECT events
INSERT events
COMMIT`},
		{"adjust a stock", func() error {
			_, err := s.AdjustStock(s.ctx, command.AdjustStock{By: operator, IdempotencyKey: "k", ProductID: s.product.ID, Quantity: 5, Reason: "입고"})
			return err
		}, `BEGIN
INSERT idempotency
SELECT stock
INSERT stock_adjustments
UPDATE stock
UPDATE products
SELECT events
INSERT events
UPDATE idempotency
COMMIT`},
		{"approve by mutation: the intent, and the answer", func() error {
			_, err := s.ApprovePayment(s.ctx, s.authenticate(readied))
			return err
		}, `BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
UPDATE payments
+ UPDATE attempts
+ INSERT events
COMMIT
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT kakao_payments
+ SELECT stock
SELECT events
UPDATE orders
+ UPDATE payments
+ UPDATE attempts
+ INSERT kakao_payments
+ UPDATE stock
+ INSERT events
COMMIT`},
		{"the schedule, when nothing is due", func() error {
			_, err := s.ResolvePayments(s.ctx)
			return err
		}, `SELECT attempts
SELECT attempts
SELECT attempts
SELECT attempts
SELECT refunds`},
		{"the schedule, when one outcome is to be asked for", func() error {
			s.clock.Advance(20 * time.Second)
			_, err := s.ResolvePayments(s.ctx)
			return err
		}, `SELECT attempts
SELECT attempts
UPDATE attempts
SELECT attempts
SELECT payments
+ SELECT attempts
SELECT attempts
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT kakao_payments
UPDATE payments
+ INSERT toss_payments
+ INSERT events
COMMIT
SELECT attempts
SELECT orders
SELECT order_lines
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
COMMIT
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT kakao_payments
SELECT stock
UPDATE orders
+ UPDATE payments
+ UPDATE attempts
+ UPDATE toss_payments
+ UPDATE stock
+ INSERT events
COMMIT
SELECT payments
+ SELECT attempts
SELECT refunds
UPDATE attempts
SELECT attempts
SELECT refunds`},
		{"cancel an order that is paid: the intent, what is to be asked, and the answer", func() error {
			_, err := s.CancelOrder(s.ctx, command.CancelOrder{By: s.shopper, IdempotencyKey: "k", OrderID: paid.OrderID, Reason: "변심"})
			return err
		}, `BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT idempotency
SELECT refunds
INSERT idempotency
COMMIT
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT idempotency
SELECT refunds
UPDATE payments
+ UPDATE attempts
+ INSERT refunds
+ INSERT idempotency
+ INSERT events
COMMIT
SELECT payments
+ SELECT attempts
SELECT refunds
BEGIN
SELECT orders
+ SELECT payments
+ SELECT attempts
+ SELECT kakao_payments
SELECT refunds
SELECT stock
UPDATE orders
+ UPDATE payments
+ UPDATE attempts
+ UPDATE refunds
+ UPDATE toss_payments
+ UPDATE stock
+ INSERT events
COMMIT
SELECT idempotency
SELECT payments
+ SELECT attempts
SELECT refunds
BEGIN
SELECT idempotency
UPDATE idempotency
COMMIT
SELECT orders
SELECT order_lines
BEGIN
SELECT idempotency
UPDATE idempotency
COMMIT`},
		{"decide a case", func() error {
			_, err := s.ResolveDiscrepancy(s.ctx, command.ResolveDiscrepancy{By: operator, DiscrepancyID: decided.ID, Action: shop.CorrectiveActionNone, Note: "확인함"})
			return err
		}, `SELECT discrepancies
BEGIN
SELECT discrepancies
UPDATE discrepancies
SELECT events
INSERT events
COMMIT`},
	}
	log.want(t, operations)
	if got := s.state(unknown).Payment; got != shop.PaymentStatusApproved {
		t.Errorf("the payment that was asked for is %s", got)
	}
}
