package pgsim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Statuses of a Toss payment.
const (
	tossReady           = "READY"
	tossInProgress      = "IN_PROGRESS"
	tossWaiting         = "WAITING_FOR_DEPOSIT"
	tossDone            = "DONE"
	tossCanceled        = "CANCELED"
	tossPartialCanceled = "PARTIAL_CANCELED"
	tossAborted         = "ABORTED"
	tossExpired         = "EXPIRED"
)

// Ways to pay at Toss.
const (
	byCard           = "CARD"
	byEasyPay        = "EASY_PAY" // Toss Pay money
	byEasyPayCard    = "EASY_PAY_CARD"
	byVirtualAccount = "VIRTUAL_ACCOUNT"
	byTransfer       = "TRANSFER"
)

const (
	traceHeader    = "X-Tosspayments-Trace-Id"
	tossMID        = "simpg_shop"
	tossVersion    = "2022-11-16"
	tossReadyLife  = 30 * time.Minute
	tossAuthLife   = 10 * time.Minute
	tossDepositDue = 168 // hours
)

// tossPayment is one payment key.
type tossPayment struct {
	*account
	base string
	req  tossCreateRequest

	taxFree    int64
	fixed      string // the method set by the merchant, if any
	method     string // chosen by the shopper
	card       card
	account14  string // number of the virtual account
	dueDate    time.Time
	payer      string // who deposited
	refundTo   *tossRefundAccount
	secret     string
	lastKey    string
	authAt     time.Time
	approvedAt time.Time
	cancels    []tossCancel
	failure    *tossError
	busy       bool          // a confirm or cancel is running
	hook       chan struct{} // closed when the latest webhook has been tried once
}

// tossLeg is a row of the transactions list: an approval, a deposit account or a cancel.
type tossLeg struct {
	payment *tossPayment
	key     string
	status  string
	amount  int64
	at      time.Time
	cancel  *tossCancel
}

func (s *Server) tossRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /toss/v1/payments", s.tossPost("ready", s.tossCreate))
	mux.HandleFunc("POST /toss/v1/payments/confirm", s.tossPost("approve", s.tossConfirm))
	mux.HandleFunc("POST /toss/v1/payments/{paymentKey}/cancel", s.tossPost("cancel", s.tossCancel))
	mux.HandleFunc("GET /toss/v1/payments/{paymentKey}", s.tossGet("lookup", s.tossLookUp))
	mux.HandleFunc("GET /toss/v1/payments/orders/{orderId}", s.tossGet("lookup", s.tossLookUp))
	mux.HandleFunc("GET /toss/v1/transactions", s.tossGet("settlements", s.tossTransactions))
	mux.HandleFunc("GET /toss/v1/settlements", s.tossGet("settlements", s.tossSettlements))
	mux.HandleFunc("GET /toss/v1/payments/{paymentKey}/{page}", s.tossPage)
	mux.HandleFunc("POST /toss/v1/payments/{paymentKey}/{page}", s.tossPay)
	mux.HandleFunc("/toss/", s.api("TOSS", "unknown", func(c *call) answer { return tossFail("NOT_FOUND").answer(c) }))
}

// tossGet serves a call that changes nothing; idempotency keys are ignored.
func (s *Server) tossGet(name string, work func(*call) answer) http.HandlerFunc {
	return s.api("TOSS", name, func(c *call) answer {
		if e := s.tossAuthorize(c); e != nil {
			return c.paused(e.answer(c))
		}
		return c.paused(work(c))
	})
}

func (s *Server) tossPost(name string, work func(*call) (answer, *tossPayment)) http.HandlerFunc {
	return s.api("TOSS", name, func(c *call) answer {
		if e := s.tossAuthorize(c); e != nil {
			return c.paused(e.answer(c))
		}
		return s.idempotent(c, work)
	})
}

// tossAuthorize checks the secret key, then the error a test asked for.
func (s *Server) tossAuthorize(c *call) *tossError {
	encoded, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Basic ")
	if !ok {
		return tossFail("UNAUTHORIZED_KEY")
	}
	plain, err := base64.StdEncoding.DecodeString(encoded)
	key, password, colon := strings.Cut(string(plain), ":")
	switch {
	case err != nil || !colon || password != "":
		return tossFail("INCORRECT_BASIC_AUTH_FORMAT")
	case strings.HasPrefix(key, "test_ck") || strings.HasPrefix(key, "live_ck") || strings.HasPrefix(key, "test_gck"):
		return tossFail("INVALID_API_KEY")
	case key == "" || s.TossSecretKey != "" && key != s.TossSecretKey:
		return tossFail("UNAUTHORIZED_KEY")
	}
	c.secretKey = key
	wanted := c.Header.Get("TossPayments-Test-Code")
	if strings.HasPrefix(key, "test_") && tossStatus(wanted) != 0 {
		return tossFail(wanted)
	}
	return nil
}

// tossJSON is v with the headers of every Toss answer.
func (s *Server) tossJSON(c *call, status int, v any) answer {
	a := jsonAnswer(status, v)
	a.header[traceHeader] = []string{s.ids.hex(32)}
	if key := c.Header.Get("Idempotency-Key"); key != "" && c.Method == http.MethodPost {
		a.header.Set("Idempotency-Key", key)
	}
	return a
}

func tossDecode(c *call, v any) *tossError {
	if err := json.Unmarshal(c.body, v); err != nil {
		return tossInvalid("요청 본문이 올바르지 않습니다. " + err.Error())
	}
	return nil
}

type tossCreateRequest struct {
	Method       string            `json:"method"`
	Amount       *int64            `json:"amount"`
	Currency     string            `json:"currency"`
	Country      string            `json:"country"`
	OrderID      string            `json:"orderId"`
	OrderName    string            `json:"orderName"`
	SuccessURL   string            `json:"successUrl"`
	FailURL      string            `json:"failUrl"`
	TaxFree      int64             `json:"taxFreeAmount"`
	CustomerName string            `json:"customerName"`
	ValidHours   int               `json:"validHours"`
	UseEscrow    bool              `json:"useEscrow"`
	Culture      bool              `json:"cultureExpense"`
	Metadata     map[string]string `json:"metadata"`
}

var tossOrderID = regexp.MustCompile(`^[A-Za-z0-9_=-]{6,64}$`)

// tossMethods are the names of the ways to pay, English and Korean.
var tossMethods = map[string]string{
	"": "", "CARD": byCard, "카드": byCard, "VIRTUAL_ACCOUNT": byVirtualAccount, "가상계좌": byVirtualAccount,
	"TRANSFER": byTransfer, "계좌이체": byTransfer, "EASY_PAY": byEasyPay, "간편결제": byEasyPay, "TOSSPAY": byEasyPay, "토스페이": byEasyPay,
}

func (q *tossCreateRequest) check() *tossError {
	switch {
	case !tossOrderID.MatchString(q.OrderID):
		return tossInvalid("`orderId`는 영문 대소문자, 숫자, 특수문자(-, _, =) 만 허용합니다. 6자 이상 64자 이하여야 합니다.")
	case q.OrderName == "" || utf8.RuneCountInString(q.OrderName) > 100:
		return tossInvalid("`orderName`은 1자 이상 100자 이하여야 합니다.")
	case q.Amount == nil:
		return tossInvalid("필수 파라미터가 누락되었습니다: amount")
	case !isWebAddress(q.SuccessURL) || !isWebAddress(q.FailURL):
		return tossInvalid("`successUrl`과 `failUrl`은 http 또는 https 주소여야 합니다.")
	case q.Currency != "" && q.Currency != "KRW":
		return tossInvalid("지원하지 않는 통화입니다: " + q.Currency)
	case *q.Amount > maxMoney:
		return tossFail("EXCEED_MAX_AMOUNT")
	case q.TaxFree < 0 || q.TaxFree > *q.Amount:
		return tossInvalid("`taxFreeAmount`가 결제 금액을 벗어났습니다.")
	case q.ValidHours < 0 || q.ValidHours > 720:
		return tossInvalid("`validHours`는 720 이하여야 합니다.")
	}
	return q.checkMethod()
}

func (q *tossCreateRequest) checkMethod() *tossError {
	method, known := tossMethods[q.Method]
	switch {
	case !known:
		return tossFail("NOT_SUPPORTED_METHOD")
	case *q.Amount < tossMinimum(method):
		return tossFail("BELOW_MINIMUM_AMOUNT")
	case len(q.Metadata) > 5:
		return tossInvalid("`metadata`는 최대 5개입니다.")
	}
	for key, value := range q.Metadata {
		if utf8.RuneCountInString(key) > 40 || utf8.RuneCountInString(value) > 2000 {
			return tossInvalid("`metadata`의 키는 40자, 값은 2000자 이하여야 합니다.")
		}
	}
	return nil
}

func tossMinimum(method string) int64 {
	if method == byVirtualAccount || method == byTransfer {
		return 200
	}
	return 100
}

func (s *Server) tossCreate(c *call) (answer, *tossPayment) {
	if !c.pause() {
		return answer{cut: true}, nil
	}
	var q tossCreateRequest
	e := tossDecode(c, &q)
	if e == nil {
		e = q.check()
	}
	if e != nil {
		return e.answer(c), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tossOrders[q.OrderID] != nil {
		return tossFail("DUPLICATED_ORDER_ID").answer(c), nil
	}
	p := s.tossOpen(q, s.base(c.Request))
	p.saw(c.Header.Get("Idempotency-Key"))
	return s.tossJSON(c, http.StatusOK, p.object(s.clock())), p
}

func (s *Server) tossOpen(q tossCreateRequest, base string) *tossPayment {
	now := s.clock()
	p := &tossPayment{
		account: &account{pg: "TOSS", orderID: q.OrderID, status: tossReady, openAt: now},
		base:    base, req: q, taxFree: q.TaxFree, fixed: tossMethods[q.Method],
	}
	for p.key == "" || s.toss[p.key] != nil {
		p.key = tossMID[:5] + now.Format("20060102150405") + s.ids.letters(5, alphanumeric)
	}
	p.calls.Ready = 1
	s.toss[p.key], s.tossOrders[p.orderID] = p, p
	p.forget = func() {
		delete(s.toss, p.key)
		delete(s.tossOrders, p.orderID)
		s.replays.forget(p)
	}
	s.remember(p.account)
	return p
}

func (s *Server) tossLookUp(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.toss[c.PathValue("paymentKey")]
	if order := c.PathValue("orderId"); order != "" {
		p = s.tossOrders[order]
	}
	if p == nil {
		return tossFail("NOT_FOUND_PAYMENT").answer(c)
	}
	s.expire(p)
	return s.tossJSON(c, http.StatusOK, p.object(s.clock()))
}

type tossConfirmRequest struct {
	PaymentKey string `json:"paymentKey"`
	OrderID    string `json:"orderId"`
	Amount     *int64 `json:"amount"`
}

func (s *Server) tossConfirm(c *call) (answer, *tossPayment) {
	var q tossConfirmRequest
	e := tossDecode(c, &q)
	if e == nil && (q.PaymentKey == "" || q.OrderID == "" || q.Amount == nil) {
		e = tossInvalid("필수 파라미터가 누락되었습니다: paymentKey, orderId, amount")
	}
	if e != nil {
		return c.paused(e.answer(c)), nil
	}
	check := func(p *tossPayment) *tossError { return p.confirmable(q) }
	return s.tossApply(c, q.PaymentKey, check, s.tossCapture), nil
}

// tossApply finds a payment and holds it while the call's fault passes; check is
// asked before and after. Another call meanwhile is a consecutive request.
func (s *Server) tossApply(c *call, key string, check func(*tossPayment) *tossError, apply func(*call, *tossPayment) answer) answer {
	p, e := s.tossBegin(key, check)
	if e != nil {
		return c.paused(e.answer(c))
	}
	goOn := c.pause()
	s.mu.Lock()
	defer s.mu.Unlock()
	p.busy = false
	if !goOn {
		return answer{cut: true}
	}
	s.expire(p)
	if e := check(p); e != nil {
		return e.answer(c)
	}
	return apply(c, p)
}

func (s *Server) tossBegin(key string, check func(*tossPayment) *tossError) (*tossPayment, *tossError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.toss[key]
	if p == nil {
		return nil, tossFail("NOT_FOUND_PAYMENT")
	}
	s.expire(p)
	if e := check(p); e != nil {
		return nil, e
	}
	if p.busy {
		return nil, tossFail("FORBIDDEN_CONSECUTIVE_REQUEST")
	}
	p.busy = true
	return p, nil
}

func (p *tossPayment) confirmable(q tossConfirmRequest) *tossError {
	switch {
	case q.OrderID != p.orderID:
		return tossInvalid("주문번호가 결제 정보와 일치하지 않습니다.")
	case slices.Contains([]string{tossDone, tossWaiting, tossCanceled, tossPartialCanceled}, p.status):
		return tossFail("ALREADY_PROCESSED_PAYMENT")
	case p.status != tossInProgress:
		return tossFail("NOT_FOUND_PAYMENT_SESSION")
	case *q.Amount != *p.req.Amount:
		return tossInvalid("결제 금액이 일치하지 않습니다.")
	}
	return nil
}

// tossCapture takes the money, opens the account to deposit in, or has the card
// refused.
func (s *Server) tossCapture(c *call, p *tossPayment) answer {
	now := s.clock()
	if p.card.declined() {
		p.fail(tossAborted, now)
		p.failure = &tossError{Code: "REJECT_CARD_PAYMENT", Message: tossMessage("REJECT_CARD_PAYMENT", "")}
		s.tossNotify(p)
		return tossFail("REJECT_CARD_PAYMENT").answer(c)
	}
	p.applied.Approve++
	if p.method == byVirtualAccount {
		s.tossOpenAccount(p, now)
	} else {
		s.tossTake(p, now)
	}
	s.tossNotify(p)
	said := p.object(now)
	if p.card.misstated() {
		said.TotalAmount += 10
		said.BalanceAmount += 10
	}
	a := s.tossJSON(c, http.StatusOK, said)
	a.hang = p.card.silent()
	return a
}

func (s *Server) tossOpenAccount(p *tossPayment, now time.Time) {
	p.status = tossWaiting
	p.lastKey = s.tossKey()
	p.secret = "ps_" + s.ids.letters(28, alphanumeric)
	p.account14 = "7901" + s.ids.letters(10, digits)
	hours := p.req.ValidHours
	if hours == 0 {
		hours = tossDepositDue
	}
	p.dueDate = now.Add(time.Duration(hours) * time.Hour)
	s.tossLegs = append(s.tossLegs, tossLeg{payment: p, key: p.lastKey, status: tossWaiting, at: now})
}

// tossTake moves the money: at confirm, or when it is deposited.
func (s *Server) tossTake(p *tossPayment, now time.Time) {
	p.status = tossDone
	p.approvedAt = now
	p.lastKey = s.tossKey()
	if p.method == byEasyPay {
		p.secret = "ps_" + s.ids.letters(28, alphanumeric)
	}
	p.capture(p.lastKey, *p.req.Amount, now)
	s.tossLegs = append(s.tossLegs, tossLeg{payment: p, key: p.lastKey, status: tossDone, amount: *p.req.Amount, at: now})
}

func (s *Server) tossKey() string { return "txrd_a01" + s.ids.letters(24, crockford) }

// expire ends p if its time is over. Those who hold s.mu call it before they look
// at a payment.
func (s *Server) expire(p *tossPayment) {
	now := s.clock()
	late := p.status == tossReady && now.Sub(p.openAt) > tossReadyLife ||
		p.status == tossInProgress && now.Sub(p.authAt) > tossAuthLife
	if !late || p.busy {
		return
	}
	p.status = tossExpired
	p.failure = &tossError{Code: "PAYMENT_EXPIRED", Message: tossMessage("PAYMENT_EXPIRED", "")}
	s.tossNotify(p)
}

func (s *Server) expireAll() {
	for _, p := range s.toss {
		s.expire(p)
	}
}
