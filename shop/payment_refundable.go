package shop

// IsRefunding reports whether a refund is under way that another has to wait for: of what pays
// the order, or of money that came too late.
func (p *Payment) IsRefunding() bool {
	late := p.LateAttempt()
	return p.OpenRefund(p.AttemptID) != nil || p.Balance() == 0 && late != nil && p.OpenRefund(late.ID) != nil
}

// RefundBlock is why the payment cannot be refunded now, a sentence that stays the same; nil when
// it can.
func (p *Payment) RefundBlock() *string {
	var why string
	switch {
	case p.Status == PaymentStatusApproving || p.Status == PaymentStatusUnknown:
		why = "The gateway is being asked about this payment."
	case p.IsRefunding():
		why = "Another refund of this payment is under way."
	case p.Balance() == 0 && p.LateAttempt() == nil && p.CapturedAmount > 0:
		why = "All of it was refunded."
	case p.Balance() == 0 && p.LateAttempt() == nil:
		why = "The payment holds no money."
	default:
		return nil
	}
	return &why
}

// RefundNeedsAccount reports whether a refund needs a bank account, given the gateway's record of
// the latest attempt: what came into a virtual account can only go back to one. So must late
// money that is still there, for all other has gone back by itself.
func (p *Payment) RefundNeedsAccount(record GatewayRecord) bool {
	if p.Balance() > 0 {
		return VirtualAccountOf(record) != nil
	}
	late := p.LateAttempt()
	return late != nil && late.PG == PGToss && !p.IsRefunding()
}
