package query

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/views"
	"payment-system/shop"
)

// maxWatches is how many watches one process serves.
const maxWatches = 20_000

// WatchPayment sends the payment as it is, then each newer version: never an
// older one, and the last one surely, though a slow receiver may miss some in
// between. The channel is closed when ctx ends. It returns NotFound when the
// payment is missing or not the viewer's to see. What is received must not be
// changed: others receive the same.
func (r *Reader) WatchPayment(ctx context.Context, viewer Viewer, id shop.PaymentID) (<-chan *shop.Payment, error) {
	return watch(ctx, r, payments, string(id), func(p *shop.Payment) bool { return viewer.maySee(p.UserID) })
}

// WatchOrder does for an order what WatchPayment does for a payment.
func (r *Reader) WatchOrder(ctx context.Context, viewer Viewer, id shop.OrderID) (<-chan *shop.Order, error) {
	return watch(ctx, r, orders, string(id), func(o *shop.Order) bool { return viewer.maySee(o.UserID) })
}

// WatchReconciliation does for a reconciliation what WatchPayment does for a
// payment. Who may see it is the caller's to know.
func (r *Reader) WatchReconciliation(
	ctx context.Context, id shop.ReconciliationID,
) (<-chan *shop.Reconciliation, error) {
	return watch(ctx, r, reconciliations, string(id), func(*shop.Reconciliation) bool { return true })
}

// watch subscribes first and reads then, so that nothing falls in between.
func watch[T any](ctx context.Context, r *Reader, from viewTable, id string, may func(*T) bool) (<-chan *T, error) {
	if !from.mayHold(id) {
		return nil, shop.NoSuch(from.thing)
	}
	out := make(chan *T, 1)
	w := &watcher{
		offer: func(value any) {
			// Whoever offers holds the hub, so there is room once the last is out.
			select {
			case <-out:
			default:
			}
			out <- value.(*T)
		},
		end: func() { close(out) },
	}
	leave, err := r.join(from, id, w, func(body []byte) (any, error) { return decode[T](body) }) //nolint:contextcheck // Watches of an id share one look.
	if err != nil {
		return nil, err
	}
	now, version, err := readNow[T](ctx, r, from, id)
	if err == nil && !may(now) {
		err = shop.NoSuch(from.thing)
	}
	if err != nil {
		leave()
		return nil, err
	}
	r.watches.admit(id, w, now, version)
	context.AfterFunc(ctx, leave)
	return out, nil
}

// readNow reads what the primary says, past the cache: what came before the subscription is announced to nobody.
func readNow[T any](ctx context.Context, r *Reader, from viewTable, id string) (*T, int, error) {
	loaded, err := r.selectDocuments(ctx, r.current(), from, []string{id})
	if err != nil {
		return nil, 0, err
	}
	if len(loaded) == 0 {
		return nil, 0, shop.NoSuch(from.thing)
	}
	value, err := decode[T](loaded[0].body)
	return value, loaded[0].version, err
}

// A hub shares one subscription at Redis, and one look at the database for each
// thing that is watched, among all watchers of this process.
type hub struct {
	mu      sync.Mutex
	topics  map[string]*topic
	watches int

	speaking sync.Mutex // orders what is said to Redis
	subs     *redis.PubSub
}

// A topic is one thing that is watched.
type topic struct {
	id       string
	from     viewTable
	decode   func([]byte) (any, error)
	watchers map[*watcher]bool
	dirty    chan struct{} // holds one when there may be a newer version
	stop     context.CancelFunc

	announced int // the newest version that was announced
}

// A watcher receives the versions of one topic, each newer than the one before.
// Its fields are guarded by the hub.
type watcher struct {
	admitted bool
	last     int
	offer    func(value any)
	end      func()
}

// join adds a watcher to a topic. It hears nothing before it is admitted; leave
// ends it.
func (r *Reader) join(
	from viewTable, id string, w *watcher, decode func([]byte) (any, error),
) (leave func(), err error) {
	h := &r.watches
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watches >= maxWatches {
		return nil, shop.NotNow("Too many are watching. Try again later.", nil)
	}
	t := h.topics[id]
	if t == nil {
		if h.topics == nil {
			h.topics = map[string]*topic{}
		}
		t = &topic{id: id, from: from, decode: decode, watchers: map[*watcher]bool{}, dirty: make(chan struct{}, 1)}
		h.topics[id] = t
		var ctx context.Context
		ctx, t.stop = context.WithCancel(context.Background())
		go r.follow(ctx, t)
	}
	t.watchers[w] = true
	h.watches++
	return sync.OnceFunc(func() { h.remove(t, w) }), nil
}

func (h *hub) remove(t *topic, w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(t.watchers, w)
	h.watches--
	w.end()
	if len(t.watchers) == 0 {
		delete(h.topics, t.id)
		t.stop()
	}
}

// admit lets a watcher hear, beginning with the value given, and has its topic
// looked at once more: what was told while the value was read went past it.
func (h *hub) admit(id string, w *watcher, value any, version int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.admitted = true
	w.hear(value, version)
	if t := h.topics[id]; t != nil {
		t.mark()
	}
}

func (w *watcher) hear(value any, version int) {
	if w.admitted && version > w.last {
		w.last = version
		w.offer(value)
	}
}

// isNews reports whether a watcher of the topic has not heard of a version.
func (h *hub) isNews(t *topic, version int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range t.watchers {
		if w.last < version {
			return true
		}
	}
	return false
}

// publish tells the topic's watchers of a version.
func (h *hub) publish(t *topic, value any, version int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range t.watchers {
		w.hear(value, version)
	}
}

// follow looks for newer versions of a topic whenever there may be some: when
// Redis says so, when it was subscribed to or came back, and now and then for
// when it is gone.
func (r *Reader) follow(ctx context.Context, t *topic) {
	r.fitSubscription(ctx, t.id)
	defer r.fitSubscription(ctx, t.id)
	poll := time.NewTicker(cmp.Or(r.WatchPoll, 5*time.Second))
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.dirty:
		case <-poll.C:
		}
		if err := r.look(ctx, t); err != nil && ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "look for a newer version", "id", t.id, "error", err)
		}
	}
}

// look publishes what the database says now.
func (r *Reader) look(ctx context.Context, t *topic) error {
	r.watches.mu.Lock()
	floor := t.announced
	r.watches.mu.Unlock()
	loaded, err := r.load(ctx, t.from, []string{t.id}, map[string]views.Token{t.id: views.NewToken(floor)})
	if err != nil || len(loaded) == 0 || !r.watches.isNews(t, loaded[0].version) {
		return err
	}
	value, err := t.decode(loaded[0].body)
	if err != nil {
		return err
	}
	r.watches.publish(t, value, loaded[0].version)
	return nil
}

// fitSubscription makes the subscription at Redis fit what is watched now. Redis being away
// does no harm: the subscription is made up for when it is back.
func (r *Reader) fitSubscription(ctx context.Context, id string) {
	if r.Redis == nil {
		return
	}
	h := &r.watches
	h.speaking.Lock()
	defer h.speaking.Unlock()
	ctx = context.WithoutCancel(ctx)
	h.mu.Lock()
	_, wanted := h.topics[id]
	idle := len(h.topics) == 0
	h.mu.Unlock()
	switch {
	case idle && h.subs != nil:
		_ = h.subs.Close()
		h.subs = nil
	case idle:
	case h.subs == nil:
		h.subs = r.Redis.Subscribe(ctx)
		go h.listen(h.subs.ChannelWithSubscriptions(redis.WithChannelSize(1000)))
		h.say(ctx, id, wanted)
	default:
		h.say(ctx, id, wanted)
	}
}

func (h *hub) say(ctx context.Context, id string, wanted bool) {
	// The PubSub remembers what was said, and repeats it when it connects again.
	if wanted {
		_ = h.subs.Subscribe(ctx, views.Channel(id))
		return
	}
	_ = h.subs.Unsubscribe(ctx, views.Channel(id))
}

// listen notes topics that are announced, or subscribed to anew, until the
// subscription is closed.
func (h *hub) listen(messages <-chan any) {
	for message := range messages {
		switch m := message.(type) {
		case *redis.Message:
			version, _ := strconv.Atoi(m.Payload)
			h.note(m.Channel, version)
		case *redis.Subscription:
			h.note(m.Channel, 0)
		}
	}
}

// note has the topic of a channel looked at.
func (h *hub) note(channel string, version int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[strings.TrimPrefix(channel, views.Channel(""))]; t != nil {
		t.announced = max(t.announced, version)
		t.mark()
	}
}

// mark has the topic looked at, once if it is marked again before.
func (t *topic) mark() {
	select {
	case t.dirty <- struct{}{}:
	default:
	}
}
