package projections

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"payment-system/shop"
)

// A spooledFile is a settlement file in a temporary file of its own, where it
// cannot change while it is read.
type spooledFile struct {
	file *os.File
	hash string // SHA-256 in hex
	text textCheck
	day  *time.Time // the business day that the file says it is about; nil when it does not
}

// spool copies body, and finds out what it is meanwhile. It returns Invalid when
// it is over the limit.
func spool(body io.Reader, limit int64) (*spooledFile, error) {
	file, err := os.CreateTemp("", "settlement-*")
	if err != nil {
		return nil, fmt.Errorf("keep the settlement file: %w", err)
	}
	s := &spooledFile{file: file}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, hash, &s.text), io.LimitReader(body, limit+1))
	if err == nil && n > limit {
		err = shop.InvalidField("file", fmt.Sprintf("The file is larger than %d bytes.", limit))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	s.hash = hex.EncodeToString(hash.Sum(nil))
	return s, nil
}

func (s *spooledFile) remove(logger *slog.Logger) {
	if err := errors.Join(s.file.Close(), os.Remove(s.file.Name())); err != nil {
		logger.Warn("temporary file not removed", "error", err)
	}
}

// open reads the rows from the start. It returns a *rejection when the file is
// not text that can be read for sure.
func (s *spooledFile) open(format shop.SettlementFormat) (settlementReader, error) {
	encoding, err := s.text.encoding()
	if err != nil {
		return nil, err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the settlement file: %w", err)
	}
	return readSettlement(format, decodeText(encoding, s.file)), nil
}

// maxMalformed is how many rows may be malformed in a file of any size, and
// maxMalformedPercent how many of a larger one.
const (
	maxMalformed        = 3
	maxMalformedPercent = 1
)

// check reads the file to its end and returns how many rows it has. It returns a
// *rejection when the file cannot be believed.
func (s *spooledFile) check(ctx context.Context, format shop.SettlementFormat) (rows int, err error) {
	reader, err := s.open(format)
	if err != nil {
		return 0, err
	}
	var bad, line int
	var reason string
	for ; ; rows++ {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if row.Malformed != "" {
			if bad == 0 {
				line, reason = row.Line, row.Malformed
			}
			bad++
		}
		if rows%1000 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	if bad > maxMalformed && bad*100 > rows*maxMalformedPercent {
		return 0, reject(line, "%d of %d rows cannot be read; the first: %s", bad, rows, reason)
	}
	s.day = reader.Day()
	return rows, nil
}
