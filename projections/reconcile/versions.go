package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"payment-system/command/reconciliation"
	"payment-system/pg/settlement"
	"payment-system/shop"
)

// replaceFormer finds the versions of the file, of the same gateway, format and day,
// and puts it in the place of those that came before.
func (j *job) replaceFormer(ctx context.Context) error {
	day, err := j.versionDay(ctx)
	if err != nil {
		return err
	}
	err = j.reconciler.Files.JoinVersions(ctx, reconciliation.JoinVersions{Hold: j.hold, Day: day})
	if err != nil || day == nil {
		return err
	}
	cmd := reconciliation.ReplaceVersions{Hold: j.hold}
	err = j.books.each(ctx, `SELECT r.id, (r.came_at, r.id) > (me.came_at, me.id) FROM reconciliations me
		JOIN reconciliations r ON r.pg = me.pg AND r.version_day = me.version_day AND r.format = me.format
		WHERE me.id = ? AND r.id <> me.id AND r.replaced_by IS NULL AND r.status <> ?
		ORDER BY r.came_at, r.id`, []any{string(j.rec.ID), string(shop.ReconciliationStatusRejected)},
		func(scan scanner) error {
			var id shop.ReconciliationID
			var later bool
			err := scan(&id, &later)
			if later {
				cmd.By = &id
			} else {
				cmd.Former = append(cmd.Former, id)
			}
			return err
		})
	if err != nil || (cmd.By == nil && len(cmd.Former) == 0) {
		return err
	}
	if err := j.dropParts(ctx, &cmd); err != nil || (cmd.By == nil && len(cmd.Former) == 0) {
		return err
	}
	if n := len(cmd.Former); n > 0 {
		if cmd.Changes, err = j.changesSince(ctx, cmd.Former[n-1]); err != nil {
			return err
		}
	}
	return j.became(j.reconciler.Files.ReplaceVersions(ctx, cmd))
}

// versionDay is the day of which the file is a version: the one that it is whole for,
// else the one that its name says or that all its rows have.
func (j *job) versionDay(ctx context.Context) (*time.Time, error) {
	if j.day != nil {
		return j.day, nil
	}
	if j.rec.Format != shop.SettlementFormatTossSettlementsJSON {
		return nil, nil
	}
	var first, last *time.Time
	err := j.books.db.QueryRowContext(ctx, `SELECT MIN(business_day), MAX(business_day) FROM settlement_rows
		WHERE reconciliation_id = ?`, string(j.rec.ID)).Scan(&first, &last)
	if err != nil {
		return nil, fmt.Errorf("read the days of %s: %w", j.rec.ID, err)
	}
	if first != nil && first.Equal(*last) {
		return first, nil
	}
	return dayOfName(shop.SettlementFormatPaymentStateCSV, j.rec.Source, j.reconciler.Now()), nil
}

// dropParts leaves out files that have rows and share no payment with this one: they
// are other parts of the day, not versions.
func (j *job) dropParts(ctx context.Context, cmd *reconciliation.ReplaceVersions) error {
	var former []shop.ReconciliationID
	for _, id := range cmd.Former {
		shares, err := j.shares(ctx, id)
		if err != nil {
			return err
		}
		if shares {
			former = append(former, id)
		}
	}
	cmd.Former = former
	if cmd.By == nil {
		return nil
	}
	shares, err := j.shares(ctx, *cmd.By)
	if !shares {
		cmd.By = nil
	}
	return err
}

// shares reports whether this file and another have a payment in common, or one of
// them has none.
func (j *job) shares(ctx context.Context, other shop.ReconciliationID) (bool, error) {
	var shares bool
	const has = `EXISTS (SELECT 1 FROM settlement_rows WHERE reconciliation_id = ? AND malformed IS NULL)`
	err := j.books.db.QueryRowContext(ctx, `SELECT NOT `+has+` OR NOT `+has+` OR EXISTS (
		SELECT 1 FROM settlement_rows a JOIN settlement_rows b ON b.reconciliation_id = ? AND b.payment_key = a.payment_key
			AND b.malformed IS NULL
		WHERE a.reconciliation_id = ? AND a.malformed IS NULL)`,
		string(j.rec.ID), string(other), string(other), string(j.rec.ID)).Scan(&shares)
	if err != nil {
		return false, fmt.Errorf("compare %s with %s: %w", j.rec.ID, other, err)
	}
	return shares, nil
}

// same says that a row of another version is of what a row a speaks of: a payment's
// state, or the leg of a payment.
func (j *job) same() string {
	if j.rec.Format == shop.SettlementFormatPaymentStateCSV {
		return `b.payment_key = a.payment_key AND b.malformed IS NULL`
	}
	return `b.payment_key = a.payment_key AND b.leg_key = a.leg_key AND b.kind = a.kind AND b.malformed IS NULL`
}

// changesSince counts how the rows differ from those of a version before.
func (j *job) changesSince(ctx context.Context, former shop.ReconciliationID) (shop.VersionChanges, error) {
	var c shop.VersionChanges
	other := `EXISTS (SELECT 1 FROM settlement_rows b WHERE b.reconciliation_id = ? AND ` + j.same()
	me, it := string(j.rec.ID), string(former)
	err := j.books.db.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM settlement_rows a WHERE a.reconciliation_id = ? AND a.malformed IS NULL AND NOT `+other+`)),
		(SELECT COUNT(*) FROM settlement_rows a WHERE a.reconciliation_id = ? AND a.malformed IS NULL AND `+other+`)
			AND NOT `+other+` AND b.row_hash = a.row_hash)),
		(SELECT COUNT(*) FROM settlement_rows a WHERE a.reconciliation_id = ? AND a.malformed IS NULL AND NOT `+other+`))`,
		me, it, me, it, it, it, me).Scan(&c.Added, &c.Changed, &c.Removed)
	if err != nil {
		return c, fmt.Errorf("compare the rows of %s and %s: %w", j.rec.ID, former, err)
	}
	return c, nil
}

// walkRemoved finds money that the books have and whose payment stood in the version
// before, and stands in no file any more, once the day's window has passed.
func (p *plan) walkRemoved(ctx context.Context) error {
	day, err := p.job.versionDay(ctx)
	if err != nil || day == nil || p.job.rec.Replaces == nil {
		return err
	}
	if open := p.closes(midnight(*day)); p.job.reconciler.Now().Before(open) {
		p.await(open)
		return nil
	}
	p.removed = true
	key := ""
	for {
		page, err := p.readRemoved(ctx, key)
		if err != nil {
			return err
		}
		if err := p.judgeRemoved(ctx, page); err != nil {
			return err
		}
		if len(page) < statementPage {
			return nil
		}
		key = page[len(page)-1].key
	}
}

// readRemoved reads the payments after key that the version before has and this one lacks.
func (p *plan) readRemoved(ctx context.Context, key string) ([]statement, error) {
	var page []statement
	err := p.job.books.each(ctx, `SELECT a.payment_key, MIN(a.attempt_ref) FROM settlement_rows a
		WHERE a.reconciliation_id = ? AND a.payment_key > ? AND a.malformed IS NULL AND NOT EXISTS (
			SELECT 1 FROM settlement_rows b WHERE b.reconciliation_id = ? AND b.payment_key = a.payment_key
			AND b.malformed IS NULL)
		GROUP BY a.payment_key ORDER BY a.payment_key LIMIT ?`,
		[]any{string(*p.job.rec.Replaces), key, string(p.job.rec.ID), statementPage}, func(scan scanner) error {
			row := stagedRow{}
			err := scan(&row.key, &row.ref)
			page = append(page, statement{key: row.key, rows: []stagedRow{row}})
			return err
		})
	return page, err
}

func (p *plan) judgeRemoved(ctx context.Context, page []statement) error {
	if len(page) == 0 {
		return nil
	}
	books, err := p.readBooks(ctx, page)
	if err != nil {
		return err
	}
	var held []bookedDay
	for _, s := range page {
		if b := books.byKey[s.key]; b != nil && b.left() > 0 {
			held = append(held, bookedDay{booked: *b, key: s.key})
		}
	}
	inFiles, err := p.keysInAnyFile(ctx, held)
	if err != nil {
		return err
	}
	for i := range held {
		b := &held[i]
		if inFiles[b.key] {
			continue
		}
		if known, err := p.knownMissing(ctx, b); err != nil || known {
			return err
		}
		note := fmt.Sprintf("It stood in the version before, %s; this version does not have it.", *p.job.rec.Replaces)
		if err := p.missing(ctx, b, note); err != nil {
			return err
		}
	}
	return nil
}

// addJudged adds to the payments that need not be judged those of a page that
// walkRemoved has judged.
func (p *plan) addJudged(ctx context.Context, page []bookedDay, judged map[string]bool) error {
	if !p.removed || len(page) == 0 {
		return nil
	}
	args := []any{string(*p.job.rec.Replaces)}
	left := map[string]bool{}
	for _, b := range page {
		args = append(args, b.key)
		left[b.key] = b.left() > 0
	}
	return p.job.books.each(ctx, `SELECT DISTINCT payment_key FROM settlement_rows WHERE reconciliation_id = ?
		AND malformed IS NULL AND payment_key IN (`+places(len(page))+`)`, args, func(scan scanner) error {
		var key string
		err := scan(&key)
		judged[key] = judged[key] || left[key]
		return err
	})
}

// dueOthers makes the books due for the files whose findings may lose their reason by
// this one, and lists them: those that it replaces, and those that lack a payment which
// it has.
func (j *job) dueOthers(ctx context.Context) ([]shop.ReconciliationID, error) {
	others, err := idsOf[shop.ReconciliationID](ctx, j.books,
		`SELECT id FROM reconciliations WHERE replaced_by = ? AND books_due_at IS NOT NULL
		UNION
		SELECT d.reconciliation_id FROM discrepancies d JOIN payments p ON p.id = d.payment_id
		JOIN reconciliations r ON r.id = d.reconciliation_id AND r.status IN ('PLANNED', 'APPLIED')
		WHERE d.status = 'OPEN' AND d.kind = ? AND d.pg = ? AND d.resolved_by IS NULL AND d.reconciliation_id <> ?
		AND EXISTS (SELECT 1 FROM settlement_rows s WHERE s.reconciliation_id = ? AND s.payment_key = p.payment_key
			AND s.malformed IS NULL)`,
		string(j.rec.ID), string(shop.DiscrepancyKindMissingAtGateway), string(j.rec.PG), string(j.rec.ID),
		string(j.rec.ID))
	if err != nil {
		return nil, err
	}
	return others, j.reconciler.Files.RecheckFiles(ctx, others)
}

// recheck looks again at files that are due. What somebody else works on stays due, for
// the schedule.
func (j *job) recheck(ctx context.Context, others []shop.ReconciliationID) error {
	err := j.reconciler.Files.RecheckFiles(ctx, others) // one may have been looked at since they were listed
	for _, id := range others {
		_, failed := j.reconciler.work(ctx, shop.Reconciliation{ID: id}, func(j *job) error { return j.walkLater(ctx) })
		if code := shop.CodeOf(failed); code != shop.InProgress && code != shop.Conflict {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// endReplaced ends what a file found that a newer version replaced, once that is planned.
func (j *job) endReplaced(ctx context.Context, was *time.Time) error {
	var planned bool
	err := j.books.db.QueryRowContext(ctx, `SELECT plan_hash IS NOT NULL FROM reconciliations WHERE id = ?`,
		string(*j.rec.ReplacedBy)).Scan(&planned)
	if err != nil {
		return fmt.Errorf("read the version after %s: %w", j.rec.ID, err)
	}
	recheck := reconciliation.NoteRecheck{Hold: j.hold, Was: was}
	if planned {
		err = j.dropAll(ctx)
	} else {
		soon := j.reconciler.Now().Add(neighborEvery)
		recheck.Due = &soon
	}
	if err != nil {
		return err
	}
	return j.became(j.reconciler.Files.NoteRecheck(ctx, recheck))
}

// dropAll ends all that the file found and nobody has dealt with.
func (j *job) dropAll(ctx context.Context) error {
	ids, err := idsOf[shop.DiscrepancyID](ctx, j.books, `SELECT id FROM discrepancies WHERE reconciliation_id = ?
		AND status IN ('PLANNED', 'OPEN') AND resolved_by IS NULL ORDER BY id`, string(j.rec.ID))
	if err != nil {
		return err
	}
	return j.reconciler.Files.DropFindings(ctx, reconciliation.DropFindings{
		Hold: j.hold, IDs: ids, Why: "A newer version of the file, " + string(*j.rec.ReplacedBy) + ", has replaced this one.",
	})
}

// cameAgain reports whether a file that another version replaced came after that one.
func (r *Reconciler) cameAgain(
	ctx context.Context, known shop.Reconciliation, cmd reconciliation.ImportSettlement,
) bool {
	if known.ReplacedBy == nil || unfinished(known) {
		return false
	}
	if cmd.File.Changed.IsZero() {
		return true
	}
	var after bool
	err := r.DB.QueryRowContext(ctx, `SELECT came_at < ? FROM reconciliations WHERE id = ?`, cmd.File.Changed,
		string(*known.ReplacedBy)).Scan(&after)
	if err != nil { // the next poll asks again
		r.Logger.WarnContext(ctx, "version not read", "reconciliation_id", string(*known.ReplacedBy), "error", err)
	}
	return after
}

// readAgain reads and plans a file anew that came again. One that was carried out is
// so again when nothing is left to do.
func (j *job) readAgain(ctx context.Context, file *settlement.File, cmd reconciliation.ImportSettlement) error {
	applied := j.rec.Status == shop.ReconciliationStatusApplied
	if err := j.became(j.reconciler.Files.ReadAgain(ctx, reconciliation.ReadAgain{Hold: j.hold})); err != nil {
		return err
	}
	if err := j.read(ctx, file, cmd); err != nil || !applied || j.rec.Status != shop.ReconciliationStatusPlanned {
		return err
	}
	if ids, err := j.planned(ctx); err != nil || len(ids) > 0 {
		return err
	}
	return j.apply(ctx, *j.rec.PlanHash)
}
