package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	units      = 100
	buyers     = 300
	arrival    = 60 * time.Millisecond // between two buyers
	breakAfter = 4 * time.Second       // from the first buyer
	patience   = time.Minute           // of a buyer who is refused
	allBack    = 5 * time.Second
)

// A sale is what buyers saw.
type sale struct {
	paid, soldOut, unserved   int
	refused                   int // answers that something is away
	internal, notFound, stale int // wrong answers
	lastRefused               time.Time
	lastRefusal               error
	wrongs                    []string // the first of them
}

// A till counts what buyers see.
type till struct {
	mu   sync.Mutex
	sale sale
}

func (s sale) wrong() int { return s.internal + s.notFound + s.stale }

// sell has buyers come one after the other, and waits for all.
func (r *rig) sell(ctx context.Context, product string) sale {
	s := &till{}
	var buying sync.WaitGroup
	for i := range buyers {
		buying.Go(func() { s.end((&buyer{rig: r, till: s, visitor: r.shopper(i), number: i}).buy(ctx, product)) })
		time.Sleep(arrival)
	}
	buying.Wait()
	return s.sale
}

// end counts how a buyer left.
func (t *till) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.sale
	switch {
	case err == nil:
		s.paid++
	case isRefused(err, "SOLD_OUT"):
		s.soldOut++
	default:
		s.unserved++
	}
}

// note counts an answer that is no success, and reports whether it is worth another try.
func (t *till) note(err error) (again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.sale
	refused, ok := errors.AsType[*refusal](err)
	switch {
	case ok && refused.Extensions.Code == "SOLD_OUT":
		return false
	case ok && refused.Extensions.Code == "INTERNAL":
		s.internal++
	case ok && refused.Extensions.Code == "NOT_FOUND":
		s.notFound++
	case errors.Is(err, errStale):
		s.stale++
	default:
		s.refused++
		s.lastRefused, s.lastRefusal = time.Now(), err
		return true
	}
	if len(s.wrongs) < 10 {
		s.wrongs = append(s.wrongs, err.Error())
	}
	return true
}

var errStale = errors.New("what was just written is not shown")

// A buyer buys one unit, and looks after each step whether it is shown.
type buyer struct {
	rig     *rig
	till    *till
	visitor visitor
	number  int
}

// insist does something again while it is refused.
func (b *buyer) insist(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := do()
		if err == nil || !b.till.note(err) || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (b *buyer) buy(ctx context.Context, product string) error {
	var placed struct {
		PlaceOrder struct{ Order struct{ ID string } }
	}
	order := object{"idempotencyKey": uuid.NewString(), "lines": []object{{"productId": product, "quantity": 1}}}
	err := b.insist(ctx, func() error { return b.visitor.ask(ctx, placeDocument, object{"input": order}, &placed) })
	if err != nil {
		return err
	}
	id := placed.PlaceOrder.Order.ID
	if err := b.look(ctx, id, "PLACED", ""); err != nil {
		return err
	}
	pg := [2]string{"KAKAO", "TOSS"}[b.number%2]
	var readied struct {
		ReadyPayment struct{ Payment checkout }
	}
	payment := object{"idempotencyKey": uuid.NewString(), "orderId": id, "pg": pg, "returnUrl": "/orders"}
	err = b.insist(ctx, func() error { return b.visitor.ask(ctx, readyDocument, object{"input": payment}, &readied) })
	if err != nil {
		return err
	}
	if err := b.look(ctx, id, "PLACED", "READY"); err != nil {
		return err
	}
	if err := b.pay(ctx, pg, readied.ReadyPayment.Payment.PaymentKey); err != nil {
		return err
	}
	return b.look(ctx, id, "PAID", "APPROVED")
}

// pay pays at the gateway, and comes back until the shop says that it is approved.
func (b *buyer) pay(ctx context.Context, pg, paymentKey string) error {
	body, err := json.Marshal(object{"pg": pg, "paymentKey": paymentKey, "act": "pay_card"})
	if err != nil {
		return err
	}
	var paid struct{ RedirectURL string }
	if err := b.rig.control(ctx, http.MethodPost, "/sim/shopper", body, &paid); err != nil {
		return err
	}
	return b.insist(ctx, func() error {
		location, err := b.rig.site.get(ctx, paid.RedirectURL, http.StatusSeeOther)
		if err != nil {
			return err
		}
		to, err := url.Parse(location)
		if err == nil && to.Query().Get("status") != "APPROVED" {
			err = fmt.Errorf("a payment came back as %q", to.Query().Get("status"))
		}
		return err
	})
}

// look wants an order and its payment to be shown as they are, by id and in the shopper's list.
func (b *buyer) look(ctx context.Context, id, status, payment string) error {
	const document = `query($id: ID!) { order(id: $id) { status payment { status } }
		viewer { orders(first: 100) { nodes { id status } } } }`
	return b.insist(ctx, func() error {
		var seen struct {
			Order *struct {
				Status  string
				Payment *struct{ Status string }
			}
			Viewer *struct {
				Orders struct{ Nodes []struct{ ID, Status string } }
			}
		}
		if err := b.visitor.ask(ctx, document, object{"id": id}, &seen); err != nil {
			return err
		}
		if seen.Order == nil || seen.Viewer == nil || seen.Order.Status != status {
			return fmt.Errorf("order %s: %w", id, errStale)
		}
		if payment != "" && (seen.Order.Payment == nil || seen.Order.Payment.Status != payment) {
			return fmt.Errorf("payment of %s: %w", id, errStale)
		}
		for _, node := range seen.Viewer.Orders.Nodes {
			if node.ID == id && node.Status == status {
				return nil
			}
		}
		return fmt.Errorf("list with %s: %w", id, errStale)
	})
}
