package command

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

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

// openCaseIn is OpenCase within a transaction.
func (h *Handler) openCaseIn(ctx context.Context, tx *sql.Tx, cmd OpenCase, now time.Time) (shop.Discrepancy, error) {
	live, err := h.holdLive(ctx, tx, cmd.PG, now)
	if err != nil {
		return shop.Discrepancy{}, err
	}
	found, err := findOpenCase(ctx, tx, cmd, now)
	if err != nil {
		return shop.Discrepancy{}, err
	}
	if found != nil {
		return *found, nil
	}
	opened, err := h.openCase(ctx, tx, cmd, live.ID, now)
	if err != nil {
		return shop.Discrepancy{}, err
	}
	if live.Counts, err = countDiscrepancies(ctx, tx, live.ID); err != nil {
		return shop.Discrepancy{}, err
	}
	live.Version++
	return opened, saveReconciliation(ctx, tx, live, shop.KindReconciliationApplied, shop.ActorResolver, "", now)
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

// LiveSource is the source of reconciliations that hold cases found outside any file.
const LiveSource = "live"

// needCase has the change open a case, should none of its kind be open for its
// attempt: the books never say that a person is needed without telling one.
func (c *change) needCase(cmd OpenCase) { c.cases = append(c.cases, cmd) }

// saveCases ends the cases that the change leaves nothing of and opens those
// that it needs. It comes last in the transaction, because all who open cases of
// a gateway's day take turns.
func (h *Handler) saveCases(ctx context.Context, c *change) error {
	if err := c.endOverdue(ctx); err != nil {
		return err
	}
	for _, needed := range c.cases {
		opened, err := h.openCaseIn(ctx, c.tx, needed, c.now)
		if err != nil {
			return fmt.Errorf("open a case of %s: %w", needed.Kind, err)
		}
		c.touch(string(opened.ReconciliationID), string(opened.ID))
	}
	return nil
}
