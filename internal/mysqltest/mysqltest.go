// Package mysqltest gives every test a database of its own: on the server that MYSQL_DSN names,
// or on a private one that lives as long as the test process.
package mysqltest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"payment-system/internal/devservers"
	"payment-system/internal/mysqldb"
	migrations "payment-system/sql"
)

// prefix begins the names of the databases made here; what follows is when, by the server's clock.
const prefix = "pst_"

// New returns a pool on a fresh, migrated database, dropped when t ends.
func New(t testing.TB) *sql.DB {
	t.Helper()
	db, err := mysqldb.Open(t.Context(), DSN(t), mysqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// DSN returns the DSN of a fresh, migrated database, dropped when t ends.
func DSN(t testing.TB) string {
	t.Helper()
	s := shared(t)
	schema, err := s.schema()
	if err != nil {
		t.Fatal(err)
	}
	name := s.create(t)
	if err := s.exec(t.Context(), "USE "+name+"; "+schema); err != nil {
		t.Fatalf("copy the template database: %v", err)
	}
	return s.dsn(name)
}

// Empty returns the DSN of a fresh database without tables, dropped when t ends.
func Empty(t testing.TB) string {
	t.Helper()
	s := shared(t)
	return s.dsn(s.create(t))
}

// A server is the one that this process's tests share.
type server struct {
	config *mysql.Config
	admin  *sql.DB                // speaks several statements at once
	schema func() (string, error) // the statements that make a migrated database
	own    *devservers.Servers    // nil when MYSQL_DSN names a server; ends with this process
}

// connect is called once per process: starting a server takes half a second.
var connect = sync.OnceValues(newServer)

func shared(t testing.TB) *server {
	t.Helper()
	s, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newServer() (*server, error) {
	s := &server{}
	dsn := os.Getenv("MYSQL_DSN")
	if dsn == "" {
		var err error
		s.own, err = devservers.Start(context.Background(), devservers.Config{InMemory: true, Progress: os.Stderr, SkipRedis: true})
		if err != nil {
			return nil, err
		}
		dsn = s.own.MySQLDSN
	}
	var err error
	if s.config, err = mysql.ParseDSN(dsn); err != nil {
		return nil, fmt.Errorf("read MYSQL_DSN: %w", err)
	}
	s.schema = sync.OnceValues(s.readTemplate)
	return s, s.open()
}

func (s *server) open() error {
	config := s.config.Clone()
	config.MultiStatements = true
	config.InterpolateParams = true
	config.DBName = ""
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	s.admin = sql.OpenDB(connector)
	return s.sweep(context.Background())
}

func (s *server) dsn(name string) string {
	config := s.config.Clone()
	config.DBName = name
	return config.FormatDSN()
}

// exec runs statements on one connection that no other statement follows: USE would stick to it.
func (s *server) exec(ctx context.Context, statements string) error {
	conn, err := s.admin.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.ExecContext(ctx, statements)
	return err
}

// create makes an empty database that is dropped when t ends.
func (s *server) create(t testing.TB) string {
	t.Helper()
	now, err := s.now(t.Context())
	if err != nil {
		t.Fatalf("ask the server for the time: %v", err)
	}
	name := prefix + fmt.Sprint(now) + "_" + strings.ToLower(rand.Text()[:12])
	if err := s.exec(t.Context(), "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		t.Fatalf("create a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec(context.Background(), "DROP DATABASE IF EXISTS "+name); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	return name
}

// now is the server's time in seconds: the one clock of all machines whose tests use it.
func (s *server) now(ctx context.Context) (seconds int64, err error) {
	err = s.admin.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP()").Scan(&seconds)
	return seconds, err
}

// sweepAfter is the age at which a database is taken for one that a dead run left: no test lasts as
// long.
const sweepAfter = 12 * time.Hour

// sweep drops the databases that dead runs left.
func (s *server) sweep(ctx context.Context) error {
	now, err := s.now(ctx)
	if err != nil {
		return fmt.Errorf("ask the server for the time: %w", err)
	}
	names, err := s.strings(ctx, "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE ?", prefix+"%")
	if err != nil {
		return fmt.Errorf("list the databases: %w", err)
	}
	for _, name := range names {
		var made int64
		if _, err := fmt.Sscanf(name, prefix+"%d_", &made); err != nil || now-made < int64(sweepAfter.Seconds()) {
			continue
		}
		if err := s.exec(ctx, "DROP DATABASE IF EXISTS `"+name+"`"); err != nil {
			return fmt.Errorf("drop an old test database: %w", err)
		}
	}
	return nil
}

func (s *server) strings(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.admin.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, rows.Err()
}

// readTemplate returns the statements that make what migrating makes. Migrating itself is done
// once per server, in a template database: it is ten times slower than repeating its outcome.
func (s *server) readTemplate() (string, error) {
	ctx := context.Background()
	hash, err := hashOf(migrations.Migrations())
	if err != nil {
		return "", err
	}
	template := "pstemplate_" + hash
	if err := s.makeTemplate(ctx, template); err != nil {
		return "", fmt.Errorf("make the template database: %w", err)
	}
	tables, err := s.strings(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_name <> ? ORDER BY table_name", template, marker)
	if err != nil {
		return "", err
	}
	var script strings.Builder
	script.WriteString("SET foreign_key_checks = 0;\n")
	for _, table := range tables {
		var name, statement string
		row := s.admin.QueryRowContext(ctx, "SHOW CREATE TABLE "+template+".`"+table+"`")
		if err := row.Scan(&name, &statement); err != nil {
			return "", fmt.Errorf("read table %s: %w", table, err)
		}
		script.WriteString(statement + ";\n")
	}
	script.WriteString("INSERT INTO goose_db_version SELECT * FROM " + template + ".goose_db_version;\n")
	script.WriteString("SET foreign_key_checks = 1")
	return script.String(), nil
}

// marker is the table that tells a finished template.
const marker = "template_is_whole"

// makeTemplate migrates the template database, unless another process has done so.
func (s *server) makeTemplate(ctx context.Context, name string) error {
	conn, err := s.admin.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var locked sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 120)", name).Scan(&locked); err != nil || locked.Int64 != 1 {
		return cmp.Or(err, fmt.Errorf("lock %s: another process holds it", name))
	}
	defer conn.ExecContext(ctx, "SELECT RELEASE_LOCK(?)", name)
	found, err := s.strings(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", name, marker)
	if err != nil || len(found) == 1 {
		return err
	}
	return s.migrateTemplate(ctx, name)
}

func (s *server) migrateTemplate(ctx context.Context, name string) error {
	if err := s.exec(ctx, "DROP DATABASE IF EXISTS "+name+"; CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		return err
	}
	db, err := mysqldb.Open(ctx, s.dsn(name), mysqldb.Config{MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := mysqldb.Migrate(ctx, db, migrations.Migrations()); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE "+marker+" (id INT PRIMARY KEY)")
	return err
}

// hashOf names a set of migrations, so that each has its own template.
func hashOf(files fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(data), data)
		return err
	})
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), err
}
