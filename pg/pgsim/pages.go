package pgsim

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"won": won}).ParseFS(pageFiles, "pages/*.html"))

// page is what a template shows.
type page struct {
	Gateway  string // 카카오페이 or 토스페이먼츠
	Theme    string // class of the body
	Merchant string
	Item     string
	OrderID  string
	Key      string
	Status   string
	Amount   int64
	Problem  string // what the shopper did wrong
	Action   string // where forms go
	Card     bool
	Money    string // label of the money button; empty for none
	EasyCard bool
	Transfer bool
	Account  bool
	Number   string // card number shown first
	Months   []int
	Back     string // where the shop is
	Deposit  *tossVirtualAccount
	Rows     []indexRow
	Nonce    string
}

// won writes 12345 as ₩12,345.
func won(amount int64) string {
	text := strconv.FormatInt(amount, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return "₩" + text
}

// show renders a page that loads nothing and runs nothing. The policy leaves out
// form-action on purpose: browsers would apply it to the redirect to the shop.
func (s *Server) show(w http.ResponseWriter, status int, name string, p page) {
	p.Nonce = s.ids.hex(24)
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, p); err != nil {
		panic("pgsim: " + err.Error()) // our own pages always render
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+p.Nonce+"'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// installments are offered from 50,000 won.
func installments(total int64) []int {
	if total < 50_000 {
		return nil
	}
	return []int{0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
}

func (s *Server) gone(w http.ResponseWriter, gateway, theme string) {
	s.show(w, http.StatusNotFound, "ended.html", page{Gateway: gateway, Theme: theme, Merchant: s.merchant(), Status: "NOT_FOUND"})
}

func (s *Server) kakaoPage(w http.ResponseWriter, r *http.Request) {
	p := s.kakaoVisit(r.PathValue("page"))
	if p.Key == "" {
		s.gone(w, "카카오페이", "kakao")
		return
	}
	s.show(w, http.StatusOK, p.template(), p)
}

// template is the page for the status the payment is in.
func (p page) template() string {
	switch {
	case p.Deposit != nil:
		return "deposit.html"
	case p.Card || p.Money != "" || p.Account || p.Transfer:
		return "checkout.html"
	}
	return "ended.html"
}

// kakaoVisit opens the page behind a hash; opening it is a step of the payment.
func (s *Server) kakaoVisit(hash string) page {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.kakaoPages[hash]
	if p == nil {
		return page{}
	}
	if p.status == kakaoReady {
		p.status = kakaoOpenPayment
	}
	if p.open() && s.kakaoExpired(p) {
		p.fail(kakaoFailAuth, s.clock())
	}
	return s.kakaoPageOf(p)
}

func (s *Server) kakaoPageOf(p *kakaoPayment) page {
	v := page{
		Gateway: "카카오페이", Theme: "kakao", Merchant: s.merchant(), Item: p.req.ItemName, OrderID: p.orderID, Key: p.key,
		Status: p.status, Amount: p.amount.Total, Action: "pay", Number: cardUsual,
	}
	switch {
	case p.open():
		v.Card = p.req.PaymentMethodType != "MONEY"
		v.Months = installments(p.amount.Total)
		if p.req.PaymentMethodType != "CARD" {
			v.Money = "카카오페이머니로 결제"
		}
	case p.status == kakaoAuthPassword:
		v.Back = p.approvalAddress()
	case p.status == kakaoQuit:
		v.Back = p.req.CancelURL
	case p.status == kakaoFailAuth:
		v.Back = p.req.FailURL
	}
	return v
}

// readAct reads the form of a checkout page.
func readAct(w http.ResponseWriter, r *http.Request) shopperAct {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	months, err := strconv.Atoi(r.PostFormValue("installmentMonths"))
	if err != nil {
		months = 0
	}
	return shopperAct{Act: r.PostFormValue("act"), CardNumber: r.PostFormValue("cardNumber"), Months: months}
}

func (s *Server) kakaoPay(w http.ResponseWriter, r *http.Request) {
	act := readAct(w, r)
	s.mu.Lock()
	p := s.kakaoPages[r.PathValue("page")]
	if p == nil {
		s.mu.Unlock()
		s.gone(w, "카카오페이", "kakao")
		return
	}
	address, e := s.kakaoAct(p, act)
	v := s.kakaoPageOf(p)
	s.mu.Unlock()
	s.leave(w, r, v, act, address, e)
}

// leave sends the browser to the shop, or shows the page again with the problem.
func (s *Server) leave(w http.ResponseWriter, r *http.Request, v page, act shopperAct, address string, e *refusal) {
	if e == nil {
		http.Redirect(w, r, address, http.StatusSeeOther)
		return
	}
	v.Problem = e.korean()
	if number := strings.TrimSpace(act.CardNumber); number != "" {
		v.Number = number
	}
	s.show(w, e.status, v.template(), v)
}

// korean tells a shopper what is wrong.
func (r *refusal) korean() string {
	switch r.Field {
	case "cardNumber":
		return "카드 번호는 숫자 14자리에서 19자리까지입니다."
	case "installmentMonths":
		return "할부는 5만 원부터 2개월에서 12개월까지 할 수 있습니다."
	case "act":
		return "결제 수단을 골라 주세요."
	}
	return "지금은 할 수 없습니다. (" + r.Message + ")"
}

func (s *Server) tossPage(w http.ResponseWriter, r *http.Request) {
	v := s.tossVisit(r.PathValue("paymentKey"))
	if leaf := r.PathValue("page"); v.Key == "" || leaf != "checkout" && leaf != "deposit" {
		s.gone(w, "토스페이먼츠", "toss")
		return
	}
	s.show(w, http.StatusOK, v.template(), v)
}

func (s *Server) tossVisit(key string) page {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.toss[key]
	if p == nil {
		return page{}
	}
	s.expire(p)
	return s.tossPageOf(p)
}

func (s *Server) tossPageOf(p *tossPayment) page {
	v := page{
		Gateway: "토스페이먼츠", Theme: "toss", Merchant: s.merchant(), Item: p.req.OrderName, OrderID: p.orderID, Key: p.key,
		Status: p.status, Amount: *p.req.Amount, Action: "checkout", Number: cardUsual,
	}
	switch p.status {
	case tossReady:
		v.Card, v.EasyCard = p.takes(byCard), p.takes(byEasyPayCard)
		v.Account = p.takes(byVirtualAccount) && v.Amount >= tossMinimum(byVirtualAccount)
		v.Transfer = p.takes(byTransfer) && v.Amount >= tossMinimum(byTransfer)
		v.Months = installments(v.Amount)
		if p.takes(byEasyPay) {
			v.Money = "토스페이로 결제"
		}
	case tossInProgress:
		v.Back = p.successAddress()
	case tossWaiting:
		v.Deposit = p.accountObject(s.clock())
		v.Action = "deposit"
	case tossAborted, tossExpired:
		v.Back = p.failAddress(p.failure.Code, p.failure.Message)
	}
	return v
}

func (s *Server) tossPay(w http.ResponseWriter, r *http.Request) {
	act := readAct(w, r)
	s.mu.Lock()
	p := s.toss[r.PathValue("paymentKey")]
	leaf := r.PathValue("page")
	if p == nil || leaf != "checkout" && leaf != "deposit" {
		s.mu.Unlock()
		s.gone(w, "토스페이먼츠", "toss")
		return
	}
	if leaf == "deposit" {
		act.Act = "deposit"
	}
	address, e := s.tossAct(p, act)
	if address == "" {
		address = p.address("deposit") // shows that the money has come
	}
	v := s.tossPageOf(p)
	s.mu.Unlock()
	s.leave(w, r, v, act, address, e)
}

// indexRow is a payment on the index page.
type indexRow struct {
	ledgerRow
	Item   string
	Amount int64
	Link   string
	Doing  string
}

func (s *Server) indexPage(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "index.html", page{Gateway: "모의 결제", Theme: "toss", Merchant: s.merchant(), Rows: s.indexRows()})
}

// indexRows is the latest 200 payments, newest first.
func (s *Server) indexRows() []indexRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireAll()
	var rows []indexRow
	for i := len(s.accounts) - 1; i >= 0 && len(rows) < 200; i-- {
		rows = append(rows, s.indexRow(s.accounts[i]))
	}
	return rows
}

func (s *Server) indexRow(a *account) indexRow {
	row := indexRow{ledgerRow: a.row()}
	if p := s.kakao[a.key]; p != nil {
		row.Item, row.Amount = p.req.ItemName, p.amount.Total
		if p.open() {
			row.Link, row.Doing = p.address("info"), "결제하기"
		}
		return row
	}
	p := s.toss[a.key]
	row.Item, row.Amount = p.req.OrderName, *p.req.Amount
	switch p.status {
	case tossReady:
		row.Link, row.Doing = p.address("checkout"), "결제하기"
	case tossWaiting:
		row.Link, row.Doing = p.address("deposit"), "입금하기"
	}
	return row
}
