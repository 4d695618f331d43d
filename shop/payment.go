package shop

import "time"

// A PG is a payment gateway company.
type PG string

// The gateways.
const (
	PGKakao PG = "KAKAO"
	PGToss  PG = "TOSS"
)

// A PaymentStatus is the state of a payment, or of one attempt at it.
type PaymentStatus string

// The states of a payment.
const (
	// PaymentStatusReady waits for the shopper at the gateway.
	PaymentStatusReady PaymentStatus = "READY"
	// PaymentStatusApproving means that the gateway was asked to take the money.
	PaymentStatusApproving PaymentStatus = "APPROVING"
	// PaymentStatusUnknown means that the gateway did not answer, to an approval
	// or, where money had been captured, to a refund.
	PaymentStatusUnknown PaymentStatus = "UNKNOWN"
	// PaymentStatusWaitingForDeposit means that a virtual account was issued.
	PaymentStatusWaitingForDeposit PaymentStatus = "WAITING_FOR_DEPOSIT"
	// PaymentStatusApproved means that the money is in.
	PaymentStatusApproved PaymentStatus = "APPROVED"
	// PaymentStatusCanceling means that the gateway was asked to give money back.
	PaymentStatusCanceling PaymentStatus = "CANCELING"
	// PaymentStatusPartiallyCanceled means that some of the money was given back.
	PaymentStatusPartiallyCanceled PaymentStatus = "PARTIALLY_CANCELED"
	// PaymentStatusCanceled is final: all money was given back, or none was taken.
	PaymentStatusCanceled PaymentStatus = "CANCELED"
	// PaymentStatusFailed means that the last attempt failed; the order still waits.
	PaymentStatusFailed PaymentStatus = "FAILED"
	// PaymentStatusExpired is final: the order's time ran out unpaid.
	PaymentStatusExpired PaymentStatus = "EXPIRED"
)

// PaymentStatuses lists every PaymentStatus.
func PaymentStatuses() []PaymentStatus {
	return []PaymentStatus{
		PaymentStatusReady, PaymentStatusApproving, PaymentStatusUnknown, PaymentStatusWaitingForDeposit,
		PaymentStatusApproved, PaymentStatusCanceling, PaymentStatusPartiallyCanceled, PaymentStatusCanceled,
		PaymentStatusFailed, PaymentStatusExpired,
	}
}

// paymentMoves is the whole state machine: (state, kind of event) → state. What
// is not here is refused. Kinds of stillKinds leave every state as it is.
var paymentMoves = map[PaymentStatus]map[string]PaymentStatus{
	PaymentStatusReady: {
		KindPaymentOpened:    PaymentStatusReady,
		KindPaymentReadied:   PaymentStatusReady,
		KindPaymentApproving: PaymentStatusApproving,
		KindPaymentApproved:  PaymentStatusApproved,
		KindPaymentFailed:    PaymentStatusFailed,
		KindPaymentExpired:   PaymentStatusExpired,
		KindPaymentCanceled:  PaymentStatusCanceled,
	},
	PaymentStatusApproving: {
		KindPaymentApproved:          PaymentStatusApproved,
		KindPaymentUnknown:           PaymentStatusUnknown,
		KindPaymentFailed:            PaymentStatusFailed,
		KindPaymentWaiting:           PaymentStatusWaitingForDeposit,
		KindPaymentApprovalWithdrawn: PaymentStatusReady,
		KindPaymentCanceled:          PaymentStatusCanceled,
	},
	PaymentStatusUnknown: {
		KindPaymentApproved:          PaymentStatusApproved,
		KindPaymentFailed:            PaymentStatusFailed,
		KindPaymentWaiting:           PaymentStatusWaitingForDeposit,
		KindPaymentApprovalWithdrawn: PaymentStatusReady,
		KindPaymentPartiallyCanceled: PaymentStatusPartiallyCanceled,
		KindPaymentCanceled:          PaymentStatusCanceled,
		KindPaymentExpired:           PaymentStatusExpired,
	},
	PaymentStatusWaitingForDeposit: {
		KindPaymentApproved: PaymentStatusApproved,
		KindPaymentFailed:   PaymentStatusFailed,
		KindPaymentExpired:  PaymentStatusExpired,
		KindPaymentCanceled: PaymentStatusCanceled,
		KindPaymentOpened:   PaymentStatusReady,
	},
	PaymentStatusApproved: {
		KindPaymentCanceling:         PaymentStatusCanceling,
		KindPaymentPartiallyCanceled: PaymentStatusPartiallyCanceled,
		KindPaymentCanceled:          PaymentStatusCanceled,
	},
	PaymentStatusCanceling: {
		KindPaymentPartiallyCanceled: PaymentStatusPartiallyCanceled,
		KindPaymentCanceled:          PaymentStatusCanceled,
		KindPaymentUnknown:           PaymentStatusUnknown,
	},
	PaymentStatusPartiallyCanceled: {
		// Some was given back in the gateway's console while ours was under way.
		KindPaymentCancelRefused:     PaymentStatusPartiallyCanceled,
		KindPaymentCanceling:         PaymentStatusCanceling,
		KindPaymentPartiallyCanceled: PaymentStatusPartiallyCanceled,
		KindPaymentCanceled:          PaymentStatusCanceled,
	},
	PaymentStatusFailed: {
		KindPaymentOpened:   PaymentStatusReady,
		KindPaymentApproved: PaymentStatusApproved,
		KindPaymentExpired:  PaymentStatusExpired,
		KindPaymentCanceled: PaymentStatusCanceled,
	},
	PaymentStatusCanceled: {},
	PaymentStatusExpired:  {},
}

// stillKinds note something on a payment and leave its state as it is.
var stillKinds = map[string]bool{
	KindPaymentLateMoney:         true,
	KindPaymentLateMoneyReturned: true,
	KindPaymentRecordChanged:     true,
	KindPaymentAttemptEnded:      true,
}

// PaymentMove returns the state that an event of the given kind leads to, and
// whether the state machine allows it. KindPaymentCancelRefused leads back to
// where the refund began, which only the payment knows: to Approved or, when
// refunded is over zero, PartiallyCanceled.
func PaymentMove(from PaymentStatus, kind string, refunded Won) (PaymentStatus, bool) {
	if stillKinds[kind] {
		return from, true
	}
	if kind == KindPaymentCancelRefused && (from == PaymentStatusCanceling || from == PaymentStatusUnknown) {
		if refunded > 0 {
			return PaymentStatusPartiallyCanceled, true
		}
		return PaymentStatusApproved, true
	}
	to, ok := paymentMoves[from][kind]
	return to, ok
}

// A Payment is all that was tried to pay one order, and what came of it.
type Payment struct {
	ID                PaymentID     `json:"id"`
	OrderID           OrderID       `json:"orderId"`
	UserID            UserID        `json:"userId"`
	Status            PaymentStatus `json:"status"`
	PG                PG            `json:"pg"`
	Amount            Won           `json:"amount"`
	TaxFreeAmount     Won           `json:"taxFreeAmount"`
	VAT               Won           `json:"vat"`
	CapturedAmount    Won           `json:"capturedAmount"` // by the attempt that paid the order
	RefundedAmount    Won           `json:"refundedAmount"` // of CapturedAmount
	RefundedTaxFree   Won           `json:"refundedTaxFree"`
	InstallmentMonths int           `json:"installmentMonths"` // 0 is lump sum
	// AttemptID is the latest attempt, or the one that paid.
	AttemptID   AttemptID        `json:"attemptId"`
	PaymentKey  *string          `json:"paymentKey,omitempty"`
	CheckoutURL *string          `json:"checkoutUrl,omitempty"` // only while Ready
	Failure     *PaymentFailure  `json:"failure,omitempty"`
	Attempts    []PaymentAttempt `json:"attempts"` // oldest first
	Refunds     []Refund         `json:"refunds"`  // oldest first
	// History is filled by the read model; the books keep it as events.
	History    []PaymentEvent `json:"history,omitempty"`
	ApprovedAt *time.Time     `json:"approvedAt,omitempty"`
	CreatedAt  time.Time      `json:"createdAt"`
	UpdatedAt  time.Time      `json:"updatedAt"`
	// Version grows by one with every change. It is the fencing token.
	Version int `json:"version"`
}

// IsNode marks Payment as a GraphQL Node.
func (Payment) IsNode() {}

// LateAttempt returns the first attempt that holds money that pays for nothing, or nil: it came
// after the order had ended or was paid otherwise.
func (p *Payment) LateAttempt() *PaymentAttempt {
	for i := range p.Attempts {
		if a := &p.Attempts[i]; !p.IsPaidBy(a.ID) && a.CapturedAmount > a.RefundedAmount {
			return a
		}
	}
	return nil
}

// IsPaidBy reports whether an attempt took the money that pays the order.
func (p *Payment) IsPaidBy(id AttemptID) bool { return p.AttemptID == id && p.CapturedAmount > 0 }

// A PaymentFailure is why an attempt failed, in the gateway's words.
type PaymentFailure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// A PaymentAttempt is one try at one gateway.
type PaymentAttempt struct {
	ID          AttemptID       `json:"id"`
	PG          PG              `json:"pg"`
	Status      PaymentStatus   `json:"status"`
	PaymentKey  *string         `json:"paymentKey,omitempty"`
	CheckoutURL *string         `json:"checkoutUrl,omitempty"` // for the device that was asked for
	StartedAt   time.Time       `json:"startedAt"`
	Failure     *PaymentFailure `json:"failure,omitempty"`
	// CapturedAmount and RefundedAmount are what this attempt took and gave
	// back, by the gateway's own evidence.
	CapturedAmount    Won        `json:"capturedAmount"`
	RefundedAmount    Won        `json:"refundedAmount"`
	InstallmentMonths int        `json:"installmentMonths"`
	SupersededAt      *time.Time `json:"supersededAt,omitempty"`

	// ReadyKey and ApproveKey are the idempotency keys of the calls to the
	// gateway, stored before use.
	ReadyKey   string `json:"-"`
	ApproveKey string `json:"-"`
	// PgToken is the proof of authentication that Kakao Pay hands out.
	PgToken string `json:"-"`
	// Secret is what a deposit callback of Toss must repeat.
	Secret string `json:"-"`
	// ReturnURL is where the shopper ends up afterwards.
	ReturnURL string `json:"-"`
	// Method is what the shopper asked to pay with, "" for any.
	Method PaymentMethod `json:"-"`
	// Checkouts are the pages of every device.
	Checkouts CheckoutURLs `json:"-"`
	// ReturnHashes tell who may come back from the gateway.
	ReturnHashes ReturnHashes `json:"-"`
}

// A PaymentEvent is a line of a payment's history.
type PaymentEvent struct {
	Version int           `json:"version"`
	Kind    string        `json:"kind"`
	Status  PaymentStatus `json:"status"`
	Actor   Actor         `json:"actor"`
	By      *UserID       `json:"by,omitempty"` // the operator who did it
	Note    *string       `json:"note,omitempty"`
	At      time.Time     `json:"at"`
}

// Balance is what can still be refunded.
func (p *Payment) Balance() Won { return p.CapturedAmount - p.RefundedAmount }

// Attempt returns the attempt named, or nil.
func (p *Payment) Attempt(id AttemptID) *PaymentAttempt {
	for i := range p.Attempts {
		if p.Attempts[i].ID == id {
			return &p.Attempts[i]
		}
	}
	return nil
}

// Refund returns the refund named, or nil.
func (p *Payment) Refund(id RefundID) *Refund {
	for i := range p.Refunds {
		if p.Refunds[i].ID == id {
			return &p.Refunds[i]
		}
	}
	return nil
}

// OpenRefund returns the refund of an attempt that is not ended yet, or nil.
// There is never more than one.
func (p *Payment) OpenRefund(id AttemptID) *Refund {
	for i := range p.Refunds {
		r := &p.Refunds[i]
		if r.AttemptID == id && (r.Status == RefundStatusRequested || r.Status == RefundStatusUnknown) {
			return r
		}
	}
	return nil
}

// Apply applies an event of the kind given at a moment: the state moves, the
// version grows. It returns Conflict, and changes nothing, when the state
// machine does not allow it. The latest attempt follows the payment.
func (p *Payment) Apply(kind string, at time.Time) error {
	next, ok := PaymentMove(p.Status, kind, p.RefundedAmount)
	if !ok {
		return conflict(p.Status, "The payment is "+string(p.Status)+"; it cannot be changed that way.")
	}
	p.Status = next
	p.UpdatedAt = at
	p.Version++
	if attempt := p.Attempt(p.AttemptID); attempt != nil && !stillKinds[kind] {
		attempt.Status = next
	}
	if next != PaymentStatusReady {
		p.CheckoutURL = nil
	}
	return nil
}

// Open begins a new attempt, superseding an earlier live one. It returns
// Conflict while a gateway is being asked, and once the payment is made or ended.
func (p *Payment) Open(attempt PaymentAttempt, at time.Time) error {
	if _, ok := PaymentMove(p.Status, KindPaymentOpened, 0); !ok {
		return conflict(p.Status, "The payment is "+string(p.Status)+"; no other attempt can be opened.")
	}
	if earlier := p.Attempt(p.AttemptID); earlier != nil && earlier.SupersededAt == nil {
		earlier.SupersededAt = &at
		if earlier.Status == PaymentStatusReady {
			earlier.Status = PaymentStatusCanceled
		}
	}
	p.Attempts = append(p.Attempts, attempt)
	p.AttemptID, p.PG = attempt.ID, attempt.PG
	p.InstallmentMonths = attempt.InstallmentMonths
	p.PaymentKey, p.CheckoutURL, p.Failure = nil, nil, nil
	return p.Apply(KindPaymentOpened, at)
}

// Ready records the gateway's key and checkout pages for the latest attempt, whose shopper
// pays at the device named.
func (p *Payment) Ready(paymentKey string, pages CheckoutURLs, device Device, at time.Time) error {
	if err := p.Apply(KindPaymentReadied, at); err != nil {
		return err
	}
	page := pages.For(device)
	p.PaymentKey, p.CheckoutURL = &paymentKey, &page
	if attempt := p.Attempt(p.AttemptID); attempt != nil {
		attempt.PaymentKey, attempt.CheckoutURL, attempt.Checkouts = &paymentKey, &page, pages
	}
	return nil
}

// Approve records that the gateway took the money by the attempt named. It
// returns Conflict unless the payment waits for it: it is being approved, its
// outcome is unknown, a deposit is awaited, or its last attempt failed.
func (p *Payment) Approve(id AttemptID, captured Won, at time.Time) error {
	attempt := p.Attempt(id)
	if attempt == nil {
		return NoSuch("attempt")
	}
	latest := p.AttemptID
	p.AttemptID = id
	if err := p.Apply(KindPaymentApproved, at); err != nil {
		p.AttemptID = latest
		return err
	}
	p.PG, p.PaymentKey, p.InstallmentMonths = attempt.PG, attempt.PaymentKey, attempt.InstallmentMonths
	p.CapturedAmount, attempt.CapturedAmount = captured, captured
	p.ApprovedAt, p.Failure, attempt.Failure = &at, nil, nil
	return nil
}

// Fail ends the latest attempt. The order still waits for another.
func (p *Payment) Fail(failure PaymentFailure, at time.Time) error {
	if err := p.Apply(KindPaymentFailed, at); err != nil {
		return err
	}
	p.Failure = &failure
	if attempt := p.Attempt(p.AttemptID); attempt != nil {
		attempt.Failure = &failure
	}
	return nil
}

// RequestRefund asks for money back from the attempt that paid. It returns
// Invalid when the amount, or its tax-free part, is more than is left, and
// Conflict when another refund is under way or nothing was captured.
func (p *Payment) RequestRefund(refund Refund, at time.Time) error {
	if refund.Amount <= 0 || refund.Amount > p.Balance() {
		return InvalidField("amount", "The amount is more than the "+p.Balance().String()+" won that can be refunded.")
	}
	taxFreeLeft := p.TaxFreeAmount - p.RefundedTaxFree
	taxedLeft := p.Balance() - taxFreeLeft
	if refund.TaxFreeAmount < 0 || refund.TaxFreeAmount > taxFreeLeft || refund.Amount-refund.TaxFreeAmount > taxedLeft {
		return InvalidField("taxFreeAmount", "The tax-free part does not fit what is left of it.")
	}
	if err := p.Apply(KindPaymentCanceling, at); err != nil {
		return err
	}
	p.Refunds = append(p.Refunds, refund)
	return nil
}

// FinishRefund records that a refund of the attempt that paid was made, as the
// gateway names it.
func (p *Payment) FinishRefund(id RefundID, transactionKey string, at time.Time) error {
	refund := p.Refund(id)
	if refund == nil || refund.Status == RefundStatusDone {
		return conflict(p.Status, "The refund is not open.")
	}
	kind := KindPaymentPartiallyCanceled
	if p.Balance() == refund.Amount {
		kind = KindPaymentCanceled
	}
	if err := p.Apply(kind, at); err != nil {
		return err
	}
	refund.finish(transactionKey, at)
	p.RefundedAmount += refund.Amount
	p.RefundedTaxFree += refund.TaxFreeAmount
	if attempt := p.Attempt(refund.AttemptID); attempt != nil {
		attempt.RefundedAmount += refund.Amount
	}
	return nil
}

// ReturnLateMoney records that money taken by an attempt that does not pay the
// order was given back. The payment's own state stays.
func (p *Payment) ReturnLateMoney(id RefundID, transactionKey string, at time.Time) error {
	refund := p.Refund(id)
	if refund == nil || refund.Status == RefundStatusDone {
		return conflict(p.Status, "The refund is not open.")
	}
	if err := p.Apply(KindPaymentLateMoneyReturned, at); err != nil {
		return err
	}
	refund.finish(transactionKey, at)
	if attempt := p.Attempt(refund.AttemptID); attempt != nil {
		attempt.RefundedAmount += refund.Amount
		if attempt.RefundedAmount == attempt.CapturedAmount {
			attempt.Status = PaymentStatusCanceled
		}
	}
	return nil
}

func (r *Refund) finish(transactionKey string, at time.Time) {
	r.Status, r.DoneAt = RefundStatusDone, &at
	if transactionKey != "" {
		r.TransactionKey = &transactionKey
	}
}

// RefuseRefund records that the gateway would not give the money back; the
// payment is as it was before.
func (p *Payment) RefuseRefund(id RefundID, at time.Time) error {
	refund := p.Refund(id)
	if refund == nil || refund.Status == RefundStatusDone {
		return conflict(p.Status, "The refund is not open.")
	}
	if err := p.Apply(KindPaymentCancelRefused, at); err != nil {
		return err
	}
	refund.Status = RefundStatusFailed
	return nil
}
