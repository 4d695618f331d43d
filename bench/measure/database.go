package measure

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
)

// A Probe reads the counters of a MariaDB server, and leaves out what it asks itself. It must be opened by OpenProbe
// and is not safe for concurrent use.
//
// Statements are the status variable Questions: everything that clients sent to be executed, BEGIN, COMMIT and the SET
// of new connections included; pings are not. Commits are InnoDB's metric trx_rw_commits: transactions that wrote
// something and were committed, by COMMIT or by themselves. Both count the whole server.
type Probe struct {
	conn  *sql.Conn
	asked int // statements of our own
}

// Counters are what a Probe read at one moment.
type Counters struct{ Statements, Commits int }

// Since returns what happened between an earlier moment and this one.
func (c Counters) Since(before Counters) Counters {
	return Counters{c.Statements - before.Statements, c.Commits - before.Commits}
}

// OpenProbe takes a connection of its own out of db until Close, and turns on the metric that it reads.
func OpenProbe(ctx context.Context, db *sql.DB) (*Probe, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a probe: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "SET GLOBAL innodb_monitor_enable = 'trx_rw_commits'"); err != nil {
		return nil, fmt.Errorf("turn on the count of commits: %w", err)
	}
	return &Probe{conn: conn}, nil
}

// Close gives the connection back.
func (p *Probe) Close() error { return p.conn.Close() }

// Read returns the counters as they are now.
func (p *Probe) Read(ctx context.Context) (now Counters, err error) {
	const commits = "SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rw_commits'"
	if now.Commits, err = p.Number(ctx, commits); err != nil {
		return now, err
	}
	var name, value string
	if err := p.row(ctx, "SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &value); err != nil {
		return now, fmt.Errorf("read the database's counters: %w", err)
	}
	if now.Statements, err = strconv.Atoi(value); err != nil {
		return now, fmt.Errorf("read the database's counters: %w", err)
	}
	now.Statements -= p.asked
	return now, nil
}

// Number asks for a number, as a statement of its own that does not count. The statement must not write.
func (p *Probe) Number(ctx context.Context, query string, args ...any) (n int, err error) {
	if err := p.row(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("ask the database for a number: %w", err)
	}
	return n, nil
}

func (p *Probe) row(ctx context.Context, query string, args ...any) *sql.Row {
	p.asked++
	return p.conn.QueryRowContext(ctx, query, args...)
}
