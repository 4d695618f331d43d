package command

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

// A decision says, given what the books hold, what changes in them, or refuses. It makes
// no call and no statement of its own, and may be made again: it must assign, never
// append. It is about one order and its payment, or about an order to be placed.
type decision struct {
	ctx   context.Context // of the call that waits; one that has ended before it is begun is left out
	actor shop.Actor
	by    shop.UserID     // the operator who asked; "" for anybody else
	keys  []books.Request // that it may look for, or store

	// order is whose change it is, and do changes it.
	order shop.OrderID
	do    func(*change) error
	// attempt is whose gateway record it wants, "" for none, and evidence how many bytes it may add.
	attempt  shop.AttemptID
	evidence int
	// passing says that what it is about changes again at once, before anybody is answered: it is the intent
	// of a call.
	passing bool
	// moves says that it will probably move the units of its order, whose products are then locked together with
	// the rest that it needs.
	moves bool
	// background says that nobody waits for it.
	background bool

	place *placement

	ready chan struct{} // closed when it is answered
	err   error
	c     *change                   // what came of do
	shown func(ctx context.Context) // waits until the read models show it

	since        time.Time // when it joined; the committer's, as what follows
	pending      int       // lines that it is counted with while it waits
	taken, begun bool      // by a group; the committer's
	waitsFor     string    // the id whose row another transaction holds
	recordless   bool      // the books have no room for the gateway's record
}

// answer ends the wait of whoever asked.
func (d *decision) answer(err error, shown func(context.Context)) {
	d.err, d.shown = err, shown
	close(d.ready)
}

// passes reports whether the read models may leave out for a moment what was decided.
func (d *decision) passes() bool {
	return d.passing && d.c != nil && len(d.c.events) > 0 && len(d.c.touched) == 0 && len(d.c.moves) == 0 &&
		d.c.record == nil
}

// exclusive names what no other decision may have that is under way: the order, the keys.
func (d *decision) exclusive() []any {
	ids := make([]any, 0, 1+len(d.keys))
	if d.order != "" {
		ids = append(ids, d.order)
	}
	for _, key := range d.keys {
		ids = append(ids, key.Name())
	}
	return ids
}

// rows names the rows that it is known to need: its order, or the products that it wants.
func (d *decision) rows() []string {
	if d.place == nil {
		return []string{string(d.order)}
	}
	var ids []string
	for _, id := range d.place.products() {
		ids = append(ids, string(id))
	}
	return ids
}

// size is how many lines and bytes it adds to its group's statements, about.
func (d *decision) size() (lines, bytes int) {
	if d.place != nil {
		return len(d.place.cmd.Lines), 0
	}
	return 1, d.evidence
}

// alone does a part of the decision. One that panics is refused, and nobody else is.
func (d *decision) alone(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("a decision about order %s panicked: %v\n%s", d.order, cause, debug.Stack())
		}
	}()
	return do()
}
