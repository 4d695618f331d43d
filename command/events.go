package command

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"payment-system/shop"
)

// Shards is how many shares the outbox is cut into, by aggregate id.
const Shards = 16

// ShardOf returns the share of the outbox that an aggregate belongs to.
func ShardOf(aggregateID string) int {
	return int(crc32.ChecksumIEEE([]byte(aggregateID)) % Shards)
}

// A fact is an event about to be recorded. Aggregate is the whole aggregate as
// the event leaves it; its JSON is the payload.
type fact struct {
	aggregateID string
	version     int
	kind        string
	status      string
	actor       shop.Actor
	note        string
	aggregate   any
	at          time.Time
}

// record appends facts to the events, in one statement. A version that exists
// already is a unique-index error: somebody else was faster.
func record(ctx context.Context, tx *sql.Tx, facts ...fact) error {
	if len(facts) == 0 {
		return nil
	}
	rows := strings.TrimSuffix(strings.Repeat("(?,?,?,?,?,?,?,?,?),", len(facts)), ",")
	args := make([]any, 0, 9*len(facts))
	for _, f := range facts {
		payload, err := json.Marshal(f.aggregate)
		if err != nil {
			return fmt.Errorf("encode %s of %s: %w", f.kind, f.aggregateID, err)
		}
		args = append(args, f.aggregateID, f.version, f.kind, f.status, payload, string(f.actor),
			nullIfEmpty(clip(f.note, 500)), f.at, ShardOf(f.aggregateID))
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO events (aggregate_id, version, kind, status, payload, actor, note, at, shard) VALUES "+rows, args...)
	if err != nil {
		return fmt.Errorf("record events: %w", err)
	}
	return nil
}

func nullIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// clip cuts s to at most n characters.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
