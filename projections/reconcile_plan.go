package projections

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"regexp"
	"strings"
	"time"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/shop"
)

// korea is the zone of business days.
var korea = time.FixedZone("KST", 9*60*60)

// dateInName finds a date in a file's name: 2026-01-31 or 20260131.
var dateInName = regexp.MustCompile(`(?:^|\D)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?:\D|$)`)

// dayOfName is the business day that the name of a PAYMENT_STATE_CSV file tells;
// the format itself does not.
func dayOfName(rec shop.Reconciliation) *time.Time {
	found := dateInName.FindStringSubmatch(rec.Source)
	if rec.Format != shop.SettlementFormatPaymentStateCSV || found == nil {
		return nil
	}
	return parseDay(time.DateOnly, strings.Join(found[1:], "-"))
}

// A plan is the differences between a staged file and the books, found in an
// order that is always the same, in bounded memory.
type plan struct {
	*job
	store   bool // note the findings; else only name the plan
	hash    hash.Hash
	pending []reconciliation.Finding
	seen    map[string]bool // keys of findings; nil when none were noted before
	matched int
	rows    int
	moves   shop.Won // what it would move at the gateway
	asks    int
	doubts  []command.ApplyEvidence // failures that would end what is in doubt
	due     *time.Time              // when the books are to be walked again; nil for never
	lacks   bool                    // the file lacks payments
	cameOn  map[time.Time]bool      // days whose files were looked for
}

// maxDoubts bounds how many attempts in doubt one plan may end.
const maxDoubts = 1000

// plan notes the differences and names the plan. Payments that the file calls
// failed and whose outcome the books do not know are asked for at the gateway
// first, and then planned again.
func (j *job) plan(ctx context.Context) error {
	for range 2 {
		p, err := j.find(ctx, true)
		if err != nil {
			return err
		}
		if _, err := j.Files.NoteBooksDue(ctx, reconciliation.NoteBooksDue{Hold: j.hold, Due: p.due}); err != nil {
			return err
		}
		err = j.became(j.Files.PlanReconciliation(ctx, reconciliation.PlanReconciliation{
			Hold: j.hold, PlanHash: p.name(), Rows: p.rows, Matched: p.matched, From: j.day, Before: j.day,
		}))
		if err != nil {
			return err
		}
		if !j.resolve(ctx, p.doubts) {
			break
		}
	}
	return j.Files.HastenBooks(ctx, j.rec.PG, j.rec.ID)
}

// resolve asks the gateway about attempts in doubt, and tells whether there were some.
func (j *job) resolve(ctx context.Context, doubts []command.ApplyEvidence) bool {
	for _, doubt := range doubts {
		_, err := j.Commands.ResolveAttempt(ctx, command.ResolveAttempt{AttemptID: doubt.AttemptID, Actor: shop.ActorReconciliation, Note: "settlement"})
		if err != nil { // the resolver goes on asking
			j.Logger.InfoContext(ctx, "attempt in doubt not resolved", "attempt_id", string(doubt.AttemptID), "error", err)
		}
	}
	return len(doubts) > 0
}

// find holds the staged rows against the books, both ways.
func (j *job) find(ctx context.Context, store bool) (*plan, error) {
	p := j.newPlan(store)
	fmt.Fprintln(p.hash, j.rec.PG, j.rec.FileHash)
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	if err := p.walkRows(ctx); err != nil {
		return nil, err
	}
	if err := p.walkBooks(ctx); err != nil {
		return nil, err
	}
	if err := p.flush(ctx); err != nil || !store {
		return p, err
	}
	return p, p.drop(ctx)
}

func (j *job) newPlan(store bool) *plan {
	return &plan{job: j, store: store, hash: sha256.New(), asks: cmp.Or(j.MaxAsks, 1000)}
}

// begin counts the rows, and finds out whether the file was planned before.
func (p *plan) begin(ctx context.Context) error {
	var before int
	err := p.DB.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM settlement_rows WHERE reconciliation_id = ?), (SELECT COUNT(*) FROM discrepancies WHERE reconciliation_id = ?)`,
		string(p.rec.ID), string(p.rec.ID)).Scan(&p.rows, &before)
	if err != nil {
		return fmt.Errorf("count the rows of %s: %w", p.rec.ID, err)
	}
	if before > 0 && p.store {
		p.seen = map[string]bool{}
	}
	return nil
}

// name is the hash that names the plan: what it found, what it would do, and the
// versions of the payments it was made on.
func (p *plan) name() string { return hex.EncodeToString(p.hash.Sum(nil)) }

// add takes a finding into the plan. Version is the payment's, 0 for none.
func (p *plan) add(ctx context.Context, f reconciliation.Finding, version int) error {
	attempt := ""
	if f.AttemptID != nil {
		attempt = string(*f.AttemptID)
	}
	fmt.Fprintln(p.hash, f.Key, f.Kind, f.Action, f.Amount, attempt, version)
	if f.Action == shop.CorrectiveActionRefundAtGateway {
		p.moves = min(p.moves+f.Amount, shop.MaxWon)
	}
	if !p.store {
		return nil
	}
	p.keep(f.Key)
	p.pending = append(p.pending, f)
	if len(p.pending) < 500 {
		return nil
	}
	return p.flush(ctx)
}

// flush notes the findings that are pending, with their rows as they stood.
func (p *plan) flush(ctx context.Context) error {
	if len(p.pending) == 0 {
		return ctx.Err()
	}
	if err := p.fillRaw(ctx); err != nil {
		return err
	}
	err := p.Files.PlanFindings(ctx, reconciliation.PlanFindings{Hold: p.hold, PG: p.rec.PG, Findings: p.pending})
	p.pending = p.pending[:0]
	return err
}

func (p *plan) fillRaw(ctx context.Context) error {
	args := []any{string(p.rec.ID)}
	for _, f := range p.pending {
		if f.Line != nil {
			args = append(args, *f.Line)
		}
	}
	if len(args) == 1 {
		return nil
	}
	raws := map[int]string{}
	err := p.each(ctx, `SELECT line, raw FROM settlement_rows WHERE reconciliation_id = ? AND line IN (`+places(len(args)-1)+`)`, args, func(scan scanner) error {
		var line int
		var raw string
		err := scan(&line, &raw)
		raws[line] = raw
		return err
	})
	for i, f := range p.pending {
		if f.Line != nil {
			raw := raws[*f.Line]
			p.pending[i].Raw = &raw
		}
	}
	return err
}

// keep lets a finding of an earlier plan be, though this one cannot tell whether
// it would find it again.
func (p *plan) keep(key string) {
	if p.seen != nil {
		p.seen[key] = true
	}
}

// drop closes findings of an earlier plan that this one did not find again.
func (p *plan) drop(ctx context.Context) error {
	if p.seen == nil {
		return nil
	}
	var gone []shop.DiscrepancyID
	err := p.each(ctx, `SELECT id, dedup_key FROM discrepancies WHERE reconciliation_id = ? AND status IN ('PLANNED', 'OPEN') ORDER BY id`, []any{string(p.rec.ID)}, func(scan scanner) error {
		var id shop.DiscrepancyID
		var key string
		err := scan(&id, &key)
		if err == nil && !p.seen[key] {
			gone = append(gone, id)
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.Files.DropFindings(ctx, reconciliation.DropFindings{Hold: p.hold, IDs: gone})
}

// A scanner reads the columns of a row.
type scanner func(out ...any) error

// each reads rows of the books one by one.
func (r *Reconciler) each(ctx context.Context, query string, args []any, do func(scanner) error) error {
	rows, err := r.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read the books: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return fmt.Errorf("read the books: %w", err)
		}
	}
	return rows.Err()
}

// places is n placeholders.
func places(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
