package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"payment-system/command/reconciliation"
	"payment-system/shop"
)

// An entryOfFolder is a file of the source that is to be imported.
type entryOfFolder struct {
	name   string // as the folder has it, which may be no UTF-8
	info   fs.FileInfo
	pg     shop.PG
	format shop.SettlementFormat
}

// An unreadable is an entry that cannot be read, and says why. Trying again is of no
// use before somebody has looked at it.
type unreadable struct{ err error }

// Error says why.
func (u *unreadable) Error() string { return u.err.Error() }

// Unwrap returns the cause.
func (u *unreadable) Unwrap() error { return u.err }

// A blamedReader blames the file for what reading it fails of.
type blamedReader struct{ file io.Reader }

// Read implements io.Reader.
func (r blamedReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &unreadable{err}
	}
	return n, err
}

// openBad makes a case of an entry that cannot be read, once for the entry as it is.
func (r *Reconciler) openBad(ctx context.Context, e entryOfFolder, bad *unreadable) error {
	name, reason := sourceName(e.name), "The file cannot be read: "+bad.Error()
	written := e.info.ModTime().UTC().Format(time.RFC3339Nano)
	hash := shop.HashOf("unreadable", e.name, written, fmt.Sprint(e.info.Size()), reason)
	opened, err := r.Files.OpenReconciliation(ctx, reconciliation.OpenReconciliation{
		PG: e.pg, Format: e.format, Source: name, FileHash: hash,
	})
	if err == nil && unfinished(opened) {
		_, err = r.work(ctx, opened, func(j *job) error { return j.refuseBad(ctx, reason) })
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bad == nil {
		r.bad = map[string]bool{}
	}
	r.bad[e.name] = true
	r.polled[e.name] = fileStamp{size: e.info.Size(), changed: e.info.ModTime(), done: true}
	return nil
}

// refuseBad opens the case, and rejects.
func (j *job) refuseBad(ctx context.Context, reason string) error {
	err := j.reconciler.Files.PlanFindings(ctx, reconciliation.PlanFindings{
		Hold: j.hold, PG: j.rec.PG, Findings: []reconciliation.Finding{{
			Key:  findingKey(shop.DiscrepancyKindUnreadableFile, j.rec.FileHash),
			Kind: shop.DiscrepancyKindUnreadableFile, Action: shop.CorrectiveActionOpenCase, Actual: j.rec.Source, Note: reason,
		}},
	})
	if err != nil {
		return err
	}
	return j.became(j.reconciler.Files.RejectReconciliation(ctx, reconciliation.RejectReconciliation{
		Hold: j.hold, Reason: reason,
	}))
}

// endGone ends the cases of entries that are gone from the folder.
func (r *Reconciler) endGone(ctx context.Context, names []string) error {
	r.mu.Lock()
	var gone []string
	for name := range r.bad {
		if !slices.Contains(names, name) {
			gone = append(gone, name)
		}
	}
	r.mu.Unlock()
	var err error
	for _, name := range gone {
		err = errors.Join(err, r.endBad(ctx, name))
	}
	return err
}

// endBad ends the cases of an entry that can be read, or is gone.
func (r *Reconciler) endBad(ctx context.Context, name string) error {
	open := map[shop.ReconciliationID][]shop.DiscrepancyID{}
	err := reader{r.DB}.each(ctx, `SELECT reconciliation_id, id FROM discrepancies
		WHERE status = ? AND kind = ? AND actual = ?`,
		[]any{string(shop.DiscrepancyStatusOpen), string(shop.DiscrepancyKindUnreadableFile), sourceName(name)},
		func(scan scanner) error {
			var of shop.ReconciliationID
			var id shop.DiscrepancyID
			err := scan(&of, &id)
			open[of] = append(open[of], id)
			return err
		})
	for of, ids := range open {
		_, failed := r.work(ctx, shop.Reconciliation{ID: of}, func(j *job) error {
			return r.Files.DropFindings(ctx, reconciliation.DropFindings{
				Hold: j.hold, IDs: ids, Why: "The file can be read, or is gone.",
			})
		})
		err = errors.Join(err, failed)
	}
	if err == nil {
		r.mu.Lock()
		delete(r.bad, name)
		r.mu.Unlock()
	}
	return err
}
