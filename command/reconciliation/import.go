package reconciliation

import (
	"io"
	"time"

	"payment-system/shop"
)

// ImportSettlement reads a settlement file and plans what to correct.
type ImportSettlement struct {
	By        shop.Caller
	PG        shop.PG
	Format    shop.SettlementFormat
	File      Upload
	AutoApply bool
	// Date is the business day that the file is whole for, at midnight UTC of the date in
	// Korea; nil leaves it to the file and its name.
	Date *time.Time
}

// ApplyReconciliation carries a plan out.
type ApplyReconciliation struct {
	By       shop.Caller
	ID       shop.ReconciliationID
	PlanHash string
}

// An Upload is a file that a client sent. It is read once, from the start.
type Upload struct {
	Name string
	Body io.Reader
	// Changed is when the file was written, where that is known; else it came just now.
	Changed time.Time
}
