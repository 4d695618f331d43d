package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"payment-system/command/books"
	"payment-system/shop"
)

// Which of those that wait a group takes, by their names.
func TestCommitter_next(t *testing.T) {
	t.Parallel()
	change := func(name string, order shop.OrderID, keys ...string) *decision {
		return waiting(t, name, order, nil, keys)
	}
	place := func(name string, lines int, keys ...string) *decision {
		return waiting(t, name, "", &placement{within: time.Minute, cmd: PlaceOrder{Lines: make([]PlaceOrderLine, lines)}}, keys)
	}
	behind := func(d *decision) *decision {
		d.background = true
		return d
	}
	gone := func(d *decision) *decision {
		ctx, cancel := context.WithCancel(d.ctx)
		cancel()
		d.ctx = ctx
		return d
	}
	many := func(n int, make func(name string) *decision) (all []*decision) {
		for i := range n {
			all = append(all, make(fmt.Sprint(i)))
		}
		return all
	}
	for name, test := range map[string]struct {
		waiting []*decision
		want    [][]string // group after group, each done before the next is formed
	}{
		"all that arrived": {
			[]*decision{change("a", "ord_a"), place("b", 1), change("c", "ord_c")}, [][]string{{"a", "c", "b"}},
		},
		"two changes of one order take turns, in order": {
			[]*decision{change("first", "ord_a"), change("second", "ord_a"), change("third", "ord_a"), change("b", "ord_b")},
			[][]string{{"first", "b"}, {"second"}, {"third"}},
		},
		"so do two of one key": {
			[]*decision{place("first", 1, "k"), place("second", 1, "k"), change("of another order", "ord_a", "k")},
			[][]string{{"of another order"}, {"first"}, {"second"}},
		},
		"who hung up is left out, unless it is about money": {
			[]*decision{gone(place("gone", 1)), place("here", 1)}, [][]string{{"here"}},
		},
		"long orders do not share a group": {
			[]*decision{place("a", 600), place("b", 600), place("c", 300)}, [][]string{{"a", "c"}, {"b"}},
		},
		"one that is too long for any goes alone": {
			[]*decision{place("a", 2_000), place("b", 1)}, [][]string{{"a"}, {"b"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, got := range groupsOf(t, test.waiting) {
				if i >= len(test.want) || !slices.Equal(names(got), test.want[i]) {
					t.Errorf("group %d is %v, want %v", i, names(got), test.want)
				}
			}
		})
	}
	t.Run("what nobody waits for takes half of a group at most, and is never shut out", func(t *testing.T) {
		t.Parallel()
		all := slices.Concat(
			many(200, func(name string) *decision { return behind(change("b"+name, shop.OrderID("ord_b"+name))) }),
			many(200, func(name string) *decision { return change("f"+name, shop.OrderID("ord_f"+name)) }))
		for i, group := range groupsOf(t, all) {
			if len(group) > maxGroup {
				t.Fatalf("group %d has %d members", i, len(group))
			}
			background := 0
			for _, d := range group {
				if d.background {
					background++
				}
			}
			if background > maxBackground || (i < 3 && background != minBackground) {
				t.Errorf("group %d has %d of %d in the background", i, background, len(group))
			}
		}
	})
}

// waiting is a decision that waits under a name.
func waiting(t *testing.T, name string, order shop.OrderID, place *placement, keys []string) *decision {
	t.Helper()
	ctx := context.WithValue(t.Context(), nameKey{}, name)
	d := &decision{ctx: ctx, order: order, place: place, ready: make(chan struct{})}
	for _, key := range keys {
		d.keys = append(d.keys, books.Request{UserID: "usr_a", Operation: "test", Key: key})
	}
	return d
}

type nameKey struct{}

func names(group []*decision) (all []string) {
	for _, d := range group {
		all = append(all, d.ctx.Value(nameKey{}).(string))
	}
	return all
}

// groupsOf has a committer form groups of what waits until nobody does.
func groupsOf(t *testing.T, all []*decision) (groups [][]*decision) {
	t.Helper()
	var q committer
	idle := func(*lane) {}
	for _, d := range all {
		if err := q.join(d, idle); err != nil {
			t.Fatal(err)
		}
	}
	for group := q.next(&q.main); group != nil; group = q.next(&q.main) {
		groups = append(groups, group)
		if len(groups) > len(all) {
			t.Fatal("a decision is taken again and again")
		}
		for _, d := range group {
			select {
			case <-d.ready:
				t.Error("one that was sent home is in a group")
			default:
			}
		}
		q.done(group, idle)
	}
	if len(q.busy) > 0 || len(q.main.waiting) > 0 {
		t.Errorf("%d are kept and %d wait, and nobody comes for them", len(q.busy), len(q.main.waiting))
	}
	return groups
}

// A decision that waits for somebody else's row keeps nobody waiting but those who want
// the same order, or the same product.
func TestCommitter_aside(t *testing.T) {
	t.Parallel()
	var q committer
	idle := func(*lane) {}
	join := func(d *decision) *decision {
		if err := q.join(d, idle); err != nil {
			t.Fatal(err)
		}
		return d
	}
	of := func(product shop.ProductID) *placement {
		return &placement{within: time.Minute, cmd: PlaceOrder{Lines: []PlaceOrderLine{{ProductID: product}}}}
	}
	held := join(waiting(t, "held", "", of("prd_held"), nil))
	order := join(waiting(t, "order", "ord_held", nil, nil))
	group := q.next(&q.main)
	held.waitsFor, order.waitsFor = "prd_held", "ord_held"
	q.done(group, idle)
	join(waiting(t, "the product again", "", of("prd_held"), nil))
	join(waiting(t, "the order again", "ord_held", nil, nil))
	join(waiting(t, "another", "", of("prd_other"), nil))
	if got := names(q.next(&q.main)); !slices.Equal(got, []string{"another"}) {
		t.Errorf("the others are %v", got)
	}
	product := q.aside["prd_held"]
	if got := names(q.next(product)); !slices.Equal(got, []string{"held", "the product again"}) {
		t.Errorf("for the product wait %v", got)
	}
	first := q.next(q.aside["ord_held"])
	if got := names(first); !slices.Equal(got, []string{"order"}) {
		t.Errorf("for the order waits %v", got)
	}
	q.done(first, idle)
	if got := names(q.next(q.aside["ord_held"])); !slices.Equal(got, []string{"the order again"}) {
		t.Errorf("then waits %v", got)
	}
	if group := q.next(product); group != nil || q.aside["prd_held"] != nil {
		t.Errorf("a lane that nobody waits in goes on: %v", names(group))
	}
}

// A decision that panics is refused, and takes nobody with it.
func TestDecision_alone(t *testing.T) {
	t.Parallel()
	d := &decision{order: "ord_a"}
	if err := d.alone(func() error { panic("what now") }); err == nil {
		t.Error("it was made")
	}
	refused := errors.New("no")
	if err := d.alone(func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
}
