package reconcile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"time"

	"payment-system/command"
	"payment-system/command/reconciliation"
	"payment-system/shop"
)

// A plan is the differences between a staged file and the books, found in an
// order that is always the same, in bounded memory.
type plan struct {
	job     *job
	store   bool // note the findings; else the plan is a trial, only to be named
	hash    hash.Hash
	pending []reconciliation.Finding
	found   map[string]bool // keys of findings; nil when none were noted before
	matched int
	rows    int
	moves   shop.Won // what it would move at the gateway
	asks    int
	doubts  []command.ApplyEvidence // failures that would end what is in doubt
	was     *time.Time              // when the books were due before they were walked; nil for never
	due     *time.Time              // when they are to be walked again; nil for never
	lacks   bool                    // the file lacks payments
	notice  string                  // what could not be looked for; "" for nothing
	cameOn  map[time.Time]bool      // days whose files were looked for
	removed bool                    // rows that the version before had were judged
}

// maxDoubts bounds how many attempts in doubt one plan may end.
const maxDoubts = 1000

// plan notes the differences and names the plan. Payments that the file calls
// failed and whose outcome the books do not know are asked for at the gateway
// first, and then planned again.
func (j *job) plan(ctx context.Context) error {
	for range 2 {
		p := j.newPlan()
		if err := p.find(ctx); err != nil {
			return err
		}
		if _, err := j.reconciler.Files.NoteRecheck(ctx, reconciliation.NoteRecheck{Hold: j.hold, Was: p.was, Due: p.due}); err != nil {
			return err
		}
		err := j.became(j.reconciler.Files.PlanReconciliation(ctx, reconciliation.PlanReconciliation{
			Hold: j.hold, PlanHash: p.name(), Rows: p.rows, Matched: p.matched, Day: j.day, Notice: p.notice,
		}))
		if err != nil {
			return err
		}
		if !j.resolve(ctx, p.doubts) {
			break
		}
	}
	return j.reconciler.Files.RecheckNow(ctx, j.rec.PG, j.rec.ID)
}

// resolve asks the gateway about attempts in doubt. It reports whether there were some.
func (j *job) resolve(ctx context.Context, doubts []command.ApplyEvidence) bool {
	for _, doubt := range doubts {
		_, err := j.reconciler.Money.ResolveAttempt(ctx, command.ResolveAttempt{
			AttemptID: doubt.AttemptID, Actor: shop.ActorReconciliation, Note: "settlement",
		})
		if err != nil { // the resolver goes on asking
			j.reconciler.Logger.InfoContext(ctx, "attempt in doubt not resolved", "attempt_id", string(doubt.AttemptID),
				"error", err)
		}
	}
	return len(doubts) > 0
}

// newPlan begins a plan whose findings are noted.
func (j *job) newPlan() *plan {
	p := j.newTrial()
	p.store = true
	return p
}

// newTrial begins a plan that is only to be named.
func (j *job) newTrial() *plan {
	return &plan{job: j, hash: sha256.New(), asks: cmp.Or(j.reconciler.MaxAsks, 1000)}
}

// find holds the staged rows against the books, both ways.
func (p *plan) find(ctx context.Context) error {
	fmt.Fprintln(p.hash, p.job.rec.PG, p.job.rec.FileHash)
	if err := p.begin(ctx); err != nil {
		return err
	}
	if err := p.walkRows(ctx); err != nil {
		return err
	}
	if err := p.walkRemoved(ctx); err != nil {
		return err
	}
	if err := p.walkBooks(ctx); err != nil {
		return err
	}
	if err := p.flush(ctx); err != nil || !p.store {
		return err
	}
	return p.drop(ctx)
}

// begin counts the rows, and finds out whether the file was planned before.
func (p *plan) begin(ctx context.Context) (err error) {
	if p.was, err = p.job.booksDue(ctx); err != nil {
		return err
	}
	var before int
	err = p.job.books.db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM settlement_rows
		WHERE reconciliation_id = ?), (SELECT COUNT(*) FROM discrepancies WHERE reconciliation_id = ?)`,
		string(p.job.rec.ID), string(p.job.rec.ID)).Scan(&p.rows, &before)
	if err != nil {
		return fmt.Errorf("count the rows of %s: %w", p.job.rec.ID, err)
	}
	if before > 0 && p.store {
		p.found = map[string]bool{}
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
	p.retain(f.Key)
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
	err := p.job.reconciler.Files.PlanFindings(ctx, reconciliation.PlanFindings{
		Hold: p.job.hold, PG: p.job.rec.PG, Findings: p.pending,
	})
	p.pending = p.pending[:0]
	return err
}

func (p *plan) fillRaw(ctx context.Context) error {
	args := []any{string(p.job.rec.ID)}
	for _, f := range p.pending {
		if f.Line != nil {
			args = append(args, *f.Line)
		}
	}
	if len(args) == 1 {
		return nil
	}
	raws := map[int]string{}
	err := p.job.books.each(ctx, `SELECT line, raw FROM settlement_rows WHERE reconciliation_id = ?
		AND line IN (`+places(len(args)-1)+`)`, args, func(scan scanner) error {
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

// retain lets a finding of an earlier plan be, though this one cannot tell whether
// it would find it again.
func (p *plan) retain(key string) {
	if p.found != nil {
		p.found[key] = true
	}
}

// drop closes findings of an earlier plan that this one did not find again: of the
// kinds given, or of all.
func (p *plan) drop(ctx context.Context, kinds ...shop.DiscrepancyKind) error {
	if p.found == nil {
		return nil
	}
	query, args := "", []any{string(p.job.rec.ID)}
	for _, kind := range kinds {
		args = append(args, string(kind))
	}
	if len(kinds) > 0 {
		query = ` AND kind IN (` + places(len(kinds)) + `)`
	}
	var gone []shop.DiscrepancyID
	err := p.job.books.each(ctx, `SELECT id, dedup_key FROM discrepancies WHERE reconciliation_id = ?
		AND status IN ('PLANNED', 'OPEN')`+query+` ORDER BY id`, args, func(scan scanner) error {
		var id shop.DiscrepancyID
		var key string
		err := scan(&id, &key)
		if err == nil && !p.found[key] {
			gone = append(gone, id)
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.job.reconciler.Files.DropFindings(ctx, reconciliation.DropFindings{
		Hold: p.job.hold, IDs: gone, Why: "The books moved since, and this difference is gone.",
	})
}
