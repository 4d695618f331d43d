package kakao

import "payment-system/shop"

func (d *document) record(of kind) *shop.KakaoRecord {
	r := &shop.KakaoRecord{
		Tid: d.TID, Cid: d.CID, Aid: d.AID, Status: d.Status, PartnerOrderID: d.PartnerOrderID, PartnerUserID: d.PartnerUserID,
		PaymentMethodType: d.PaymentMethodType, ItemName: d.ItemName, ItemCode: d.ItemCode, Quantity: d.Quantity.int(),
		Amount: d.Amount.record(), ApprovedCancelAmount: d.ApprovedCancelAmount.record(),
		CanceledAmount: d.CanceledAmount.record(), CancelAvailableAmount: d.CancelAvailableAmount.record(),
		CreatedAt: d.CreatedAt, ApprovedAt: d.ApprovedAt, CanceledAt: d.CanceledAt, Actions: d.actions(of),
	}
	switch {
	case d.CardInfo != nil:
		r.Card = d.CardInfo.record()
	case d.SelectedCardInfo != nil:
		r.Card = d.SelectedCardInfo.record()
	}
	return r
}

// actions lists the legs an answer shows: all that a look-up tells, or the one
// that an approval or a cancel made.
func (d *document) actions(of kind) []shop.KakaoAction {
	switch of {
	case approved:
		return []shop.KakaoAction{d.made("PAYMENT", d.Amount, d.ApprovedAt)}
	case canceled:
		return []shop.KakaoAction{d.made("CANCEL", d.ApprovedCancelAmount, d.CanceledAt)}
	case lookedUp:
	}
	list := make([]shop.KakaoAction, 0, len(d.Actions))
	for _, one := range d.Actions {
		list = append(list, shop.KakaoAction{
			Aid: one.AID, Kind: one.Kind, Amount: one.Amount.won(), PointAmount: one.PointAmount.won(),
			DiscountAmount: one.DiscountAmount.won(), GreenDeposit: one.GreenDeposit.won(), ApprovedAt: one.ApprovedAt, Payload: one.Payload,
		})
	}
	return list
}

func (d *document) made(kind string, of *amount, at *string) shop.KakaoAction {
	leg := shop.KakaoAction{Aid: *d.AID, Kind: kind, ApprovedAt: deref(at), Payload: d.Payload}
	if of != nil {
		leg.Amount, leg.PointAmount = of.Total.won(), of.Point.won()
		leg.DiscountAmount, leg.GreenDeposit = of.Discount.won(), of.GreenDeposit.won()
	}
	return leg
}

func (n *number) int() *int {
	if n == nil {
		return nil
	}
	v := int(*n)
	return &v
}

func (a *amount) record() *shop.KakaoAmount {
	if a == nil {
		return nil
	}
	return &shop.KakaoAmount{
		Total: a.Total.won(), TaxFree: a.TaxFree.won(), VAT: a.VAT.won(),
		Point: a.Point.won(), Discount: a.Discount.won(), GreenDeposit: a.GreenDeposit.won(),
	}
}

func (c *card) record() *shop.KakaoCard {
	r := &shop.KakaoCard{
		Issuer: c.IssuerCorp, IssuerCode: c.IssuerCorpCode, Acquirer: c.PurchaseCorp, AcquirerCode: c.PurchaseCorpCode,
		Bin: c.Bin, CardType: c.CardType, InstallMonths: c.InstallMonth.int(), InterestFree: yes(c.InterestFreeInstall),
		InstallmentType: c.InstallmentType, ApprovalNumber: c.ApprovedID, MerchantID: c.CardMID,
	}
	if r.Issuer == nil {
		r.Issuer, r.IssuerCode = c.OlderIssuerCorp, c.OlderIssuerCode
	}
	if r.Acquirer == nil {
		r.Acquirer, r.AcquirerCode = c.OlderPurchaseCorp, c.OlderPurchaseCode
	}
	return r
}

func (c *chosen) record() *shop.KakaoCard {
	return &shop.KakaoCard{
		Issuer: c.CardCorpName, Bin: c.CardBin, InstallMonths: c.InstallMonth.int(),
		InterestFree: yes(c.InterestFreeInstall), InstallmentType: c.InstallmentType,
	}
}

// yes reads Y and N.
func yes(s *string) *bool {
	if s == nil || *s != "Y" && *s != "N" {
		return nil
	}
	v := *s == "Y"
	return &v
}
