package faulttest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"payment-system/command"
)

// calm ends all faults, waits until nothing is under way, and holds the books against the rules,
// the gateways' ledger and what the shoppers were told, and the replicas' word against what they must
// not say.
func (h *house) calm(purchases []*purchase) {
	h.t.Helper()
	h.setFaults()
	h.waitForQuiet()
	h.verify()
	h.checkMoney()
	h.checkStock()
	for _, p := range purchases {
		h.checkPromises(p)
	}
	h.waitForQuiet()
	h.checkSecrets()
	if h.t.Failed() {
		h.tell()
	}
}

// checkBlames wants no answer to have said that it was the program's own fault: what fails here is
// around it.
func (h *house) checkBlames() {
	h.t.Helper()
	for _, answer := range h.blames {
		h.t.Error(answer)
	}
}

// tell shows what the replicas said, when a test has failed.
func (h *house) tell() {
	for i, r := range h.replicas {
		var lines []string
		for line := range strings.Lines(r.running().said.String()) {
			if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "panic") {
				lines = append(lines, line)
			}
		}
		h.t.Logf("the last errors of replica %d:\n%s", i, strings.Join(lines[max(0, len(lines)-15):], ""))
	}
}

// pending are the rows of what is under way, each by its name. One more look-up, minutes after
// nothing was left open, is none.
var pending = map[string]string{
	"payments unresolved":  `payments WHERE status IN ('APPROVING', 'CANCELING', 'UNKNOWN')`,
	"refunds open":         `refunds WHERE open_attempt_id IS NOT NULL`,
	"look-ups due":         `attempts WHERE check_at IS NOT NULL AND (unresolved_since IS NOT NULL OR check_at <= UTC_TIMESTAMP(6))`,
	"events not published": `events WHERE published_at IS NULL`,
	"webhooks not handled": `webhook_inbox WHERE handled_at IS NULL`,
	"settlement files":     `reconciliations WHERE status IN ('READING', 'APPLYING', 'FAILED')`,
}

// waitForQuiet waits until everything is resolved and published: a minute at most.
func (h *house) waitForQuiet() {
	h.t.Helper()
	began := time.Now()
	for {
		left := h.pending()
		if len(left) == 0 {
			h.t.Logf("quiet after %s", time.Since(began).Round(10*time.Millisecond))
			return
		}
		if time.Since(began) > quietWithin {
			h.t.Errorf("not quiet %s after the faults ended: %v", quietWithin, left)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (h *house) pending() map[string]string {
	left := map[string]string{}
	for name, rows := range pending {
		var n int
		if err := h.db.QueryRowContext(context.Background(), `SELECT COUNT(*) FROM `+rows).Scan(&n); err != nil {
			left[name] = err.Error()
		} else if n > 0 {
			left[name] = fmt.Sprint(n)
		}
	}
	return left
}

// pendingRows returns which rows of what is under way there are.
func (h *house) pendingRows(name string) (ids map[string]bool, err error) {
	rows, err := h.db.QueryContext(context.Background(), `SELECT id FROM `+pending[name])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids = map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids[id] = true
	}
	return ids, rows.Err()
}

// verify has the program check itself, the gateways' word included.
func (h *house) verify() {
	h.t.Helper()
	if said, code := run(context.Background(), h.t, h.environment(), "verify", "--gateway"); code != 0 {
		h.t.Errorf("verify --gateway: exit %d\n%s", code, said)
	}
}

// A booked order is what the books say of one.
type booked struct {
	id, status         string
	total              int64
	captured, refunded int64 // by the gateways' ledger
	charges            int   // payments at the gateways that hold money
}

// checkMoney holds every order against the gateways' ledger: one net charge at most, goods only
// for exactly their price, and no money without goods.
func (h *house) checkMoney() {
	h.t.Helper()
	orders, owners := h.books()
	keys := map[string]string{}
	for _, e := range h.ledger() {
		for _, key := range e.IdempotencyKeys {
			if other, ok := keys[key]; ok && other != e.PaymentKey {
				h.t.Errorf("the idempotency key %s was used for %s and %s", key, other, e.PaymentKey)
			}
			keys[key] = e.PaymentKey
		}
		order := orders[owners[e.OrderID]]
		if order == nil {
			h.t.Errorf("the gateway's payment %s is of no attempt in the books: %+v", e.PaymentKey, e)
			continue
		}
		if e.Refunded > e.Captured || e.Applied.Approve > 1 {
			h.t.Errorf("the gateway took %d in %d goes and gave %d back of %s", e.Captured, e.Applied.Approve, e.Refunded, e.PaymentKey)
		}
		if e.Captured > e.Refunded {
			order.charges++
			order.captured += e.Captured
			order.refunded += e.Refunded
		}
	}
	for _, order := range orders {
		order.check(h)
	}
	h.checkCases()
}

func (o *booked) check(h *house) {
	paid := o.status == "PAID"
	switch {
	case o.charges > 1:
		h.t.Errorf("order %s (%s) is charged %d times: %d − %d", o.id, o.status, o.charges, o.captured, o.refunded)
	case paid && (o.charges != 1 || o.captured != o.total):
		h.t.Errorf("order %s is PAID for %d; the gateways hold %d − %d", o.id, o.total, o.captured, o.refunded)
	case !paid && o.charges != 0:
		h.t.Errorf("order %s is %s; the gateways hold %d − %d", o.id, o.status, o.captured, o.refunded)
	}
}

// checkCases wants nothing to be left to a person, but for what only old settlement files said.
func (h *house) checkCases() {
	h.t.Helper()
	for _, found := range h.read(`SELECT CONCAT(d.kind, ' ', COALESCE(d.attempt_id, '')), COALESCE(d.note, '')
		FROM discrepancies d JOIN reconciliations r ON r.id = d.reconciliation_id WHERE r.source = '` + command.LiveSource + `'`) {
		h.t.Errorf("a case was opened: %s %s", found[0], found[1])
	}
}

// books reads the orders, and whose each attempt is.
func (h *house) books() (orders map[string]*booked, owners map[string]string) {
	h.t.Helper()
	orders, owners = map[string]*booked{}, map[string]string{}
	for _, row := range h.read(`SELECT CONCAT(id, ' ', status), total FROM orders`) {
		o := &booked{}
		if _, err := fmt.Sscan(row[0]+" "+row[1], &o.id, &o.status, &o.total); err != nil {
			h.t.Fatal(err)
		}
		orders[o.id] = o
	}
	for _, row := range h.read(`SELECT a.id, p.order_id FROM attempts a JOIN payments p ON p.id = a.payment_id`) {
		owners[row[0]] = row[1]
	}
	return orders, owners
}

// read returns the rows of a query of two columns.
func (h *house) read(query string) (found [][2]string) {
	h.t.Helper()
	rows, err := h.db.QueryContext(context.Background(), query)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var row [2]string
		if err := rows.Scan(&row[0], &row[1]); err != nil {
			h.t.Fatal(err)
		}
		found = append(found, row)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return found
}

// shelf is where the product's units are.
type shelf struct{ available, reserved, sold int }

// shelf reads the product's row.
func (h *house) shelf() (s shelf) {
	err := h.db.QueryRowContext(context.Background(), `SELECT available, reserved, sold FROM stock WHERE product_id = ?`, h.product.id).
		Scan(&s.available, &s.reserved, &s.sold)
	if err != nil {
		h.t.Error(err)
	}
	return s
}

// checkStock wants every unit to be where the orders say.
func (h *house) checkStock() {
	h.t.Helper()
	s := h.shelf()
	var reserved, sold int
	err := h.db.QueryRowContext(context.Background(), `SELECT COALESCE(SUM(IF(o.status = 'PLACED', l.quantity, 0)), 0), COALESCE(SUM(IF(o.status = 'PAID', l.quantity, 0)), 0)
		FROM orders o JOIN order_lines l ON l.order_id = o.id`).Scan(&reserved, &sold)
	if err != nil {
		h.t.Error(err)
	}
	if s.available+s.reserved+s.sold != h.product.stock || s.reserved != reserved || s.sold != sold {
		h.t.Errorf("of %d units the shelf has %+v; orders hold %d and bought %d", h.product.stock, s, reserved, sold)
	}
}

// checkPromises wants what a shopper was told to be so, and the same answer for the same key.
func (h *house) checkPromises(p *purchase) {
	h.t.Helper()
	if p.orderID == "" {
		return
	}
	var again placed
	if err := p.by.insist(placeDocument, p.orderInput(), &again); err != nil || again.PlaceOrder.Order.ID != p.orderID {
		h.t.Errorf("%s: order %s was acknowledged; the same key has %s, %v", p.key, p.orderID, again.PlaceOrder.Order.ID, err)
	}
	if p.approved {
		h.checkApproval(p)
	}
	if p.canceled {
		h.checkCanceled(p)
	}
	for _, r := range p.refunds {
		var again refunded
		if err := p.by.insist(refundDocument, p.refundInput(r), &again); err != nil || again.CancelPayment.Refund.ID != r.id {
			h.t.Errorf("%s: refund %s was acknowledged; the same key has %+v, %v", p.key, r.id, again.CancelPayment.Refund, err)
		}
	}
}

func (h *house) checkApproval(p *purchase) {
	var captured, refunded, wanted int64
	err := h.db.QueryRowContext(context.Background(), `SELECT captured_amount, refunded_amount FROM payments WHERE id = ? AND order_id = ?`, p.paymentID, p.orderID).
		Scan(&captured, &refunded)
	for _, r := range p.refunds {
		wanted += r.amount
		if r.amount == 0 {
			wanted = p.total
		}
	}
	if p.canceled {
		wanted = p.total
	}
	if err != nil || captured != p.total || refunded != wanted {
		h.t.Errorf("%s: approved for %d and refunded %d; the books have %d and %d, %v", p.key, p.total, wanted, captured, refunded, err)
	}
	var entries []entry
	h.control(http.MethodGet, "/sim/ledger?paymentKey="+p.attempt.PaymentKey, nil, &entries)
	if len(entries) != 1 || entries[0].Captured != p.total || entries[0].Refunded != wanted {
		h.t.Errorf("%s: approved for %d and refunded %d; the gateway has %+v", p.key, p.total, wanted, entries)
	}
}

func (h *house) checkCanceled(p *purchase) {
	var status string
	err := h.db.QueryRowContext(context.Background(), `SELECT status FROM orders WHERE id = ?`, p.orderID).Scan(&status)
	if err != nil || status != "CANCELED" {
		h.t.Errorf("%s: order %s was canceled; the books have %s, %v", p.key, p.orderID, status, err)
	}
}
