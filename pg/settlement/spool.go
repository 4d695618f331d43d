package settlement

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"payment-system/shop"
)

// A File is a settlement file in a temporary file of its own, where it cannot
// change while it is read. Remove it when done.
type File struct {
	// Hash is the SHA-256 of the content, in hex.
	Hash string
	// Day is the business day that the file says it is about, known once Check has
	// returned; nil when the file does not say.
	Day *time.Time

	file *os.File
	text textCheck
}

// CheckTemporary makes sure that files can be kept while they are read. Its error is a
// sentence that says what to set.
func CheckTemporary() error {
	file, err := os.CreateTemp("", "settlement-*")
	if err != nil {
		return fmt.Errorf("TMPDIR: settlement files need a folder for temporary files, and %s takes none: "+
			"make it writable, or set TMPDIR to one that is: %w", os.TempDir(), err)
	}
	_, err = file.WriteString("x")
	if err = errors.Join(err, file.Close(), os.Remove(file.Name())); err != nil {
		return fmt.Errorf("TMPDIR: the folder %s for temporary files cannot be written: %w", os.TempDir(), err)
	}
	return nil
}

// Spool copies body, and finds out what it is meanwhile. It returns Invalid when
// it is over the limit, in bytes.
func Spool(body io.Reader, limit int64) (*File, error) {
	file, err := os.CreateTemp("", "settlement-*")
	if err != nil {
		return nil, fmt.Errorf("keep the settlement file: %w", err)
	}
	f := &File{file: file}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, hash, &f.text), io.LimitReader(body, limit+1))
	if err == nil && n > limit {
		err = shop.InvalidField("file", fmt.Sprintf("The file is larger than %d bytes.", limit))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	f.Hash = hex.EncodeToString(hash.Sum(nil))
	return f, nil
}

// Remove gives the temporary file back.
func (f *File) Remove() error { return errors.Join(f.file.Close(), os.Remove(f.file.Name())) }

// Open reads the rows from the start. It returns a *Rejection when the file is
// not text that can be read for sure.
func (f *File) Open(format shop.SettlementFormat) (Reader, error) {
	encoding, err := f.text.encoding()
	if err != nil {
		return nil, err
	}
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the settlement file: %w", err)
	}
	return read(format, decodeText(encoding, f.file)), nil
}

// maxMalformed is how many rows may be malformed in a file of any size, and
// maxMalformedPercent how many of a larger one.
const (
	maxMalformed        = 3
	maxMalformedPercent = 1
)

// Check reads the file to its end and returns how many rows it has. It returns a
// *Rejection when the file cannot be believed.
func (f *File) Check(ctx context.Context, format shop.SettlementFormat) (rows int, err error) {
	reader, err := f.Open(format)
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
	f.Day = reader.Day()
	return rows, nil
}
