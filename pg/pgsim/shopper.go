package pgsim

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// shopperAct is what a shopper does, on a page or by POST /sim/shopper.
type shopperAct struct {
	PG         string `json:"pg"`
	PaymentKey string `json:"paymentKey"`
	Act        string `json:"act"`
	CardNumber string `json:"cardNumber"`
	Months     int    `json:"installmentMonths"`
}

const shopperActs = "pay_card, pay_money, pay_easy_card, pay_transfer, pay_virtual_account, deposit, wrong_password, quit"

// shop acts for a shopper and returns where a browser would be sent, which is
// nowhere after a deposit.
func (s *Server) shop(act shopperAct) (string, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kakao, toss := s.kakao[act.PaymentKey], s.toss[act.PaymentKey]
	switch pg := strings.ToUpper(act.PG); {
	case pg != "KAKAO" && pg != "TOSS":
		return "", badField("pg", "must be KAKAO or TOSS")
	case pg == "KAKAO" && kakao != nil:
		return s.kakaoAct(kakao, act)
	case pg == "TOSS" && toss != nil:
		return s.tossAct(toss, act)
	}
	return "", &refusal{status: http.StatusNotFound, Message: "paymentKey: no such payment", Field: "paymentKey"}
}

// kakaoAct goes on from the status p is in. Paying again after the password repeats
// the redirect, as a browser's back button would.
func (s *Server) kakaoAct(p *kakaoPayment, act shopperAct) (string, *refusal) {
	pays := act.Act == "pay_card" || act.Act == "pay_money"
	switch {
	case !pays && act.Act != "wrong_password" && act.Act != "quit":
		return "", badField("act", "must be pay_card, pay_money, wrong_password or quit")
	case p.status == kakaoAuthPassword && pays:
		return p.approvalAddress(), nil
	case !p.open():
		return "", refuse(http.StatusConflict, "the payment is "+p.status)
	case s.kakaoExpired(p):
		p.fail(kakaoFailAuth, s.clock())
		return p.req.FailURL, nil
	case act.Act == "quit":
		p.status = kakaoQuit
		return p.req.CancelURL, nil
	case act.Act == "wrong_password":
		p.fail(kakaoFailAuth, s.clock())
		return p.req.FailURL, nil
	}
	return s.kakaoAuthenticate(p, act)
}

// open reports whether the shopper still has to act.
func (p *kakaoPayment) open() bool {
	switch p.status {
	case kakaoReady, kakaoSendTMS, kakaoOpenPayment, kakaoSelectMethod, kakaoARSWaiting:
		return true
	}
	return false
}

func (s *Server) kakaoAuthenticate(p *kakaoPayment, act shopperAct) (string, *refusal) {
	method := "MONEY"
	if act.Act == "pay_card" {
		method = "CARD"
		if act.Months == 0 {
			act.Months = int(p.req.InstallMonth.value)
		}
		c, r := readCard(act.CardNumber, act.Months, p.amount.Total, s.ids.letters(8, digits))
		if r != nil {
			return "", r
		}
		p.card = c
	}
	if pinned := p.req.PaymentMethodType; pinned != "" && pinned != method {
		return "", refuse(http.StatusConflict, "act: the merchant takes only "+pinned)
	}
	p.method = method
	p.status = kakaoAuthPassword
	p.token = s.ids.hex(20)
	return p.approvalAddress(), nil
}

func (p *kakaoPayment) approvalAddress() string {
	return withQuery(p.req.ApprovalURL, "pg_token="+p.token)
}

// withQuery appends query, after ? or &, before any fragment.
func withQuery(address, query string) string {
	address, fragment, has := strings.Cut(address, "#")
	if has {
		fragment = "#" + fragment
	}
	if strings.Contains(address, "?") {
		return address + "&" + query + fragment
	}
	return address + "?" + query + fragment
}

var tossPays = map[string]string{
	"pay_card": byCard, "pay_money": byEasyPay, "pay_easy_card": byEasyPayCard, "pay_transfer": byTransfer,
	"pay_virtual_account": byVirtualAccount,
}

// tossAct goes on from the status p is in. A shopper who quits may come back; a
// wrong password ends the payment.
func (s *Server) tossAct(p *tossPayment, act shopperAct) (string, *refusal) {
	s.expire(p)
	method, pays := tossPays[act.Act]
	switch {
	case act.Act == "deposit":
		return "", s.tossDeposit(p)
	case !pays && act.Act != "wrong_password" && act.Act != "quit":
		return "", badField("act", "must be one of "+shopperActs)
	case p.status == tossInProgress && pays:
		return p.successAddress(), nil
	case p.status == tossExpired:
		return p.failAddress("PAY_PROCESS_ABORTED", tossMessage("PAYMENT_EXPIRED", "")), nil
	case p.status != tossReady:
		return "", refuse(http.StatusConflict, "the payment is "+p.status)
	case act.Act == "quit":
		return p.failAddress("PAY_PROCESS_CANCELED", tossMessage("PAY_PROCESS_CANCELED", "")), nil
	case act.Act == "wrong_password":
		p.fail(tossAborted, s.clock())
		p.failure = &tossError{Code: "PAY_PROCESS_ABORTED", Message: tossMessage("PAY_PROCESS_ABORTED", "")}
		s.tossNotify(p)
		return p.failAddress(p.failure.Code, p.failure.Message), nil
	}
	return s.tossAuthenticate(p, act, method)
}

func (s *Server) tossAuthenticate(p *tossPayment, act shopperAct, method string) (string, *refusal) {
	switch {
	case !p.takes(method):
		return "", refuse(http.StatusConflict, "act: the merchant takes only "+p.fixed)
	case *p.req.Amount < tossMinimum(method):
		return "", refuse(http.StatusConflict, "act: accounts take 200 won or more")
	}
	if method == byCard || method == byEasyPayCard {
		c, r := readCard(act.CardNumber, act.Months, *p.req.Amount, s.ids.letters(8, digits))
		if r != nil {
			return "", r
		}
		p.card = c
	}
	p.method = method
	p.status = tossInProgress
	p.authAt = s.clock()
	return p.successAddress(), nil
}

// takes reports whether the merchant left this way to pay open. The card window
// offers easy pay too.
func (p *tossPayment) takes(method string) bool {
	easy := method == byEasyPay || method == byEasyPayCard
	switch p.fixed {
	case "", method:
		return true
	case byCard, byEasyPay:
		return easy
	}
	return false
}

func (p *tossPayment) successAddress() string {
	return withQuery(p.req.SuccessURL, "paymentType=NORMAL&orderId="+url.QueryEscape(p.orderID)+
		"&paymentKey="+url.QueryEscape(p.key)+"&amount="+strconv.FormatInt(*p.req.Amount, 10))
}

func (p *tossPayment) failAddress(code, message string) string {
	return withQuery(p.req.FailURL, "code="+code+"&message="+url.QueryEscape(message)+"&orderId="+url.QueryEscape(p.orderID))
}

// tossDeposit pays a virtual account.
func (s *Server) tossDeposit(p *tossPayment) *refusal {
	now := s.clock()
	switch {
	case p.status != tossWaiting:
		return refuse(http.StatusConflict, "the payment is "+p.status)
	case now.After(p.dueDate):
		return refuse(http.StatusConflict, "the account was open until "+p.dueDate.In(korea).Format(time.DateTime))
	}
	p.payer = p.customer()
	s.tossTake(p, now)
	s.tossNotify(p)
	return nil
}
