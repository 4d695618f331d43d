package mysqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"payment-system/internal/failpoint"
)

const (
	// separator stands between the statements of a packet.
	separator = ";\n"
	// packetSize is how many bytes of arguments one packet has room for, in statements of which there are
	// several: servers take 16 MiB and more.
	packetSize = 1 << 20
)

// errNotSent is what a statement's result answers before it was sent.
var errNotSent = errors.New("the statement was not sent yet")

// A Packet is statements of a transaction that write and wait to be sent to the server together, in
// order and in one round trip. Its statements succeed or fail together for the caller, who must roll
// back when they fail. It is not for use by several goroutines.
type Packet struct {
	tx      *sql.Tx
	alone   bool
	query   strings.Builder
	args    []any
	size    int
	waiting []*packed
}

// A packed statement is one of a packet, and its result.
type packed struct {
	rows int64 // that it touched
	want int64 // that it must touch; any number if negative
	sent bool
}

// NewPacket returns a packet of statements of tx. In one that is for each alone, every statement is
// sent by itself at once, so that its error is its own.
func NewPacket(tx *sql.Tx, alone bool) *Packet { return &Packet{tx: tx, alone: alone} }

// A PacketError is that one of several statements failed that were sent together, for a reason that will
// not pass by itself: nobody knows which, unless each is sent alone.
type PacketError struct{ error }

// Unwrap returns the failure.
func (e *PacketError) Unwrap() error { return e.error }

// ExecContext adds a statement. Its result is known when the packet was sent.
func (p *Packet) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.add(ctx, -1, query, args)
}

// Exactly adds statements that must touch n rows each: sending the packet returns ErrStale if one does not.
func (p *Packet) Exactly(n int) Execer { return exactly{p, int64(n)} }

type exactly struct {
	packet *Packet
	rows   int64
}

// ExecContext adds a statement.
func (e exactly) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return e.packet.add(ctx, e.rows, query, args)
}

// QueryContext sends the packet, and then asks a query of the transaction.
func (p *Packet) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := p.Send(ctx); err != nil {
		return nil, err
	}
	return p.tx.QueryContext(ctx, query, args...)
}

func (p *Packet) add(ctx context.Context, want int64, query string, args []any) (sql.Result, error) {
	query = strings.TrimRight(query, "; \t\n")
	size := len(query) + sizeOf(args)
	if len(p.waiting) > 0 && p.size+size > packetSize {
		if err := p.Send(ctx); err != nil {
			return nil, err
		}
	}
	if len(p.waiting) > 0 {
		p.query.WriteString(separator)
	}
	p.query.WriteString(query)
	p.args, p.size = append(p.args, args...), p.size+size
	statement := &packed{want: want}
	p.waiting = append(p.waiting, statement)
	if p.alone {
		return statement, p.Send(ctx)
	}
	return statement, nil
}

// Send sends what waits. It returns ErrStale when a statement touched fewer or more rows than it must,
// a PacketError when one of several failed, and the error of one that was alone.
func (p *Packet) Send(ctx context.Context) error { return p.send(ctx, &sending{}) }

// SendWithCommit is Send of the last statements of a transaction, with its COMMIT after them: the caller goes
// on to commit as ever, which then costs nothing. Nothing can be held against how many rows were touched,
// and when the answer is lost InTx runs again, though the transaction may stand: it is for what does no harm
// when it is done twice.
func (p *Packet) SendWithCommit(ctx context.Context) error {
	if len(p.waiting) == 0 {
		return nil
	}
	failpoint.At(ctx, failpoint.BeforeCommit)
	return p.send(ctx, &sending{commit: true})
}

func (p *Packet) send(ctx context.Context, how *sending) error {
	waiting, query, args := p.waiting, p.query.String(), p.args
	p.waiting, p.args, p.size = nil, nil, 0
	p.query.Reset()
	if len(waiting) == 0 {
		return nil
	}
	if how.commit {
		query += separator + "COMMIT"
	}
	_, err := p.tx.ExecContext(how.in(ctx), query, args...)
	switch {
	case err != nil && len(waiting) > 1 && !mayRunAgain(err) && !IsDown(err):
		return &PacketError{err}
	case err != nil:
		return err
	case len(how.rows) < len(waiting):
		return fmt.Errorf("the database answered %d of %d statements", len(how.rows), len(waiting))
	}
	for i, statement := range waiting {
		statement.rows, statement.sent = how.rows[i], true
	}
	for _, statement := range waiting {
		if statement.want >= 0 && statement.rows != statement.want {
			return fmt.Errorf("%d of %d rows were as they were read: %w", statement.rows, statement.want, ErrStale)
		}
	}
	return nil
}

// LastInsertId is not known of a statement in a packet.
func (s *packed) LastInsertId() (int64, error) { return 0, errors.ErrUnsupported }

// RowsAffected is how many rows the statement touched, once it was sent.
func (s *packed) RowsAffected() (int64, error) {
	if !s.sent {
		return 0, errNotSent
	}
	return s.rows, nil
}

// A sending is how several statements are sent in one packet, and what became of them. It travels in the
// context of their ExecContext or QueryContext.
type sending struct {
	commit bool    // the last of them is a COMMIT
	rows   []int64 // that each touched
}

type sendingKey struct{}

func (s *sending) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, sendingKey{}, s)
}

// sendingIn is nil for a statement that is sent by itself.
func sendingIn(ctx context.Context) *sending {
	s, _ := ctx.Value(sendingKey{}).(*sending)
	return s
}

// sizeOf is about how many bytes arguments take in a statement.
func sizeOf(args []any) int {
	size := 8 * len(args)
	for _, arg := range args {
		switch value := arg.(type) {
		case string:
			size += len(value)
		case []byte:
			size += len(value)
		case *string:
			if value != nil {
				size += len(*value)
			}
		}
	}
	return size
}
