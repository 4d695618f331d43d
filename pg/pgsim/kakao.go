package pgsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Statuses of a Kakao payment.
const (
	kakaoReady        = "READY"
	kakaoSendTMS      = "SEND_TMS"
	kakaoOpenPayment  = "OPEN_PAYMENT"
	kakaoSelectMethod = "SELECT_METHOD"
	kakaoARSWaiting   = "ARS_WAITING"
	kakaoAuthPassword = "AUTH_PASSWORD"
	kakaoSuccess      = "SUCCESS_PAYMENT"
	kakaoPartCancel   = "PART_CANCEL_PAYMENT"
	kakaoCancel       = "CANCEL_PAYMENT"
	kakaoFailAuth     = "FAIL_AUTH_PASSWORD"
	kakaoQuit         = "QUIT_PAYMENT"
	kakaoFail         = "FAIL_PAYMENT"
)

// kakaoPayment is one tid.
type kakaoPayment struct {
	*account
	page string // the hash in the addresses of its pages
	base string
	req  kakaoReadyRequest

	amount   kakaoAmount
	canceled kakaoAmount
	legs     []kakaoLeg

	method     string // CARD or MONEY, once chosen
	card       card
	token      string
	createdAt  time.Time
	approvedAt time.Time
	canceledAt time.Time
	busy       bool // an approve or cancel is running
}

// kakaoLeg is an approval or a cancel.
type kakaoLeg struct {
	aid     string
	kind    string // PAYMENT or CANCEL
	amount  kakaoAmount
	at      time.Time
	payload string
	last    bool // a cancel that used up the rest
}

// kakaoAmount is the amount object of every answer.
type kakaoAmount struct {
	Total        int64 `json:"total"`
	TaxFree      int64 `json:"tax_free"`
	VAT          int64 `json:"vat"`
	Point        int64 `json:"point"`
	Discount     int64 `json:"discount"`
	GreenDeposit int64 `json:"green_deposit"`
}

func (a kakaoAmount) plus(b kakaoAmount) kakaoAmount {
	return kakaoAmount{
		Total: a.Total + b.Total, TaxFree: a.TaxFree + b.TaxFree, VAT: a.VAT + b.VAT,
		GreenDeposit: a.GreenDeposit + b.GreenDeposit,
	}
}

func (a kakaoAmount) minus(b kakaoAmount) kakaoAmount {
	return a.plus(kakaoAmount{Total: -b.Total, TaxFree: -b.TaxFree, VAT: -b.VAT, GreenDeposit: -b.GreenDeposit})
}

// kakaoInt is a whole number, written as a number or as a string.
type kakaoInt struct {
	value int64
	set   bool
}

// UnmarshalJSON accepts 1, "1" and null.
func (n *kakaoInt) UnmarshalJSON(b []byte) error {
	text := string(bytes.Trim(b, `"`))
	if text == "null" {
		return nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("read number %q: %w", text, err)
	}
	n.value, n.set = value, true
	return nil
}

// or is the number, or otherwise if there is none.
func (n kakaoInt) or(otherwise int64) int64 {
	if n.set {
		return n.value
	}
	return otherwise
}

type kakaoError struct {
	Code    int               `json:"error_code"`
	Message string            `json:"error_message"`
	Extras  *kakaoErrorExtras `json:"extras,omitempty"`
}

type kakaoErrorExtras struct {
	Code    string `json:"method_result_code"`
	Message string `json:"method_result_message"`
}

func kakaoFailure(code int, message string) *kakaoError {
	return &kakaoError{Code: code, Message: message}
}

func (e *kakaoError) answer() answer {
	switch e.Code {
	case -401:
		return jsonAnswer(http.StatusUnauthorized, e)
	case -403:
		return jsonAnswer(http.StatusForbidden, e)
	}
	return jsonAnswer(http.StatusBadRequest, e)
}

func (s *Server) kakaoRoutes(mux *http.ServeMux) {
	const api = "POST /kakao/online/v1/payment/"
	mux.HandleFunc(api+"ready", s.api("KAKAO", "ready", s.kakaoKeyed(s.kakaoReady)))
	mux.HandleFunc(api+"approve", s.api("KAKAO", "approve", s.kakaoKeyed(s.kakaoApprove)))
	mux.HandleFunc(api+"cancel", s.api("KAKAO", "cancel", s.kakaoKeyed(s.kakaoCancel)))
	mux.HandleFunc(api+"order", s.api("KAKAO", "lookup", s.kakaoKeyed(s.kakaoOrder)))
	mux.HandleFunc("GET /kakao/files/v1/payments/history", s.api("KAKAO", "settlements", s.kakaoFileURL))
	mux.HandleFunc("GET /kakao/files/v1/download/{ticket}", s.api("KAKAO", "settlements", s.kakaoDownload))
	mux.HandleFunc("GET /kakao/mockup/v1/{page}/{kind}", s.kakaoPage)
	mux.HandleFunc("POST /kakao/mockup/v1/{page}/pay", s.kakaoPay)
	mux.HandleFunc("/kakao/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, kakaoFailure(-2, "no such api: "+r.Method+" "+r.URL.Path))
	})
}

// kakaoKeyed lets work run only for callers with a secret key.
func (s *Server) kakaoKeyed(work func(*call) answer) func(*call) answer {
	return func(c *call) answer {
		key, ok := strings.CutPrefix(c.Header.Get("Authorization"), "SECRET_KEY ")
		if !ok || key == "" || (s.KakaoSecretKey != "" && key != s.KakaoSecretKey) {
			return c.paused(kakaoFailure(-401, "wrong secret key").answer())
		}
		return work(c)
	}
}

func (s *Server) kakaoKnowsCID(cid string) bool {
	return len(cid) == 10 && (s.KakaoCID == "" || cid == s.KakaoCID)
}

func kakaoDecode(c *call, v any) *kakaoError {
	if err := json.Unmarshal(c.body, v); err != nil {
		return kakaoFailure(-2, "request body is invalid: "+err.Error())
	}
	return nil
}

type kakaoReadyRequest struct {
	CID               string   `json:"cid"`
	OrderID           string   `json:"partner_order_id"`
	UserID            string   `json:"partner_user_id"`
	ItemName          string   `json:"item_name"`
	ItemCode          string   `json:"item_code"`
	Quantity          kakaoInt `json:"quantity"`
	TotalAmount       kakaoInt `json:"total_amount"`
	TaxFreeAmount     kakaoInt `json:"tax_free_amount"`
	VATAmount         kakaoInt `json:"vat_amount"`
	GreenDeposit      kakaoInt `json:"green_deposit"`
	ApprovalURL       string   `json:"approval_url"`
	CancelURL         string   `json:"cancel_url"`
	FailURL           string   `json:"fail_url"`
	PaymentMethodType string   `json:"payment_method_type"`
	InstallMonth      kakaoInt `json:"install_month"`
}

// check returns -2 for what is missing or too long, -722 for amounts that
// contradict each other.
func (q *kakaoReadyRequest) check() *kakaoError {
	texts := []struct {
		name, value string
		limit       int
	}{
		{"partner_order_id", q.OrderID, 100},
		{"partner_user_id", q.UserID, 100},
		{"item_name", q.ItemName, 100},
		{"approval_url", q.ApprovalURL, 255},
		{"cancel_url", q.CancelURL, 255},
		{"fail_url", q.FailURL, 255},
	}
	for _, t := range texts {
		if t.value == "" || utf8.RuneCountInString(t.value) > t.limit {
			return kakaoFailure(-2, t.name+" must have 1 to "+strconv.Itoa(t.limit)+" characters")
		}
		if strings.HasSuffix(t.name, "_url") && !isWebAddress(t.value) {
			return kakaoFailure(-2, t.name+" must be an absolute http(s) address")
		}
	}
	if utf8.RuneCountInString(q.ItemCode) > 100 {
		return kakaoFailure(-2, "item_code must have at most 100 characters")
	}
	return q.checkNumbers()
}

func (q *kakaoReadyRequest) checkNumbers() *kakaoError {
	numbers := []struct {
		name     string
		value    kakaoInt
		required bool
		min, max int64
	}{
		{"quantity", q.Quantity, true, 0, maxMoney},
		{"total_amount", q.TotalAmount, true, 1, maxMoney},
		{"tax_free_amount", q.TaxFreeAmount, true, 0, maxMoney},
		{"vat_amount", q.VATAmount, false, 0, maxMoney},
		{"green_deposit", q.GreenDeposit, false, 0, maxMoney},
		{"install_month", q.InstallMonth, false, 0, 12},
	}
	for _, n := range numbers {
		if n.required && !n.value.set || n.value.set && (n.value.value < n.min || n.value.value > n.max) {
			return kakaoFailure(-2, n.name+" is missing or out of range")
		}
	}
	if m := q.PaymentMethodType; m != "" && m != "CARD" && m != "MONEY" {
		return kakaoFailure(-2, "payment_method_type must be CARD or MONEY")
	}
	total, free := q.TotalAmount.value, q.TaxFreeAmount.value
	if free > total || q.VATAmount.value > total-free || q.GreenDeposit.value > total {
		return kakaoFailure(-722, "amount info is wrong")
	}
	return nil
}

// eleventh is the VAT in a taxed amount, to the nearest won.
func eleventh(amount int64) int64 { return (amount + 5) / 11 }

func isWebAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (s *Server) kakaoReady(c *call) answer {
	if !c.pause() {
		return answer{cut: true}
	}
	var q kakaoReadyRequest
	if e := kakaoDecode(c, &q); e != nil {
		return e.answer()
	}
	if !s.kakaoKnowsCID(q.CID) {
		return kakaoFailure(-731, "invalid cid").answer()
	}
	if e := q.check(); e != nil {
		return e.answer()
	}
	return jsonAnswer(http.StatusOK, s.kakaoOpen(q, s.base(c.Request)).ready())
}

func (s *Server) kakaoOpen(q kakaoReadyRequest, base string) *kakaoPayment {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	p := &kakaoPayment{
		account: &account{pg: "KAKAO", orderID: q.OrderID, key: "T" + s.ids.hex(19), status: kakaoReady, openAt: now},
		page:    s.ids.hex(64), base: base, req: q, createdAt: now,
	}
	p.amount = kakaoAmount{
		Total: q.TotalAmount.value, TaxFree: q.TaxFreeAmount.value, GreenDeposit: q.GreenDeposit.value,
		VAT: q.VATAmount.or(eleventh(q.TotalAmount.value - q.TaxFreeAmount.value)),
	}
	p.calls.Ready = 1
	s.kakao[p.key], s.kakaoPages[p.page] = p, p
	p.forget = func() {
		delete(s.kakao, p.key)
		delete(s.kakaoPages, p.page)
	}
	s.remember(p.account)
	return p
}

type kakaoReadyAnswer struct {
	TID         string `json:"tid"`
	TMSResult   bool   `json:"tms_result"`
	AppURL      string `json:"next_redirect_app_url"`
	MobileURL   string `json:"next_redirect_mobile_url"`
	PCURL       string `json:"next_redirect_pc_url"`
	AndroidLink string `json:"android_app_scheme"`
	IOSLink     string `json:"ios_app_scheme"`
	CreatedAt   string `json:"created_at"`
}

func (p *kakaoPayment) address(leaf string) string {
	return p.base + "/kakao/mockup/v1/" + p.page + "/" + leaf
}

func (p *kakaoPayment) ready() kakaoReadyAnswer {
	app := "kakaotalk://kakaopay/pg?url=" + p.address("order")
	return kakaoReadyAnswer{
		TID: p.key, AppURL: p.address("aInfo"), MobileURL: p.address("mInfo"), PCURL: p.address("info"),
		AndroidLink: app, IOSLink: app, CreatedAt: kakaoTime(p.createdAt),
	}
}

// kakaoTime is local time without a zone.
func kakaoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(korea).Format("2006-01-02T15:04:05")
}

// kakaoBegin finds the payment and marks it busy, if check has nothing against
// it. A payment that is busy already answers -785.
func (s *Server) kakaoBegin(cid, tid string, check func(*kakaoPayment) *kakaoError) (*kakaoPayment, *kakaoError) {
	if !s.kakaoKnowsCID(cid) {
		return nil, kakaoFailure(-731, "invalid cid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.kakao[tid]
	if p == nil {
		return nil, kakaoFailure(-721, "invalid tid")
	}
	if p.req.CID != cid {
		return nil, kakaoFailure(-731, "invalid cid")
	}
	if e := check(p); e != nil {
		return nil, e
	}
	if p.busy {
		return nil, kakaoFailure(-785, "the same request is being processed")
	}
	p.busy = true
	return p, nil
}

// kakaoFinish lets the call's fault pass, then checks again and applies.
func (s *Server) kakaoFinish(c *call, p *kakaoPayment, check func(*kakaoPayment) *kakaoError, apply func(*kakaoPayment) answer) answer {
	goOn := c.pause()
	s.mu.Lock()
	defer s.mu.Unlock()
	p.busy = false
	if !goOn {
		return answer{cut: true}
	}
	if e := check(p); e != nil {
		return e.answer()
	}
	return apply(p)
}

type kakaoApproveRequest struct {
	CID         string   `json:"cid"`
	TID         string   `json:"tid"`
	OrderID     string   `json:"partner_order_id"`
	UserID      string   `json:"partner_user_id"`
	Token       string   `json:"pg_token"`
	Payload     string   `json:"payload"`
	TotalAmount kakaoInt `json:"total_amount"`
}

func (s *Server) kakaoApprove(c *call) answer {
	var q kakaoApproveRequest
	if e := kakaoDecode(c, &q); e != nil {
		return c.paused(e.answer())
	}
	check := func(p *kakaoPayment) *kakaoError { return s.kakaoApprovable(p, q) }
	p, e := s.kakaoBegin(q.CID, q.TID, check)
	if e != nil {
		return c.paused(e.answer())
	}
	return s.kakaoFinish(c, p, check, func(p *kakaoPayment) answer { return s.kakaoCapture(p, q) })
}

func (s *Server) kakaoApprovable(p *kakaoPayment, q kakaoApproveRequest) *kakaoError {
	switch p.status {
	case kakaoReady, kakaoSendTMS, kakaoOpenPayment, kakaoSelectMethod, kakaoARSWaiting:
		return kakaoFailure(-701, "payment is not authenticated yet")
	case kakaoSuccess, kakaoPartCancel, kakaoCancel:
		return kakaoFailure(-702, "payment is already done!")
	case kakaoAuthPassword:
	default:
		return kakaoFailure(-783, "payment is not in a status to approve: "+p.status)
	}
	switch {
	case s.kakaoExpired(p):
		p.fail(kakaoFail, s.clock())
		return kakaoFailure(-723, "payment time is over")
	case q.OrderID != p.req.OrderID:
		return kakaoFailure(-706, "partner_order_id does not match")
	case q.UserID != p.req.UserID:
		return kakaoFailure(-707, "partner_user_id does not match")
	case q.Token != p.token:
		return kakaoFailure(-708, "invalid pg_token")
	case q.TotalAmount.set && q.TotalAmount.value != p.amount.Total:
		return kakaoFailure(-725, "total_amount does not match")
	case utf8.RuneCountInString(q.Payload) > 200:
		return kakaoFailure(-2, "payload must have at most 200 characters")
	}
	return nil
}

func (s *Server) kakaoExpired(p *kakaoPayment) bool {
	life := s.KakaoExpiry
	if life == 0 {
		life = 15 * time.Minute
	}
	return s.clock().After(p.createdAt.Add(life))
}

// kakaoCapture takes the money, or has the card refused.
func (s *Server) kakaoCapture(p *kakaoPayment, q kakaoApproveRequest) answer {
	if p.method == "CARD" && p.card.declined() {
		p.fail(kakaoFail, s.clock())
		e := kakaoFailure(-780, "approval failure!")
		e.Extras = &kakaoErrorExtras{Code: "0002", Message: "한도초과"}
		return e.answer()
	}
	p.approvedAt = s.clock()
	leg := kakaoLeg{aid: "A" + s.ids.hex(19), kind: "PAYMENT", amount: p.amount, at: p.approvedAt, payload: q.Payload}
	p.legs = append(p.legs, leg)
	p.capture(leg.aid, p.amount.Total, p.approvedAt)
	p.status = kakaoSuccess
	p.applied.Approve++
	said := p.approved(leg)
	if p.card.misstated() {
		said.Amount.Total += 10
	}
	a := jsonAnswer(http.StatusOK, said)
	a.hang = p.card.silent()
	return a
}

type kakaoApproveAnswer struct {
	AID        string         `json:"aid"`
	TID        string         `json:"tid"`
	CID        string         `json:"cid"`
	OrderID    string         `json:"partner_order_id"`
	UserID     string         `json:"partner_user_id"`
	Method     string         `json:"payment_method_type"`
	ItemName   string         `json:"item_name"`
	ItemCode   string         `json:"item_code,omitempty"`
	Quantity   int64          `json:"quantity"`
	Amount     kakaoAmount    `json:"amount"`
	CardInfo   *kakaoCardInfo `json:"card_info,omitempty"`
	CreatedAt  string         `json:"created_at"`
	ApprovedAt string         `json:"approved_at"`
	Payload    string         `json:"payload,omitempty"`
}

type kakaoCardInfo struct {
	InterestFree     string `json:"interest_free_install"`
	BIN              string `json:"bin"`
	CardType         string `json:"card_type"`
	CardMID          string `json:"card_mid"`
	ApprovedID       string `json:"approved_id"`
	InstallMonth     string `json:"install_month"`
	InstallType      string `json:"installment_type"`
	PurchaseCorp     string `json:"kakaopay_purchase_corp"`
	PurchaseCorpCode string `json:"kakaopay_purchase_corp_code"`
	IssuerCorp       string `json:"kakaopay_issuer_corp"`
	IssuerCorpCode   string `json:"kakaopay_issuer_corp_code"`
}

func (p *kakaoPayment) approved(leg kakaoLeg) kakaoApproveAnswer {
	a := kakaoApproveAnswer{
		AID: leg.aid, TID: p.key, CID: p.req.CID, OrderID: p.req.OrderID, UserID: p.req.UserID, Method: p.method,
		ItemName: p.req.ItemName, ItemCode: p.req.ItemCode, Quantity: p.req.Quantity.value, Amount: p.amount,
		CreatedAt: kakaoTime(p.createdAt), ApprovedAt: kakaoTime(p.approvedAt), Payload: leg.payload,
	}
	if p.method == "CARD" {
		corp := p.card.corporation()
		a.CardInfo = &kakaoCardInfo{
			InterestFree: "N", BIN: p.card.number[:6], CardType: "신용", CardMID: "123456789", ApprovedID: p.card.approval,
			InstallMonth: fmt.Sprintf("%02d", p.card.months), InstallType: "CARD_INSTALLMENT",
			PurchaseCorp: corp.name, PurchaseCorpCode: corp.kakao, IssuerCorp: corp.name, IssuerCorpCode: corp.kakao,
		}
	}
	return a
}

type kakaoOrderRequest struct {
	CID string `json:"cid"`
	TID string `json:"tid"`
}

func (s *Server) kakaoOrder(c *call) answer {
	if !c.pause() {
		return answer{cut: true}
	}
	var q kakaoOrderRequest
	if e := kakaoDecode(c, &q); e != nil {
		return e.answer()
	}
	if !s.kakaoKnowsCID(q.CID) {
		return kakaoFailure(-731, "invalid cid").answer()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.kakao[q.TID]
	if p == nil {
		return kakaoFailure(-721, "invalid tid").answer()
	}
	if p.req.CID != q.CID {
		return kakaoFailure(-731, "invalid cid").answer()
	}
	return jsonAnswer(http.StatusOK, p.order())
}

type kakaoOrderAnswer struct {
	TID         string             `json:"tid"`
	CID         string             `json:"cid"`
	Status      string             `json:"status"`
	OrderID     string             `json:"partner_order_id"`
	UserID      string             `json:"partner_user_id"`
	Method      string             `json:"payment_method_type,omitempty"`
	ItemName    string             `json:"item_name"`
	ItemCode    string             `json:"item_code,omitempty"`
	Quantity    int64              `json:"quantity"`
	Amount      kakaoAmount        `json:"amount"`
	Canceled    kakaoAmount        `json:"canceled_amount"`
	Available   kakaoAmount        `json:"cancel_available_amount"`
	CreatedAt   string             `json:"created_at"`
	ApprovedAt  string             `json:"approved_at,omitempty"`
	CanceledAt  string             `json:"canceled_at,omitempty"`
	Card        *kakaoSelectedCard `json:"selected_card_info,omitempty"`
	ActionTable []kakaoAction      `json:"payment_action_details"`
}

type kakaoSelectedCard struct {
	BIN          string `json:"card_bin"`
	InstallMonth int    `json:"install_month"`
	InstallType  string `json:"installment_type"`
	CorpName     string `json:"card_corp_name"`
	InterestFree string `json:"interest_free_install"`
}

type kakaoAction struct {
	AID          string `json:"aid"`
	Kind         string `json:"payment_action_type"`
	Method       string `json:"payment_method_type"`
	Amount       int64  `json:"amount"`
	Point        int64  `json:"point_amount"`
	Discount     int64  `json:"discount_amount"`
	ApprovedAt   string `json:"approved_at"`
	GreenDeposit int64  `json:"green_deposit"`
	Payload      string `json:"payload,omitempty"`
}

func (p *kakaoPayment) order() kakaoOrderAnswer {
	a := kakaoOrderAnswer{
		TID: p.key, CID: p.req.CID, Status: p.status, OrderID: p.req.OrderID, UserID: p.req.UserID, Method: p.method,
		ItemName: p.req.ItemName, ItemCode: p.req.ItemCode, Quantity: p.req.Quantity.value,
		Amount: p.amount, Canceled: p.canceled, Available: p.available(),
		CreatedAt: kakaoTime(p.createdAt), ApprovedAt: kakaoTime(p.approvedAt), CanceledAt: kakaoTime(p.canceledAt),
		ActionTable: []kakaoAction{},
	}
	if p.method == "CARD" {
		a.Card = &kakaoSelectedCard{
			BIN: p.card.number[:6], InstallMonth: p.card.months, InstallType: "CARD_INSTALLMENT",
			CorpName: p.card.corporation().name, InterestFree: "N",
		}
	}
	for _, leg := range p.legs {
		a.ActionTable = append(a.ActionTable, kakaoAction{
			AID: leg.aid, Kind: leg.kind, Method: p.method, Amount: leg.amount.Total, ApprovedAt: kakaoTime(leg.at),
			GreenDeposit: leg.amount.GreenDeposit, Payload: leg.payload,
		})
	}
	return a
}

// available is what may still be canceled: nothing before the approval.
func (p *kakaoPayment) available() kakaoAmount {
	if p.approvedAt.IsZero() {
		return kakaoAmount{}
	}
	return p.amount.minus(p.canceled)
}
