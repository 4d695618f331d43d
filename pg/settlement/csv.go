package settlement

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jszwec/csvutil"

	"payment-system/shop"
)

// A stateReader reads PAYMENT_STATE_CSV: a payment a row, as it stands at the
// gateway, in whatever dialect a program wrote it. Each line is a record of its own,
// so that a quote left open spoils one row and not the rest.
//
// The format has no trailer. A last line that was cut off has too few fields, or
// none in the last: it rejects the file. A whole last line without a line end is
// taken, as editors leave it.
type stateReader struct {
	lines   *lineReader
	dialect *dialect
	decoder *csvutil.Decoder
	raw     string // the line read last
	ended   bool   // whether it had a line end
}

func newStateReader(body io.Reader) *stateReader {
	return &stateReader{lines: newLineReader(body)}
}

// Day returns nil: the format does not say.
func (r *stateReader) Day() *time.Time { return nil }

// A stateRow is a row of PAYMENT_STATE_CSV.
type stateRow struct {
	OrderID       nameField   `csv:"orderId"`
	PaymentKey    nameField   `csv:"paymentKey"`
	TotalAmount   wonField    `csv:"totalAmount"`
	PaymentState  stateField  `csv:"paymentState"`
	TaxFreeAmount wonField    `csv:"taxFreeAmount"`
	InstallMonth  monthsField `csv:"installMonth"`
}

// Next implements Reader.
func (r *stateReader) Next() (shop.SettlementRow, error) {
	if r.decoder == nil {
		if err := r.open(); err != nil {
			return shop.SettlementRow{}, err
		}
	}
	var row stateRow
	err := r.decoder.Decode(&row)
	if errors.Is(err, io.EOF) {
		return shop.SettlementRow{}, io.EOF
	}
	if failed, ok := errors.AsType[*readError](err); ok {
		return shop.SettlementRow{}, failed.err
	}
	if err == nil && row.TaxFreeAmount > row.TotalAmount {
		err = errors.New("taxFreeAmount is more than totalAmount")
	}
	if err == nil && strings.ContainsRune(r.raw, utf8.RuneError) {
		err = errors.New("a character cannot be read")
	}
	if err != nil && !r.ended && isCut(err) {
		return shop.SettlementRow{}, reject(r.lines.line, "the file ends in the middle of a row: %s", reasonOf(err))
	}
	if err != nil {
		return malformed(r.lines.line, r.raw, reasonOf(err)), nil
	}
	return row.settle(r.lines.line, r.raw), nil
}

// open reads up to the header.
func (r *stateReader) open() error {
	head := dialectHead{}
	for r.dialect == nil {
		line, _, err := r.lines.next()
		switch {
		case errors.Is(err, io.EOF) && r.lines.line == 0:
			return reject(1, "the file is empty")
		case errors.Is(err, io.EOF):
			return reject(r.lines.line, "there is no header: it must be exactly %s", stateHeader())
		case err != nil && !errors.Is(err, errLongLine):
			return err
		}
		if r.dialect, err = head.take(line, r.lines.line); err != nil {
			return err
		}
	}
	var err error
	r.decoder, err = csvutil.NewDecoder(r, stateColumns[:]...)
	return err
}

// A readError is a failure to read the file, and not of what stands in it.
type readError struct{ err error }

// Error says what reading failed of.
func (e *readError) Error() string { return e.err.Error() }

// Read implements csvutil.Reader: it returns the six fields of the next line that is
// not empty.
func (r *stateReader) Read() ([]string, error) {
	for {
		var err error
		r.raw, r.ended, err = r.lines.next()
		switch {
		case errors.Is(err, errLongLine), errors.Is(err, io.EOF):
			return nil, err
		case err != nil:
			return nil, &readError{err}
		}
		record, err := r.dialect.record(r.raw, r.ended)
		if err != nil || record != nil {
			return record, err
		}
	}
}

// isCut reports whether a row without a line end looks cut off.
func isCut(err error) bool {
	var field *csvutil.DecodeError
	return !errors.As(err, &field) || field.Field == "installMonth"
}

// reasonOf says in a sentence's words why a row cannot be read.
func reasonOf(err error) string {
	if errors.Is(err, csvutil.ErrFieldCount) {
		return "the row does not have 6 fields"
	}
	if field, ok := errors.AsType[*csvutil.DecodeError](err); ok {
		return fmt.Sprintf("%s %v", field.Field, field.Err)
	}
	return err.Error()
}

func (s stateRow) settle(line int, raw string) shop.SettlementRow {
	taxFree, months := shop.Won(s.TaxFreeAmount), int(s.InstallMonth)
	return shop.SettlementRow{
		Line: line, Raw: keepRaw(raw), Kind: string(s.PaymentState), PaymentKey: string(s.PaymentKey),
		AttemptRef: string(s.OrderID), Amount: shop.Won(s.TotalAmount), TaxFree: &taxFree, InstallmentMonths: &months,
	}
}

// The fields of a row, as strict as money deserves.
type (
	nameField   string
	wonField    shop.Won
	stateField  string
	monthsField int
)

// UnmarshalCSV implements csvutil.Unmarshaler.
func (f *nameField) UnmarshalCSV(text []byte) error {
	*f = nameField(text)
	return checkName(string(text))
}

// UnmarshalCSV implements csvutil.Unmarshaler.
func (f *wonField) UnmarshalCSV(text []byte) error {
	won, err := parseWon(string(text))
	*f = wonField(won)
	return err
}

// UnmarshalCSV implements csvutil.Unmarshaler.
func (f *stateField) UnmarshalCSV(text []byte) error {
	switch string(text) {
	case "1":
		*f = shop.SettlementApproval
	case "2":
		*f = shop.SettlementFailure
	case "3":
		*f = shop.SettlementRefund
	default:
		return errors.New("is not 1, 2 or 3")
	}
	return nil
}

// maxMonths is the longest installment plan a file may tell of.
const maxMonths = 60

// UnmarshalCSV implements csvutil.Unmarshaler.
func (f *monthsField) UnmarshalCSV(text []byte) error {
	months, err := parseWon(string(text))
	if err != nil || months > maxMonths {
		return fmt.Errorf("is not a number of months from 0 to %d", maxMonths)
	}
	*f = monthsField(months)
	return nil
}
