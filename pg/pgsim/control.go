package pgsim

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (s *Server) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /sim/ledger", s.simLedger)
	mux.HandleFunc("POST /sim/shopper", s.simShopper)
	mux.HandleFunc("PUT /sim/faults", s.simPutFaults)
	mux.HandleFunc("GET /sim/faults", s.simFaults)
	mux.HandleFunc("DELETE /sim/faults", s.simDeleteFaults)
	mux.HandleFunc("POST /sim/refund", s.simRefund)
	mux.HandleFunc("POST /sim/clock", s.simAdvance)
	mux.HandleFunc("GET /sim/clock", s.simClock)
	mux.HandleFunc("GET /sim/settlements", s.simSettlements)
	mux.HandleFunc("GET /sim/{$}", s.indexPage)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/sim/", http.StatusFound)
	})
	mux.HandleFunc("/sim/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(http.StatusNotFound, "no such control call").write(w)
	})
}

func (r *refusal) write(w http.ResponseWriter) { writeJSON(w, r.status, r) }

// readControl reads the JSON body of a control call, or answers 400.
func readControl(w http.ResponseWriter, r *http.Request, v any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		badField("body", "too large or cut").write(w)
		return false
	}
	if e := decodeStrict(body, v); e != nil {
		e.write(w)
		return false
	}
	return true
}

// simLedger may be narrowed by pg, orderId and paymentKey.
func (s *Server) simLedger(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	pg, order, key := strings.ToUpper(q.Get("pg")), q.Get("orderId"), q.Get("paymentKey")
	writeJSON(w, http.StatusOK, s.ledger(func(a *account) bool {
		return (pg == "" || a.pg == pg) && (order == "" || a.orderID == order) && (key == "" || a.key == key)
	}))
}

func (s *Server) simShopper(w http.ResponseWriter, r *http.Request) {
	var act shopperAct
	if !readControl(w, r, &act) {
		return
	}
	address, e := s.shop(act)
	if e != nil {
		e.write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"redirectUrl": address})
}

func (s *Server) simPutFaults(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		badField("body", "too large or cut").write(w)
		return
	}
	list, e := parseFaults(body)
	if e != nil {
		e.write(w)
		return
	}
	s.faults.replace(list)
	s.simFaults(w, r)
}

func (s *Server) simFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.faults.all())
}

func (s *Server) simDeleteFaults(w http.ResponseWriter, _ *http.Request) {
	s.faults.replace(nil)
	w.WriteHeader(http.StatusNoContent)
}

// simRefund gives money back as the merchant would in the gateway's console.
func (s *Server) simRefund(w http.ResponseWriter, r *http.Request) {
	var q struct {
		PG         string `json:"pg"`
		PaymentKey string `json:"paymentKey"`
		Amount     int64  `json:"amount"`
	}
	if !readControl(w, r, &q) {
		return
	}
	row, e := s.consoleRefund(strings.ToUpper(q.PG), q.PaymentKey, q.Amount)
	if e != nil {
		e.write(w)
		return
	}
	writeJSON(w, http.StatusOK, row)
}

// consoleRefund returns amount, or all that is left if it is 0.
func (s *Server) consoleRefund(pg, key string, amount int64) (ledgerRow, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kakao, toss := s.kakao[key], s.toss[key]
	switch {
	case pg != "KAKAO" && pg != "TOSS":
		return ledgerRow{}, badField("pg", "must be KAKAO or TOSS")
	case amount < 0:
		return ledgerRow{}, badField("amount", "must not be negative")
	case pg == "KAKAO" && kakao != nil:
		return s.kakaoConsoleRefund(kakao, amount)
	case pg == "TOSS" && toss != nil:
		return s.tossConsoleRefund(toss, amount)
	}
	return ledgerRow{}, &refusal{status: http.StatusNotFound, Message: "paymentKey: no such payment", Field: "paymentKey"}
}

// kakaoConsoleRefund takes the taxed part first.
func (s *Server) kakaoConsoleRefund(p *kakaoPayment, amount int64) (ledgerRow, *refusal) {
	left := p.available()
	if amount == 0 {
		amount = left.Total
	}
	var q kakaoCancelRequest
	q.Amount = kakaoInt{value: amount, set: true}
	q.TaxFreeAmount = kakaoInt{value: max(0, amount-(left.Total-left.TaxFree)), set: true}
	e := q.check()
	if e == nil {
		e = p.cancelable(q)
	}
	if e != nil {
		return ledgerRow{}, refuse(http.StatusConflict, strconv.Itoa(e.Code)+" "+e.Message)
	}
	s.kakaoGiveBack(p, q)
	return p.row(), nil
}

func (s *Server) tossConsoleRefund(p *tossPayment, amount int64) (ledgerRow, *refusal) {
	q := &tossCancelRequest{Reason: "상점 관리자 환불", console: true}
	if amount > 0 {
		left, leftFree := p.balance()
		free := max(0, amount-(left-leftFree))
		q.Amount, q.TaxFree = &amount, &free
	}
	if e := p.cancelable(q); e != nil {
		return ledgerRow{}, refuse(http.StatusConflict, e.Code)
	}
	s.tossGiveBack(p, q)
	return p.row(), nil
}

// simAdvance moves the clock ahead by a duration such as "16m", or by seconds.
func (s *Server) simAdvance(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Advance json.RawMessage `json:"advance"`
	}
	if !readControl(w, r, &q) {
		return
	}
	d, ok := parseAdvance(q.Advance)
	if !ok {
		badField("advance", `must be a duration such as "16m", or seconds, and not negative`).write(w)
		return
	}
	s.mu.Lock()
	s.advanced += d
	s.expireAll()
	s.mu.Unlock()
	s.simClock(w, r)
}

func parseAdvance(raw json.RawMessage) (time.Duration, bool) {
	const most = 10 * 365 * 24 * time.Hour
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		text = string(raw) + "s"
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0 && d <= most
}

func (s *Server) simClock(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"now": s.now().Format(time.RFC3339Nano)})
}
