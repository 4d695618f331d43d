package mysqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
)

const insertNote = "INSERT INTO notes (id, n) VALUES (?, ?)"

func TestPacket(t *testing.T) {
	t.Parallel()
	// write sends a packet within a transaction that is begun again when it must be, and returns what is there after it.
	write := func(t *testing.T, alone bool, add func(context.Context, *mysqldb.Packet) error) (map[string]int, error) {
		t.Helper()
		db := notes(t)
		runs := 0
		err := mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
			if runs++; runs == 3 {
				return errors.New("it is run again and again")
			}
			packet := mysqldb.NewPacket(tx, alone)
			if err := add(ctx, packet); err != nil {
				return err
			}
			return packet.Send(ctx)
		})
		return all(t, db), err
	}
	insert := func(ctx context.Context, p *mysqldb.Packet, id string, n int) error {
		_, err := p.ExecContext(ctx, insertNote, id, n)
		return err
	}
	update := func(ctx context.Context, p *mysqldb.Packet, rows int, id string) error {
		_, err := p.Exactly(rows).ExecContext(ctx, "UPDATE notes SET n = n + 1 WHERE id = ?", id)
		return err
	}

	t.Run("its statements are executed in order, whatever stands in their arguments", func(t *testing.T) {
		t.Parallel()
		const odd = `a'; DROP TABLE notes; -- ?`
		got, err := write(t, false, func(ctx context.Context, p *mysqldb.Packet) error {
			return errors.Join(insert(ctx, p, odd, 1), update(ctx, p, 1, odd), insert(ctx, p, "b;", 5))
		})
		if diff := cmp.Diff(map[string]int{odd: 2, "b;": 5}, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
	for _, alone := range []bool{false, true} {
		t.Run("one that touches fewer rows than it must leaves nothing of all", func(t *testing.T) {
			t.Parallel()
			got, err := write(t, alone, func(ctx context.Context, p *mysqldb.Packet) error {
				return errors.Join(insert(ctx, p, "a", 1), update(ctx, p, 1, "nobody"), insert(ctx, p, "b", 1))
			})
			if len(got) > 0 || err == nil || !strings.Contains(err.Error(), "again and again") {
				t.Errorf("%v is there, error %v; want nothing, after it was run again", got, err)
			}
		})
	}
	t.Run("one that is refused leaves nothing, and nobody says which it was", func(t *testing.T) {
		t.Parallel()
		got, err := write(t, false, func(ctx context.Context, p *mysqldb.Packet) error {
			return errors.Join(insert(ctx, p, "a", 1), insert(ctx, p, "a", 2), insert(ctx, p, "b", 1))
		})
		if _, together := errors.AsType[*mysqldb.PacketError](err); !together || len(got) > 0 {
			t.Errorf("%v is there, error %v", got, err)
		}
	})
	t.Run("sent alone, the refusal is that statement's", func(t *testing.T) {
		t.Parallel()
		var of error
		_, err := write(t, true, func(ctx context.Context, p *mysqldb.Packet) error {
			_ = insert(ctx, p, "a", 1)
			of = insert(ctx, p, "a", 2)
			return of
		})
		if _, together := errors.AsType[*mysqldb.PacketError](err); together || !mysqldb.IsDuplicate(of, "PRIMARY") {
			t.Errorf("the statement said %v, the transaction %v", of, err)
		}
	})
	t.Run("a query sees what waits", func(t *testing.T) {
		t.Parallel()
		_, err := write(t, false, func(ctx context.Context, p *mysqldb.Packet) error {
			if err := insert(ctx, p, "a", 7); err != nil {
				return err
			}
			found, err := mysqldb.Collect(ctx, p, func(rows *sql.Rows) (n int, err error) { return n, rows.Scan(&n) },
				"SELECT n FROM notes")
			if diff := cmp.Diff([]int{7}, found); diff != "" {
				t.Errorf("it saw (-want +got):\n%s", diff)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("results are known once it is sent, also of more than one packet has room for", func(t *testing.T) {
		t.Parallel()
		long := strings.Repeat("x", 600<<10)
		var results []sql.Result
		_, err := write(t, false, func(ctx context.Context, p *mysqldb.Packet) error {
			for _, n := range []string{"1", "2", "3", "4"} {
				result, err := p.ExecContext(ctx, "INSERT INTO notes (id, n) VALUES (?, LENGTH(?)), (?, 0)", "a"+n, long, "b"+n)
				if err != nil {
					return err
				}
				results = append(results, result)
			}
			if _, err := results[3].RowsAffected(); err == nil {
				t.Error("how many rows the last touched was known before it was sent")
			}
			return nil
		})
		for _, result := range results {
			if n, countErr := result.RowsAffected(); n != 2 || errors.Join(err, countErr) != nil {
				t.Errorf("a statement touched %d rows, error %v", n, errors.Join(err, countErr))
			}
		}
	})
}

func TestPacket_SendWithCommit(t *testing.T) {
	t.Parallel()
	send := func(t *testing.T, ids ...string) (map[string]int, error) {
		t.Helper()
		db := notes(t)
		err := mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
			packet := mysqldb.NewPacket(tx, false)
			for _, id := range ids {
				if _, err := packet.ExecContext(ctx, insertNote, id, 1); err != nil {
					return err
				}
			}
			if err := packet.SendWithCommit(ctx); err != nil {
				return err
			}
			if got := all(t, db); len(got) != len(ids) { //nolint:contextcheck // others ask by themselves
				t.Errorf("others see %v", got)
			}
			return nil
		})
		// The pool's connections are none the worse for it.
		for range 20 {
			if _, err := db.ExecContext(t.Context(), "UPDATE notes SET n = n + 1"); err != nil {
				t.Error(err)
			}
		}
		return all(t, db), err
	}
	if got, err := send(t, "a", "b"); err != nil || got["a"] != 21 || got["b"] != 21 {
		t.Errorf("%v, error %v", got, err)
	}
	if got, err := send(t, "a", "b", "a"); err == nil || len(got) > 0 {
		t.Errorf("one was refused, and %v is there, error %v", got, err)
	}
	if got, err := send(t); err != nil || len(got) > 0 {
		t.Errorf("an empty one left %v, error %v", got, err)
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	db := notes(t)
	if _, err := db.ExecContext(t.Context(), "INSERT INTO notes (id, n) VALUES ('a', 1), ('b', 2), (';', 3)"); err != nil {
		t.Fatal(err)
	}
	number := func(rows *sql.Rows) (n int, err error) { return n, rows.Scan(&n) }
	var first, none, last []int
	err := mysqldb.Ask(t.Context(), db,
		mysqldb.Question{Query: "SELECT n FROM notes WHERE id IN (?, ?) ORDER BY n", Args: []any{"b", ";"}, Scan: mysqldb.Into(&first, number)},
		mysqldb.Question{Query: "SELECT n FROM notes WHERE id = ?", Args: []any{"?"}, Scan: mysqldb.Into(&none, number)},
		mysqldb.Question{Query: "SELECT MAX(n) FROM notes", Scan: mysqldb.Into(&last, number)},
	)
	if diff := cmp.Diff([][]int{{2, 3}, nil, {3}}, [][]int{first, none, last}); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	wrong := mysqldb.Question{Query: "SELECT n FROM nowhere", Scan: mysqldb.Into(&none, number)}
	right := mysqldb.Question{Query: "SELECT n FROM notes", Scan: mysqldb.Into(&first, number)}
	for _, questions := range [][]mysqldb.Question{{wrong, right}, {right, wrong}, {right, wrong, right}} {
		if err := mysqldb.Ask(t.Context(), db, questions...); err == nil {
			t.Error("a wrong question was answered")
		}
	}
	if err := mysqldb.Ask(t.Context(), db); err != nil {
		t.Error(err)
	}
}

// Transactions begin with their first statement, and are none the less whole.
func TestInTx_begins(t *testing.T) {
	t.Parallel()
	in := func(t *testing.T, run func(ctx context.Context, tx *sql.Tx) error) (map[string]int, error) {
		t.Helper()
		db := notes(t)
		_, err := db.ExecContext(t.Context(), insertNote, "there", 1)
		if err != nil {
			t.Fatal(err)
		}
		err = mysqldb.InTx(t.Context(), db, run)
		return all(t, db), err
	}
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		run  func(ctx context.Context, tx *sql.Tx) error
		want map[string]int
		err  error
	}{
		"what the first statement wrote is undone": {func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, insertNote, "a", 1)
			return errors.Join(err, boom)
		}, map[string]int{"there": 1}, boom},
		"what follows a query is undone": {func(ctx context.Context, tx *sql.Tx) error {
			var n int
			err := tx.QueryRowContext(ctx, "SELECT n FROM notes WHERE id = ? FOR UPDATE", "there").Scan(&n)
			_, more := tx.ExecContext(ctx, insertNote, "a", n)
			return errors.Join(err, more, boom)
		}, map[string]int{"there": 1}, boom},
		"what follows a prepared statement is undone": {func(ctx context.Context, tx *sql.Tx) error {
			statement, err := tx.PrepareContext(ctx, insertNote)
			if err != nil {
				return err
			}
			defer statement.Close()
			_, err = statement.ExecContext(ctx, "a", 1)
			return errors.Join(err, boom)
		}, map[string]int{"there": 1}, boom},
		"what follows a first statement that was refused is undone": {func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, insertNote, "there", 2)
			if !mysqldb.IsDuplicate(err, "PRIMARY") {
				return err
			}
			_, err = tx.ExecContext(ctx, insertNote, "a", 1)
			return errors.Join(err, boom)
		}, map[string]int{"there": 1}, boom},
		"what follows a first statement that was refused is committed": {func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, insertNote, "there", 2)
			if !mysqldb.IsDuplicate(err, "PRIMARY") {
				return err
			}
			_, err = tx.ExecContext(ctx, insertNote, "a", 1)
			return err
		}, map[string]int{"there": 1, "a": 1}, nil},
		"what a first packet wrote before it was refused is not committed by what follows": {func(ctx context.Context, tx *sql.Tx) error {
			packet := mysqldb.NewPacket(tx, false)
			_, err := packet.ExecContext(ctx, insertNote, "a", 1)
			_, more := packet.ExecContext(ctx, insertNote, "there", 1)
			if err := errors.Join(err, more); err != nil {
				return err
			}
			if _, refused := errors.AsType[*mysqldb.PacketError](packet.Send(ctx)); !refused {
				return errors.New("the packet was not refused")
			}
			_, err = tx.ExecContext(ctx, insertNote, "b", 1)
			return errors.Join(err, boom)
		}, map[string]int{"there": 1}, boom},
		"nothing is committed as nothing": {func(context.Context, *sql.Tx) error { return nil }, map[string]int{"there": 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := in(t, c.run)
			if diff := cmp.Diff(c.want, got); !errors.Is(err, c.err) || (err != nil) != (c.err != nil) || diff != "" {
				t.Errorf("error %v, want %v (-want +got):\n%s", err, c.err, diff)
			}
		})
	}
	t.Run("several statements in one text are refused, and quoted semicolons are not", func(t *testing.T) {
		t.Parallel()
		got, err := in(t, func(ctx context.Context, tx *sql.Tx) error {
			for _, bad := range []string{"DO 1; DO 2", "DELETE FROM notes WHERE id = 'x'; DELETE FROM notes"} {
				if _, err := tx.ExecContext(ctx, bad); err == nil {
					t.Errorf("%q was executed", bad)
				}
				if _, err := tx.QueryContext(ctx, bad); err == nil { //nolint:sqlclosecheck,rowserrcheck // there are no rows
					t.Errorf("%q was asked", bad)
				}
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO notes (id, n) VALUES ('it''s; so', 1), ("a;b", 2), ('\';', 3);`+"\n")
			return err
		})
		if diff := cmp.Diff(map[string]int{"there": 1, "it's; so": 1, "a;b": 2, "';": 3}, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("a connection that was lost meanwhile is replaced", func(t *testing.T) {
		t.Parallel()
		db := counters(t)
		runs := 0
		err := mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
			if runs++; runs == 1 {
				var id int64
				if err := tx.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
					return err
				}
				if _, err := db.ExecContext(ctx, "KILL ?", id); err != nil {
					return err
				}
			}
			return add(ctx, tx, "a")
		})
		if got := value(t, db, "a"); err != nil || got != 1 || runs != 2 {
			t.Errorf("after %d runs a is %d, error %v", runs, got, err)
		}
	})
	t.Run("a snapshot of many statements begins as it was asked for", func(t *testing.T) {
		t.Parallel()
		db := notes(t)
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		count := func() (n int) {
			if err := tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM notes").Scan(&n); err != nil {
				t.Error(err)
			}
			return n
		}
		before := count()
		if _, err := db.ExecContext(t.Context(), insertNote, "a", 1); err != nil {
			t.Fatal(err)
		}
		if after := count(); after != before {
			t.Errorf("%d rows became %d", before, after)
		}
	})
}

// notes returns a database with an empty table.
func notes(t *testing.T) *sql.DB {
	t.Helper()
	db, err := mysqldb.Open(t.Context(), mysqltest.Empty(t), mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE notes (id VARCHAR(100) PRIMARY KEY, n INT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	return db
}

// all is every note.
func all(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	found := map[string]int{}
	_, err := mysqldb.Collect(t.Context(), db, func(rows *sql.Rows) (_ struct{}, err error) {
		var id string
		var n int
		err = rows.Scan(&id, &n)
		found[id] = n
		return struct{}{}, err
	}, "SELECT id, n FROM notes")
	if err != nil {
		t.Fatal(err)
	}
	return found
}
