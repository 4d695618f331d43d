package toss

import (
	"errors"
	"fmt"
	"time"

	"payment-system/pg"
	"payment-system/pg/pghttp"
	"payment-system/shop"
)

// payment is Toss's Payment object, as it says and as we read it.
type payment struct {
	pg.Payment
	record *shop.TossRecord
}

// document is the JSON of a Payment: the record bears Toss's names.
type document struct {
	shop.TossRecord
	Secret *string `json:"secret"`
}

// decode reads a Payment. It returns an error for what is no whole and possible
// payment.
func (c *Client) decode(a pghttp.Answer) (*payment, error) {
	var d document
	if err := pghttp.Decode(a.Body, &d); err != nil {
		return nil, err
	}
	r := &d.TossRecord
	switch {
	case r.PaymentKey == "" || r.OrderID == "":
		return nil, errors.New("the answer names no payment")
	case r.Currency == nil || r.TotalAmount == 0:
		return nil, errors.New("the answer states no amount")
	}
	if err := pghttp.CheckMoney(r); err != nil {
		return nil, fmt.Errorf("read amounts: %w", err)
	}
	if r.Cancels == nil {
		r.Cancels = []shop.TossCancel{}
	}
	if r.CashReceipts == nil {
		r.CashReceipts = []shop.TossCashReceipt{}
	}
	r.FetchedAt = c.Now()
	p := &payment{record: r}
	p.Secret, p.Raw = deref(d.Secret), pghttp.Raw(a.Body)
	return p, p.read()
}

// read fills the shared part of a payment from the record.
func (p *payment) read() error {
	r := p.record
	p.PG, p.PaymentKey, p.AttemptID, p.Currency, p.Amount = shop.PGToss, r.PaymentKey, r.OrderID, *r.Currency, r.TotalAmount
	p.Method, p.ApprovedAt, p.Record = deref(r.Method), moment(r.ApprovedAt), r
	if r.Card != nil && r.Card.InstallmentPlanMonths != nil {
		p.InstallmentMonths = *r.Card.InstallmentPlanMonths
	}
	if r.VirtualAccount != nil {
		p.DepositDue = moment(r.VirtualAccount.DueDate)
	}
	if r.Failure != nil {
		p.Failure = &shop.PaymentFailure{Code: deref(r.Failure.Code), Message: deref(r.Failure.Message)}
	}
	p.readCancels()
	if err := p.checkStatus(); err != nil {
		return err
	}
	return p.settle()
}

// checkStatus returns an error for a status that the rest of the answer belies:
// a payment that took money says when, and no other does.
func (p *payment) checkStatus() error {
	approved, account := deref(p.record.ApprovedAt) != "", p.record.VirtualAccount != nil
	believable := true
	switch p.record.Status {
	case "READY", "IN_PROGRESS", "ABORTED", "EXPIRED":
		believable = !approved
	case "WAITING_FOR_DEPOSIT":
		believable = account
	case "DONE":
		believable = approved
	case "CANCELED", "PARTIAL_CANCELED":
		believable = approved || account
	}
	if !believable {
		return fmt.Errorf("the status %q is not what the answer shows", p.record.Status)
	}
	return nil
}

// readCancels lists the legs that are done. A payment's taxFreeAmount is of what
// is left, so what went back belongs to what was asked.
func (p *payment) readCancels() {
	if p.record.TaxFreeAmount != nil {
		p.TaxFree = *p.record.TaxFreeAmount
	}
	for _, leg := range p.record.Cancels {
		if !isDone(leg) {
			continue
		}
		one := pg.Cancel{Key: leg.TransactionKey, Amount: leg.CancelAmount, Reason: leg.CancelReason, At: moment(&leg.CanceledAt)}
		if leg.TaxFreeAmount != nil {
			one.TaxFree = *leg.TaxFreeAmount
		}
		p.TaxFree = min(p.TaxFree+one.TaxFree, p.Amount)
		p.Cancels = append(p.Cancels, one)
	}
}

// settle works out the state, and what was taken and given back: by the
// balance, since a payment refunded in parts stays PARTIAL_CANCELED for ever.
func (p *payment) settle() error {
	switch p.record.Status {
	case "READY":
		p.Status = pg.StatusOpen
	case "IN_PROGRESS":
		p.Status = pg.StatusAuthenticated
	case "WAITING_FOR_DEPOSIT":
		p.Status = pg.StatusWaitingForDeposit
	case "ABORTED":
		p.Status = pg.StatusFailed
	case "EXPIRED":
		p.Status = pg.StatusExpired
	case "DONE", "CANCELED", "PARTIAL_CANCELED":
		return p.settleMoney()
	default:
		return fmt.Errorf("the status %q is unknown", p.record.Status)
	}
	return nil
}

func (p *payment) settleMoney() error {
	if p.record.VirtualAccount != nil && p.record.ApprovedAt == nil && p.record.Status != "DONE" {
		p.Status = pg.StatusRefunded // closed before a deposit: nothing was taken
		return nil
	}
	refunded, err := p.refunded()
	if err != nil {
		return err
	}
	p.Captured, p.Refunded = p.Amount, refunded
	switch refunded {
	case 0:
		p.Status = pg.StatusPaid
	case p.Captured:
		p.Status = pg.StatusRefunded
	default:
		p.Status = pg.StatusPartiallyRefunded
	}
	return nil
}

// refunded is what went back: what the balance lacks or, while a leg is still
// under way, the legs that are done.
func (p *payment) refunded() (shop.Won, error) {
	var done shop.Won
	for _, leg := range p.Cancels {
		done = min(done+leg.Amount, p.Amount+1)
	}
	balance := p.record.BalanceAmount
	switch {
	case balance != nil && *balance > p.Amount:
		return 0, fmt.Errorf("the balance is %d of %d won", *balance, p.Amount)
	case balance != nil && len(p.Cancels) == len(p.record.Cancels):
		return p.Amount - *balance, nil
	case done > p.Amount:
		return 0, fmt.Errorf("more than %d won were canceled", p.Amount)
	}
	return done, nil
}

// isOf reports whether p is the payment asked for, in won.
func (p *payment) isOf(key pg.Key) bool {
	return p.Currency == "KRW" &&
		(key.PaymentKey == "" || p.PaymentKey == key.PaymentKey) &&
		(key.AttemptID == "" || p.AttemptID == string(key.AttemptID))
}

// isDone reports whether a leg has taken effect: legs abroad take their time.
func isDone(leg shop.TossCancel) bool { return leg.CancelStatus == nil || *leg.CancelStatus == "DONE" }

// lastLeg returns the cancel just made, or nil.
func (p *payment) lastLeg() *shop.TossCancel {
	last := deref(p.record.LastTransactionKey)
	for i, leg := range p.record.Cancels {
		if leg.TransactionKey == last && last != "" {
			return &p.record.Cancels[i]
		}
	}
	return nil
}

func (p *payment) checkoutURL() string {
	if p.record.Checkout == nil {
		return ""
	}
	return deref(p.record.Checkout.URL)
}

// orNone is the shared part of p, which may be nil.
func (p *payment) orNone() pg.Payment {
	if p == nil {
		return pg.Payment{}
	}
	return p.Payment
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// moment reads one of Toss's times, or returns nil.
func moment(s *string) *time.Time {
	t, err := time.Parse(time.RFC3339, deref(s))
	if err != nil {
		return nil
	}
	t = t.UTC()
	return &t
}
