package kakao

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"payment-system/pg"
	"payment-system/pg/pghttp"
	"payment-system/shop"
)

// kind is the call whose answer is read.
type kind int

const (
	approved kind = iota
	canceled
	lookedUp
)

// korea is the zone of Kakao's times, which do not say.
var korea = time.FixedZone("KST", 9*60*60)

// number is an integer that Kakao writes as a number or as text, "00" too.
type number int64

// UnmarshalJSON reads 12, "12" and null.
func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" || string(b) == `""` {
		return nil
	}
	v, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	if err != nil {
		return fmt.Errorf("read number %q: %w", b, err)
	}
	*n = number(v)
	return nil
}

func (n number) won() shop.Won { return shop.Won(n) }

// document is the answer to approve, cancel and order: together they know these keys.
type document struct {
	AID                   *string  `json:"aid"`
	TID                   string   `json:"tid"`
	CID                   string   `json:"cid"`
	Status                string   `json:"status"`
	PartnerOrderID        string   `json:"partner_order_id"`
	PartnerUserID         string   `json:"partner_user_id"`
	PaymentMethodType     *string  `json:"payment_method_type"`
	ItemName              *string  `json:"item_name"`
	ItemCode              *string  `json:"item_code"`
	Quantity              *number  `json:"quantity"`
	Amount                *amount  `json:"amount"`
	ApprovedCancelAmount  *amount  `json:"approved_cancel_amount"`
	CanceledAmount        *amount  `json:"canceled_amount"`
	CancelAvailableAmount *amount  `json:"cancel_available_amount"`
	CardInfo              *card    `json:"card_info"`
	SelectedCardInfo      *chosen  `json:"selected_card_info"`
	Actions               []action `json:"payment_action_details"`
	CreatedAt             *string  `json:"created_at"`
	ApprovedAt            *string  `json:"approved_at"`
	CanceledAt            *string  `json:"canceled_at"`
	Payload               *string  `json:"payload"`
}

type amount struct {
	Total        number `json:"total"`
	TaxFree      number `json:"tax_free"`
	VAT          number `json:"vat"`
	Point        number `json:"point"`
	Discount     number `json:"discount"`
	GreenDeposit number `json:"green_deposit"`
}

// card is the card of an approval. The older names are of another code table.
type card struct {
	PurchaseCorp        *string `json:"kakaopay_purchase_corp"`
	PurchaseCorpCode    *string `json:"kakaopay_purchase_corp_code"`
	IssuerCorp          *string `json:"kakaopay_issuer_corp"`
	IssuerCorpCode      *string `json:"kakaopay_issuer_corp_code"`
	OlderPurchaseCorp   *string `json:"purchase_corp"`
	OlderPurchaseCode   *string `json:"purchase_corp_code"`
	OlderIssuerCorp     *string `json:"issuer_corp"`
	OlderIssuerCode     *string `json:"issuer_corp_code"`
	Bin                 *string `json:"bin"`
	CardType            *string `json:"card_type"`
	InstallMonth        *number `json:"install_month"`
	InterestFreeInstall *string `json:"interest_free_install"`
	InstallmentType     *string `json:"installment_type"`
	ApprovedID          *string `json:"approved_id"`
	CardMID             *string `json:"card_mid"`
}

// chosen is the card of a look-up.
type chosen struct {
	CardBin             *string `json:"card_bin"`
	InstallMonth        *number `json:"install_month"`
	InstallmentType     *string `json:"installment_type"`
	CardCorpName        *string `json:"card_corp_name"`
	InterestFreeInstall *string `json:"interest_free_install"`
}

type action struct {
	AID            string  `json:"aid"`
	Kind           string  `json:"payment_action_type"`
	Amount         number  `json:"amount"`
	PointAmount    number  `json:"point_amount"`
	DiscountAmount number  `json:"discount_amount"`
	GreenDeposit   number  `json:"green_deposit"`
	ApprovedAt     string  `json:"approved_at"`
	Payload        *string `json:"payload"`
}

// decode reads the answer to a call. It returns an error for what is no whole
// and possible payment.
func (c *Client) decode(a pghttp.Answer, of kind) (pg.Payment, error) {
	var d document
	if err := pghttp.Decode(a.Body, &d); err != nil {
		return pg.Payment{}, err
	}
	if d.TID == "" || d.PartnerOrderID == "" {
		return pg.Payment{}, errors.New("the answer names no payment")
	}
	if of != lookedUp && (d.AID == nil || *d.AID == "") {
		return pg.Payment{}, errors.New("the answer names no leg")
	}
	if of == canceled && d.ApprovedCancelAmount == nil {
		return pg.Payment{}, errors.New("the answer states no amount canceled")
	}
	if of == approved {
		d.Status = "SUCCESS_PAYMENT"
	}
	record := d.record(of)
	if err := pghttp.CheckMoney(record); err != nil {
		return pg.Payment{}, fmt.Errorf("read amounts: %w", err)
	}
	record.FetchedAt = c.Now()
	p, err := d.payment(record, of)
	p.Raw = pghttp.Raw(a.Body)
	return p, err
}

func (d *document) payment(record *shop.KakaoRecord, of kind) (pg.Payment, error) {
	p := pg.Payment{
		PG: shop.PGKakao, PaymentKey: d.TID, AttemptID: d.PartnerOrderID, Currency: "KRW", Method: deref(d.PaymentMethodType),
		ApprovedAt: moment(d.ApprovedAt), Cancels: d.cancels(of), Record: record,
	}
	if d.Amount != nil {
		p.Amount, p.TaxFree = d.Amount.Total.won(), d.Amount.TaxFree.won()
	}
	if record.Card != nil && record.Card.InstallMonths != nil {
		p.InstallmentMonths = *record.Card.InstallMonths
	}
	if of != lookedUp {
		p.LegKey = *d.AID
	}
	status, taken, known := meaning(d.Status)
	switch {
	case !known:
		return pg.Payment{}, fmt.Errorf("the status %q is unknown", d.Status)
	case of == canceled && !taken:
		return pg.Payment{}, fmt.Errorf("the status %q follows no cancel", d.Status)
	case of == lookedUp && taken != (deref(d.ApprovedAt) != ""): // whoever took money says when
		return pg.Payment{}, fmt.Errorf("the status %q is not what the answer shows", d.Status)
	}
	p.Status = status
	if status == pg.StatusFailed {
		p.Failure = &shop.PaymentFailure{Code: d.Status}
	}
	if !taken {
		return p, nil
	}
	return p, d.settle(&p)
}

// settle works out what was taken and given back, by the amounts and not by the status.
func (d *document) settle(p *pg.Payment) error {
	p.Captured = p.Amount
	if d.CanceledAmount != nil {
		p.Refunded = d.CanceledAmount.Total.won()
	}
	switch {
	case p.Captured == 0:
		return errors.New("the answer states no amount")
	case p.Refunded > p.Captured:
		return fmt.Errorf("%d of %d won were canceled", p.Refunded, p.Captured)
	case p.Refunded == 0 && p.Status != pg.StatusPaid:
		return fmt.Errorf("the status %q comes with nothing canceled", d.Status)
	case p.Refunded == 0:
		p.Status = pg.StatusPaid
	case p.Refunded < p.Captured:
		p.Status = pg.StatusPartiallyRefunded
	default:
		p.Status = pg.StatusRefunded
	}
	return nil
}

// meaning translates a status of Kakao's, and tells if money was taken.
func meaning(status string) (s pg.Status, taken, known bool) {
	switch status {
	case "READY", "SEND_TMS", "OPEN_PAYMENT", "SELECT_METHOD", "ARS_WAITING":
		return pg.StatusOpen, false, true
	case "AUTH_PASSWORD":
		return pg.StatusAuthenticated, false, true
	case "SUCCESS_PAYMENT":
		return pg.StatusPaid, true, true
	case "PART_CANCEL_PAYMENT":
		return pg.StatusPartiallyRefunded, true, true
	case "CANCEL_PAYMENT":
		return pg.StatusRefunded, true, true
	case "FAIL_AUTH_PASSWORD", "QUIT_PAYMENT", "FAIL_PAYMENT", "ISSUED_SID":
		return pg.StatusFailed, false, true
	}
	return "", false, false
}

// cancels lists the refunds an answer shows: the one just made, or all.
func (d *document) cancels(of kind) []pg.Cancel {
	if of == canceled {
		made := d.ApprovedCancelAmount
		return []pg.Cancel{{
			Key: *d.AID, RefundID: shop.RefundID(deref(d.Payload)), Amount: made.Total.won(), TaxFree: made.TaxFree.won(), At: moment(d.CanceledAt),
		}}
	}
	var legs []pg.Cancel
	for _, one := range d.Actions {
		if one.Kind == "CANCEL" {
			legs = append(legs, pg.Cancel{
				Key: one.AID, RefundID: shop.RefundID(deref(one.Payload)), Amount: one.Amount.won(), At: moment(&one.ApprovedAt),
			})
		}
	}
	return legs
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// moment reads one of Kakao's times, or returns nil.
func moment(s *string) *time.Time {
	t, err := time.ParseInLocation("2006-01-02T15:04:05", deref(s), korea)
	if err != nil {
		return nil
	}
	t = t.UTC()
	return &t
}
