package main

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"payment-system/internal/mysqldb"
	"payment-system/internal/redisdb"
)

// databaseSettings say where the books are.
type databaseSettings struct {
	MySQLDSN     string `name:"mysql-dsn" env:"MYSQL_DSN" secret:"" placeholder:"DSN" help:"The primary database, as a go-sql-driver DSN: user:password@tcp(host:3306)/name."`
	MySQLReadDSN string `name:"mysql-read-dsn" env:"MYSQL_READ_DSN" secret:"" placeholder:"DSN" help:"Where queries read; the primary when empty."`
	MySQLCAFile  string `name:"mysql-ca-file" env:"MYSQL_CA_FILE" placeholder:"FILE" help:"The certificates that both servers' are signed by: connections by TCP are encrypted then."`

	mysqlRoots *x509.CertPool // of MySQLCAFile; nil without
}

// redisSettings say where sessions, caches, announcements and locks are.
type redisSettings struct {
	RedisAddrs     string `name:"redis-addrs" env:"REDIS_ADDRS" secret:"" placeholder:"URL,…" help:"One Redis, or several addresses of a cluster: host:port, redis://user:password@host:port/db, rediss://… for TLS, or redis+sentinel://user:password@host:port,host:port/MASTER."`
	LockRedisAddrs string `name:"lock-redis-addrs" env:"LOCK_REDIS_ADDRS" secret:"" placeholder:"URL,…" help:"Independent Redis nodes for the locks' quorum; REDIS_ADDRS when empty."`
	RedisCAFile    string `name:"redis-ca-file" env:"REDIS_CA_FILE" placeholder:"FILE" help:"The certificates that those of rediss:// servers are signed by; the system's when empty."`

	redis      redisdb.Place   // of RedisAddrs
	locks      []redisdb.Place // of LockRedisAddrs
	redisRoots *x509.CertPool  // of RedisCAFile; nil without
}

// checkServers wants a database and a Redis to be named.
func (s *settings) checkServers() faults {
	return append(s.checkDatabase(), s.checkRedis()...)
}

func (s *databaseSettings) checkDatabase() (f faults) {
	var err error
	if s.mysqlRoots, err = certificates(s.MySQLCAFile); err != nil {
		f.add("set MYSQL_CA_FILE to a file of certificates: %w", err)
	}
	if s.MySQLDSN == "" {
		f.add("set MYSQL_DSN to the database, as in user:password@tcp(127.0.0.1:3306)/payment_system")
	} else {
		f = append(f, s.checkDSN("MYSQL_DSN", s.MySQLDSN)...)
	}
	if s.MySQLReadDSN != "" {
		f = append(f, s.checkDSN("MYSQL_READ_DSN", s.MySQLReadDSN)...)
	}
	return f
}

// checkDSN never repeats the DSN: it holds a password.
func (s *databaseSettings) checkDSN(name, dsn string) (f faults) {
	parsed, err := mysqldb.ParseDSN(dsn, mysqldb.Config{Roots: s.mysqlRoots})
	switch {
	case errors.Is(err, mysqldb.ErrUnverified):
		f.add("set tls=true in %s, or leave tls out: %w", name, err)
	case err != nil:
		f.add("set %s to a DSN such as user:password@tcp(127.0.0.1:3306)/payment_system: it cannot be read as one", name)
	case parsed.DBName == "":
		f.add("name the database at the end of %s, as in …@tcp(127.0.0.1:3306)/payment_system", name)
	}
	return f
}

// openDatabase connects to the primary; checkDatabase has read what it needs.
func (s *databaseSettings) openDatabase(ctx context.Context, config mysqldb.Config) (*sql.DB, error) {
	config.Roots = s.mysqlRoots
	db, err := mysqldb.Open(ctx, s.MySQLDSN, config)
	if err != nil {
		return nil, fmt.Errorf("MYSQL_DSN: %w", explainTLS(err))
	}
	return db, nil
}

// hasReplica reports whether queries read elsewhere than at the primary.
func (s *databaseSettings) hasReplica() bool {
	return s.MySQLReadDSN != "" && s.MySQLReadDSN != s.MySQLDSN
}

// replicaPool is a pool of where queries read, which may be away.
func (s *databaseSettings) replicaPool(config mysqldb.Config) (*sql.DB, error) {
	config.Roots = s.mysqlRoots
	db, err := mysqldb.OpenAway(s.MySQLReadDSN, config)
	if err != nil {
		return nil, fmt.Errorf("MYSQL_READ_DSN: %w", err)
	}
	return db, nil
}

// explainTLS adds to an error about a certificate what to set.
func explainTLS(err error) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%w; set MYSQL_CA_FILE to the certificate of the authority that signed the server's", err)
	}
	return err
}

func (s *redisSettings) checkRedis() (f faults) {
	var err error
	if s.redisRoots, err = certificates(s.RedisCAFile); err != nil {
		f.add("set REDIS_CA_FILE to a file of certificates: %w", err)
	}
	if s.redis, err = redisdb.ParsePlace(s.RedisAddrs); err != nil {
		f.add("set REDIS_ADDRS to %w", err)
	}
	if s.locks, err = redisdb.ParsePlaces(s.LockRedisAddrs); err != nil {
		f.add("set LOCK_REDIS_ADDRS to %w", err)
	}
	return f
}

// certificates reads a file of certificates in PEM; nil when none is named.
func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}
