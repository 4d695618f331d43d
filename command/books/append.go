package books

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/text"
	"payment-system/shop"
)

// An Event is about to be appended. Aggregate is the whole aggregate as
// the event leaves it; its JSON is the payload.
type Event struct {
	AggregateID string
	Version     int
	Kind        string
	Status      string
	Actor       shop.Actor
	By          shop.UserID // the operator who does it; "" for nobody
	Note        string
	Aggregate   any
	At          time.Time
}

// event is the Event as it is written.
func (f Event) event() (shop.Event, error) {
	payload, err := json.Marshal(f.Aggregate)
	if err != nil {
		return shop.Event{}, fmt.Errorf("encode %s of %s: %w", f.Kind, f.AggregateID, err)
	}
	return shop.Event{
		AggregateID: f.AggregateID, Version: f.Version, Kind: f.Kind, Status: f.Status, Actor: f.Actor, By: f.By,
		Note: text.Clip(f.Note, 500), Payload: payload, At: f.At.UTC().Truncate(time.Microsecond),
	}, nil
}

// Append appends events, in one statement, each sealed after the
// one before it; those of one aggregate are given in order. A version that
// exists already is a unique-index error: somebody else was faster.
func Append(ctx context.Context, tx *sql.Tx, events ...Event) error {
	sealed, err := Seal(ctx, tx, events, nil)
	if err != nil {
		return err
	}
	return AppendSealed(ctx, mysqldb.NewPacket(tx, true), sealed)
}

// A SealedEvent is an event as it is written, and what seals it.
type SealedEvent struct {
	shop.Event

	Seal shop.Seal
}

// A Sealed is an event that stands, and the hash that seals it.
type Sealed struct {
	Version int
	Hash    []byte
}

// Seal seals events that are about to be appended. It need not read what seals those before them where that is known,
// by aggregate.
func Seal(ctx context.Context, q mysqldb.Queryer, events []Event, known map[string]Sealed) ([]SealedEvent, error) {
	hashes, err := hashesBefore(ctx, q, events, known)
	if err != nil {
		return nil, err
	}
	sealed := make([]SealedEvent, len(events))
	for i, f := range events {
		e, err := f.event()
		if err != nil {
			return nil, err
		}
		seal := e.Seal(hashes[place{e.AggregateID, e.Version - 1}])
		hashes[place{e.AggregateID, e.Version}] = seal.Hash
		sealed[i] = SealedEvent{e, seal}
	}
	return sealed, nil
}

// AppendSealed is Append of events that are sealed.
func AppendSealed(ctx context.Context, w mysqldb.Execer, events []SealedEvent) error {
	if len(events) == 0 {
		return nil
	}
	args := make([]any, 0, 12*len(events))
	for _, e := range events {
		args = append(args, e.AggregateID, e.Version, e.Kind, e.Status, string(e.Payload), string(e.Actor),
			nullIfEmpty(string(e.By)), nullIfEmpty(e.Note), e.At, e.Seal.Hash, e.Seal.Parts, shop.ShardOf(e.AggregateID))
	}
	_, err := w.ExecContext(ctx,
		`INSERT INTO events
			(aggregate_id, version, kind, status, payload, actor, by_id, note, at, hash, parts, shard) VALUES `+
			mysqldb.Tuples(len(events), 12), args...)
	return wrapped("record events", err)
}

// A place is where an event stands in the chain of its aggregate.
type place struct {
	aggregateID string
	version     int
}

// hashesBefore reads, in one statement, the hashes that events follow and that
// are neither known nor among themselves. Whoever writes a version has read the row of the one
// before, so its event stands. One that is gone all the same must not keep money
// from being recorded: the chain breaks there, and verify says so.
func hashesBefore(ctx context.Context, q mysqldb.Queryer, events []Event, sealed map[string]Sealed) (map[place][]byte, error) {
	hashes := make(map[place][]byte, 2*len(events))
	var args []any
	for _, f := range events {
		before := place{f.AggregateID, f.Version - 1}
		if known, ok := sealed[before.aggregateID]; ok && known.Version == before.version {
			hashes[before] = known.Hash
		} else if _, known := hashes[before]; !known && before.version > 0 {
			args = append(args, before.aggregateID, before.version)
		}
		hashes[place{f.AggregateID, f.Version}] = nil
	}
	if len(args) == 0 {
		return hashes, nil
	}
	// Written out, each pair is one look-up in the unique index.
	pairs := strings.TrimSuffix(strings.Repeat("(aggregate_id = ? AND version = ?) OR ", len(args)/2), " OR ")
	found, err := mysqldb.Collect(ctx, q, scanHash, "SELECT aggregate_id, version, hash FROM events WHERE "+pairs,
		args...)
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

// Stands reports, after the answer to a COMMIT was lost, whether an event is in the
// books: then so is all that its transaction wrote. The caller holds a row that the
// transaction held, so that a COMMIT on its way has landed.
func Stands(ctx context.Context, tx *sql.Tx, written SealedEvent) (bool, error) {
	var hash []byte
	err := tx.QueryRowContext(ctx, `SELECT hash FROM events WHERE aggregate_id = ? AND version = ?`,
		written.AggregateID, written.Version).Scan(&hash)
	if isNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read whether a change stands: %w", err)
	}
	return bytes.Equal(hash, written.Seal.Hash), nil
}

// RefusalNote reads what the history noted first of a refusal of a payment's gateway
// to give money back, from a moment on; "" when it noted nothing.
func RefusalNote(ctx context.Context, q Reader, id shop.PaymentID, from time.Time) (note string, err error) {
	err = q.QueryRowContext(ctx,
		`SELECT COALESCE(note, '') FROM events WHERE aggregate_id = ? AND kind IN (?, ?) AND at >= ? ORDER BY version
			LIMIT 1`,
		id, shop.KindPaymentCancelRefused, shop.KindPaymentLateMoney, from).Scan(&note)
	if isNoRows(err) {
		return "", nil
	}
	return note, err
}
