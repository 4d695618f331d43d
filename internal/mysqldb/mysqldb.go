// Package mysqldb opens MariaDB and MySQL the one way this program relies on, and runs
// transactions that survive deadlocks.
package mysqldb

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
)

// sqlMode is what every session speaks: bad values are errors, never adjusted.
const sqlMode = "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'"

// A Config says what Open may choose. The zero value is a good one.
type Config struct {
	MaxConns    int           // open connections at most; 16 when zero
	DialTimeout time.Duration // for one attempt to connect; 5 s when zero
	IOTimeout   time.Duration // for one read or write on the wire; 60 s when zero
	LockWait    time.Duration // for a row lock, in whole seconds; 5 s when zero
	IdleTx      time.Duration // see NewConnector, in whole seconds; 20 s when zero
	IdleTime    time.Duration // after which an unused connection is closed; 5 min when zero
	Logger      *slog.Logger  // hears of broken connections; nil for nobody

	// Roots are who may have signed the server's certificate. With them every connection by TCP is encrypted
	// and verified; without, the DSN says.
	Roots *x509.CertPool
}

// ErrUnverified is returned for a DSN that asks for less than Config.Roots do.
var ErrUnverified = errors.New("certificates are verified, and its tls asks for less")

// Open returns a pool of connections to the database that dsn, a go-sql-driver DSN, names.
// Whatever dsn says, every session speaks UTC, utf8mb4, strict SQL and READ COMMITTED, and an UPDATE reports
// the rows it found, not the rows it changed. Transactions begin with their first statement.
// Open dials once, so a wrong address or password is reported here.
func Open(ctx context.Context, dsn string, config Config) (*sql.DB, error) {
	db, err := OpenAway(dsn, config)
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the database: %w", err), db.Close())
	}
	return db, nil
}

// OpenAway is Open that does not dial: the server may be away.
func OpenAway(dsn string, config Config) (*sql.DB, error) {
	connector, err := NewConnector(dsn, config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	Limit(db, config)
	return db, nil
}

// Limit bounds the pool db as config says. Open has done it already; it is for pools opened on a
// wrapped connector.
func Limit(db *sql.DB, config Config) {
	conns := cmp.Or(config.MaxConns, 16)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(cmp.Or(config.IdleTime, 5*time.Minute))
}

// NewConnector returns what Open dials with, for callers that wrap it. MariaDB and TiDB roll a transaction
// back when no statement of it comes for Config.IdleTx: a replica that is stopped, or cut off, keeps rows
// from the others no longer than that. MySQL has no such limit.
func NewConnector(dsn string, config Config) (driver.Connector, error) {
	parsed, err := ParseDSN(dsn, config)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(parsed)
	if err != nil {
		return nil, fmt.Errorf("read the database DSN: %w", err)
	}
	idle := seconds(cmp.Or(config.IdleTx, 20*time.Second))
	return &sessions{connector, []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		fmt.Sprintf("SET SESSION innodb_lock_wait_timeout = %d /*M!100300 , SESSION idle_transaction_timeout = %d */"+
			"/*T! , SESSION tidb_idle_transaction_timeout = %d */", seconds(cmp.Or(config.LockWait, 5*time.Second)), idle, idle),
		waitForNode,
	}}, nil
}

// waitForNode has every statement wait until its node of a Galera cluster has what the others had committed
// before. Without it, what was just written is not found at another node. It does nothing elsewhere, and
// servers that were built without Galera do not know it.
const waitForNode = "SET SESSION wsrep_sync_wait = 7"

// ParseDSN reads dsn and forces on it what this program relies on.
func ParseDSN(dsn string, config Config) (*mysql.Config, error) {
	parsed, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database DSN: %w", err)
	}
	parsed.ParseTime = true
	parsed.Loc = time.UTC
	parsed.ClientFoundRows = true
	parsed.InterpolateParams = true
	parsed.MultiStatements = true // for Packet, and to begin transactions
	parsed.AllowAllFiles = false
	parsed.CheckConnLiveness = true
	parsed.RejectReadOnly = true
	parsed.Timeout = cmp.Or(config.DialTimeout, parsed.Timeout, 5*time.Second)
	parsed.ReadTimeout = cmp.Or(config.IOTimeout, parsed.ReadTimeout, time.Minute)
	parsed.WriteTimeout = cmp.Or(config.IOTimeout, parsed.WriteTimeout, time.Minute)
	parsed.Logger = driverLogger{config.Logger}
	parsed.Params = sessionVariables(parsed.Params)
	if err := verifyBy(parsed, config.Roots); err != nil {
		return nil, err
	}
	return parsed, parsed.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin"))
}

// verifyBy has the server's certificate verified, if there are roots and it is not on this machine's socket.
func verifyBy(parsed *mysql.Config, roots *x509.CertPool) error {
	if roots == nil || parsed.Net == "unix" {
		return nil
	}
	if parsed.TLSConfig != "" && parsed.TLSConfig != "true" {
		return ErrUnverified
	}
	host, _, err := net.SplitHostPort(parsed.Addr)
	if err != nil {
		return fmt.Errorf("read the database DSN: %w", err)
	}
	parsed.TLS = &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
	return nil
}

// A driverLogger hands on what the driver says, which would go to standard error as plain text.
type driverLogger struct{ logger *slog.Logger }

// Print logs a message of the driver's.
func (l driverLogger) Print(message ...any) {
	if l.logger != nil {
		l.logger.Warn("database connection", "detail", fmt.Sprint(message...))
	}
}

func sessionVariables(given map[string]string) map[string]string {
	variables := maps.Clone(given)
	if variables == nil {
		variables = map[string]string{}
	}
	// What servers name differently, or do not all have, is set when connected; see NewConnector.
	for _, name := range []string{
		"transaction_isolation", "tx_isolation", "innodb_lock_wait_timeout", "idle_transaction_timeout",
		"tidb_idle_transaction_timeout", "wsrep_sync_wait",
	} {
		delete(variables, name)
	}
	variables["time_zone"] = "'+00:00'"
	variables["sql_mode"] = sqlMode
	return variables
}

func seconds(d time.Duration) int { return max(1, int(d.Seconds())) }
