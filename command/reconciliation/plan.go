package reconciliation

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
)

// A Finding is a difference between a settlement file and the books.
type Finding struct {
	// Key names the difference within its file, so that finding it again adds nothing.
	Key              string
	Kind             shop.DiscrepancyKind
	Action           shop.CorrectiveAction
	PaymentID        *shop.PaymentID
	AttemptID        *shop.AttemptID
	Line             *int
	Raw              *string
	Expected, Actual string
	Amount           shop.Won
	Note             string
}

// status is what becomes of a finding at once: an action waits for the plan to
// be carried out, a case is open, the rest asks for nothing.
func (f Finding) status() (status shop.DiscrepancyStatus, kind string) {
	switch f.Action {
	case shop.CorrectiveActionNone:
		return shop.DiscrepancyStatusIgnored, shop.KindDiscrepancyIgnored
	case shop.CorrectiveActionOpenCase:
		return shop.DiscrepancyStatusOpen, shop.KindDiscrepancyOpened
	default:
		return shop.DiscrepancyStatusPlanned, shop.KindDiscrepancyFound
	}
}

// fill writes the finding over a discrepancy.
func (f Finding) fill(d *shop.Discrepancy) {
	d.Kind, d.Action = f.Kind, f.Action
	d.Status, _ = f.status()
	d.PaymentID, d.AttemptID, d.Line, d.Raw = f.PaymentID, f.AttemptID, f.Line, f.Raw
	d.Expected, d.Actual = text.ClipOrNil(f.Expected, 500), text.ClipOrNil(f.Actual, 500)
	d.Amount, d.Note = max(0, min(f.Amount, shop.MaxWon)), text.ClipOrNil(f.Note, 1000)
}

func (f Finding) subject() books.Subject {
	return books.Subject{Kind: f.Kind, PaymentID: f.PaymentID, AttemptID: f.AttemptID, Key: f.Key}
}

// casesOf are what those of the findings are about that ask for a case.
func casesOf(findings []Finding) (subjects []books.Subject) {
	for _, f := range findings {
		if f.Action == shop.CorrectiveActionOpenCase {
			subjects = append(subjects, f.subject())
		}
	}
	return subjects
}

// deferTo makes a finding that asks for a case ask for nothing where another case
// stands for it.
func (f *Finding) deferTo(stands books.Standing) {
	if f.Action != shop.CorrectiveActionOpenCase {
		return
	}
	if note, ok := stands.Note(f.subject()); ok {
		f.Action, f.Note = shop.CorrectiveActionNone, note
	}
}

// PlanFindings notes differences that a plan is made of.
type PlanFindings struct {
	Hold     Hold
	PG       shop.PG
	Findings []Finding
}

// PlanFindings notes the findings, all or none. One that was noted before is
// brought up to date unless somebody has dealt with it. A case that another file,
// or the day, has opened already is not opened again. It returns IN_PROGRESS when
// the hold is lost.
func (d *Desk) PlanFindings(ctx context.Context, cmd PlanFindings) error {
	if len(cmd.Findings) == 0 {
		return nil
	}
	var ids []string
	err := mysqldb.InTx(ctx, d.DB, func(ctx context.Context, tx *sql.Tx) error {
		now := d.now()
		if err := books.KeepHold(ctx, tx, cmd.Hold, now); err != nil {
			return err
		}
		plan := planning{desk: d, tx: tx, cmd: cmd, now: now}
		if err := plan.note(ctx); err != nil {
			return err
		}
		ids = plan.touched
		return nil
	})
	if err != nil {
		return fmt.Errorf("plan %s: %w", cmd.Hold.ID, err)
	}
	d.Projector.Project(ctx, ids...)
	return nil
}

// planning is the noting of findings in one transaction.
type planning struct {
	desk    *Desk
	tx      *sql.Tx
	cmd     PlanFindings
	now     time.Time
	touched []string
}

func (p *planning) note(ctx context.Context) error {
	known, err := p.known(ctx)
	if err != nil {
		return err
	}
	stands, err := books.FindStanding(ctx, p.tx, p.cmd.PG, p.cmd.Hold.ID, casesOf(p.cmd.Findings))
	if err != nil {
		return err
	}
	var added []books.KeyedDiscrepancy
	var events []books.Event
	for _, f := range p.cmd.Findings {
		d, found := known[f.Key]
		if d.Status != shop.DiscrepancyStatusOpen {
			f.deferTo(stands)
		}
		if found {
			if err := p.renew(ctx, f, d); err != nil {
				return err
			}
			continue
		}
		d = shop.Discrepancy{
			ID: shop.DiscrepancyID(p.desk.NewID(shop.PrefixDiscrepancy)), ReconciliationID: p.cmd.Hold.ID, PG: p.cmd.PG,
			CreatedAt: p.now, Version: 1,
		}
		f.fill(&d)
		_, kind := f.status()
		known[f.Key] = d
		added = append(added, books.KeyedDiscrepancy{Discrepancy: d, Key: f.Key})
		events = append(events, books.DiscrepancyEvent(d, kind, shop.ActorReconciliation, p.now))
		p.touched = append(p.touched, string(d.ID))
	}
	if err := books.InsertDiscrepancies(ctx, p.tx, added); err != nil {
		return err
	}
	return books.Append(ctx, p.tx, events...)
}

// known reads the findings that were noted before, by key.
func (p *planning) known(ctx context.Context) (map[string]shop.Discrepancy, error) {
	keys := make([]string, len(p.cmd.Findings))
	for i, f := range p.cmd.Findings {
		keys[i] = f.Key
	}
	return books.DiscrepanciesByKey(ctx, p.tx, p.cmd.Hold.ID, keys)
}

// renew brings a finding up to date, unless a person or the plan dealt with it.
func (p *planning) renew(ctx context.Context, f Finding, was shop.Discrepancy) error {
	if was.ResolvedBy != nil || was.Status == shop.DiscrepancyStatusApplied ||
		was.Status == shop.DiscrepancyStatusResolved {
		return nil
	}
	d := was
	f.fill(&d)
	if sameFinding(d, was) {
		return nil
	}
	d.Version++
	_, kind := f.status()
	p.touched = append(p.touched, string(d.ID))
	return books.SaveDiscrepancy(ctx, p.tx, d, kind, shop.ActorReconciliation, p.now)
}

// sameFinding reports whether a plan says the same of two discrepancies.
func sameFinding(a, b shop.Discrepancy) bool {
	same := func(x, y *string) bool { return x == y || (x != nil && y != nil && *x == *y) }
	return a.Status == b.Status && a.Action == b.Action && a.Amount == b.Amount && same(a.Expected, b.Expected) &&
		same(a.Actual, b.Actual) && same(a.Note, b.Note)
}

// DropFindings says that differences are gone.
type DropFindings struct {
	Hold Hold
	IDs  []shop.DiscrepancyID
	Why  string // a sentence for whoever looks at one
}

// DropFindings closes discrepancies that nobody has dealt with. It returns
// IN_PROGRESS when the hold is lost.
func (d *Desk) DropFindings(ctx context.Context, cmd DropFindings) error {
	var ids []string
	for _, id := range cmd.IDs {
		err := mysqldb.InTx(ctx, d.DB, func(ctx context.Context, tx *sql.Tx) error {
			now := d.now()
			if err := books.KeepHold(ctx, tx, cmd.Hold, now); err != nil {
				return err
			}
			drop, err := books.LoadDiscrepancy(ctx, tx, id)
			if err != nil || (drop.Status != shop.DiscrepancyStatusPlanned && drop.Status != shop.DiscrepancyStatusOpen) {
				return err
			}
			drop.Status, drop.Note, drop.Version = shop.DiscrepancyStatusIgnored, text.ClipOrNil(cmd.Why, 1000), drop.Version+1
			return books.SaveDiscrepancy(ctx, tx, drop, shop.KindDiscrepancyIgnored, shop.ActorReconciliation, now)
		})
		if err != nil {
			return fmt.Errorf("drop discrepancy %s: %w", id, err)
		}
		ids = append(ids, string(id))
	}
	d.Projector.Project(ctx, ids...)
	return nil
}

// PlanReconciliation says that the plan is whole.
type PlanReconciliation struct {
	Hold     Hold
	PlanHash string
	Rows     int
	Matched  int        // rows that say what the books say
	Day      *time.Time // the business day that the file is whole for; nil when its rows say, or nothing
	Notice   string     // what could not be looked for; "" for nothing
}

// PlanReconciliation makes the plan the one to be carried out, in place of an
// earlier one. It returns Conflict once carrying out has begun.
func (d *Desk) PlanReconciliation(ctx context.Context, cmd PlanReconciliation) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(_ context.Context, _ *sql.Tx, r *shop.Reconciliation) (*step, error) {
			if r.Status != shop.ReconciliationStatusReading && r.Status != shop.ReconciliationStatusPlanned {
				return nil, reconciliationConflict(*r)
			}
			r.Status, r.Percent, r.PlanHash = shop.ReconciliationStatusPlanned, 100, &cmd.PlanHash
			r.Rows, r.Matched, r.Day, r.Notice = cmd.Rows, cmd.Matched, cmd.Day, text.ClipOrNil(cmd.Notice, 1000)
			return &step{kind: shop.KindReconciliationPlanned}, nil
		})
}

// TellDay says what business day a file is whole for that told none, or another.
type TellDay struct {
	Hold Hold
	Day  time.Time
}

// TellDay notes the day and makes the books due for the file. It returns Conflict
// unless the file was read.
func (d *Desk) TellDay(ctx context.Context, cmd TellDay) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error) {
			kind, read := kindsOfRead[r.Status]
			if !read {
				return nil, reconciliationConflict(*r)
			}
			if r.Replaces != nil || r.ReplacedBy != nil {
				return nil, &shop.Error{
					Code: shop.Conflict, Message: "The file is one of several versions of its day; the day stays.",
					Details: map[string]any{"status": string(r.Status)},
				}
			}
			r.Day, r.Notice = &cmd.Day, nil
			now := d.now()
			return &step{kind: kind, note: "of " + cmd.Day.Format(time.DateOnly)}, books.SetRecheck(ctx, tx, r.ID, &now)
		})
}

// kindsOfRead are the events that leave a file as it is that was read, by its state.
var kindsOfRead = map[shop.ReconciliationStatus]string{
	shop.ReconciliationStatusPlanned:  shop.KindReconciliationPlanned,
	shop.ReconciliationStatusApplying: shop.KindReconciliationApplying,
	shop.ReconciliationStatusApplied:  shop.KindReconciliationApplied,
}

// NoteRecheck says when the payments of a settlement file's days are next looked
// for in it.
type NoteRecheck struct {
	Hold Hold
	Was  *time.Time // what was due before they were looked for; nil for nothing
	Due  *time.Time // nil for never
	// Found says that looking opened cases, which whoever watches is shown.
	Found bool
}

// NoteRecheck keeps the moment, unless somebody has made the file due meanwhile: then
// that stays, if it is sooner. It returns IN_PROGRESS when the hold is lost.
func (d *Desk) NoteRecheck(ctx context.Context, cmd NoteRecheck) (shop.Reconciliation, error) {
	return d.changeReconciliation(ctx, cmd.Hold,
		func(ctx context.Context, tx *sql.Tx, r *shop.Reconciliation) (*step, error) {
			if err := books.NextRecheck(ctx, tx, r.ID, cmd.Was, cmd.Due); err != nil || !cmd.Found {
				return nil, err
			}
			return &step{kind: shop.KindReconciliationApplied, note: "payments that the file lacks"}, nil
		})
}

// RecheckNow has the gateway's other files that wait for a recheck looked at again
// now, for the one named has come.
func (d *Desk) RecheckNow(ctx context.Context, gateway shop.PG, came shop.ReconciliationID) error {
	return books.RecheckNow(ctx, d.DB, gateway, came, d.now())
}
