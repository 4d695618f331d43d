package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// groupTimeout bounds what a group may take, whoever waits for it, so that a database that
// never answers cannot block a caller indefinitely.
const groupTimeout = 30 * time.Second

// A group is decisions that are committed together: what they need is read with one
// statement a table, each decides alone, each table is written once, all events are
// appended at once, and one COMMIT ends it. Who is refused leaves it without a trace.
//
// Rows are locked in one order, orders → stock → keys → cases, each by their ids through
// their primary keys: two groups, of whatever replicas, never wait for each other. The
// rows of payments, attempts and refunds are kept by their order's. Keys come late, for
// who is refused leaves none, and nobody waits for a key while others wait for him: a key
// that is stored meanwhile has the group run again.
type group struct {
	h        *Handler
	members  []*decision
	patience books.Patience

	now     time.Time
	loaded  books.Loaded
	ahead   []shop.ProductID // whose rows were locked with the load, in order of their ids
	asked   bool             // the products are known only when all have decided
	stock   stockOnHand
	apart   bool // every statement is sent by itself
	written []books.SealedEvent
	// shown waits until the read models show what was committed, and shownLater until they show what is passing of it.
	shown, shownLater func(context.Context)
	records           map[shop.AttemptID][]byte
}

// commitAll commits members in one transaction. When they are refused as a whole for
// something that one of them brought along, the halves are tried; never when the outcome
// is unknown, or the database is down.
func (g *group) commitAll(members []*decision) {
	g.members = members
	err := g.commitLocked()
	switch {
	case err == nil:
		g.answer()
	case len(members) == 1 || shop.CodeOf(err) == shop.Unavailable:
		for _, d := range members {
			d.waitsFor = ""
			d.answer(err, nil)
		}
	default:
		half := len(members) / 2
		g.commitAll(members[:half])
		g.commitAll(members[half:])
	}
}

// commitLocked commits the group under the locks of what it is about: a courtesy to the
// other replicas, given back after the COMMIT while the read models are told of it already.
func (g *group) commitLocked() error {
	ctx := context.WithoutCancel(g.members[0].ctx) // who hangs up must not stop the others
	flows := make([]context.Context, len(g.members))
	for i, d := range g.members {
		flows[i] = d.ctx
	}
	ctx, cancel := context.WithTimeout(failpoint.Together(ctx, flows), groupTimeout)
	defer cancel()
	defer g.h.Locks.Lock(ctx, lockKeys(g.members)...)()
	err := mysqldb.InTx(ctx, g.h.DB, g.run)
	for errors.Is(err, mysqldb.ErrCommitUnknown) && ctx.Err() == nil {
		var stands bool
		refusal := err
		switch stands, err = g.stands(ctx); {
		case err == nil && !stands && mysqldb.IsRefusal(refusal): // a server that refuses is not asked again
			return books.Unavailable(refusal)
		case err != nil:
			err = errors.Join(mysqldb.ErrCommitUnknown, err)
			pauseBriefly(ctx)
		case !stands:
			err = mysqldb.InTx(ctx, g.h.DB, g.run)
		}
	}
	if err == nil {
		g.handOver()
	}
	return books.Unavailable(err)
}

// pauseBriefly waits a little, or until ctx ends.
func pauseBriefly(ctx context.Context) {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// stands reports, after the answer to a COMMIT was lost, whether the group is in the
// books. It reads that under the locks of the rows that the group had locked, so that a
// COMMIT on its way has landed or is none. A group without an event is made again: its
// keys tell, or it changes nothing the second time.
func (g *group) stands(ctx context.Context) (stands bool, err error) {
	if len(g.written) == 0 {
		return false, nil
	}
	orders, products := g.orders(), slices.Sorted(maps.Keys(g.stock.products))
	err = mysqldb.InTx(ctx, g.h.DB, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := books.Load(ctx, tx, books.Wanted{Orders: orders}); err != nil {
			return err
		}
		if _, err := books.LockProducts(ctx, tx, products, books.WaitForRows); err != nil {
			return err
		}
		stands, err = books.Stands(ctx, tx, g.written[0])
		return err
	})
	return stands, err
}

// orders are the orders that the group changes, in order of their ids: not those whose rows
// somebody else was found to hold.
func (g *group) orders() []shop.OrderID {
	var ids []shop.OrderID
	for _, d := range g.members {
		if d.order != "" && d.waitsFor == "" {
			ids = append(ids, d.order)
		}
	}
	slices.Sort(ids)
	return ids
}

// run loads, decides and writes. It may run again, and then decides anew.
func (g *group) run(ctx context.Context, tx *sql.Tx) error {
	g.now, g.written, g.stock, g.loaded = g.h.now(), nil, stockOnHand{}, books.Loaded{}
	for _, d := range g.members {
		d.c, d.err, d.waitsFor = nil, nil, ""
		if d.place != nil {
			d.place.placed = shop.OrderPlaced{}
		}
	}
	if err := g.load(ctx, tx); err != nil {
		return err
	}
	for _, d := range g.going() {
		if d.c != nil {
			d.err = d.alone(func() error { return d.do(d.c) })
		}
	}
	if err := g.takeStock(ctx, tx); err != nil {
		return err
	}
	return g.write(ctx, tx)
}

// going are the members that neither were refused nor wait for a row.
func (g *group) going() []*decision {
	return slices.DeleteFunc(slices.Clone(g.members), func(d *decision) bool { return d.err != nil || d.waitsFor != "" })
}

// changes are the changes of the members that are going.
func (g *group) changes() []*change {
	var changes []*change
	for _, d := range g.going() {
		if d.c != nil {
			changes = append(changes, d.c)
		}
	}
	return changes
}

// load locks and reads what the changes are about, and the keys of all.
func (g *group) load(ctx context.Context, tx *sql.Tx) error {
	wanted := books.Wanted{Orders: g.orders(), Patience: g.patience}
	wanted.Lines = g.h.memory.linesOf(wanted.Orders)
	for _, d := range g.members {
		wanted.Requests = append(wanted.Requests, d.keys...)
		if d.attempt != "" {
			wanted.Records = append(wanted.Records, d.attempt)
		}
	}
	g.ahead = g.foreseen(wanted.Lines)
	wanted.Products, wanted.Unsealed = g.ahead, g.h.memory.unsealed(g.ahead)
	loaded, err := books.Load(ctx, tx, wanted)
	if err != nil {
		return err
	}
	g.loaded = loaded
	for _, d := range g.members {
		if d.place != nil {
			d.place.known = receiptOf(loaded.Receipts, d.place.req)
		} else if held, found := loaded.Held[d.order]; found {
			d.c = newChange(held, d, loaded, g.now)
		} else {
			g.miss(d, string(d.order), shop.NoSuch("order"))
		}
	}
	return nil
}

// miss says that a row was not there: for who does not wait for rows, somebody may hold it.
func (g *group) miss(d *decision, id string, gone error) {
	if g.patience == books.LeaveRows && id != "" {
		d.waitsFor = id
		return
	}
	d.err = gone
}

// write writes what the members decided, each table once.
func (g *group) write(ctx context.Context, tx *sql.Tx) error {
	err := g.writeRows(ctx, mysqldb.NewPacket(tx, g.apart))
	if _, together := errors.AsType[*mysqldb.PacketError](err); together {
		g.apart = true // whose statement it was, and what is to be done about it, is found out
		return fmt.Errorf("%w: %w", mysqldb.ErrStale, err)
	}
	if err != nil {
		return err
	}
	for _, c := range g.changes() {
		if err := g.h.saveCases(ctx, tx, c); err != nil { // last: who open cases of a gateway's day take turns
			return err
		}
	}
	return nil
}

// writeRows writes what the members decided, but for their cases, in one packet.
func (g *group) writeRows(ctx context.Context, packet *mysqldb.Packet) error {
	var w writes
	for _, d := range g.going() {
		if d.c != nil {
			w.change(d.c)
		} else if d.place.isNew {
			w.placement(d)
		}
	}
	events := slices.Concat(w.events, g.stock.events(g.now))
	seals := g.h.memory.seals(events)
	maps.Copy(seals, g.loaded.Seals)
	sealed, err := books.Seal(ctx, packet, events, seals) // first: what it may have to read must not part the writes
	if err != nil {
		return err
	}
	if err := w.save(ctx, packet, g); err != nil {
		return err
	}
	if err := books.AppendSealed(ctx, packet, sealed); err != nil {
		return err
	}
	g.written = sealed
	return packet.Send(ctx)
}

// handOver remembers what was committed, and hands it to the read models.
func (g *group) handOver() {
	all, passing := shop.Committed{Records: g.records}, shop.Committed{Passing: true}
	passes := map[string]bool{} // by aggregate
	for _, d := range g.going() {
		switch {
		case d.c != nil:
			all.Touched = append(all.Touched, d.c.shows()...)
			g.h.memory.note(d.c.order, d.c.payment)
			for _, event := range d.c.events {
				passes[event.AggregateID] = d.passes()
			}
		case d.place.isNew:
			g.h.memory.note(d.place.placed.Order, shop.Payment{})
		default: // who placed it before may not have shown it yet
			all.Touched = append(all.Touched, string(d.place.placed.Order.ID))
		}
	}
	for _, event := range g.written {
		to := &all
		if passes[event.AggregateID] {
			to = &passing
		}
		to.Events = append(to.Events, event.Event)
	}
	g.h.memory.noteSeals(g.written)
	g.shown, g.shownLater = g.hand(all), g.hand(passing)
}

// answer lets everybody go.
func (g *group) answer() {
	for _, d := range g.members {
		switch {
		case d.waitsFor != "":
		case d.passes():
			d.answer(d.err, g.shownLater)
		default:
			d.answer(d.err, g.shown)
		}
	}
}

// hand hands over what there is.
func (g *group) hand(committed shop.Committed) (shown func(context.Context)) {
	if len(committed.Events)+len(committed.Touched) == 0 {
		return func(context.Context) {}
	}
	return g.h.Projector.Hand(committed)
}

// errNoRoom has a group run again without the records that the books have no room for.
var errNoRoom = fmt.Errorf("the books have no room for a gateway's record: %w", mysqldb.ErrStale)
