package shop

import "time"

// Kinds of events: what happened, in the past tense.
const (
	KindUserSignedUp    = "user.signed_up"
	KindUserRoleChanged = "user.role_changed"
	// KindUserPasswordChanged says that an account has another password.
	KindUserPasswordChanged = "user.password_changed"
	KindProductCreated      = "product.created"
	KindProductUpdated      = "product.updated"
	KindStockAdjusted       = "stock.adjusted"
	KindStockReserved       = "stock.reserved"
	KindStockReleased       = "stock.released"
	KindStockSold           = "stock.sold"
	KindStockReturned       = "stock.returned"
	KindOrderPlaced         = "order.placed"
	KindOrderExtended       = "order.extended"
	KindOrderShortened      = "order.shortened"
	KindOrderPaid           = "order.paid"
	KindOrderCanceled       = "order.canceled"
	KindOrderExpired        = "order.expired"
	KindPaymentOpened       = "payment.opened"
	KindPaymentReadied      = "payment.readied"
	KindPaymentApproving    = "payment.approving"
	KindPaymentUnknown      = "payment.unknown"
	KindPaymentWaiting      = "payment.waiting_for_deposit"
	KindPaymentApproved     = "payment.approved"
	KindPaymentFailed       = "payment.failed"
	KindPaymentExpired      = "payment.expired"
	KindPaymentCanceling    = "payment.canceling"
	KindPaymentCanceled     = "payment.canceled"

	KindPaymentPartiallyCanceled = "payment.partially_canceled"
	// KindPaymentApprovalWithdrawn says that the gateway surely did nothing; the
	// shopper may try the same attempt again.
	KindPaymentApprovalWithdrawn = "payment.approval_withdrawn"
	// KindPaymentCancelRefused says that the gateway would not give money back.
	KindPaymentCancelRefused = "payment.cancel_refused"
	// KindPaymentLateMoney says that an attempt captured money that no order waits for.
	KindPaymentLateMoney = "payment.late_money"
	// KindPaymentLateMoneyReturned says that such money was given back.
	KindPaymentLateMoneyReturned = "payment.late_money_returned"
	// KindPaymentRecordChanged says that the gateway's record reads differently now.
	KindPaymentRecordChanged = "payment.record_changed"
	// KindPaymentAttemptEnded says that an attempt other than the latest ended unpaid.
	KindPaymentAttemptEnded = "payment.attempt_ended"

	KindReconciliationStarted  = "reconciliation.started"
	KindReconciliationRead     = "reconciliation.read"
	KindReconciliationPlanned  = "reconciliation.planned"
	KindReconciliationApplying = "reconciliation.applying"
	KindReconciliationApplied  = "reconciliation.applied"
	KindReconciliationRejected = "reconciliation.rejected"
	KindReconciliationFailed   = "reconciliation.failed"
	KindDiscrepancyFound       = "discrepancy.found"
	KindDiscrepancyApplied     = "discrepancy.applied"
	KindDiscrepancyOpened      = "discrepancy.opened"
	KindDiscrepancyResolved    = "discrepancy.resolved"
	KindDiscrepancyIgnored     = "discrepancy.ignored"
)

// An Event is something that happened to one aggregate: the line of the audit
// log and the message of the outbox in one. Payload is the JSON of the whole
// aggregate as the event left it, so the latest event is the state.
type Event struct {
	ID          int64
	AggregateID string
	Version     int
	Kind        string
	Status      string // the aggregate's state after it; "" where it has none
	Actor       Actor
	By          UserID // the operator who did it; "" when no person of the shop did
	Note        string
	Payload     []byte
	At          time.Time
}

// The facts that commands answer with. Each carries the aggregates as they are now.
type (
	// VerificationRequested says that a code was mailed, if the address can have one.
	VerificationRequested struct {
		VerificationID VerificationID
		ExpiresAt      time.Time
	}
	// VerificationConfirmed says that the mailed code was repeated.
	VerificationConfirmed struct{ VerificationID VerificationID }
	// UserSignedUp says that an account was opened.
	UserSignedUp struct{ User User }
	// UserSignedIn says that a person proved to be who they are.
	UserSignedIn struct{ User User }
	// UserSignedOut says that a session ended.
	UserSignedOut struct{ OK bool }
	// PasswordResetRequested says that a code was mailed, if the address has an account.
	PasswordResetRequested struct {
		VerificationID VerificationID
		ExpiresAt      time.Time
	}
	// PasswordReset says that who repeated a mailed code chose a new password.
	PasswordReset struct{ User User }
	// PasswordChanged says that who knows the password chose another.
	PasswordChanged struct{ User User }
	// UserRoleChanged says that a person may do other things now.
	UserRoleChanged struct{ User User }

	// ProductCreated says that there is a new product.
	ProductCreated struct{ Product Product }
	// ProductUpdated says that a product's own properties changed.
	ProductUpdated struct{ Product Product }
	// StockAdjusted says that units were added or taken by hand.
	StockAdjusted struct{ Product Product }

	// OrderPlaced says that stock is held for an order.
	OrderPlaced struct{ Order Order }
	// OrderCanceled says that an order ended and its stock is back.
	OrderCanceled struct{ Order Order }

	// PaymentReadied says that a gateway waits for the shopper.
	PaymentReadied struct {
		Payment      Payment
		CheckoutURL  string // for the device that was asked for
		CheckoutURLs []CheckoutURL
	}
	// PaymentApproved says that the money is in, or that a virtual account waits for it.
	PaymentApproved struct{ Payment Payment }
	// PaymentFailed says that an attempt ended without money.
	PaymentFailed struct{ Payment Payment }
	// PaymentCanceled says that money was given back.
	PaymentCanceled struct {
		Payment Payment
		Refund  Refund
	}

	// SettlementImported says that a settlement file was read and planned.
	SettlementImported struct{ Reconciliation Reconciliation }
	// ReconciliationApplied says that a plan was carried out.
	ReconciliationApplied struct{ Reconciliation Reconciliation }
	// DiscrepancyResolved says that a person decided.
	DiscrepancyResolved struct{ Discrepancy Discrepancy }
)
