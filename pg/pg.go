// Package pg says what a payment gateway (PG) is to us: four calls, one shape
// of evidence and one way to tell a refusal from silence. Folders below hold a
// client for each gateway, the suite that proves them all and the simulators.
package pg

import (
	"context"
	"fmt"
	"time"

	"payment-system/shop"
)

// A Gateway takes money and gives it back. *kakao.Client and *toss.Client are
// Gateways; pgtest.TestGateway is what each must pass. Every error is, or
// wraps, an *Error whose Outcome says what may be believed. Methods are safe
// for concurrent use, bounded in time, and never repeat a call that could
// take effect twice.
type Gateway interface {
	// Ready opens a payment and returns where to send the shopper. Nothing is charged.
	Ready(ctx context.Context, req ReadyRequest) (Ready, error)
	// Approve takes the money of an authenticated payment, or issues its
	// virtual account. The answer is checked against the request's attempt,
	// amount and currency: a mismatch is an Error with OutcomeMismatch and the
	// payment as the gateway has it.
	Approve(ctx context.Context, req ApproveRequest) (Payment, error)
	// Cancel gives money back, and returns the payment as it is afterwards with
	// the leg just made in Cancels, named by the answer's LegKey.
	Cancel(ctx context.Context, req CancelRequest) (Payment, error)
	// LookUp returns the payment as the gateway has it now.
	LookUp(ctx context.Context, key Key) (Payment, error)
}

// A Key names a payment at a gateway. Toss finds it by either part, Kakao Pay
// only by PaymentKey: without one it answers OutcomeNotFound at once.
type Key struct {
	PaymentKey string // Kakao's tid, Toss's paymentKey; "" when never learnt
	AttemptID  shop.AttemptID
}

// ReadyRequest asks a gateway to open a payment.
type ReadyRequest struct {
	IdempotencyKey    string
	AttemptID         shop.AttemptID // the merchant order id
	UserRef           string         // names the shopper to the gateway; nothing personal
	ItemName          string         // at most 100 characters
	Quantity          int
	Amount            shop.Won
	TaxFree           shop.Won
	VAT               shop.Won
	InstallmentMonths int                // 0 leaves the shopper free, or lump sum
	Method            shop.PaymentMethod // "" leaves the shopper free
	ApprovedURL       string             // absolute
	CanceledURL       string
	FailedURL         string
}

// Ready is an opened payment.
type Ready struct {
	PaymentKey string
	Checkouts  shop.CheckoutURLs // where the shopper goes, one for each device
}

// ApproveRequest asks a gateway to take the money.
type ApproveRequest struct {
	IdempotencyKey string
	Key
	UserRef string // as at Ready
	PgToken string // Kakao's proof of authentication
	Amount  shop.Won
}

// CancelRequest asks a gateway for money back.
type CancelRequest struct {
	IdempotencyKey string
	Key
	RefundID  shop.RefundID // echoed in Cancel.RefundID where the gateway can
	Amount    shop.Won
	TaxFree   shop.Won
	Available shop.Won // what we believe can be refunded, this refund included
	// Whole says that Amount is all that is left; a gateway that has no partial
	// refund then needs no amount.
	Whole   bool
	Reason  string
	Account *shop.RefundAccount // for a deposited virtual account
}

// A Status is a payment's state at the gateway, in words both gateways share.
type Status string

// The states of a payment at a gateway.
const (
	// StatusOpen waits for the shopper: nothing is charged.
	StatusOpen Status = "OPEN"
	// StatusAuthenticated waits for our approval: nothing is charged.
	StatusAuthenticated Status = "AUTHENTICATED"
	// StatusWaitingForDeposit has issued a virtual account.
	StatusWaitingForDeposit Status = "WAITING_FOR_DEPOSIT"
	// StatusPaid has taken the money and given none of it back.
	StatusPaid Status = "PAID"
	// StatusPartiallyRefunded has given some of it back.
	StatusPartiallyRefunded Status = "PARTIALLY_REFUNDED"
	// StatusRefunded has given all of it back, or a virtual account was closed unpaid.
	StatusRefunded Status = "REFUNDED"
	// StatusFailed has ended without money: refused, quit or aborted.
	StatusFailed Status = "FAILED"
	// StatusExpired has ended without money: its time ran out.
	StatusExpired Status = "EXPIRED"
)

// A Payment is the gateway's own evidence of a payment.
type Payment struct {
	PG                shop.PG
	PaymentKey        string
	AttemptID         string // the merchant order id, as the gateway says it
	Status            Status
	Currency          string   // "KRW"
	Amount            shop.Won // what was asked
	TaxFree           shop.Won
	Captured          shop.Won // what was taken: Amount, or 0
	Refunded          shop.Won // what was given back of it
	InstallmentMonths int
	Method            string // the gateway's word
	ApprovedAt        *time.Time
	// LegKey is the gateway's name of the leg that the call just made.
	LegKey  string
	Cancels []Cancel
	// Secret must be repeated by Toss's deposit callbacks.
	Secret string
	// DepositDue is when a virtual account closes; nil when the gateway does not say.
	DepositDue *time.Time
	Failure    *shop.PaymentFailure
	// Record is all that only this gateway knows: *shop.KakaoRecord or *shop.TossRecord.
	Record shop.GatewayRecord
	// Raw is the answer's body.
	Raw []byte
}

// A Cancel is one refund at the gateway.
type Cancel struct {
	Key      string        // the gateway's name of the leg
	RefundID shop.RefundID // ours, where the gateway echoes it; else ""
	Amount   shop.Won
	TaxFree  shop.Won
	Reason   string
	At       *time.Time
}

// An Outcome says what an error leaves us believing.
type Outcome int

// The outcomes. The zero value claims least.
const (
	// OutcomeUnknown means that the call may have taken effect. Only a look-up
	// tells: a time-out, a cut answer, a 5xx, a call still running, "already done".
	OutcomeUnknown Outcome = iota
	// OutcomeRefused means that the gateway surely did not, and will not, do it.
	OutcomeRefused
	// OutcomeNotSent means that the gateway surely did nothing, and may be asked
	// again with the same key: no connection, circuit open, queue full, maintenance.
	OutcomeNotSent
	// OutcomeNotFound means that the gateway has no such payment.
	OutcomeNotFound
	// OutcomeMisconfigured means that our key or contract is wrong. Nothing was done.
	OutcomeMisconfigured
	// OutcomeMismatch means that the gateway answered for another attempt,
	// amount or currency than was asked. The money may have moved.
	OutcomeMismatch
)

// String names the outcome as metrics and logs do.
func (o Outcome) String() string {
	return [...]string{"unknown", "refused", "not_sent", "not_found", "misconfigured", "mismatch"}[o]
}

// Error is what a gateway, or the way to it, answered instead of a payment.
type Error struct {
	PG      shop.PG
	Call    string // ready, approve, cancel, lookup
	Outcome Outcome
	Code    string // the gateway's own, "" when it did not answer
	Message string // the gateway's own
	Status  int    // of HTTP, 0 when it did not answer
	// RetryAfter is how long to wait before asking again; 0 when it was not said.
	RetryAfter time.Duration
	// Payment is what the gateway has, with OutcomeMismatch; else nil.
	Payment *Payment
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %s", e.PG, e.Call, e.Outcome)
	if e.Code != "" {
		s += fmt.Sprintf(": %s %s", e.Code, e.Message)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
