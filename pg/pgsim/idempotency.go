package pgsim

import (
	"sync"
	"time"
)

const (
	replayLife   = 15 * 24 * time.Hour
	maxReplayKey = 300
)

// replayKey is the scope of an idempotency key. The body is not part of it.
type replayKey struct{ secretKey, method, path, key string }

// replay is the first use of an idempotency key. Its answer is nil while the
// first call runs.
type replay struct {
	answer  *answer
	payment *tossPayment // that the call made, if it made one
	until   time.Time
}

// replayStore remembers the answers of calls with an idempotency key.
type replayStore struct {
	mu   sync.Mutex
	seen map[replayKey]*replay
	of   map[*tossPayment][]replayKey
}

// forget forgets the answers about a payment.
func (s *replayStore) forget(p *tossPayment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.of[p] {
		delete(s.seen, key)
	}
	delete(s.of, p)
}

// begin returns what is known of the key; if nothing is, it takes the key for
// the caller and returns fresh.
func (s *replayStore) begin(key replayKey, now time.Time) (known replay, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.seen[key]; r != nil && now.Before(r.until) {
		return *r, false
	}
	if s.seen == nil {
		s.seen = map[replayKey]*replay{}
	}
	s.seen[key] = &replay{until: now.Add(replayLife)}
	return replay{}, true
}

// end keeps the answer for good, or frees the key if the call had none.
func (s *replayStore) end(key replayKey, a answer, payment *tossPayment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.cut {
		delete(s.seen, key)
		return
	}
	a.hang = false // the answer exists; only its first delivery hangs
	s.seen[key].answer = &a
	s.seen[key].payment = payment
	if payment != nil {
		if s.of == nil {
			s.of = map[*tossPayment][]replayKey{}
		}
		s.of[payment] = append(s.of[payment], key)
	}
}

// idempotent runs work once per idempotency key and answers repeats from memory,
// byte by byte, errors included.
func (s *Server) idempotent(c *call, work func(*call) (answer, *tossPayment)) answer {
	name := c.Header.Get("Idempotency-Key")
	if name == "" {
		a, _ := work(c)
		return a
	}
	if len([]rune(name)) > maxReplayKey {
		return c.paused(tossFail("INVALID_IDEMPOTENCY_KEY").answer(c))
	}
	key := replayKey{c.secretKey, c.Method, c.URL.Path, name}
	known, fresh := s.replays.begin(key, s.now())
	switch {
	case fresh:
		a, payment := work(c)
		s.replays.end(key, a, payment)
		return a
	case known.answer == nil:
		return tossFail("IDEMPOTENT_REQUEST_PROCESSING").answer(c)
	}
	return c.paused(s.replayed(c, known))
}

// replayed is a remembered answer. It carries two trace ids, its own and the
// first one's, and is otherwise the same.
func (s *Server) replayed(c *call, known replay) answer {
	if known.payment != nil {
		s.mu.Lock()
		known.payment.called(c.name)
		s.mu.Unlock()
	}
	a := *known.answer
	a.header = a.header.Clone()
	a.header[traceHeader] = append([]string{s.ids.hex(32)}, a.header[traceHeader]...)
	return a
}
