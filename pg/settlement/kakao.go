package settlement

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"payment-system/shop"
)

// A kakaoReader reads KAKAO_PAYMENTS_JSON: Kakao Pay's document of a day, of type
// payments or settlements, whose control totals must be those of its rows.
// Amounts are told apart by the row's action, never by their sign, which
// documents differ in; within one document they may not.
type kakaoReader struct {
	stream *rowStream
	inRows bool
	opened bool
	closed bool

	kind       string
	target     string
	statistics *kakaoTotals
	sawData    bool
	sums       kakaoTotals
	unread     shop.Won   // how many rows could not be read
	signs      kakaoSigns // the ways to sign that fit every row so far
}

// kakaoTotals are the control totals of a document.
type kakaoTotals struct {
	Payment *kakaoTotal `json:"payment"`
	Cancel  *kakaoTotal `json:"cancel"`
}

type kakaoTotal struct {
	Count  signedWon `json:"count"`
	Amount signedWon `json:"amount"`
}

func newKakaoReader(body io.Reader) *kakaoReader {
	return &kakaoReader{
		stream: newRowStream(body), signs: anyKakaoSigns,
		sums: kakaoTotals{Payment: &kakaoTotal{}, Cancel: &kakaoTotal{}},
	}
}

// Day is the day of a payments document. That of a settlements document is when
// it is settled, and says nothing of when its payments were made.
func (r *kakaoReader) Day() *time.Time {
	if r.kind != "payments" {
		return nil
	}
	return r.targetDay()
}

func (r *kakaoReader) targetDay() *time.Time {
	return parseDay("20060102", strings.ReplaceAll(r.target, "-", ""))
}

// Next implements Reader.
func (r *kakaoReader) Next() (shop.SettlementRow, error) {
	if !r.opened {
		if err := r.stream.open('{', "the file must be a document of Kakao Pay"); err != nil {
			return shop.SettlementRow{}, err
		}
		r.opened = true
	}
	for !r.closed {
		if !r.inRows {
			if err := r.field(); err != nil {
				return shop.SettlementRow{}, err
			}
			continue
		}
		if !r.stream.More() {
			if err := r.stream.open(']', "data is not closed"); err != nil {
				return shop.SettlementRow{}, err
			}
			r.inRows = false
			continue
		}
		row, skip, err := r.row()
		if err != nil || !skip {
			return row, err
		}
	}
	return shop.SettlementRow{}, io.EOF
}

// field reads the next field of the document, up to its rows or its end.
func (r *kakaoReader) field() error {
	if !r.stream.More() {
		return r.close()
	}
	name, err := r.stream.Token()
	if err != nil {
		return r.stream.refuse(err)
	}
	switch name {
	case "type":
		return r.value(&r.kind)
	case "target_date":
		return r.value(&r.target)
	case "statistics":
		r.statistics = &kakaoTotals{}
		return r.value(r.statistics)
	case "data":
		if r.sawData {
			return reject(r.stream.source.lines+1, "data stands twice")
		}
		r.sawData, r.inRows = true, true
		return r.stream.open('[', "data must be an array")
	}
	var other json.RawMessage
	return r.value(&other)
}

func (r *kakaoReader) value(out any) error {
	err := r.stream.Decode(out)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) || errors.Is(err, errNotWon) {
		return reject(r.stream.source.lines+1, "the head of the document cannot be read: %s", jsonReason(err))
	}
	if err != nil {
		return r.stream.refuse(err)
	}
	return nil
}

// close holds the document against its control totals.
func (r *kakaoReader) close() error {
	if err := r.stream.open('}', "the document is not closed"); err != nil {
		return err
	}
	if err := r.stream.end(); err != nil {
		return err
	}
	r.closed = true
	line := r.stream.source.lines + 1
	switch {
	case r.kind != "payments" && r.kind != "settlements":
		return reject(line, "the document's type must be payments or settlements, not %q", clipText(r.kind))
	case r.targetDay() == nil:
		return reject(line, "target_date is not a date")
	case !r.sawData:
		return reject(line, "the document has no data")
	case r.statistics == nil || r.statistics.Payment == nil || r.statistics.Cancel == nil:
		return reject(line, "the document has no control totals")
	}
	return r.checkTotals(line)
}

// checkTotals holds the rows against the control totals. Rows that could not be
// read count, but tell no amount: then the totals may say more than the rows.
func (r *kakaoReader) checkTotals(line int) error {
	paid, canceled := *r.statistics.Payment, *r.statistics.Cancel
	if r.unread == 0 {
		if !paid.agrees(*r.sums.Payment) || !canceled.agrees(*r.sums.Cancel) {
			return reject(line, "the control totals say %s and %s canceled, the rows %s and %s", paid, canceled, r.sums.Payment,
				r.sums.Cancel)
		}
		return nil
	}
	counted := r.sums.Payment.Count.Won + r.sums.Cancel.Count.Won + r.unread
	if paid.Count.Won+canceled.Count.Won != counted || paid.Amount.unsigned() < r.sums.Payment.Amount.Won ||
		canceled.Amount.unsigned() < r.sums.Cancel.Amount.Won {
		return reject(line, "the control totals say %s and %s canceled, which does not fit the %s rows", paid, canceled,
			counted)
	}
	return nil
}

func (t kakaoTotal) agrees(sum kakaoTotal) bool {
	return t.Count.Set && t.Amount.Set && t.Count.Won == sum.Count.Won && t.Amount.unsigned() == sum.Amount.Won
}

// String writes the total as rejections do.
func (t kakaoTotal) String() string {
	return t.Count.Won.String() + " of " + t.Amount.unsigned().String() + " won"
}

// A kakaoRow is a row of a document. Fees stand in settlements alone.
type kakaoRow struct {
	TID            string    `json:"tid"`
	AID            string    `json:"aid"`
	ApprovedAt     string    `json:"approved_at"`
	OrderID        string    `json:"partner_order_id"`
	Action         string    `json:"payment_action_type"`
	Detail         string    `json:"payment_detail_action_type"`
	Currency       string    `json:"currency"`
	Amount         signedWon `json:"amount"`
	Fee            signedWon `json:"fee"`
	FeeVAT         signedWon `json:"fee_vat"`
	InterestFee    signedWon `json:"interest_free_fee"`
	InterestFeeVAT signedWon `json:"interest_free_fee_vat"`
	AmountPayable  signedWon `json:"amount_payable"`
}

// row reads a row, and reports whether it is to be skipped: a billing key that was
// issued moves no money.
func (r *kakaoReader) row() (row shop.SettlementRow, skip bool, err error) {
	raw, err := r.stream.row()
	if err != nil {
		return row, false, err
	}
	var k kakaoRow
	err = json.Unmarshal(raw, &k)
	if err == nil && k.Action == "ISSUED_SID" {
		return row, true, nil
	}
	if err == nil {
		err = k.check()
	}
	if err != nil {
		r.unread++
		return malformed(r.stream.rows, compact(raw), jsonReason(err)), false, nil
	}
	if err := r.count(k); err != nil {
		return row, false, err
	}
	if r.signs &= k.signs(); r.signs == 0 {
		return row, false, reject(r.stream.source.lines+1,
			"rows of the document sign their amounts and fees in different ways")
	}
	return k.settle(r.stream.rows, compact(raw)), false, nil
}

// count adds a row to the sums that the control totals must be.
func (r *kakaoReader) count(k kakaoRow) (err error) {
	sum := r.sums.Payment
	if k.Action == "CANCEL" {
		sum = r.sums.Cancel
	}
	sum.Count.Won++
	if sum.Amount.Won, err = sum.Amount.Won.Add(k.Amount.unsigned()); err != nil {
		return reject(r.stream.source.lines+1, "the rows are worth more than can be counted")
	}
	return nil
}

func (k kakaoRow) check() error {
	switch {
	case checkName(k.TID) != nil:
		return errors.New("tid " + errNotName.Error())
	case checkName(k.OrderID) != nil:
		return errors.New("partner_order_id " + errNotName.Error())
	case k.AID != "" && checkName(k.AID) != nil:
		return errors.New("aid " + errNotName.Error())
	case k.Action != "PAYMENT" && k.Action != "CANCEL":
		return errors.New("payment_action_type is not PAYMENT or CANCEL")
	case k.Currency != "KRW":
		return errors.New("currency is not KRW")
	case !k.Amount.Set || k.Amount.Won == 0 || (k.Amount.Won < 0 && k.Action == "PAYMENT"):
		return errors.New("amount is missing, zero or negative")
	case k.day() == nil:
		return errors.New("approved_at is not a time")
	case k.signs() == 0:
		return errors.New("amount_payable is not amount less fees")
	}
	return nil
}

// day is the business day of the approval or cancel: Kakao's times are Korea's.
func (k kakaoRow) day() *time.Time {
	if len(k.ApprovedAt) < len(time.DateOnly) {
		return nil
	}
	return parseDay(time.DateOnly, k.ApprovedAt[:len(time.DateOnly)])
}

// kakaoSigns is a set of ways to sign what a row says, a bit each.
type kakaoSigns int

const (
	feesOff, feesOn kakaoSigns = 1, 2 // payable = amount − fees, or amount + fees, cancels negative
	unsignedCancels kakaoSigns = 4    // payable = amount − fees, cancels like payments
	anyKakaoSigns              = feesOff | feesOn | unsignedCancels
)

// signs returns the ways to sign in which the row adds up; none when it does in none.
func (k kakaoRow) signs() kakaoSigns {
	if !k.AmountPayable.Set {
		return anyKakaoSigns // a payments document has no fees
	}
	amount := k.Amount.unsigned()
	fees := k.Fee.Won + k.FeeVAT.Won + k.InterestFee.Won + k.InterestFeeVAT.Won
	signed := amount
	if k.Action == "CANCEL" {
		signed = -amount
	}
	var signs kakaoSigns
	for sign, payable := range map[kakaoSigns]shop.Won{
		feesOff: signed - fees, feesOn: signed + fees, unsignedCancels: amount - fees,
	} {
		if payable == k.AmountPayable.Won {
			signs |= sign
		}
	}
	return signs
}

func (k kakaoRow) settle(line int, raw string) shop.SettlementRow {
	row := shop.SettlementRow{
		Line: line, Raw: keepRaw(raw), Kind: shop.SettlementApproval, PaymentKey: k.TID, AttemptRef: k.OrderID,
		LegKey: k.AID, Amount: k.Amount.unsigned(), BusinessDay: k.day(),
	}
	if k.Action == "CANCEL" {
		row.Kind = shop.SettlementRefund
	}
	row.InstallmentMonths = k.months()
	return row
}

// months is what the document tells of installments: none, or that there are some.
func (k kakaoRow) months() *int {
	months := 0
	switch k.Detail {
	case "PAYMENT_LUMP_SUM":
	case "PAYMENT_INSTALLMENT":
		months = shop.InstallmentsUntold
	default:
		return nil
	}
	return &months
}
