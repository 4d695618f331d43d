package settlement

import (
	"bytes"
	"context"
	"errors"
	"io"

	"payment-system/shop"
)

// ReadAll reads a whole file as an import does, for tests of the parsers.
func ReadAll(format shop.SettlementFormat, body []byte) ([]shop.SettlementRow, error) {
	file, err := Spool(bytes.NewReader(body), 1<<30)
	if err != nil {
		return nil, err
	}
	defer file.Remove()
	n, err := file.Check(context.Background(), format)
	if err != nil {
		return nil, err
	}
	reader, err := file.Open(format)
	if err != nil {
		return nil, err
	}
	rows := make([]shop.SettlementRow, 0, n)
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
}

// IsRejection reports whether an import answers err with REJECTED.
func IsRejection(err error) bool {
	var refused *Rejection
	return errors.As(err, &refused)
}
