package pgsim

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// tossTransaction is a row of GET /v1/transactions. The amount of a cancel is
// unsigned; that of an account waiting for its deposit is 0.
type tossTransaction struct {
	MID            string  `json:"mId"`
	TransactionKey string  `json:"transactionKey"`
	PaymentKey     string  `json:"paymentKey"`
	OrderID        string  `json:"orderId"`
	Method         string  `json:"method"`
	CustomerKey    *string `json:"customerKey"`
	UseEscrow      bool    `json:"useEscrow"`
	ReceiptURL     string  `json:"receiptUrl"`
	Status         string  `json:"status"`
	TransactionAt  string  `json:"transactionAt"`
	Currency       string  `json:"currency"`
	Amount         int64   `json:"amount"`
}

// tossTransactions lists legs from startDate up to but without endDate, once they
// are indexed.
func (s *Server) tossTransactions(c *call) answer {
	q := c.URL.Query()
	start, err := tossDate(q.Get("startDate"))
	end, err2 := tossDate(q.Get("endDate"))
	limit, ok := tossCount(q, "limit", 100)
	if err != nil || err2 != nil || !ok {
		return tossInvalid("`startDate`, `endDate`, `limit`를 확인해 주세요.").answer(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	indexed := s.clock().Add(-s.TransactionsLag)
	after := q.Get("startingAfter")
	rows := []tossTransaction{}
	for _, leg := range s.tossLegs {
		if after != "" {
			if leg.key == after {
				after = ""
			}
			continue
		}
		if !leg.at.Before(start) && leg.at.Before(end) && !leg.at.After(indexed) && len(rows) < limit {
			rows = append(rows, leg.transaction())
		}
	}
	return s.tossJSON(c, http.StatusOK, rows)
}

func (l tossLeg) transaction() tossTransaction {
	p := l.payment
	return tossTransaction{
		MID: tossMID, TransactionKey: l.key, PaymentKey: p.key, OrderID: p.orderID, Method: p.methodName(), UseEscrow: p.req.UseEscrow,
		ReceiptURL: "https://dashboard.tosspayments.com/receipt/redirection?transactionId=" + p.key + "&ref=PX",
		Status:     l.status, TransactionAt: tossTime(l.at), Currency: "KRW", Amount: l.amount,
	}
}

// tossDate reads a date, which is its midnight, or a date and time, in Korea if
// there is no zone.
func tossDate(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation("2006-01-02T15:04:05", text, korea); err == nil {
		return t, nil
	}
	return time.ParseInLocation(time.DateOnly, text, korea)
}

// tossCount reads a count from 1 to 5000.
func tossCount(q url.Values, name string, otherwise int) (int, bool) {
	if !q.Has(name) {
		return otherwise, true
	}
	n, err := strconv.Atoi(q.Get(name))
	return n, err == nil && n >= 1 && n <= 5000
}

// tossSettlements answers GET /v1/settlements, both days included. Unlike Toss, it
// serves test keys too.
func (s *Server) tossSettlements(c *call) answer {
	q := c.URL.Query()
	start, err := time.ParseInLocation(time.DateOnly, q.Get("startDate"), korea)
	end, err2 := time.ParseInLocation(time.DateOnly, q.Get("endDate"), korea)
	size, sizeOK := tossCount(q, "size", 100)
	page, pageOK := tossCount(q, "page", 1)
	kind := q.Get("dateType")
	if err != nil || err2 != nil || !sizeOK || !pageOK || kind != "" && kind != "soldDate" && kind != "paidOutDate" {
		return tossInvalid("`startDate`, `endDate`, `dateType`, `page`, `size`를 확인해 주세요.").answer(c)
	}
	if kind == "paidOutDate" {
		start, end = start.AddDate(0, 0, -payOutDays), end.AddDate(0, 0, -payOutDays)
	}
	s.mu.Lock()
	lines := s.tossLines(start, end.AddDate(0, 0, 1))
	s.mu.Unlock()
	rows := []tossSettlement{}
	for i := (page - 1) * size; i < len(lines) && len(rows) < size; i++ {
		rows = append(rows, lines[i].settlement())
	}
	return s.tossJSON(c, http.StatusOK, rows)
}

// tossLines are the legs that moved money from start up to but without end. The
// caller holds s.mu.
func (s *Server) tossLines(start, end time.Time) []line {
	var lines []line
	for _, leg := range s.tossLegs {
		if leg.amount != 0 && !leg.at.Before(start) && leg.at.Before(end) {
			lines = append(lines, leg.line(s.clock()))
		}
	}
	return lines
}

func (l tossLeg) line(now time.Time) line {
	p := l.payment
	o := p.object(now)
	return line{
		order: p.orderID, key: p.key, leg: l.key, cancel: l.cancel != nil, amount: l.amount, months: p.card.months, method: p.methodName(),
		at: l.at, approvedAt: p.approvedAt, card: o.Card, account: o.VirtualAccount, easyPay: o.EasyPay, transfer: o.Transfer, canceled: l.cancel,
	}
}

// payOutDays is how long Toss keeps the money.
const payOutDays = 5

// tossSettlement is a row of GET /v1/settlements. A cancel's amounts are negative,
// its cancel object's are not.
type tossSettlement struct {
	MID             string              `json:"mId"`
	PaymentKey      string              `json:"paymentKey"`
	TransactionKey  string              `json:"transactionKey"`
	OrderID         string              `json:"orderId"`
	Currency        string              `json:"currency"`
	Method          string              `json:"method"`
	Amount          int64               `json:"amount"`
	InterestFee     int64               `json:"interestFee"`
	Fee             int64               `json:"fee"`
	Fees            []tossFee           `json:"fees"`
	SupplyAmount    int64               `json:"supplyAmount"`
	VAT             int64               `json:"vat"`
	PayOutAmount    int64               `json:"payOutAmount"`
	ApprovedAt      string              `json:"approvedAt"`
	SoldDate        string              `json:"soldDate"`
	PaidOutDate     string              `json:"paidOutDate"`
	Card            *tossCard           `json:"card"`
	EasyPay         *tossEasyPay        `json:"easyPay"`
	GiftCertificate *struct{}           `json:"giftCertificate"`
	MobilePhone     *struct{}           `json:"mobilePhone"`
	Transfer        *tossTransfer       `json:"transfer"`
	VirtualAccount  *tossVirtualAccount `json:"virtualAccount"`
	Cancel          *tossCancel         `json:"cancel"`
}

type tossFee struct {
	Type string `json:"type"`
	Fee  string `json:"fee"`
}

// settlement works the fee out: 2.2 % and, by installments, 0.18 % more, VAT
// included.
func (l line) settlement() tossSettlement {
	sign := int64(1)
	if l.cancel {
		sign = -1
	}
	base, installment := perMyriad(l.amount, 220), int64(0)
	if l.months > 0 && l.card != nil {
		installment = perMyriad(l.amount, 18)
	}
	fee := base + installment
	row := tossSettlement{
		MID: tossMID, PaymentKey: l.key, TransactionKey: l.leg, OrderID: l.order, Currency: "KRW", Method: l.method,
		Amount: sign * l.amount, Fee: sign * fee, Fees: []tossFee{{"BASE", strconv.FormatInt(sign*base, 10)}},
		SupplyAmount: sign * (fee - eleventh(fee)), VAT: sign * eleventh(fee), PayOutAmount: sign * (l.amount - fee),
		ApprovedAt: tossTime(l.approvedAt), SoldDate: l.at.In(korea).Format(time.DateOnly),
		PaidOutDate: l.at.In(korea).AddDate(0, 0, payOutDays).Format(time.DateOnly),
		Card:        l.card, EasyPay: l.easyPay, Transfer: l.transfer, VirtualAccount: l.account, Cancel: l.canceled,
	}
	if installment > 0 {
		row.Fees = append(row.Fees, tossFee{"INSTALLMENT", strconv.FormatInt(sign*installment, 10)})
	}
	if l.card != nil {
		card := *l.card
		card.Months = l.months
		row.Card = &card
	}
	return row
}

// perMyriad is rate ten-thousandths of amount, to the nearest won.
func perMyriad(amount, rate int64) int64 {
	return amount/10_000*rate + (amount%10_000*rate+5_000)/10_000
}

// settle is the row as the file has it.
func (l line) settle() any {
	row := l.settlement()
	if !l.malformed {
		return row
	}
	return struct {
		tossSettlement
		Amount string `json:"amount"`
	}{row, "5e4원"}
}
