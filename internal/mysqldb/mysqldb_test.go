package mysqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"payment-system/internal/devservers"
	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	migrations "payment-system/sql"
)

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("sessions are strict, in UTC and read committed, whatever the DSN says", func(t *testing.T) {
		t.Parallel()
		dsn := mysqltest.Empty(t)
		dsn += map[bool]string{true: "&", false: "?"}[strings.Contains(dsn, "?")]
		dsn += "time_zone=%27%2B09%3A00%27&sql_mode=%27%27&parseTime=false&multiStatements=true&tx_isolation=%27SERIALIZABLE%27"
		db, err := mysqldb.Open(t.Context(), dsn, mysqldb.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var zone, mode, isolation, charset string
		row := db.QueryRowContext(t.Context(), "SELECT @@time_zone, @@sql_mode, @@tx_isolation, @@character_set_client")
		if err := row.Scan(&zone, &mode, &isolation, &charset); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"+00:00", "READ-COMMITTED", "utf8mb4"}, []string{zone, isolation, charset}); diff != "" {
			t.Errorf("session differs (-want +got):\n%s", diff)
		}
		if !strings.Contains(mode, "STRICT_ALL_TABLES") {
			t.Errorf("sql_mode is %q, not strict", mode)
		}
		if _, err := db.ExecContext(t.Context(), "DO 1; DO 2"); err == nil {
			t.Error("two statements in one were taken")
		}
	})

	t.Run("a server that is not there is reported at once", func(t *testing.T) {
		t.Parallel()
		if _, err := mysqldb.Open(t.Context(), "root@unix(/nowhere/mysql.sock)/x", mysqldb.Config{}); err == nil {
			t.Error("no error")
		}
	})
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	db, err := mysqldb.Open(t.Context(), mysqltest.Empty(t), mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	current, newest, err := mysqldb.SchemaVersions(t.Context(), db, migrations.Migrations())
	if err != nil || current != 0 || newest < 1 {
		t.Errorf("an empty database is at %d of %d, error %v; want 0", current, newest, err)
	}
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() { errs[i] = mysqldb.Migrate(t.Context(), db, migrations.Migrations()) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Errorf("four replicas migrating at once: %v", err)
	}
	current, newest, err = mysqldb.SchemaVersions(t.Context(), db, migrations.Migrations())
	if err != nil || current != newest {
		t.Errorf("a migrated database is at %d of %d, error %v", current, newest, err)
	}
}

func TestInTx(t *testing.T) {
	t.Parallel()

	t.Run("what fails leaves nothing", func(t *testing.T) {
		t.Parallel()
		db := counters(t)
		boom := errors.New("boom")
		err := mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
			return errors.Join(add(ctx, tx, "a"), boom)
		})
		if !errors.Is(err, boom) {
			t.Errorf("error %v, want %v", err, boom)
		}
		if got := value(t, db, "a"); got != 0 {
			t.Errorf("a is %d, want 0", got)
		}
	})

	t.Run("a deadlock is run again", func(t *testing.T) {
		t.Parallel()
		db := counters(t)
		var both sync.WaitGroup
		both.Add(2)
		cross := func(first, second string) (runs int, err error) {
			err = mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
				runs++
				if err := add(ctx, tx, first); err != nil {
					return err
				}
				if runs == 1 { // Each holds its first row before either asks for its second.
					both.Done()
					both.Wait()
				}
				return add(ctx, tx, second)
			})
			return runs, err
		}
		var group sync.WaitGroup
		var runs [2]int
		var errs [2]error
		group.Go(func() { runs[0], errs[0] = cross("a", "b") })
		group.Go(func() { runs[1], errs[1] = cross("b", "a") })
		group.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		if runs[0]+runs[1] < 3 {
			t.Errorf("ran %v times: there was no deadlock", runs)
		}
		if a, b := value(t, db, "a"), value(t, db, "b"); a != 2 || b != 2 {
			t.Errorf("a, b = %d, %d; want 2, 2", a, b)
		}
	})

	t.Run("a stale row is read again, ten times at most", func(t *testing.T) {
		t.Parallel()
		db := counters(t)
		runs := 0
		err := mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
			runs++
			return mysqldb.ExecOne(ctx, tx, "UPDATE counters SET n = n + 1 WHERE id = 'nobody'")
		})
		if !errors.Is(err, mysqldb.ErrStale) || runs != 10 {
			t.Errorf("error %v after %d runs, want ErrStale after 10", err, runs)
		}
	})

	t.Run("a canceled context ends it without a trace", func(t *testing.T) {
		t.Parallel()
		db := counters(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := mysqldb.InTx(ctx, db, func(ctx context.Context, tx *sql.Tx) error {
			err := add(ctx, tx, "a")
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) || errors.Is(err, mysqldb.ErrCommitUnknown) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		if got := value(t, db, "a"); got != 0 {
			t.Errorf("a is %d, want 0", got)
		}
	})
}

// Proves: a replica that stops in the middle of a transaction does not keep its rows from the others.
func TestInTx_idle(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"a row that it wrote":  "UPDATE counters SET n = 100 WHERE id = 'a'",
		"a row that it locked": "SELECT n FROM counters WHERE id = 'a' FOR UPDATE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := mysqltest.Empty(t)
			db := open(t, dsn)
			create(t, db)
			stopping, err := mysqldb.Open(t.Context(), dsn, mysqldb.Config{IdleTx: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { stopping.Close() })
			held, goOn := make(chan struct{}), make(chan struct{})
			runs, ended := 0, make(chan error, 1)
			go func() {
				ended <- mysqldb.InTx(t.Context(), stopping, func(ctx context.Context, tx *sql.Tx) error {
					if _, err := tx.ExecContext(ctx, statement); err != nil {
						return err
					}
					if runs++; runs == 1 {
						close(held)
						<-goOn
					}
					return add(ctx, tx, "b")
				})
			}()
			<-held
			if err := mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error { return add(ctx, tx, "a") }); err != nil {
				t.Errorf("a row of one who stopped: %v", err)
			}
			if got := value(t, db, "a"); got != 1 {
				t.Errorf("a is %d while the other is stopped, want 1", got)
			}
			close(goOn)
			if err := <-ended; err != nil || runs != 2 {
				t.Errorf("who had stopped ended with %v after %d runs, want none after 2", err, runs)
			}
			if got := value(t, db, "b"); got != 1 {
				t.Errorf("b is %d, want 1", got)
			}
		})
	}
}

// Proves: money recorded in a transaction whose commit was not answered is looked up, never
// recorded twice.
func TestInTx_lostServer(t *testing.T) {
	t.Parallel()
	servers, err := devservers.Start(t.Context(), devservers.Config{SkipRedis: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	db, err := mysqldb.Open(t.Context(), servers.MySQLDSN, mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	create(t, db)

	runs := 0
	err = mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
		runs++
		return errors.Join(add(ctx, tx, "a"), servers.KillMySQL())
	})
	if !errors.Is(err, mysqldb.ErrCommitUnknown) || runs != 1 {
		t.Errorf("commit to a killed server: error %v after %d runs, want ErrCommitUnknown after 1", err, runs)
	}
	if err := servers.StartMySQL(t.Context()); err != nil {
		t.Fatal(err)
	}

	runs = 0
	err = mysqldb.InTx(t.Context(), db, func(ctx context.Context, tx *sql.Tx) error {
		if runs++; runs == 1 {
			if err := errors.Join(servers.KillMySQL(), servers.StartMySQL(ctx)); err != nil {
				t.Error(err)
			}
		}
		return add(ctx, tx, "b")
	})
	if err != nil || runs != 2 {
		t.Errorf("statement to a restarted server: error %v after %d runs, want none after 2", err, runs)
	}
	if a, b := value(t, db, "a"), value(t, db, "b"); a != 0 || b != 1 {
		t.Errorf("a, b = %d, %d; want 0, 1", a, b)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	db := open(t, private(t).MySQLDSN)
	if err := mysqldb.Check(t.Context(), db); err != nil {
		t.Errorf("private server: %v", err)
	}
	for name, bad := range map[string]string{
		"innodb_flush_log_at_trx_commit": "2",
		"sql_mode":                       "'NO_ZERO_DATE'",
		"time_zone":                      "'+09:00'",
		"read_only":                      "ON",
	} {
		var good string
		if err := db.QueryRowContext(t.Context(), "SELECT @@GLOBAL."+name).Scan(&good); err != nil {
			t.Fatal(err)
		}
		set(t, db, name, bad)
		wantRefusal(t, db, name)
		if name != "innodb_flush_log_at_trx_commit" && name != "read_only" {
			good = "'" + good + "'"
		}
		set(t, db, name, good)
	}
	if err := mysqldb.Check(t.Context(), db); err != nil {
		t.Errorf("after all was set right: %v", err)
	}
}

func TestCheck_server(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []string
		says    []string // nothing: the server is taken
	}{
		"a binary log that is flushed": {[]string{"--log-bin", "--sync-binlog=1"}, nil},
		"a binary log that is not":     {[]string{"--log-bin", "--sync-binlog=0"}, []string{"set sync_binlog = 1 (it is 0)"}},
		"pages that may tear and a log that is flushed at times": {
			[]string{"--skip-innodb-doublewrite", "--innodb-flush-log-at-trx-commit=0"},
			[]string{"set innodb_doublewrite = ON", "set innodb_flush_log_at_trx_commit = 1 (it is 0)"},
		},
		"a recovery":     {[]string{"--innodb-force-recovery=1"}, []string{"set innodb_force_recovery = 0"}},
		"another's zone": {[]string{"--default-time-zone=-05:00", "--sql-mode="}, []string{"set default_time_zone", "add STRICT_TRANS_TABLES to sql_mode"}},
		// What a client asks for is asked for after the handshake.
		"a server that speaks latin1": {[]string{"--character-set-server=latin1", "--collation-server=latin1_bin", "--skip-character-set-client-handshake"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, private(t, test.options...).MySQLDSN)
			if len(test.says) == 0 {
				if err := mysqldb.Check(t.Context(), db); err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, db, test.says...)
		})
	}
}

// A pool that was not opened by Open is what one looks like behind a proxy that keeps settings
// to itself.
func TestCheck_session(t *testing.T) {
	t.Parallel()
	dsn := mysqltest.Empty(t)
	for name, test := range map[string]struct{ param, says string }{
		"isolation": {"tx_isolation=%27REPEATABLE-READ%27", "pass on SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED (tx_isolation is \"REPEATABLE-READ\")"},
		"charset":   {"charset=latin1&tx_isolation=%27READ-COMMITTED%27", "pass on SET NAMES utf8mb4 (character_set_client is \"latin1\")"},
		"mode":      {"sql_mode=%27%27", "the database session adjusts bad values"},
		"zone":      {"time_zone=%27%2B09%3A00%27", "pass on SET time_zone = '+00:00' (time_zone is \"+09:00\")"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := sql.Open("mysql", dsn+map[bool]string{true: "&", false: "?"}[strings.Contains(dsn, "?")]+test.param)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			wantRefusal(t, db, test.says)
		})
	}
}

// A proxy, a storage of its own or another vendor may leave variables out, or name them otherwise.
func TestCheck_variables(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change map[string]string
		says   string
	}{
		"MySQL 8":                 {map[string]string{"super_read_only": "OFF", "innodb_doublewrite": "DETECT_AND_RECOVER", "system_time_zone": "UTC", "time_zone": "SYSTEM"}, ""},
		"a replica of MySQL":      {map[string]string{"super_read_only": "ON"}, "set super_read_only = OFF"},
		"a read-only copy":        {map[string]string{"innodb_read_only": "ON"}, "set innodb_read_only = OFF"},
		"torn pages seen only":    {map[string]string{"innodb_doublewrite": "DETECT_ONLY"}, "set innodb_doublewrite = ON"},
		"Aurora's storage":        {map[string]string{"innodb_doublewrite": "OFF", "aurora_version": "3.08.0"}, ""},
		"RDS's storage":           {map[string]string{"innodb_doublewrite": "OFF", "datadir": "/rdsdbdata/db/"}, ""},
		"anybody's storage":       {map[string]string{"innodb_doublewrite": "OFF", "datadir": "/var/lib/mysql/"}, "set innodb_doublewrite = ON"},
		"a log that tells no one": {map[string]string{"log_bin": "ON", "sync_binlog": "1000"}, "set sync_binlog = 1 (it is 1000)"},
		"a server in Seoul":       {map[string]string{"time_zone": "SYSTEM", "system_time_zone": "KST"}, "set default_time_zone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables := map[string]string{
				"innodb_flush_log_at_trx_commit": "1", "innodb_doublewrite": "ON", "log_bin": "OFF", "sync_binlog": "0",
				"read_only": "OFF", "sql_mode": "STRICT_TRANS_TABLES", "time_zone": "+00:00",
			}
			maps.Copy(variables, test.change)
			err := mysqldb.CheckServer(variables)
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v, want %q", err, test.says)
			}
		})
	}
}

func private(t *testing.T, options ...string) *devservers.Servers {
	t.Helper()
	servers, err := devservers.Start(t.Context(), devservers.Config{SkipRedis: true, MySQLOptions: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	return servers
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := mysqldb.Open(t.Context(), dsn, mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// wantRefusal wants Check to say each of the texts given.
func wantRefusal(t *testing.T, db *sql.DB, says ...string) {
	t.Helper()
	err := mysqldb.Check(t.Context(), db)
	for _, text := range says {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want one that says %q", err, text)
		}
	}
}

func set(t *testing.T, db *sql.DB, name, value string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf("SET GLOBAL %s = %s", name, value)); err != nil {
		t.Fatal(err)
	}
}

func TestIsDuplicate(t *testing.T) {
	t.Parallel()
	db := counters(t)
	_, primary := db.ExecContext(t.Context(), "INSERT INTO counters (id, name, n) VALUES ('a', 'new', 0)")
	_, unique := db.ExecContext(t.Context(), "INSERT INTO counters (id, name, n) VALUES ('z', ?, 0)", hostileName)
	foreign := fmt.Errorf("insert: %w", &mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'b' for key 'counters.uq_counters_name'"})
	tests := []struct {
		name string
		err  error
		key  string
		want bool
	}{
		{"the primary key", primary, "PRIMARY", true},
		{"a unique key", unique, "uq_counters_name", true},
		{"another key", unique, "PRIMARY", false},
		{"a key the value pretends", unique, "uq_fake", false},
		{"MySQL's spelling", foreign, "uq_counters_name", true},
		{"another error", errors.New("Duplicate entry 'b' for key 'PRIMARY'"), "PRIMARY", false},
		{"no error", nil, "PRIMARY", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := mysqldb.IsDuplicate(test.err, test.key); got != test.want {
				t.Errorf("IsDuplicate(%v, %q) = %v, want %v", test.err, test.key, got, test.want)
			}
		})
	}
}

func TestIsCheckViolation(t *testing.T) {
	t.Parallel()
	db := counters(t)
	_, err := db.ExecContext(t.Context(), "UPDATE counters SET n = -1")
	if !mysqldb.IsCheckViolation(err) {
		t.Errorf("a refused row answers %v, which is no check violation", err)
	}
	if mysqldb.IsCheckViolation(&mysql.MySQLError{Number: 1062}) || mysqldb.IsCheckViolation(nil) {
		t.Error("something else is taken for a check violation")
	}
}

func TestOne(t *testing.T) {
	t.Parallel()
	db := counters(t)
	exec := func(query string) error { return mysqldb.ExecOne(t.Context(), db, query) }
	if err := exec("UPDATE counters SET n = n WHERE id = 'a'"); err != nil {
		t.Errorf("a row that was found and stays as it is: %v", err)
	}
	if err := exec("UPDATE counters SET n = 1 WHERE id = 'nobody'"); !errors.Is(err, mysqldb.ErrStale) {
		t.Errorf("no row: error %v, want ErrStale", err)
	}
	if err := exec("UPDATE counters SET n = n + 1"); err == nil || errors.Is(err, mysqldb.ErrStale) {
		t.Errorf("two rows: error %v, want one that is not ErrStale", err)
	}
}

const hostileName = "x' for key 'uq_fake"

// counters returns a database with two counters at zero, a and b.
func counters(t *testing.T) *sql.DB {
	t.Helper()
	db, err := mysqldb.Open(t.Context(), mysqltest.Empty(t), mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	create(t, db)
	return db
}

func create(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, statement := range []string{
		"CREATE TABLE counters (id VARCHAR(10) PRIMARY KEY, name VARCHAR(100) NOT NULL, n INT NOT NULL, UNIQUE KEY uq_counters_name (name), CONSTRAINT ck_counters CHECK (n >= 0))",
		"INSERT INTO counters VALUES ('a', 'first', 0), ('b', \"" + hostileName + "\", 0)",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func add(ctx context.Context, tx *sql.Tx, id string) error {
	return mysqldb.ExecOne(ctx, tx, "UPDATE counters SET n = n + 1 WHERE id = ?", id)
}

func value(t *testing.T, db *sql.DB, id string) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT n FROM counters WHERE id = ?", id).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
