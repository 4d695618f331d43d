package command

import (
	"context"
	"sync"
	"time"

	"payment-system/command/books"
	"payment-system/internal/failpoint"
	"payment-system/pg"
	"payment-system/shop"
)

// gateway returns the client of a gateway whose calls are watched, or nil when
// none is configured.
func (h *Handler) gateway(id shop.PG) pg.Gateway {
	client := h.Gateways[id]
	if client == nil {
		return nil
	}
	return watchedGateway{client: client, id: id, h: h}
}

// A watchedGateway notices when a gateway that was silent answers again: then
// all that waits for its word is asked at once.
type watchedGateway struct {
	client pg.Gateway
	id     shop.PG
	h      *Handler
}

// Ready opens a payment.
func (g watchedGateway) Ready(ctx context.Context, req pg.ReadyRequest) (pg.Ready, error) {
	return watch(ctx, g, func() (pg.Ready, error) { return g.client.Ready(ctx, req) })
}

// Approve takes the money.
func (g watchedGateway) Approve(ctx context.Context, req pg.ApproveRequest) (pg.Payment, error) {
	return watch(ctx, g, func() (pg.Payment, error) { return g.client.Approve(ctx, req) })
}

// Cancel gives money back.
func (g watchedGateway) Cancel(ctx context.Context, req pg.CancelRequest) (pg.Payment, error) {
	return watch(ctx, g, func() (pg.Payment, error) { return g.client.Cancel(ctx, req) })
}

// LookUp returns the payment as the gateway has it.
func (g watchedGateway) LookUp(ctx context.Context, key pg.Key) (pg.Payment, error) {
	return watch(ctx, g, func() (pg.Payment, error) { return g.client.LookUp(ctx, key) })
}

func watch[T any](ctx context.Context, g watchedGateway, call func() (T, error)) (T, error) {
	failpoint.At(ctx, failpoint.BeforePG)
	answer, err := call()
	failpoint.At(ctx, failpoint.AfterPG)
	g.h.noteCall(ctx, g.id, isSilence(err))
	return answer, err
}

// scoutEvery is how often a silent gateway is asked about something that is not
// due yet, only to find out whether it answers again.
const scoutEvery = 20 * time.Second

// gatewayHealth remembers which gateways were silent when they were last asked. What
// was before this process began is taken for silence. The zero value has heard
// of none.
type gatewayHealth struct {
	mu  sync.Mutex
	pgs map[shop.PG]*gatewayState
}

// gatewayState is what was last heard of one gateway.
type gatewayState struct {
	answers bool
	scouted time.Time // when it was last asked out of turn
	broken  time.Time // when a silence last ended
	silent  time.Time // when it last did not answer; zero once it has
}

// of returns what was heard of a gateway. The caller holds s.mu.
func (s *gatewayHealth) of(id shop.PG) *gatewayState {
	if s.pgs == nil {
		s.pgs = map[shop.PG]*gatewayState{}
	}
	if s.pgs[id] == nil {
		s.pgs[id] = &gatewayState{}
	}
	return s.pgs[id]
}

// note remembers how a call ended, and reports whether it broke a silence. One
// that was broken a moment ago lasts a little longer: a gateway that answers
// every other call is not asked about everything again and again.
func (s *gatewayHealth) note(id shop.PG, silent bool, now time.Time) (broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(id)
	if silent {
		of.answers, of.silent = false, now
		return false
	}
	of.silent = time.Time{}
	if of.answers || now.Before(of.broken.Add(scoutEvery)) {
		return false
	}
	of.answers, of.broken = true, now
	return true
}

// mayScout reports whether it is time to ask a silent gateway out of turn.
func (s *gatewayHealth) mayScout(id shop.PG, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(id)
	if of.answers || now.Before(of.scouted.Add(scoutEvery)) {
		return false
	}
	of.scouted = now
	return true
}

// silenceLasts is how long a gateway that did not answer is taken for silent when nobody asks it
// again. Where payments are open somebody does, every scoutEvery; else the next shopper finds out.
const silenceLasts = 30 * time.Second

// isSilent reports whether a gateway did not answer when it was last asked, a moment ago.
func (s *gatewayHealth) isSilent(id shop.PG, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	silent := s.of(id).silent
	return !silent.IsZero() && now.Before(silent.Add(silenceLasts))
}

// OfferedGateways are the gateways that orders can be paid with, as far as this replica has
// heard, in the order to show them.
func (h *Handler) OfferedGateways() []shop.OfferedGateway {
	offered := []shop.OfferedGateway{}
	for _, id := range shop.PGs() {
		if h.Gateways[id] != nil {
			offered = append(offered, shop.OfferedGateway{
				PG: id, Methods: id.Methods(), Available: !h.health.isSilent(id, h.now()),
			})
		}
	}
	return offered
}

// forget takes a gateway for silent, so that it is asked out of turn again.
func (s *gatewayHealth) forget(id shop.PG) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(id).answers = false
}

// noteCall notes how a call ended. When it ends a silence, every look-up that the
// gateway still owes an answer for becomes due at once, so that nobody waits for the
// schedule after an outage, or a restart of ours. One that is being looked up may have
// got no answer a moment before, and is looked up again. Deposits are not among them:
// the shopper owes those.
func (h *Handler) noteCall(ctx context.Context, id shop.PG, silent bool) {
	now := h.now()
	if !h.health.note(id, silent, now) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := books.LookUpsNow(ctx, h.DB, id, now); err != nil {
		h.health.forget(id)
		h.Logger.WarnContext(ctx, "look-ups not brought forward", "pg", string(id), "error", err)
	}
}
