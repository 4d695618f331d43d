package pgsim

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	maxBody  = 1 << 20
	maxHang  = 5 * time.Minute
	maxMoney = 9007199254740991 // the largest whole number every JSON reader knows
)

// call is one request to a gateway's API: its body, and what is to go wrong.
type call struct {
	*http.Request
	server    *Server
	name      string
	body      []byte
	fault     fault
	secretKey string
}

// answer is what a gateway says. A cut answer is a closed connection; a hanging
// one never comes.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    bool
	hang   bool
}

// api counts the call, lets a fault strike it and delivers what work answers.
func (s *Server) api(pg, name string, work func(*call) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			writeJSON(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "body: too large or cut"})
			return
		}
		c := &call{Request: r, server: s, name: name, body: body}
		key := s.paymentKey(pg, c)
		c.fault = s.faults.take(pg, name, key) // before it is counted: who sees it counted may end the fault
		s.count(pg, c, key)
		a, struck := c.fault.before(pg)
		if !struck {
			a = s.said.swap(c.fault, pg+name, key, work(c))
		}
		s.deliver(w, c, a)
	}
}

// paymentKey is the key of the payment that the call names, or "".
func (s *Server) paymentKey(pg string, c *call) string {
	var named struct {
		TID        string `json:"tid"`
		PaymentKey string `json:"paymentKey"`
	}
	_ = json.Unmarshal(c.body, &named) // a body that cannot be read names no payment
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.kakao[named.TID]; pg == "KAKAO" && p != nil {
		return p.key
	}
	p := s.tossOrders[c.PathValue("orderId")]
	if p == nil {
		p = s.toss[c.PathValue("paymentKey")+named.PaymentKey]
	}
	if pg != "TOSS" || p == nil {
		return ""
	}
	return p.key
}

// count notes the call on the payment of a key, if there is one.
func (s *Server) count(pg string, c *call, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.kakao[key]; pg == "KAKAO" && p != nil {
		p.called(c.name)
	}
	if p := s.toss[key]; pg == "TOSS" && p != nil {
		p.called(c.name)
		p.saw(c.Header.Get("Idempotency-Key"))
	}
}

// sayings are the last two answers of each call, for other_payment.
type sayings struct {
	mu   sync.Mutex
	last map[string][]saying
}

// saying is what a call answered for a payment.
type saying struct {
	key    string
	answer answer
}

// swap notes a good answer, and returns it; or, if the fault says so, one of
// another payment.
func (s *sayings) swap(f fault, call, key string, a answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	other := answer{cut: true}
	mine := []saying{{key, a}}
	for _, one := range s.last[call] {
		if len(mine) == 1 && (one.key != key || key == "") {
			other, mine = one.answer, append(mine, one)
		}
	}
	if f.Fault == "other_payment" {
		return other
	}
	if a.status == http.StatusOK {
		if s.last == nil {
			s.last = map[string][]saying{}
		}
		s.last[call] = mine
	}
	return a
}

// pause lets a slow or hanging fault pass before the call takes effect. It
// reports false if the call shall have none.
func (c *call) pause() bool {
	switch c.fault.Fault {
	case "slow":
		// A client that goes away does not stop a gateway.
		return c.server.wait(nil, c.fault.delay())
	case "hang_before":
		c.server.wait(c.Request, c.fault.patience())
		return false
	}
	return true
}

// paused is a, after the pause.
func (c *call) paused(a answer) answer {
	if !c.pause() {
		return answer{cut: true}
	}
	return a
}

// wait returns true after d, or false earlier: when the client of r (which may be
// nil) goes away, or the server closes.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	gone := s.ctx.Done()
	if r != nil {
		gone = r.Context().Done()
	}
	after := s.After
	if after == nil {
		after = time.After
	}
	select {
	case <-after(d):
		return true
	case <-gone:
	case <-s.ctx.Done():
	}
	return false
}

func (s *Server) deliver(w http.ResponseWriter, c *call, a answer) {
	if a.hang {
		s.wait(c.Request, maxHang)
		a.cut = true
	}
	if a.cut {
		panic(http.ErrAbortHandler) // closes the connection
	}
	a = c.fault.corrupt(a)
	switch c.fault.Fault {
	case "hang_after":
		s.wait(c.Request, c.fault.patience())
		panic(http.ErrAbortHandler)
	case "drop_after":
		panic(http.ErrAbortHandler)
	case "slow_after":
		s.wait(c.Request, c.fault.delay())
	case "trickle":
		s.trickle(w, c, a)
		return
	}
	a.write(w)
}

func (a answer) write(w http.ResponseWriter) {
	a.head(w)
	_, _ = w.Write(a.body)
}

func (a answer) head(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
}

// trickle sends a byte at a time.
func (s *Server) trickle(w http.ResponseWriter, c *call, a answer) {
	a.head(w)
	pace := c.fault.delay()
	if pace == 0 {
		pace = time.Second
	}
	for i := range a.body {
		_, err := w.Write(a.body[i : i+1])
		if err == nil {
			err = http.NewResponseController(w).Flush()
		}
		if err != nil || !s.wait(c.Request, pace) {
			panic(http.ErrAbortHandler)
		}
	}
}

// jsonAnswer is v as JSON.
func jsonAnswer(status int, v any) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}}, body: encode(v)}
}

// encode is v as JSON, with Hangul and addresses left as they are.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("pgsim: " + err.Error()) // our own types always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	jsonAnswer(status, v).write(w)
}
