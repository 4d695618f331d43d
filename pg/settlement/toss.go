package settlement

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"payment-system/shop"
)

// A tossReader reads TOSS_SETTLEMENTS_JSON: the array that GET /v1/settlements
// answers, an approval or a cancel a row. The amounts of a cancel are negative.
type tossReader struct {
	stream *rowStream
	opened bool
}

func newTossReader(body io.Reader) *tossReader { return &tossReader{stream: newRowStream(body)} }

// Day returns nil: each row has its own.
func (r *tossReader) Day() *time.Time { return nil }

// Next implements Reader.
func (r *tossReader) Next() (shop.SettlementRow, error) {
	if !r.opened {
		if err := r.stream.open('[', "the file must be the array that GET /v1/settlements answers"); err != nil {
			return shop.SettlementRow{}, err
		}
		r.opened = true
	}
	if !r.stream.More() {
		return shop.SettlementRow{}, r.close()
	}
	raw, err := r.stream.row()
	if err != nil {
		return shop.SettlementRow{}, err
	}
	var row tossRow
	if err = json.Unmarshal(raw, &row); err == nil {
		err = row.check()
	}
	if err != nil {
		return malformed(r.stream.rows, compact(raw), jsonReason(err)), nil
	}
	return row.settle(r.stream.rows, compact(raw)), nil
}

func (r *tossReader) close() error {
	if err := r.stream.open(']', "the array is not closed"); err != nil {
		return err
	}
	if err := r.stream.end(); err != nil {
		return err
	}
	return io.EOF
}

// A tossRow is a row of GET /v1/settlements. The guide says supplyAmount; others
// say suppliedAmount.
type tossRow struct {
	PaymentKey     string     `json:"paymentKey"`
	TransactionKey string     `json:"transactionKey"`
	OrderID        string     `json:"orderId"`
	Currency       string     `json:"currency"`
	Amount         signedWon  `json:"amount"`
	Fee            *signedWon `json:"fee"`
	Fees           []tossFee  `json:"fees"`
	SupplyAmount   signedWon  `json:"supplyAmount"`
	SuppliedAmount signedWon  `json:"suppliedAmount"`
	VAT            signedWon  `json:"vat"`
	PayOutAmount   signedWon  `json:"payOutAmount"`
	SoldDate       string     `json:"soldDate"`
	Card           *struct {
		Months *int `json:"installmentPlanMonths"`
	} `json:"card"`
}

type tossFee struct {
	Fee looseWon `json:"fee"`
}

// check holds the row against itself.
func (r tossRow) check() error {
	switch {
	case checkName(r.PaymentKey) != nil:
		return errors.New("paymentKey " + errNotName.Error())
	case checkName(r.OrderID) != nil:
		return errors.New("orderId " + errNotName.Error())
	case r.TransactionKey != "" && checkName(r.TransactionKey) != nil:
		return errors.New("transactionKey " + errNotName.Error())
	case r.Currency != "KRW":
		return errors.New("currency is not KRW")
	case !r.Amount.Set || r.Amount.Won == 0:
		return errors.New("amount is missing or zero")
	case !r.PayOutAmount.Set || !r.VAT.Set || r.SupplyAmount.Set == r.SuppliedAmount.Set:
		return errors.New("payOutAmount, vat or supplyAmount is missing")
	case parseDay(time.DateOnly, r.SoldDate) == nil:
		return errors.New("soldDate is not a date")
	case r.Card != nil && r.Card.Months != nil && (*r.Card.Months < 0 || *r.Card.Months > maxMonths):
		return errors.New("card.installmentPlanMonths is not a number of months")
	}
	return r.checkSums()
}

// maxFees is the most parts that a fee may have.
const maxFees = 100

// checkSums holds that the fees are the fee, are its net and VAT, and are what
// the payout lacks.
func (r tossRow) checkSums() error {
	if len(r.Fees) > maxFees { // so that their sum cannot overflow
		return errors.New("fees are too many")
	}
	fees := signedWon{}
	for _, fee := range r.Fees {
		fees.Won += fee.Fee.Won
	}
	switch {
	case r.Fee != nil && r.Fee.Set && r.Fee.Won != fees.Won:
		return errors.New("fee is not the sum of fees")
	case r.SupplyAmount.Won+r.SuppliedAmount.Won+r.VAT.Won != fees.Won:
		return errors.New("supplyAmount and vat are not the sum of fees")
	case r.Amount.Won-fees.Won != r.PayOutAmount.Won:
		return errors.New("payOutAmount is not amount less fees")
	}
	return nil
}

func (r tossRow) settle(line int, raw string) shop.SettlementRow {
	row := shop.SettlementRow{
		Line: line, Raw: keepRaw(raw), Kind: shop.SettlementApproval, PaymentKey: r.PaymentKey, AttemptRef: r.OrderID,
		LegKey: r.TransactionKey, Amount: r.Amount.unsigned(), BusinessDay: parseDay(time.DateOnly, r.SoldDate),
	}
	if r.Amount.Won < 0 {
		row.Kind = shop.SettlementRefund
	}
	if r.Card != nil {
		row.InstallmentMonths = r.Card.Months
	}
	return row
}
