package shop

import (
	"strings"
	"time"
)

// A RefundStatus is the state of a refund.
type RefundStatus string

// The states of a refund.
const (
	RefundStatusRequested RefundStatus = "REQUESTED"
	RefundStatusUnknown   RefundStatus = "UNKNOWN"
	RefundStatusDone      RefundStatus = "DONE"
	RefundStatusFailed    RefundStatus = "FAILED"
)

// A RefundCause says why money is given back.
type RefundCause string

// The causes of refunds.
const (
	// RefundCauseRequested was asked for by the shopper or an operator.
	RefundCauseRequested RefundCause = "REQUESTED"
	// RefundCauseLateMoney returns money that no order waits for.
	RefundCauseLateMoney RefundCause = "LATE_MONEY"
	// RefundCauseWrongAnswer returns money taken in another amount or for
	// another order than was asked.
	RefundCauseWrongAnswer RefundCause = "WRONG_ANSWER"
	// RefundCauseGateway was made at the gateway, in its console, and found there.
	RefundCauseGateway RefundCause = "GATEWAY"
	// RefundCauseReconciliation was decided over a settlement file.
	RefundCauseReconciliation RefundCause = "RECONCILIATION"
)

// A Refund is a wish to give money back, and what came of it.
type Refund struct {
	ID             RefundID     `json:"id"`
	AttemptID      AttemptID    `json:"attemptId"`
	Amount         Won          `json:"amount"`
	TaxFreeAmount  Won          `json:"taxFreeAmount"`
	Reason         string       `json:"reason"`
	Cause          RefundCause  `json:"cause"`
	Status         RefundStatus `json:"status"`
	TransactionKey *string      `json:"transactionKey,omitempty"` // the gateway's name of the leg
	RequestedAt    time.Time    `json:"requestedAt"`
	DoneAt         *time.Time   `json:"doneAt,omitempty"`

	// PGKey is the idempotency key of the call to the gateway, stored before use.
	PGKey string `json:"-"`
	// Account is where a refunded virtual account pays out; nil otherwise.
	Account *RefundAccount `json:"-"`
}

// A RefundAccount is a bank account that takes a refund. It is personal: never
// logged, never in an event.
type RefundAccount struct {
	BankCode      string
	AccountNumber string
	HolderName    string
}

// settling begins the reason of a refund that a settlement file calls for; what it is
// made for ends it. The customer reads it.
const settling = "정산 대사에 따라 돌려드립니다. "

// SettlingReason returns the reason of the refund that settles a discrepancy. Such a
// refund is known by its reason alone, so that no second one is made.
func SettlingReason(id DiscrepancyID) string { return settling + string(id) }

// Settles returns the discrepancy that the refund settles, and reports whether there is
// one. The reason alone says so, whatever the cause: the gateway may have made it, and
// told of it, when the books had given it up.
func (r Refund) Settles() (id DiscrepancyID, ok bool) {
	name, ok := strings.CutPrefix(r.Reason, settling)
	if !ok || !strings.HasPrefix(name, PrefixDiscrepancy+"_") {
		return "", false
	}
	return DiscrepancyID(name), true
}

// A refund is told from others by the gateway's name of it, its transaction key. One
// that is done may be nameless: the gateway's answer was lost, or it does not say.
//
//	predicate   it is done, and …                               who asks
//	IsNamed     its name is this one                            evidence, corrections: is this leg in the books?
//	IsNameless  its name is not known                           corrections: a file has no other way to name it
//	AskedAgain  its name is not known, for a correction asked   evidence: its reason names it, so that its amount
//	            for it again and the answer is still open       alone must not

// IsNamed reports whether the refund is done and has the gateway's name given.
func (r Refund) IsNamed(key string) bool {
	return r.Status == RefundStatusDone && r.TransactionKey != nil && *r.TransactionKey == key
}

// IsNameless reports whether the refund is done, and the gateway's name of it was
// never learnt.
func (r Refund) IsNameless() bool {
	return r.Status == RefundStatusDone && r.TransactionKey == nil
}

// AskedAgain reports whether the books called the refund done, the gateway had not
// made it, and a correction has asked for it again since, whose answer is open: its
// idempotency key is then the discrepancy's.
func (r Refund) AskedAgain() bool {
	return r.IsNameless() && strings.HasPrefix(r.PGKey, PrefixDiscrepancy+"_")
}
