package command

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

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

// event is the fact as it is written.
func (f fact) event() (shop.Event, error) {
	payload, err := json.Marshal(f.aggregate)
	if err != nil {
		return shop.Event{}, fmt.Errorf("encode %s of %s: %w", f.kind, f.aggregateID, err)
	}
	return shop.Event{
		AggregateID: f.aggregateID, Version: f.version, Kind: f.kind, Status: f.status, Actor: f.actor,
		Note: clip(f.note, 500), Payload: payload, At: f.at.UTC().Truncate(time.Microsecond),
	}, nil
}

// record appends facts to the events, in one statement, each sealed after the
// one before it; those of one aggregate are given in order. A version that
// exists already is a unique-index error: somebody else was faster.
func record(ctx context.Context, tx *sql.Tx, facts ...fact) error {
	if len(facts) == 0 {
		return nil
	}
	hashes, err := hashesBefore(ctx, tx, facts)
	if err != nil {
		return err
	}
	rows := strings.TrimSuffix(strings.Repeat("(?,?,?,?,?,?,?,?,?,?,?),", len(facts)), ",")
	args := make([]any, 0, 11*len(facts))
	for _, f := range facts {
		e, err := f.event()
		if err != nil {
			return err
		}
		seal := e.Seal(hashes[place{e.AggregateID, e.Version - 1}])
		hashes[place{e.AggregateID, e.Version}] = seal.Hash
		args = append(args, e.AggregateID, e.Version, e.Kind, e.Status, e.Payload, string(e.Actor),
			nullIfEmpty(e.Note), e.At, seal.Hash, seal.Parts, shop.ShardOf(e.AggregateID))
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO events (aggregate_id, version, kind, status, payload, actor, note, at, hash, parts, shard) VALUES "+rows, args...)
	if err != nil {
		return fmt.Errorf("record events: %w", err)
	}
	return nil
}

// A place is where an event stands in the chain of its aggregate.
type place struct {
	aggregateID string
	version     int
}

// hashesBefore reads, in one statement, the hashes that facts follow and that
// are not among themselves. Whoever writes a version has read the row of the one
// before, so its event stands. One that is gone all the same must not keep money
// from being recorded: the chain breaks there, and verify says so.
func hashesBefore(ctx context.Context, tx *sql.Tx, facts []fact) (map[place][]byte, error) {
	hashes := make(map[place][]byte, 2*len(facts))
	var args []any
	for _, f := range facts {
		before := place{f.aggregateID, f.version - 1}
		if _, known := hashes[before]; !known && before.version > 0 {
			args = append(args, before.aggregateID, before.version)
		}
		hashes[place{f.aggregateID, f.version}] = nil
	}
	if len(args) == 0 {
		return hashes, nil
	}
	// Written out, each pair is one look-up in the unique index.
	pairs := strings.TrimSuffix(strings.Repeat("(aggregate_id = ? AND version = ?) OR ", len(args)/2), " OR ")
	found, err := mysqldb.Collect(ctx, tx, scanHash, "SELECT aggregate_id, version, hash FROM events WHERE "+pairs, args...)
	if err != nil {
		return nil, fmt.Errorf("read the events before: %w", err)
	}
	for _, f := range found {
		hashes[f.place] = f.hash
	}
	return hashes, nil
}

type placedHash struct {
	place
	hash []byte
}

func scanHash(rows *sql.Rows) (placedHash, error) {
	var h placedHash
	err := rows.Scan(&h.aggregateID, &h.version, &h.hash)
	return h, err
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
