package verify

import "time"

// A snapshotCheck is an invariant told as a query that finds the rows that break it: their id
// and what differs.
type snapshotCheck struct {
	invariant, name string
	query           string
	args            []any
}

// unresolved are the states of a payment whose outcome a gateway owes.
const unresolved = `('APPROVING', 'CANCELING', 'UNKNOWN')`

// hasCase is true of a payment p that a person, or an import, has been told about, and
// lateHasCase of one that is late.
const (
	hasCase     = `EXISTS (SELECT 1 FROM discrepancies d WHERE d.payment_id = p.id` + caseIsLive
	lateHasCase = `EXISTS (SELECT 1 FROM discrepancies d WHERE d.payment_id = late.id` + caseIsLive
	caseIsLive  = ` AND d.status IN ('OPEN', 'PLANNED'))`
)

// hasOpenRefund is true of a payment p from which money is on its way back.
const hasOpenRefund = `EXISTS (SELECT 1 FROM refunds r WHERE r.payment_id = p.id AND r.open_attempt_id IS NOT NULL)`

// attemptHasCase and attemptHasRefund say the same of an attempt a.
const (
	attemptHasCase = `EXISTS (SELECT 1 FROM discrepancies d WHERE d.payment_id = a.payment_id AND (d.attempt_id IS NULL OR d.attempt_id = a.id)
AND d.status IN ('OPEN', 'PLANNED'))`
	attemptHasRefund = `EXISTS (SELECT 1 FROM refunds r WHERE r.open_attempt_id = a.id)`
)

// snapshotChecks lists the invariants that one query each can tell, as of now.
func snapshotChecks(now time.Time) []snapshotCheck {
	var checks []snapshotCheck
	checks = append(checks, moneyChecks()...)
	checks = append(checks, heldMoneyChecks(now.Add(-settleWithin))...)
	checks = append(checks, refundChecks()...)
	checks = append(checks, stockChecks()...)
	checks = append(checks, openChecks(now)...)
	return append(checks, keyChecks()...)
}

// moneyChecks hold orders, payments and attempts against each other.
func moneyChecks() []snapshotCheck {
	return []snapshotCheck{
		{"money", "an order's total is the sum of its lines", `
SELECT o.id, CONCAT('total ', o.total, ', tax-free ', o.tax_free_total, '; lines ', COALESCE(SUM(l.amount), 0), ', tax-free ', COALESCE(SUM(IF(l.tax_free, l.amount, 0)), 0))
FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
GROUP BY o.id, o.total, o.tax_free_total
HAVING COALESCE(SUM(l.amount), 0) <> o.total OR COALESCE(SUM(IF(l.tax_free, l.amount, 0)), 0) <> o.tax_free_total OR COUNT(l.line) = 0`, nil},
		{"money", "a line's amount is price times quantity", `
SELECT order_id, CONCAT('line ', line, ': ', amount, ' is not ', unit_price, ' × ', quantity)
FROM order_lines WHERE amount <> unit_price * quantity`, nil},
		{"money", "a payment asks for its order's total", `
SELECT p.id, CONCAT('payment ', p.amount, ', tax-free ', p.tax_free_amount, '; order ', COALESCE(o.total, 'missing'), ', tax-free ', COALESCE(o.tax_free_total, 'missing'))
FROM payments p LEFT JOIN orders o ON o.id = p.order_id
WHERE o.id IS NULL OR o.total <> p.amount OR o.tax_free_total <> p.tax_free_amount OR o.user_id <> p.user_id`, nil},
		{"money", "a payment's VAT is an eleventh of what is taxed", `
SELECT p.id, CONCAT('VAT ', p.vat, ' of ', p.amount, ', tax-free ', p.tax_free_amount) FROM payments p
WHERE p.vat <> (p.amount - p.tax_free_amount) DIV 11 + ((p.amount - p.tax_free_amount) MOD 11 * 2 + 11) DIV 22`, nil},
		{"money", "a payment has one live attempt at most", `
SELECT a.payment_id, CONCAT(COUNT(*), ' attempts that nothing superseded') FROM attempts a
WHERE a.superseded_at IS NULL AND a.status IN ('READY', 'APPROVING', 'UNKNOWN', 'WAITING_FOR_DEPOSIT')
GROUP BY a.payment_id HAVING COUNT(*) > 1`, nil},
		{"money", "a paid order was paid in full", `
SELECT o.id, CONCAT('total ', o.total, ', captured ', COALESCE(p.captured_amount, 'nothing'))
FROM orders o LEFT JOIN payments p ON p.order_id = o.id
WHERE o.status = 'PAID' AND (p.id IS NULL OR p.captured_amount <> o.total)`, nil},
	}
}

// heldMoneyChecks find money that nothing asks for, or more of it than was asked.
func heldMoneyChecks(settledBefore time.Time) []snapshotCheck {
	return []snapshotCheck{
		{"money", "money is held only for a paid order", `
SELECT p.id, CONCAT('order ', o.status, ', payment ', p.status, ', held ', p.captured_amount - p.refunded_amount)
FROM payments p JOIN orders o ON o.id = p.order_id
WHERE p.captured_amount > p.refunded_amount AND o.status <> 'PAID' AND p.updated_at < ? AND NOT ` + hasOpenRefund + ` AND NOT ` + hasCase, []any{settledBefore}},
		{"money", "an attempt that pays for nothing holds nothing", `
SELECT a.id, CONCAT('order ', o.status, ', payment ', p.status, ', held ', a.captured_amount - a.refunded_amount)
FROM attempts a JOIN payments p ON p.id = a.payment_id JOIN orders o ON o.id = p.order_id
WHERE a.captured_amount > a.refunded_amount AND NOT (p.attempt_id = a.id AND p.captured_amount > 0)
AND p.updated_at < ? AND NOT ` + attemptHasRefund + ` AND NOT ` + attemptHasCase, []any{settledBefore}},
		{"money", "an order is charged at most once, net", `
SELECT p.id, CONCAT('amount ', p.amount, ', held ', SUM(a.captured_amount - a.refunded_amount), ' by ', SUM(a.captured_amount > a.refunded_amount), ' attempts')
FROM payments p JOIN attempts a ON a.payment_id = p.id
GROUP BY p.id, p.amount, p.updated_at
HAVING (SUM(a.captured_amount - a.refunded_amount) > p.amount OR SUM(a.captured_amount > a.refunded_amount) > 1)
AND p.updated_at < ? AND NOT ` + hasOpenRefund + ` AND NOT ` + hasCase, []any{settledBefore}},
		{"money", "a payment's money is its attempt's", `
SELECT p.id, CONCAT('payment captured ', p.captured_amount, ', refunded ', p.refunded_amount, '; attempt ', p.attempt_id, ' captured ', COALESCE(a.captured_amount, 'missing'), ', refunded ', COALESCE(a.refunded_amount, 'missing'))
FROM payments p LEFT JOIN attempts a ON a.id = p.attempt_id AND a.payment_id = p.id
WHERE a.id IS NULL OR (p.captured_amount > 0 AND (a.captured_amount <> p.captured_amount OR a.refunded_amount <> p.refunded_amount))`, nil},
		{"money", "a payment that says approved has captured", `
SELECT p.id, CONCAT(p.status, ', captured ', p.captured_amount, ', refunded ', p.refunded_amount)
FROM payments p
WHERE (p.status IN ('APPROVED', 'CANCELING') AND p.captured_amount = p.refunded_amount)
OR (p.status = 'APPROVED' AND p.refunded_amount > 0)
OR (p.status = 'PARTIALLY_CANCELED' AND (p.refunded_amount = 0 OR p.refunded_amount = p.captured_amount))
OR (p.status = 'CANCELED' AND p.refunded_amount <> p.captured_amount)
OR (p.status IN ('READY', 'APPROVING', 'WAITING_FOR_DEPOSIT', 'FAILED', 'EXPIRED') AND p.captured_amount > 0)`, nil},
	}
}

// refundChecks hold refunds against the attempts they give back from.
func refundChecks() []snapshotCheck {
	return []snapshotCheck{
		{"money", "what an attempt gave back is the sum of its refunds", `
SELECT a.id, CONCAT('refunded ', a.refunded_amount, ', refunds done ', COALESCE(SUM(IF(r.status = 'DONE', r.amount, 0)), 0))
FROM attempts a LEFT JOIN refunds r ON r.attempt_id = a.id
GROUP BY a.id, a.refunded_amount
HAVING a.refunded_amount <> COALESCE(SUM(IF(r.status = 'DONE', r.amount, 0)), 0)`, nil},
		{"money", "refunds are never more than was captured", `
SELECT a.id, CONCAT('captured ', a.captured_amount, ', refunds done or open ', SUM(r.amount))
FROM attempts a JOIN refunds r ON r.attempt_id = a.id AND r.status <> 'FAILED'
GROUP BY a.id, a.captured_amount
HAVING SUM(r.amount) > a.captured_amount`, nil},
		{"money", "the tax-free part given back is the sum of the refunds'", `
SELECT p.id, CONCAT('refunded tax-free ', p.refunded_tax_free, ', refunds done ', COALESCE(SUM(r.tax_free_amount), 0))
FROM payments p LEFT JOIN refunds r ON r.attempt_id = p.attempt_id AND r.status = 'DONE'
GROUP BY p.id, p.refunded_tax_free, p.tax_free_amount
HAVING p.refunded_tax_free <> COALESCE(SUM(r.tax_free_amount), 0) OR p.refunded_tax_free > p.tax_free_amount`, nil},
		{"money", "a refund is open or ended, never both", `
SELECT id, CONCAT(status, ', open for ', COALESCE(open_attempt_id, 'no attempt')) FROM refunds
WHERE (status IN ('REQUESTED', 'UNKNOWN')) <> (open_attempt_id IS NOT NULL AND open_attempt_id = attempt_id)`, nil},
		{"money", "a payment being refunded has one open refund", `
SELECT p.id, CONCAT(COUNT(r.id), ' open refunds')
FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id AND r.open_attempt_id = p.attempt_id
WHERE p.status = 'CANCELING'
GROUP BY p.id HAVING COUNT(r.id) <> 1`, nil},
	}
}

// stockChecks hold the units of each product against adjustments and orders.
func stockChecks() []snapshotCheck {
	return []snapshotCheck{
		{"stock", "units on hand, held and sold are all there ever were", `
SELECT s.product_id, CONCAT('available ', s.available, ' + reserved ', s.reserved, ' + sold ', s.sold, ' is not ', COALESCE(SUM(a.quantity), 0))
FROM stock s LEFT JOIN stock_adjustments a ON a.product_id = s.product_id
GROUP BY s.product_id, s.available, s.reserved, s.sold
HAVING s.available + s.reserved + s.sold <> COALESCE(SUM(a.quantity), 0)`, nil},
		{"stock", "held and sold units are those of waiting and paid orders", `
SELECT s.product_id, CONCAT('reserved ', s.reserved, ', orders hold ', COALESCE(t.held, 0), '; sold ', s.sold, ', orders bought ', COALESCE(t.bought, 0))
FROM stock s LEFT JOIN (
  SELECT l.product_id, SUM(IF(o.status = 'PLACED', l.quantity, 0)) AS held, SUM(IF(o.status = 'PAID', l.quantity, 0)) AS bought
  FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE o.status IN ('PLACED', 'PAID') GROUP BY l.product_id
) t ON t.product_id = s.product_id
WHERE s.reserved <> COALESCE(t.held, 0) OR s.sold <> COALESCE(t.bought, 0)`, nil},
		{"stock", "every product has stock, and every stock a product", `
SELECT p.id, 'no row in stock' FROM products p LEFT JOIN stock s ON s.product_id = p.id WHERE s.product_id IS NULL
UNION ALL
SELECT s.product_id, 'no row in products' FROM stock s LEFT JOIN products p ON p.id = s.product_id WHERE p.id IS NULL`, nil},
	}
}

// openChecks find what has been under way for too long.
func openChecks(now time.Time) []snapshotCheck {
	openSince, pendingSince := now.Add(-resolveWithin), now.Add(-publishWithin)
	return []snapshotCheck{
		{"outbox", "events are published within a minute", `
SELECT aggregate_id, CONCAT('event ', id, ' ', kind, ' of ', at) FROM events WHERE published_at IS NULL AND at < ?`, []any{pendingSince}},
		{"unresolved", "an open outcome has a case after 15 minutes", `
SELECT p.id, CONCAT(p.status, ' since ', p.updated_at) FROM payments p
WHERE p.status IN ` + unresolved + ` AND p.updated_at < ? AND NOT ` + hasCase, []any{openSince}},
		{"unresolved", "an open refund has a case after 15 minutes", `
SELECT r.id, CONCAT(r.status, ' since ', r.requested_at) FROM refunds r JOIN payments p ON p.id = r.payment_id
WHERE r.open_attempt_id IS NOT NULL AND r.requested_at < ? AND NOT ` + hasCase, []any{openSince}},
		{"unresolved", "webhooks are handled within 15 minutes", `
SELECT CONCAT(w.pg, ' ', w.id), CONCAT(w.event_type, ' of ', w.received_at, ', ', w.tries, ' tries: ', COALESCE(w.error, '')) FROM webhook_inbox w
WHERE w.handled_at IS NULL AND w.received_at < ?`, []any{openSince}},
	}
}

// keyChecks hold what callers had done against the idempotency keys they sent, which are kept
// for ever. A key and its first effect are one transaction.
func keyChecks() []snapshotCheck {
	const named = ` NOT IN (SELECT i.subject FROM idempotency i)`
	return []snapshotCheck{
		{"idempotency", "every order has its idempotency key", `
SELECT o.id, 'no key names it' FROM orders o WHERE o.id` + named, nil},
		{"idempotency", "every attempt has its idempotency key", `
SELECT a.id, 'no key names it' FROM attempts a WHERE a.id` + named, nil},
		{"idempotency", "every refund that was asked for has its idempotency key", `
SELECT r.id, 'no key names it' FROM refunds r WHERE r.cause = 'REQUESTED' AND r.id` + named, nil},
		{"idempotency", "every adjustment of stock has its idempotency key", `
SELECT a.product_id, CONCAT(COUNT(*), ' adjustments, ', COALESCE(k.n, 0), ' keys')
FROM stock_adjustments a LEFT JOIN (
  SELECT i.subject, COUNT(*) AS n FROM idempotency i WHERE i.operation IN ('createProduct', 'adjustStock') GROUP BY i.subject
) k ON k.subject = a.product_id
GROUP BY a.product_id, k.n HAVING COUNT(*) <> COALESCE(k.n, 0)`, nil},
	}
}
