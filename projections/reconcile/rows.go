package reconcile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"payment-system/command/reconciliation"
	"payment-system/shop"
)

// A stagedRow is a row of the file as the matcher needs it.
type stagedRow struct {
	line      int
	hash      string
	kind      string
	key, ref  string
	leg       string
	amount    shop.Won
	taxFree   *shop.Won
	months    *int
	day       *time.Time
	malformed *string
}

// says is the row in a few words.
func (s stagedRow) says() string {
	words := map[string]string{
		shop.SettlementApproval: "approved", shop.SettlementRefund: "refunded", shop.SettlementFailure: "failed",
	}
	return fmt.Sprintf("%s %s won, order %s", words[s.kind], s.amount, s.ref)
}

// A statement is all that the file says of one payment.
type statement struct {
	key  string
	rows []stagedRow // distinct, in the file's order
	more int         // rows that only repeat others
}

// maxStatement bounds the distinct rows of one payment that are held in memory.
// A payment with more is in conflict with itself.
const maxStatement = 500

// rowPage is how many rows, and statementPage how many payments, are read at once.
const (
	rowPage       = 1000
	statementPage = 500
)

// walkRows goes through the rows by payment.
func (p *plan) walkRows(ctx context.Context) error {
	w := rowWalk{plan: p}
	var key string
	line := 0
	for {
		page, err := p.readRows(ctx, key, line)
		if err != nil {
			return err
		}
		for _, row := range page {
			if err := w.take(ctx, row); err != nil {
				return err
			}
			key, line = row.key, row.line
		}
		if len(page) < rowPage {
			return w.end(ctx)
		}
	}
}

func (p *plan) readRows(ctx context.Context, key string, line int) ([]stagedRow, error) {
	var page []stagedRow
	err := p.job.books.each(ctx, `SELECT line, row_hash, kind, payment_key, attempt_ref, leg_key, amount, tax_free_amount,
		installment_months, business_day, malformed
		FROM settlement_rows WHERE reconciliation_id = ? AND payment_key >= ? AND (payment_key > ? OR line > ?)
		ORDER BY payment_key, line LIMIT ?`,
		[]any{string(p.job.rec.ID), key, key, line, rowPage}, func(scan scanner) error {
			var r stagedRow
			err := scan(&r.line, &r.hash, &r.kind, &r.key, &r.ref, &r.leg, &r.amount, &r.taxFree, &r.months, &r.day,
				&r.malformed)
			page = append(page, r)
			return err
		})
	return page, err
}

// A rowWalk puts rows together by payment, and payments into pages.
type rowWalk struct {
	plan    *plan
	current statement
	page    []statement
}

func (w *rowWalk) take(ctx context.Context, row stagedRow) error {
	if row.malformed != nil {
		return w.plan.add(ctx, reconciliation.Finding{
			Key: findingKey(shop.DiscrepancyKindMalformedRow, fmt.Sprint(row.line)), Kind: shop.DiscrepancyKindMalformedRow,
			Action: shop.CorrectiveActionOpenCase, Line: &row.line, Note: *row.malformed,
		}, 0)
	}
	if row.key != w.current.key {
		if err := w.close(ctx); err != nil {
			return err
		}
		w.current = statement{key: row.key}
	}
	for _, earlier := range w.current.rows {
		if earlier.hash == row.hash {
			w.current.more++
			return w.plan.add(ctx, duplicate(row, earlier), 0)
		}
	}
	if len(w.current.rows) < maxStatement {
		w.current.rows = append(w.current.rows, row)
	}
	return nil
}

func duplicate(row, earlier stagedRow) reconciliation.Finding {
	return reconciliation.Finding{
		Key: findingKey(shop.DiscrepancyKindDuplicateRow, fmt.Sprint(row.line)), Kind: shop.DiscrepancyKindDuplicateRow,
		Action: shop.CorrectiveActionNone, Line: &row.line, Actual: row.says(),
		Note: fmt.Sprintf("It repeats line %d.", earlier.line),
	}
}

// close puts the current payment on the page, and classifies the page when it is full.
func (w *rowWalk) close(ctx context.Context) error {
	if len(w.current.rows) > 0 {
		w.page = append(w.page, w.current)
		w.current = statement{}
	}
	if len(w.page) < statementPage {
		return nil
	}
	return w.classifyPage(ctx)
}

func (w *rowWalk) end(ctx context.Context) error {
	if err := w.close(ctx); err != nil {
		return err
	}
	return w.classifyPage(ctx)
}

func (w *rowWalk) classifyPage(ctx context.Context) error {
	if len(w.page) == 0 {
		return nil
	}
	books, err := w.plan.readBooks(ctx, w.page)
	if err != nil {
		return err
	}
	for _, s := range w.page {
		if err := w.judgeRows(ctx, s, books); err != nil {
			return err
		}
	}
	w.page = w.page[:0]
	return nil
}

// judgeRows finds what differs between what the file and the books say of a payment.
func (w *rowWalk) judgeRows(ctx context.Context, s statement, books *bookPage) error {
	if s.conflicts(w.plan.job.rec.Format) {
		return w.plan.add(ctx, s.conflict(), 0)
	}
	e := s.entry(w.plan.job.rec.Format)
	booked := books.of(e)
	v := verdict{plan: w.plan, entry: e, booked: booked}
	v.classify(ctx)
	if len(v.findings) == 0 {
		w.plan.matched += len(s.rows)
		return nil
	}
	for _, f := range v.findings {
		if err := w.plan.add(ctx, f, booked.version()); err != nil {
			return err
		}
	}
	return nil
}

// conflicts reports whether the rows of one payment contradict each other: two
// states of it, two approvals, or one leg that stands twice and differently.
func (s statement) conflicts(format shop.SettlementFormat) bool {
	if format == shop.SettlementFormatPaymentStateCSV || len(s.rows) == maxStatement {
		return len(s.rows) > 1
	}
	approvals := 0
	legs := map[string]bool{}
	for _, row := range s.rows {
		if row.kind == shop.SettlementApproval {
			approvals++
		}
		if approvals > 1 || row.ref != s.rows[0].ref || (row.leg != "" && legs[row.leg]) {
			return true
		}
		legs[row.leg] = true
	}
	return false
}

// conflict is the one case that all the rows in conflict make.
func (s statement) conflict() reconciliation.Finding {
	var lines, says []string
	var amount shop.Won
	for _, row := range s.rows {
		lines = append(lines, fmt.Sprint(row.line))
		says = append(says, row.says())
		amount = max(amount, row.amount)
	}
	return reconciliation.Finding{
		Key: findingKey(shop.DiscrepancyKindConflictingRows, s.key), Kind: shop.DiscrepancyKindConflictingRows,
		Action: shop.CorrectiveActionOpenCase, Line: &s.rows[0].line, Amount: amount,
		Expected: says[0], Actual: strings.Join(says[1:], "; "),
		Note: "Lines " + strings.Join(lines, ", ") + " contradict each other.",
	}
}

// An entry is a statement without contradictions, in the words of the books.
type entry struct {
	key, ref string
	line     int       // of the row that says most
	row      stagedRow // that row
	approval *stagedRow
	refunds  []stagedRow
	failed   bool
	// canceled is a payment that was captured and given back in full, in one row.
	canceled bool
}

func (s statement) entry(format shop.SettlementFormat) entry {
	e := entry{key: s.key, ref: s.rows[0].ref, row: s.rows[0]}
	for i, row := range s.rows {
		switch row.kind {
		case shop.SettlementApproval:
			e.approval, e.row = &s.rows[i], row
		case shop.SettlementFailure:
			e.failed = true
		case shop.SettlementRefund:
			e.refunds = append(e.refunds, row)
			e.canceled = format == shop.SettlementFormatPaymentStateCSV
		}
	}
	e.line = e.row.line
	return e
}

// refunded is what the rows give back.
func (e entry) refunded() shop.Won {
	var sum shop.Won
	for _, row := range e.refunds {
		sum = min(sum+row.amount, shop.MaxWon)
	}
	return sum
}

// captured is what the rows took.
func (e entry) captured() shop.Won {
	switch {
	case e.approval != nil:
		return e.approval.amount
	case e.canceled:
		return e.row.amount
	}
	return 0
}
