package projections

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"

	"payment-system/shop"
)

// ReadSettlement reads a whole file as an import does, for tests of the parsers.
func ReadSettlement(format shop.SettlementFormat, body []byte) ([]shop.SettlementRow, error) {
	file, err := spool(bytes.NewReader(body), 1<<30)
	if err != nil {
		return nil, err
	}
	defer file.remove(slog.New(slog.DiscardHandler))
	n, err := file.check(context.Background(), format)
	if err != nil {
		return nil, err
	}
	reader, err := file.open(format)
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

// IsRejection tells whether an import answers err with REJECTED.
func IsRejection(err error) bool {
	var refused *rejection
	return errors.As(err, &refused)
}
