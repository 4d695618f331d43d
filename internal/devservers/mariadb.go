package devservers

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"payment-system/internal/toolcache"
)

const databaseName = "payment_system"

// maxSocketPath is what fits into sockaddr_un on Linux; elsewhere it is a little less.
const maxSocketPath = 103

// firstMariaDB is the name of the files of the MariaDB that Start starts.
const firstMariaDB = "mariadb"

// A mariadb is one MariaDB server that listens on a socket, and on nothing else unless its options say so.
type mariadb struct {
	name    string // of its files
	program program
	run     string // socket, process id
	data    string
	log     string
	pool    int // MiB
	more    []string
	process *process
}

func newMariaDB(name string, program program, f *folder, config Config) *mariadb {
	pool := config.BufferPoolMiB
	if pool == 0 {
		pool = 64
	}
	return &mariadb{
		name:    name,
		program: program,
		run:     f.run,
		data:    filepath.Join(f.state, name),
		log:     filepath.Join(f.state, name+".log"),
		pool:    pool,
		more:    config.MySQLOptions,
	}
}

func (m *mariadb) socket() string {
	if m.name == firstMariaDB {
		return filepath.Join(m.run, "mysql.sock")
	}
	return filepath.Join(m.run, m.name+".sock")
}

func (m *mariadb) dsn(database string) string { return rootDSN(m.socket(), database) }

// rootDSN names a database of the server that listens on a socket, for its root, who has no password.
func rootDSN(socket, database string) string {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = "root", "unix", socket, database
	return config.FormatDSN()
}

// checkSocket refuses a path that no socket can have.
func checkSocket(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("the socket's path %s is longer than %d bytes: set TMPDIR to a shorter folder", path, maxSocketPath)
	}
	return nil
}

// create starts the server on a data folder that it makes if there is none.
func (m *mariadb) create(ctx context.Context) error {
	if err := checkSocket(m.socket()); err != nil {
		return err
	}
	if err := m.bootstrap(ctx); err != nil {
		return err
	}
	if err := m.start(ctx); err != nil {
		return err
	}
	return m.createDatabase(ctx)
}

// start starts the server and returns when it answers.
func (m *mariadb) start(ctx context.Context) error {
	args := append(m.options(),
		"--socket="+m.socket(), "--skip-networking", "--pid-file="+filepath.Join(m.run, m.name+"-own"))
	args = append(args, m.more...)
	var err error
	m.process, err = startProcess(m.program, "mariadbd", args, m.log, filepath.Join(m.run, m.name+".pid"))
	if err != nil {
		return err
	}
	return m.waitUntilAnswering(ctx)
}

func (m *mariadb) stop(gently bool) error { return m.process.stop(gently) }

func (m *mariadb) waitUntilAnswering(ctx context.Context) error {
	if err := waitUntilAnswering(ctx, m.process, m.dsn("")); err != nil {
		return fmt.Errorf("start MariaDB: %w; the end of its log:\n%s", err, tail(m.log))
	}
	return nil
}

// waitUntilAnswering waits until a server answers whom its DSN names.
func waitUntilAnswering(ctx context.Context, p *process, dsn string) error {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return waitUntil(ctx, p, func() bool { return db.PingContext(ctx) == nil })
}

func (m *mariadb) createDatabase(ctx context.Context) error {
	return execute(ctx, m.dsn(""), "CREATE DATABASE IF NOT EXISTS "+databaseName)
}

// execute executes statements at the server that a DSN names.
func execute(ctx context.Context, dsn string, statements ...string) error {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.40s: %w", statement, err)
		}
	}
	return nil
}

// options are those that bootstrapping and running share: durable, strict, UTC, and lean enough
// to start in well under a second.
func (m *mariadb) options() []string {
	options := []string{
		"--no-defaults",
		"--basedir=" + m.program.prefix(),
		"--datadir=" + m.data,
		"--tmpdir=" + m.run,
		"--innodb-flush-log-at-trx-commit=1",
		"--sql-mode=STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
		"--character-set-server=utf8mb4",
		"--collation-server=utf8mb4_unicode_ci",
		"--default-time-zone=+00:00",
		"--transaction-isolation=READ-COMMITTED",
		"--max-connections=512",
		"--max-allowed-packet=64M",
		"--local-infile=0",
		"--skip-name-resolve",
		"--performance-schema=OFF",
		"--innodb-buffer-pool-size=" + strconv.Itoa(m.pool) + "M",
		"--innodb-buffer-pool-dump-at-shutdown=OFF",
		"--innodb-buffer-pool-load-at-startup=OFF",
		"--innodb-log-file-size=32M",
		"--innodb-undo-tablespaces=0",
		"--innodb-data-file-path=ibdata1:4M:autoextend",
		"--innodb-temp-data-file-path=ibtmp1:4M:autoextend",
		"--aria-pagecache-buffer-size=4M",
		"--aria-log-file-size=8M",
		"--key-buffer-size=1M",
	}
	if share := m.share(); share != "" {
		options = append(options, "--lc-messages-dir="+share, "--character-sets-dir="+filepath.Join(share, "charsets"))
	}
	if os.Geteuid() == 0 {
		options = append(options, "--user="+toolcache.UserName()) // as root it runs only when told so by name
	}
	return options
}

// share is the folder of MariaDB's messages, or empty when it is not beside the program.
func (m *mariadb) share() string {
	for _, name := range []string{"mysql", "mariadb", ""} {
		dir := filepath.Join(m.program.prefix(), "share", name)
		if _, err := os.Stat(filepath.Join(dir, "charsets", "Index.xml")); err == nil {
			return dir
		}
	}
	return ""
}

// bootstrap makes a new data folder whose root has no password: the socket's folder is the lock
// on the door. It works aside and renames, so that a folder with the final name is whole.
func (m *mariadb) bootstrap(ctx context.Context) error {
	if _, err := os.Stat(m.data); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	script, err := m.bootstrapScript()
	if err != nil {
		return err
	}
	aside := *m
	aside.data = m.data + ".new"
	if err := errors.Join(os.RemoveAll(aside.data), os.MkdirAll(aside.data, 0o700)); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	command := exec.CommandContext(ctx, m.program.path, append(aside.options(), "--bootstrap", "--log-warnings=0")...)
	command.Env = m.program.environ()
	command.Stdin = bytes.NewReader(script)
	command.SysProcAttr = diesWithUs()
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("create MariaDB's system tables: %w\n%s", err, output)
	}
	return os.Rename(aside.data, m.data)
}

// bootstrapScript is what mariadb-install-db feeds the server, without the help texts.
func (m *mariadb) bootstrapScript() ([]byte, error) {
	script := []byte("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n")
	for _, name := range []string{"system_tables.sql", "performance_tables.sql", "system_tables_data.sql"} {
		data, err := m.readShared(name)
		if err != nil {
			return nil, fmt.Errorf("read MariaDB's system tables: %w", err)
		}
		script = append(append(script, data...), '\n')
	}
	return script, nil
}

// readShared reads a script of MariaDB's, whose prefix depends on its version.
func (m *mariadb) readShared(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(m.share(), "mysql_"+name))
	if errors.Is(err, fs.ErrNotExist) {
		return os.ReadFile(filepath.Join(m.share(), "mariadb_"+name))
	}
	return data, err
}

// waitUntil returns nil when answers does, or an error when the process ends, or half a minute or
// the context is over.
func waitUntil(ctx context.Context, p *process, answers func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !answers() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", ctx.Err())
		case <-p.ended:
			return fmt.Errorf("it stopped: %s", p.command.ProcessState)
		case <-ticker.C:
		}
	}
	return nil
}
