package command

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// korea is the zone of business days. It has had no summer time since 1988.
var korea = time.FixedZone("KST", 9*60*60)

// LiveSource is the source of reconciliations that hold cases found outside any file.
const LiveSource = "live"

// OpenCase asks a person to look at something that was found outside any file.
type OpenCase struct {
	PG               shop.PG
	Kind             shop.DiscrepancyKind
	PaymentID        *shop.PaymentID
	AttemptID        *shop.AttemptID
	Amount           shop.Won
	Expected, Actual string // what the books and the gateway say; "" when nothing
	Note             string
}

// subject names what the case is about: the attempt, else the payment, else the words.
func (c OpenCase) subject() string {
	switch {
	case c.AttemptID != nil:
		return string(*c.AttemptID)
	case c.PaymentID != nil:
		return string(*c.PaymentID)
	}
	return hashOf(c.Expected, c.Actual, c.Note)
}

// OpenCase opens a case in the gateway's reconciliation of the day, whose source
// is LiveSource. While a case of the same kind and attempt is open it answers
// with that one and changes nothing. A refund that is planned for the same does
// not take place: what was planned becomes the case.
func (h *Handler) OpenCase(ctx context.Context, cmd OpenCase) (shop.Discrepancy, error) {
	var opened shop.Discrepancy
	err := mysqldb.InTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) (err error) {
		opened, err = h.openCaseIn(ctx, tx, cmd, h.now())
		return err
	})
	if err != nil {
		return shop.Discrepancy{}, fmt.Errorf("open a case of %s: %w", cmd.Kind, err)
	}
	h.Projector.Project(ctx, string(opened.ReconciliationID), string(opened.ID))
	return opened, nil
}

// holdLive locks the gateway's reconciliation of the day for cases found outside
// any file, which it opens when the day has none: cases are opened one by one.
func (h *Handler) holdLive(ctx context.Context, tx *sql.Tx, gateway shop.PG, now time.Time) (shop.Reconciliation, error) {
	hash := hashOf(LiveSource, string(gateway), now.In(korea).Format(time.DateOnly))
	live, err := loadReconciliationWhere(ctx, tx, `pg = ? AND file_hash = ? FOR UPDATE`, string(gateway), hash)
	if shop.CodeOf(err) != shop.NotFound {
		return live, err
	}
	live = shop.Reconciliation{
		ID: shop.ReconciliationID(h.NewID(shop.PrefixReconciliation)), PG: gateway, Source: LiveSource, FileHash: hash,
		Status: shop.ReconciliationStatusApplied, Percent: 100, Counts: []shop.DiscrepancyCount{}, StartedAt: now, FinishedAt: &now, Version: 1,
	}
	err = insertReconciliation(ctx, tx, live, false)
	if mysqldb.IsDuplicate(err, "uq_reconciliations_file") {
		return live, mysqldb.ErrStale // somebody else opened it: run again
	}
	if err != nil {
		return live, err
	}
	return live, record(ctx, tx, reconciliationFact(live, shop.KindReconciliationStarted, shop.ActorResolver, "", now))
}

// findOpenCase returns the open case of the same kind and subject, of any day
// and any file, which a refund that is planned for the same becomes, or nil.
// Nobody else opens a case of the gateway until the transaction ends.
func findOpenCase(ctx context.Context, tx *sql.Tx, cmd OpenCase, now time.Time) (*shop.Discrepancy, error) {
	if err := lockCases(ctx, tx, cmd.PG); err != nil {
		return nil, err
	}
	const open = `status = 'OPEN' AND pg = ? AND kind = ?`
	args := []any{string(cmd.PG), string(cmd.Kind)}
	where := open + ` AND payment_id IS NULL AND attempt_id IS NULL AND note = ?`
	switch {
	case cmd.PaymentID != nil && cmd.AttemptID != nil:
		where, args = open+` AND payment_id = ? AND attempt_id = ?`, append(args, string(*cmd.PaymentID), string(*cmd.AttemptID))
	case cmd.PaymentID != nil:
		where, args = open+` AND payment_id = ?`, append(args, string(*cmd.PaymentID))
	case cmd.AttemptID != nil:
		where, args = open+` AND attempt_id = ?`, append(args, string(*cmd.AttemptID))
	default:
		args = append(args, clip(cmd.Note, 1000))
	}
	found, err := listDiscrepancies(ctx, tx, where+` ORDER BY id LIMIT 1`, args...)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return takePlanned(ctx, tx, cmd, now)
	}
	return &found[0], nil
}

// takePlanned makes the case of a refund that a settlement file plans for the same
// money, or returns nil: whoever carries the plan out finds it open, and leaves it
// to a person.
func takePlanned(ctx context.Context, tx *sql.Tx, cmd OpenCase, now time.Time) (*shop.Discrepancy, error) {
	if cmd.PaymentID == nil || cmd.AttemptID == nil {
		return nil, nil
	}
	found, err := listDiscrepancies(ctx, tx, `payment_id = ? AND status = ? AND attempt_id = ? AND pg = ? AND kind = ? AND action = ? ORDER BY id LIMIT 1`,
		string(*cmd.PaymentID), string(shop.DiscrepancyStatusPlanned), string(*cmd.AttemptID), string(cmd.PG), string(cmd.Kind), string(shop.CorrectiveActionRefundAtGateway))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	d := found[0]
	d.Status, d.Note, d.Version = shop.DiscrepancyStatusOpen, clipped(cmd.Note, 1000), d.Version+1
	return &d, saveDiscrepancy(ctx, tx, d, shop.KindDiscrepancyOpened, shop.ActorResolver, now)
}

// lockCases lets one at a time open cases of a gateway. The lock is the row of its
// first reconciliation.
func lockCases(ctx context.Context, tx *sql.Tx, gateway shop.PG) error {
	var first sql.NullString
	err := tx.QueryRowContext(ctx, `SELECT MIN(id) FROM reconciliations WHERE pg = ?`, string(gateway)).Scan(&first)
	if err == nil && first.Valid {
		err = tx.QueryRowContext(ctx, `SELECT id FROM reconciliations WHERE id = ? FOR UPDATE`, first.String).Scan(&first)
	}
	if err != nil {
		return fmt.Errorf("lock the cases of %s: %w", gateway, err)
	}
	return nil
}

// openCase writes the case and its event. Its dedup key counts the earlier cases
// of the same kind and subject, which are closed.
func (h *Handler) openCase(ctx context.Context, tx *sql.Tx, cmd OpenCase, of shop.ReconciliationID, now time.Time) (shop.Discrepancy, error) {
	var earlier int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM discrepancies WHERE reconciliation_id = ?`, string(of)).Scan(&earlier)
	if err != nil {
		return shop.Discrepancy{}, fmt.Errorf("count the cases of %s: %w", of, err)
	}
	d := shop.Discrepancy{
		ID: shop.DiscrepancyID(h.NewID(shop.PrefixDiscrepancy)), ReconciliationID: of, PG: cmd.PG, Kind: cmd.Kind,
		Status: shop.DiscrepancyStatusOpen, Action: shop.CorrectiveActionOpenCase, PaymentID: cmd.PaymentID, AttemptID: cmd.AttemptID,
		Expected: clipped(cmd.Expected, 500), Actual: clipped(cmd.Actual, 500), Amount: max(0, min(cmd.Amount, shop.MaxWon)),
		Note: clipped(cmd.Note, 1000), CreatedAt: now, Version: 1,
	}
	key := hashOf(string(cmd.Kind), cmd.subject(), strconv.Itoa(earlier))
	if err := insertDiscrepancies(ctx, tx, []keyedDiscrepancy{{d, key}}); err != nil {
		return shop.Discrepancy{}, err
	}
	return d, record(ctx, tx, discrepancyFact(d, shop.KindDiscrepancyOpened, shop.ActorResolver, now))
}

// clipped is s cut to n characters, nil when it is empty.
func clipped(s string, n int) *string {
	if s == "" {
		return nil
	}
	s = clip(s, n)
	return &s
}

const discrepancyColumns = `id, reconciliation_id, pg, kind, status, action, payment_id, attempt_id, line, raw, expected, actual, amount, note, resolved_by, created_at, resolved_at, version`

// listDiscrepancies reads the discrepancies that where finds.
func listDiscrepancies(ctx context.Context, q querier, where string, args ...any) ([]shop.Discrepancy, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+discrepancyColumns+` FROM discrepancies WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read discrepancies: %w", err)
	}
	defer rows.Close()
	var found []shop.Discrepancy
	for rows.Next() {
		var d shop.Discrepancy
		err := rows.Scan(&d.ID, &d.ReconciliationID, &d.PG, &d.Kind, &d.Status, &d.Action, &d.PaymentID, &d.AttemptID, &d.Line, &d.Raw,
			&d.Expected, &d.Actual, &d.Amount, &d.Note, &d.ResolvedBy, &d.CreatedAt, &d.ResolvedAt, &d.Version)
		if err != nil {
			return nil, fmt.Errorf("read a discrepancy: %w", err)
		}
		found = append(found, d)
	}
	return found, rows.Err()
}

// loadDiscrepancy reads a discrepancy. It returns NotFound when there is none.
func loadDiscrepancy(ctx context.Context, q querier, id shop.DiscrepancyID) (shop.Discrepancy, error) {
	if !isASCII(string(id)) {
		return shop.Discrepancy{}, shop.NoSuch("discrepancy")
	}
	found, err := listDiscrepancies(ctx, q, `id = ?`, string(id))
	if err != nil {
		return shop.Discrepancy{}, err
	}
	if len(found) == 0 {
		return shop.Discrepancy{}, shop.NoSuch("discrepancy")
	}
	return found[0], nil
}

// A keyedDiscrepancy is a discrepancy and what names it within its reconciliation.
type keyedDiscrepancy struct {
	shop.Discrepancy
	dedupKey string
}

func insertDiscrepancies(ctx context.Context, tx *sql.Tx, found []keyedDiscrepancy) error {
	if len(found) == 0 {
		return nil
	}
	const places = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	args := make([]any, 0, 19*len(found))
	for _, d := range found {
		args = append(args, string(d.ID), string(d.ReconciliationID), string(d.PG), string(d.Kind), string(d.Status), string(d.Action),
			d.PaymentID, d.AttemptID, d.Line, d.Raw, d.Expected, d.Actual, int64(d.Amount), d.Note, d.ResolvedBy, d.CreatedAt, d.ResolvedAt, d.Version, d.dedupKey)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO discrepancies (`+discrepancyColumns+`, dedup_key) VALUES `+places+strings.Repeat(","+places, len(found)-1), args...)
	if err != nil {
		return fmt.Errorf("note discrepancies: %w", err)
	}
	return nil
}

// saveDiscrepancy writes what may change of a discrepancy, if its version is
// still the one before, and records the event.
func saveDiscrepancy(ctx context.Context, tx *sql.Tx, d shop.Discrepancy, kind string, actor shop.Actor, at time.Time) error {
	err := mysqldb.ExecOne(ctx, tx, `UPDATE discrepancies SET status = ?, action = ?, line = ?, raw = ?, expected = ?, actual = ?, amount = ?, note = ?, resolved_by = ?, resolved_at = ?, version = ?
		WHERE id = ? AND version = ?`, string(d.Status), string(d.Action), d.Line, d.Raw, d.Expected, d.Actual, int64(d.Amount), d.Note, d.ResolvedBy, d.ResolvedAt,
		d.Version, string(d.ID), d.Version-1)
	if err != nil {
		return fmt.Errorf("save discrepancy %s: %w", d.ID, err)
	}
	return record(ctx, tx, discrepancyFact(d, kind, actor, at))
}

// discrepancyFact is an event of a discrepancy, as it left it.
func discrepancyFact(d shop.Discrepancy, kind string, actor shop.Actor, at time.Time) fact {
	note := ""
	if d.Note != nil {
		note = *d.Note
	}
	return fact{
		aggregateID: string(d.ID), version: d.Version, kind: kind, status: string(d.Status),
		actor: actor, note: note, aggregate: d, at: at,
	}
}
