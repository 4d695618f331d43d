package mysqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// sessions is a connector that tells each session how to behave in statements that MySQL and MariaDB
// share. They cost a round trip each per connection, not per transaction.
type sessions struct {
	driver.Connector
	statements []string
}

// Connect returns a connection that has been told.
func (c *sessions) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, &connectError{err}
	}
	return conn, nil
}

// A connectError is why there is no connection. It says what its cause says.
type connectError struct{ error }

// Unwrap returns the cause.
func (e *connectError) Unwrap() error { return e.error }

func (c *sessions) connect(ctx context.Context) (driver.Conn, error) {
	dialed, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := dialed.(driverConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the database driver's connection is a %T", dialed), dialed.Close())
	}
	for _, statement := range c.statements {
		_, err := conn.ExecContext(ctx, statement, nil)
		if refused, ok := errors.AsType[*mysql.MySQLError](err); ok && statement == waitForNode && refused.Number == 1193 {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", statement, err), conn.Close())
		}
	}
	return &session{driverConn: conn}, nil
}

// A driverConn is what the driver's connections are.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// A session is a connection whose transactions begin in the packet of their first statement: a round
// trip less for each. It also tells a Packet what became of its statements.
type session struct {
	driverConn
	tx *sessionTx // nil outside a transaction, and in one that was begun by itself
}

// BeginTx begins a transaction, at its first statement unless it is of a special kind.
func (s *session) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if opts.ReadOnly || sql.IsolationLevel(opts.Isolation) != sql.LevelDefault {
		return s.driverConn.BeginTx(ctx, opts)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.IsValid() {
		return nil, driver.ErrBadConn
	}
	s.tx = &sessionTx{on: s}
	return s.tx, nil
}

// ExecContext executes a statement, or all of a Packet.
func (s *session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	together := sendingIn(ctx)
	if together == nil && isSeveral(query) {
		return nil, errSeveral
	}
	begin := s.tx.beginning()
	result, err := s.driverConn.ExecContext(ctx, begin+query, args)
	s.tx.sentFirst(err)
	if all, ok := result.(mysql.Result); ok && err == nil && together != nil {
		together.rows = all.AllRowsAffected()[strings.Count(begin, separator):]
		s.tx.ended(together.commit)
	}
	return result, err
}

// QueryContext executes a query.
func (s *session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if sendingIn(ctx) == nil && isSeveral(query) {
		return nil, errSeveral
	}
	rows, err := s.driverConn.QueryContext(ctx, s.tx.beginning()+query, args)
	s.tx.sentFirst(err)
	return rows, err
}

// errSeveral is why text that came from elsewhere cannot end a statement and begin another.
var errSeveral = errors.New("several statements in one: only a Packet and Ask send more than one")

// isSeveral reports whether a query, whose arguments are not in it, is more than one statement.
func isSeveral(query string) bool {
	query = strings.TrimRight(query, "; \t\n")
	if !strings.Contains(query, ";") {
		return false
	}
	var quote rune // that is open, or 0
	for i, r := range query {
		switch {
		case quote == 0 && r == ';':
			return true
		case quote == 0 && strings.ContainsRune("'\"`", r):
			quote = r
		case r == quote && query[i-1] != '\\':
			quote = 0
		}
	}
	return false
}

// PrepareContext prepares a statement, after the beginning of the transaction: nothing but a statement alone
// can be prepared.
func (s *session) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if begin := s.tx.beginning(); begin != "" {
		_, err := s.driverConn.ExecContext(ctx, begin, nil)
		if s.tx.sentFirst(err); err != nil {
			return nil, err
		}
	}
	return s.driverConn.PrepareContext(ctx, query)
}

// ResetSession is called before the connection is used anew.
func (s *session) ResetSession(ctx context.Context) error {
	s.tx = nil
	return s.driverConn.ResetSession(ctx)
}

// A sessionTx is a transaction that begins in the packet of its first statement.
type sessionTx struct {
	on *session
	// tried says that statements were sent, and opened that one of them succeeded. Until then each is sent
	// with the beginning: of one that failed nobody knows whether the beginning had.
	tried, opened bool
	// committed says that a packet ended it.
	committed bool
}

// beginning is what must be executed before the next statement: nothing outside a transaction, or within one
// that has begun. What an earlier packet may have begun is ended.
func (t *sessionTx) beginning() string {
	const begin = "START TRANSACTION" + separator
	switch {
	case t == nil || t.opened:
		return ""
	case t.tried:
		return "ROLLBACK" + separator + begin
	default:
		return begin
	}
}

// sentFirst notes what became of a packet. What was never sent, for it must be prepared, changes nothing.
func (t *sessionTx) sentFirst(err error) {
	if t == nil || errors.Is(err, driver.ErrSkip) {
		return
	}
	t.tried = true
	t.opened = t.opened || err == nil
}

// ended notes that a packet had the COMMIT in it.
func (t *sessionTx) ended(committed bool) {
	if t != nil {
		t.committed = committed
	}
}

// Commit commits what was executed.
func (t *sessionTx) Commit() error {
	if !t.opened {
		return t.Rollback()
	}
	return t.end("COMMIT")
}

// Rollback undoes what was executed.
func (t *sessionTx) Rollback() error { return t.end("ROLLBACK") }

func (t *sessionTx) end(word string) error {
	t.on.tx = nil
	if !t.tried || t.committed {
		return nil
	}
	if !t.on.IsValid() {
		return mysql.ErrInvalidConn
	}
	// As the driver does it: whoever hung up must not leave it open.
	_, err := t.on.driverConn.ExecContext(context.Background(), word, nil)
	return err
}
