package command

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
)

// LiveSource is the source of reconciliations that hold cases found outside any file.
const LiveSource = "live"

// korea is the zone of business days. It has had no summer time since 1988.
var korea = time.FixedZone("KST", 9*60*60)

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
	return shop.HashOf(c.Expected, c.Actual, c.Note)
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
	found, err := books.FindOpenCase(ctx, tx, shop.Discrepancy{
		PG: cmd.PG, Kind: cmd.Kind, PaymentID: cmd.PaymentID, AttemptID: cmd.AttemptID, Note: text.ClipOrNil(cmd.Note, 1000),
	}, now)
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
	if live.Counts, err = books.CountDiscrepancies(ctx, tx, live.ID); err != nil {
		return shop.Discrepancy{}, err
	}
	live.Version++
	return opened, books.SaveReconciliation(ctx, tx, live, shop.KindReconciliationApplied, shop.ActorResolver, "", now)
}

// openCase writes the case and its event. Its dedup key counts the earlier cases
// of the same kind and subject, which are closed.
func (h *Handler) openCase(ctx context.Context, tx *sql.Tx, cmd OpenCase, of shop.ReconciliationID,
	now time.Time,
) (shop.Discrepancy, error) {
	earlier, err := books.CountOf(ctx, tx, of)
	if err != nil {
		return shop.Discrepancy{}, err
	}
	d := shop.Discrepancy{
		ID: shop.DiscrepancyID(h.NewID(shop.PrefixDiscrepancy)), ReconciliationID: of, PG: cmd.PG, Kind: cmd.Kind,
		Status: shop.DiscrepancyStatusOpen, Action: shop.CorrectiveActionOpenCase, PaymentID: cmd.PaymentID,
		AttemptID: cmd.AttemptID,
		Expected:  text.ClipOrNil(cmd.Expected, 500), Actual: text.ClipOrNil(cmd.Actual, 500),
		Amount: max(0, min(cmd.Amount, shop.MaxWon)),
		Note:   text.ClipOrNil(cmd.Note, 1000), CreatedAt: now, Version: 1,
	}
	key := shop.HashOf(string(cmd.Kind), cmd.subject(), strconv.Itoa(earlier))
	if err := books.InsertDiscrepancies(ctx, tx, []books.KeyedDiscrepancy{{Discrepancy: d, Key: key}}); err != nil {
		return shop.Discrepancy{}, err
	}
	return d, books.Append(ctx, tx, books.DiscrepancyEvent(d, shop.KindDiscrepancyOpened, shop.ActorResolver, now))
}

// holdLive locks the gateway's reconciliation of the day for cases found outside
// any file, which it opens when the day has none: cases are opened one by one.
func (h *Handler) holdLive(ctx context.Context, tx *sql.Tx, gateway shop.PG, now time.Time) (shop.Reconciliation,
	error,
) {
	hash := shop.HashOf(LiveSource, string(gateway), now.In(korea).Format(time.DateOnly))
	live, err := books.LockReconciliationOfFile(ctx, tx, gateway, hash)
	if shop.CodeOf(err) != shop.NotFound {
		return live, err
	}
	live = shop.Reconciliation{
		ID: shop.ReconciliationID(h.NewID(shop.PrefixReconciliation)), PG: gateway, Source: LiveSource, FileHash: hash,
		Status: shop.ReconciliationStatusApplied, Percent: 100, Counts: []shop.DiscrepancyCount{}, StartedAt: now,
		FinishedAt: &now, Version: 1,
	}
	err = books.InsertReconciliation(ctx, tx, live, books.AppliedByHand)
	if mysqldb.IsDuplicate(err, "uq_reconciliations_file") {
		return live, mysqldb.ErrStale // somebody else opened it: run again
	}
	if err != nil {
		return live, err
	}
	return live, books.Append(ctx, tx,
		books.ReconciliationEvent(live, shop.KindReconciliationStarted, shop.ActorResolver, "", now))
}

// needCase has the change open a case, should none of its kind be open for its
// attempt: the books never say that a person is needed without telling one.
func (c *change) needCase(cmd OpenCase) { c.cases = append(c.cases, cmd) }

// saveCases ends the cases that the change leaves nothing of and opens those
// that it needs. It comes last in the transaction, because all who open cases of
// a gateway's day take turns.
func (h *Handler) saveCases(ctx context.Context, tx *sql.Tx, c *change) error {
	if err := c.endOverdue(ctx, tx); err != nil {
		return err
	}
	if err := c.endReturned(ctx, tx); err != nil {
		return err
	}
	for _, id := range c.overdue {
		open, err := books.IsOverdue(ctx, tx, id, c.now.Add(-overdue))
		if err != nil {
			return err
		}
		if open {
			c.needCase(overdueCase(c.payment, id))
		}
	}
	for _, needed := range c.cases {
		opened, err := h.openCaseIn(ctx, tx, needed, c.now)
		if err != nil {
			return fmt.Errorf("open a case of %s: %w", needed.Kind, err)
		}
		c.touch(string(opened.ReconciliationID), string(opened.ID))
	}
	return nil
}
