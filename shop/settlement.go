package shop

import "time"

// A ReconciliationStatus is how far a settlement file has come.
type ReconciliationStatus string

// The states of a reconciliation.
const (
	ReconciliationStatusReading  ReconciliationStatus = "READING"
	ReconciliationStatusPlanned  ReconciliationStatus = "PLANNED"
	ReconciliationStatusApplying ReconciliationStatus = "APPLYING"
	ReconciliationStatusApplied  ReconciliationStatus = "APPLIED"
	ReconciliationStatusRejected ReconciliationStatus = "REJECTED"
	ReconciliationStatusFailed   ReconciliationStatus = "FAILED"
)

// A SettlementFormat is how a settlement file is written.
type SettlementFormat string

// The formats.
const (
	SettlementFormatPaymentStateCSV     SettlementFormat = "PAYMENT_STATE_CSV"
	SettlementFormatTossSettlementsJSON SettlementFormat = "TOSS_SETTLEMENTS_JSON"
	SettlementFormatKakaoPaymentsJSON   SettlementFormat = "KAKAO_PAYMENTS_JSON"
)

// A Reconciliation is one settlement file held against the books.
type Reconciliation struct {
	ID        ReconciliationID     `json:"id"`
	PG        PG                   `json:"pg"`
	Format    SettlementFormat     `json:"format"`
	Source    string               `json:"source"`
	FileHash  string               `json:"fileHash"` // SHA-256 in hex
	Status    ReconciliationStatus `json:"status"`
	Rejection *string              `json:"rejection,omitempty"`
	// Day is the business day that the file is whole for, at midnight UTC of the date in
	// Korea; nil when its rows tell, or nothing does.
	Day *time.Time `json:"day,omitempty"`
	// Notice says what could not be looked for, and why.
	Notice   *string            `json:"notice,omitempty"`
	Rows     int                `json:"rows"`
	Percent  int                `json:"percent"`
	Matched  int                `json:"matched"`
	Counts   []DiscrepancyCount `json:"counts"`
	PlanHash *string            `json:"planHash,omitempty"`
	// Replaces is the version of the file that came before, and Changes how the rows of
	// the two differ; ReplacedBy is the one that came after. They are nil for none.
	Replaces   *ReconciliationID `json:"replaces,omitempty"`
	ReplacedBy *ReconciliationID `json:"replacedBy,omitempty"`
	Changes    *VersionChanges   `json:"changes,omitempty"`
	StartedAt  time.Time         `json:"startedAt"`
	FinishedAt *time.Time        `json:"finishedAt,omitempty"`
	Version    int               `json:"version"`
}

// VersionChanges are how many rows one version of a file has that the one before did
// not, has otherwise, and lacks.
type VersionChanges struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
}

// IsNode marks Reconciliation as a GraphQL Node.
func (Reconciliation) IsNode() {}

// A DiscrepancyCount sums the discrepancies of a kind.
type DiscrepancyCount struct {
	Kind   DiscrepancyKind `json:"kind"`
	Count  int             `json:"count"`
	Amount Won             `json:"amount"`
}

// A DiscrepancyKind says how a settlement file and the books differ.
type DiscrepancyKind string

// The kinds of discrepancies, as the schema explains them.
const (
	DiscrepancyKindApprovalUnrecorded DiscrepancyKind = "APPROVAL_UNRECORDED"
	DiscrepancyKindPaidAfterEnd       DiscrepancyKind = "PAID_AFTER_END"
	DiscrepancyKindRefundUnrecorded   DiscrepancyKind = "REFUND_UNRECORDED"
	DiscrepancyKindRefundMissing      DiscrepancyKind = "REFUND_MISSING"
	DiscrepancyKindMissingAtGateway   DiscrepancyKind = "MISSING_AT_GATEWAY"
	DiscrepancyKindReversedAtGateway  DiscrepancyKind = "REVERSED_AT_GATEWAY"
	DiscrepancyKindAmountDiffers      DiscrepancyKind = "AMOUNT_DIFFERS"
	DiscrepancyKindTaxFreeDiffers     DiscrepancyKind = "TAX_FREE_DIFFERS"
	DiscrepancyKindInstallmentDiffers DiscrepancyKind = "INSTALLMENT_DIFFERS"
	DiscrepancyKindOrderDiffers       DiscrepancyKind = "ORDER_DIFFERS"
	DiscrepancyKindUnknownToUs        DiscrepancyKind = "UNKNOWN_TO_US"
	DiscrepancyKindConflictingRows    DiscrepancyKind = "CONFLICTING_ROWS"
	DiscrepancyKindDuplicateRow       DiscrepancyKind = "DUPLICATE_ROW"
	DiscrepancyKindMalformedRow       DiscrepancyKind = "MALFORMED_ROW"
	DiscrepancyKindUnreadableFile     DiscrepancyKind = "UNREADABLE_FILE"
)

// A DiscrepancyStatus is what became of a discrepancy.
type DiscrepancyStatus string

// The states of a discrepancy.
const (
	// DiscrepancyStatusPlanned waits for applyReconciliation.
	DiscrepancyStatusPlanned DiscrepancyStatus = "PLANNED"
	// DiscrepancyStatusApplied was corrected by the policy.
	DiscrepancyStatusApplied DiscrepancyStatus = "APPLIED"
	// DiscrepancyStatusOpen is a case that waits for a person.
	DiscrepancyStatusOpen DiscrepancyStatus = "OPEN"
	// DiscrepancyStatusResolved was decided by a person.
	DiscrepancyStatusResolved DiscrepancyStatus = "RESOLVED"
	// DiscrepancyStatusIgnored asks for nothing.
	DiscrepancyStatusIgnored DiscrepancyStatus = "IGNORED"
)

// A CorrectiveAction is what the policy, or a person, does about a discrepancy.
type CorrectiveAction string

// The corrective actions.
const (
	CorrectiveActionRecordApproval  CorrectiveAction = "RECORD_APPROVAL"
	CorrectiveActionRecordRefund    CorrectiveAction = "RECORD_REFUND"
	CorrectiveActionRecordFailure   CorrectiveAction = "RECORD_FAILURE"
	CorrectiveActionRefundAtGateway CorrectiveAction = "REFUND_AT_GATEWAY"
	CorrectiveActionOpenCase        CorrectiveAction = "OPEN_CASE"
	CorrectiveActionNone            CorrectiveAction = "NONE"
)

// OverdueExpected is what a Discrepancy expects that is a case of an outcome open for
// too long: it ends with the outcome, and explains nothing once that is known. Such a
// case is of no line of a file. IsOverdue asks this of a Discrepancy, and SQL of a row
// by line IS NULL AND expected = OverdueExpected.
const OverdueExpected = "an answer"

// A Discrepancy is one difference between a settlement file, or a gateway's
// answer, and the books.
type Discrepancy struct {
	ID               DiscrepancyID     `json:"id"`
	ReconciliationID ReconciliationID  `json:"reconciliationId"`
	PG               PG                `json:"pg"`
	Kind             DiscrepancyKind   `json:"kind"`
	Status           DiscrepancyStatus `json:"status"`
	Action           CorrectiveAction  `json:"action"`
	PaymentID        *PaymentID        `json:"paymentId,omitempty"`
	AttemptID        *AttemptID        `json:"attemptId,omitempty"`
	// Line is the row's line in its file; nil when no row is meant.
	Line       *int       `json:"line,omitempty"`
	Raw        *string    `json:"raw,omitempty"` // the row as it stood in the file
	Expected   *string    `json:"expected,omitempty"`
	Actual     *string    `json:"actual,omitempty"`
	Amount     Won        `json:"amount"`
	Note       *string    `json:"note,omitempty"`
	ResolvedBy *UserID    `json:"resolvedBy,omitempty"`
	CreatedAt  time.Time  `json:"createdAt"`
	ResolvedAt *time.Time `json:"resolvedAt,omitempty"`
	Version    int        `json:"version"`
}

// IsOverdue reports whether d is the case of an outcome that has been open for too long.
func (d Discrepancy) IsOverdue() bool {
	return d.Line == nil && d.Expected != nil && *d.Expected == OverdueExpected
}

// IsNode marks Discrepancy as a GraphQL Node.
func (Discrepancy) IsNode() {}
