package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"payment-system/command/reconciliation"
	"payment-system/pg/settlement"
	"payment-system/shop"
)

// stage reads the file twice: once to find out whether it can be believed, and
// once to store its rows, from where an earlier run broke off.
func (j *job) stage(ctx context.Context, file *settlement.File) error {
	total, err := file.Check(ctx, j.rec.Format)
	if err != nil {
		return err
	}
	j.day = cmp.Or(file.Day, dayOfName(j.rec))
	var staged int
	err = j.books.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(line), 0) FROM settlement_rows
		WHERE reconciliation_id = ?`, string(j.rec.ID)).Scan(&staged)
	if err != nil {
		return fmt.Errorf("read how far reading came: %w", err)
	}
	rows, err := file.Open(j.rec.Format)
	if err != nil {
		return err
	}
	s := staging{job: j, total: total, after: staged}
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return s.flush(ctx)
		}
		if err != nil {
			return err
		}
		if err := s.add(ctx, row); err != nil {
			return err
		}
	}
}

// staging stores rows in chunks.
type staging struct {
	job   *job
	total int // rows in the file
	read  int // rows read so far
	after int // the last line that is stored already
	chunk []shop.SettlementRow
	bytes int
}

// maxChunkBytes bounds a chunk of long rows.
const maxChunkBytes = 1 << 20

func (s *staging) add(ctx context.Context, row shop.SettlementRow) error {
	s.read++
	if row.Line <= s.after {
		return nil
	}
	s.chunk = append(s.chunk, row)
	s.bytes += len(row.Raw)
	if len(s.chunk) < cmp.Or(s.job.reconciler.Chunk, 1000) && s.bytes < maxChunkBytes {
		return nil
	}
	return s.flush(ctx)
}

func (s *staging) flush(ctx context.Context) error {
	if len(s.chunk) == 0 {
		return ctx.Err()
	}
	announce := s.job.mayAnnounce()
	rec, err := s.job.reconciler.Files.StageRows(ctx, reconciliation.StageRows{
		Hold: s.job.hold, Rows: s.chunk, Announce: announce, Total: s.read, Percent: min(99, percentOf(s.read, s.total)),
	})
	s.chunk, s.bytes = s.chunk[:0], 0
	if err != nil || !announce {
		return err
	}
	return s.job.became(rec, nil)
}

func percentOf(part, whole int) int {
	if whole == 0 {
		return 100
	}
	return int(int64(part) * 100 / int64(whole))
}
