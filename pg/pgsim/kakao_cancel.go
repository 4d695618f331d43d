package pgsim

import (
	"net/http"
	"unicode/utf8"
)

type kakaoCancelRequest struct {
	CID             string   `json:"cid"`
	TID             string   `json:"tid"`
	Amount          kakaoInt `json:"cancel_amount"`
	TaxFreeAmount   kakaoInt `json:"cancel_tax_free_amount"`
	VATAmount       kakaoInt `json:"cancel_vat_amount"`
	AvailableAmount kakaoInt `json:"cancel_available_amount"`
	Payload         string   `json:"payload"`
}

func (q kakaoCancelRequest) check() *kakaoError {
	switch {
	case !q.Amount.set || q.Amount.value < 1:
		return kakaoFailure(-2, "cancel_amount is missing or out of range")
	case !q.TaxFreeAmount.set || q.TaxFreeAmount.value < 0:
		return kakaoFailure(-2, "cancel_tax_free_amount is missing or out of range")
	case q.VATAmount.value < 0:
		return kakaoFailure(-2, "cancel_vat_amount is out of range")
	case utf8.RuneCountInString(q.Payload) > 200:
		return kakaoFailure(-2, "payload must have at most 200 characters")
	}
	return nil
}

func (s *Server) kakaoCancel(c *call) answer {
	var q kakaoCancelRequest
	e := kakaoDecode(c, &q)
	if e == nil {
		e = q.check()
	}
	if e != nil {
		return c.paused(e.answer())
	}
	check := func(p *kakaoPayment) *kakaoError { return p.cancelable(q) }
	p, e := s.kakaoBegin(q.CID, q.TID, check)
	if e != nil {
		return c.paused(e.answer())
	}
	return s.kakaoFinish(c, p, check, func(p *kakaoPayment) answer {
		p.applied.Cancel++
		return jsonAnswer(http.StatusOK, p.canceledAnswer(s.kakaoGiveBack(p, q)))
	})
}

func (p *kakaoPayment) cancelable(q kakaoCancelRequest) *kakaoError {
	left := p.available()
	amount, free := q.Amount.value, q.TaxFreeAmount.value
	switch {
	case p.status != kakaoSuccess && p.status != kakaoPartCancel:
		return kakaoFailure(-784, "payment is not in a status to cancel: "+p.status)
	case amount > left.Total:
		return kakaoFailure(-710, "cancel amount exceeds the cancelable amount")
	case q.AvailableAmount.set && q.AvailableAmount.value != left.Total:
		return kakaoFailure(-722, "cancel_available_amount does not match")
	case free > left.TaxFree, free > amount, amount-free > left.Total-left.TaxFree, q.VATAmount.value > left.VAT:
		return kakaoFailure(-722, "cancel amount info is wrong")
	case p.amount.GreenDeposit > 0 && amount != left.Total:
		return kakaoFailure(-784, "a payment with a green deposit cannot be canceled in part")
	}
	return nil
}

// kakaoGiveBack makes a cancel leg. What the caller leaves open is worked out: VAT
// never exceeds what is left, and the last cancel takes all of it.
func (s *Server) kakaoGiveBack(p *kakaoPayment, q kakaoCancelRequest) kakaoLeg {
	left := p.available()
	part := kakaoAmount{Total: q.Amount.value, TaxFree: q.TaxFreeAmount.value}
	part.VAT = q.VATAmount.or(min(left.VAT, eleventh(part.Total-part.TaxFree)))
	if part.Total == left.Total {
		part = left
	}
	leg := kakaoLeg{
		aid: "A" + s.ids.hex(19), kind: "CANCEL", amount: part, at: s.clock(), payload: q.Payload, last: part.Total == left.Total,
	}
	p.canceledAt = leg.at
	p.canceled = p.canceled.plus(part)
	p.legs = append(p.legs, leg)
	p.refund(leg.aid, part.Total, leg.at)
	p.status = kakaoPartCancel
	if leg.last {
		p.status = kakaoCancel
	}
	return leg
}

type kakaoCancelAnswer struct {
	AID            string      `json:"aid"`
	TID            string      `json:"tid"`
	CID            string      `json:"cid"`
	Status         string      `json:"status"`
	OrderID        string      `json:"partner_order_id"`
	UserID         string      `json:"partner_user_id"`
	Method         string      `json:"payment_method_type"`
	ItemName       string      `json:"item_name"`
	ItemCode       string      `json:"item_code,omitempty"`
	Quantity       int64       `json:"quantity"`
	Amount         kakaoAmount `json:"amount"`
	ApprovedCancel kakaoAmount `json:"approved_cancel_amount"`
	Canceled       kakaoAmount `json:"canceled_amount"`
	Available      kakaoAmount `json:"cancel_available_amount"`
	CreatedAt      string      `json:"created_at"`
	ApprovedAt     string      `json:"approved_at"`
	CanceledAt     string      `json:"canceled_at"`
	Payload        string      `json:"payload,omitempty"`
}

func (p *kakaoPayment) canceledAnswer(leg kakaoLeg) kakaoCancelAnswer {
	return kakaoCancelAnswer{
		AID: leg.aid, TID: p.key, CID: p.req.CID, Status: p.status, OrderID: p.req.OrderID, UserID: p.req.UserID, Method: p.method,
		ItemName: p.req.ItemName, ItemCode: p.req.ItemCode, Quantity: p.req.Quantity.value,
		Amount: p.amount, ApprovedCancel: leg.amount, Canceled: p.canceled, Available: p.available(),
		CreatedAt: kakaoTime(p.createdAt), ApprovedAt: kakaoTime(p.approvedAt), CanceledAt: kakaoTime(p.canceledAt),
		Payload: leg.payload,
	}
}
