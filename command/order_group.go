package command

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// groupTimeout bounds what a group may take, whoever waits for it.
const groupTimeout = 30 * time.Second

// commitOrders commits group after group until nobody waits.
func (h *Handler) commitOrders() {
	for group := h.orders.next(); group != nil; group = h.orders.next() {
		// A shopper who hangs up must not stop the others' orders.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(group[0].ctx), groupTimeout)
		h.placeGroup(ctx, group)
		// The next group need not wait until the read models show this one.
		h.background.start(func() {
			defer cancel()
			h.answerGroup(ctx, group)
		})
	}
}

// placeGroup places a group's orders in one transaction, under the locks of all
// its products. When the group is refused as a whole for something that one of
// its orders brought along, each is placed by itself.
func (h *Handler) placeGroup(ctx context.Context, group []*pendingOrder) {
	err := h.tryGroup(ctx, group)
	switch {
	case err == nil:
	case len(group) == 1 || shop.CodeOf(err) == shop.Unavailable:
		for _, pending := range group {
			pending.refuse(err)
		}
	default:
		for i := range group {
			h.placeGroup(ctx, group[i:i+1])
		}
	}
}

func (h *Handler) tryGroup(ctx context.Context, group []*pendingOrder) error {
	defer h.Locks.Lock(ctx, lockKeys(group)...)()
	return h.inKeyedTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return h.placeOrders(ctx, tx, group)
	})
}

// answerGroup lets everybody go whose order the read models show.
func (h *Handler) answerGroup(ctx context.Context, group []*pendingOrder) {
	touched := map[string]bool{}
	for _, pending := range group {
		if pending.err != nil {
			continue
		}
		touched[string(pending.placed.Order.ID)] = true
		for _, line := range pending.placed.Order.Lines {
			touched[string(line.ProductID)] = true
		}
	}
	if len(touched) > 0 {
		h.Projector.Project(ctx, slices.Sorted(maps.Keys(touched))...)
	}
	for _, pending := range group {
		close(pending.ready)
	}
}

func lockKeys(group []*pendingOrder) []string {
	ids := productsOf(group)
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = lockKey(string(id))
	}
	return keys
}

// productsOf returns the products that a group asks for, in order of their ids.
func productsOf(group []*pendingOrder) []shop.ProductID {
	ids := map[shop.ProductID]bool{}
	for _, pending := range group {
		for _, line := range pending.cmd.Lines {
			ids[line.ProductID] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// placeOrders decides on each pending order and writes what the group can have. It may
// run again, and then decides anew.
func (h *Handler) placeOrders(ctx context.Context, tx *sql.Tx, group []*pendingOrder) error {
	fresh, err := answerKnown(ctx, tx, group)
	if err != nil || len(fresh) == 0 {
		return err
	}
	products, err := lockProducts(ctx, tx, productsOf(fresh))
	if err != nil {
		return err
	}
	stock := &stockOnHand{products: products, taken: map[shop.ProductID]int{}, holders: map[shop.ProductID][]shop.OrderID{}}
	at := h.now()
	placed := stock.serve(fresh, at, at.Add(h.OrderHold))
	if len(placed) == 0 {
		return nil
	}
	if err := insertKeys(ctx, tx, placed, at); err != nil {
		return err
	}
	if err := stock.hold(ctx, tx); err != nil {
		return err
	}
	if err := insertOrders(ctx, tx, placed); err != nil {
		return err
	}
	return record(ctx, tx, append(stock.facts(at), orderFacts(placed, at)...)...)
}

// answerKnown answers the pending orders whose keys are stored, and returns the others.
// A key that is stored a moment later is found by insertKeys.
func answerKnown(ctx context.Context, tx *sql.Tx, group []*pendingOrder) ([]*pendingOrder, error) {
	found, err := findReceipts(ctx, tx, group)
	if err != nil {
		return nil, err
	}
	var fresh []*pendingOrder
	for _, pending := range group {
		known, ok := found[pending.req.name()]
		switch {
		case !ok:
			fresh = append(fresh, pending)
		case known.hash != pending.req.hash:
			pending.refuse(mismatch())
		default:
			pending.placed = shop.OrderPlaced{}
			pending.err = (&receipt{response: known.response}).answer(&pending.placed)
		}
	}
	return fresh, nil
}

// A keyName tells requests of one operation apart.
type keyName struct {
	userID shop.UserID
	key    string
}

func (r request) name() keyName { return keyName{userID: r.userID, key: r.key} }

func mismatch() error {
	return &shop.Error{Code: shop.IdempotencyMismatch, Message: "This idempotency key was used for another input."}
}

type knownOrder struct {
	hash     string
	response []byte
}

func findReceipts(ctx context.Context, tx *sql.Tx, group []*pendingOrder) (map[keyName]knownOrder, error) {
	args := make([]any, 0, 1+2*len(group))
	args = append(args, "placeOrder")
	for _, pending := range group {
		args = append(args, string(pending.req.userID), pending.req.key)
	}
	// Written out, each pair is one look-up in the primary key.
	pairs := strings.TrimSuffix(strings.Repeat("(user_id = ? AND idem_key = ?) OR ", len(group)), " OR ")
	rows, err := tx.QueryContext(ctx, `SELECT user_id, idem_key, request_hash, response FROM idempotency WHERE operation = ? AND (`+pairs+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("read the idempotency keys: %w", err)
	}
	defer rows.Close()
	found := map[keyName]knownOrder{}
	for rows.Next() {
		var name keyName
		var known knownOrder
		if err := rows.Scan(&name.userID, &name.key, &known.hash, &known.response); err != nil {
			return nil, fmt.Errorf("read an idempotency key: %w", err)
		}
		found[name] = known
	}
	return found, rows.Err()
}

func orderFacts(placed []*pendingOrder, at time.Time) []fact {
	facts := make([]fact, len(placed))
	for i, pending := range placed {
		facts[i] = orderFact(pending.placed.Order, shop.KindOrderPlaced, shop.ActorShopper, "", at)
	}
	return facts
}

// insertKeys stores the keys with their answers. It returns mysqldb.ErrStale
// when one of them was stored meanwhile.
func insertKeys(ctx context.Context, tx *sql.Tx, placed []*pendingOrder, at time.Time) error {
	args := make([]any, 0, 7*len(placed))
	for _, pending := range placed {
		response, err := json.Marshal(pending.placed)
		if err != nil {
			return fmt.Errorf("encode the answer to order %s: %w", pending.id, err)
		}
		args = append(args, string(pending.req.userID), pending.req.operation, pending.req.key, pending.req.hash, string(pending.id), response, at)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO idempotency (user_id, operation, idem_key, request_hash, subject, response, created_at) VALUES `+tuples(len(placed), 7), args...)
	if mysqldb.IsDuplicate(err, "PRIMARY") {
		return mysqldb.ErrStale
	}
	if err != nil {
		return fmt.Errorf("store the idempotency keys: %w", err)
	}
	return nil
}

func insertOrders(ctx context.Context, tx *sql.Tx, placed []*pendingOrder) error {
	var orders, lines []any
	for _, pending := range placed {
		o := pending.placed.Order
		orders = append(orders, string(o.ID), string(o.UserID), string(o.Status), int64(o.Total), int64(o.TaxFreeTotal), o.PlacedAt, o.ExpiresAt, o.Version)
		for i, line := range o.Lines {
			lines = append(lines, string(o.ID), i, string(line.ProductID), line.Name, int64(line.UnitPrice), line.Quantity, int64(line.Amount), line.TaxFree)
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO orders (id, user_id, status, total, tax_free_total, placed_at, expires_at, version) VALUES `+tuples(len(orders)/8, 8), orders...)
	if err != nil {
		return fmt.Errorf("insert orders: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO order_lines (order_id, line, product_id, name, unit_price, quantity, amount, tax_free) VALUES `+tuples(len(lines)/8, 8), lines...)
	if err != nil {
		return fmt.Errorf("insert order lines: %w", err)
	}
	return nil
}
