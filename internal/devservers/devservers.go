// Package devservers finds and runs a MariaDB and a Redis of one's own: real servers, private to
// the process that starts them, for development and tests. They die with that process, however
// it ends, and so do their temporary folders.
package devservers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// A Config says what Start starts. The zero value starts both servers in a temporary folder.
type Config struct {
	Dir       string       // where state is kept from run to run; empty: nowhere
	Logger    *slog.Logger // nil logs nothing
	Progress  io.Writer    // where a person reads what is being fetched; nil for nobody
	SkipMySQL bool         // start no MariaDB
	SkipRedis bool         // start no Redis

	// BufferPoolMiB is the memory MariaDB caches tables in: 64 MiB when zero.
	BufferPoolMiB int
	// MySQLOptions are further options of MariaDB's, which win over ours.
	MySQLOptions []string
	// InMemory keeps state in memory where there is room for it: for tests, which end processes and
	// no machines. It counts for nothing when Dir is set.
	InMemory bool

	// IgnoreInstalled makes Start use servers from the tool cache even if others are installed.
	IgnoreInstalled bool
}

// Servers are running servers. They end when the process ends, or when nothing refers to them any
// more, so keep them until Close. Methods may be called from one goroutine at a time.
type Servers struct {
	MySQLDSN  string // names the database payment_system; empty when MariaDB was skipped
	RedisAddr string // host:port; empty when Redis was skipped

	config Config
	folder *folder
	mysql  *mariadb
	redis  *redisServer
	more   []func() error // stop further servers
}

// Start finds the servers' programs, fetching them if need be, and starts them in private
// folders. Its error names the packages to install when there is no way to fetch them.
func Start(ctx context.Context, config Config) (*Servers, error) {
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	if config.Progress == nil {
		config.Progress = io.Discard
	}
	found, err := find(ctx, config)
	if err != nil {
		return nil, err
	}
	folder, err := newFolder(config)
	if err != nil {
		return nil, err
	}
	s := &Servers{config: config, folder: folder}
	if err := s.start(ctx, config, found); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	config.Logger.Info("private servers started", "mysql", found.mysql.path, "redis", found.redis.path)
	return s, nil
}

// start starts both servers side by side.
func (s *Servers) start(ctx context.Context, config Config, found programs) error {
	var mysqlErr, redisErr error
	var group sync.WaitGroup
	if !config.SkipMySQL {
		s.mysql = newMariaDB(firstMariaDB, found.mysql, s.folder, config)
		s.MySQLDSN = s.mysql.dsn(databaseName)
		group.Go(func() { mysqlErr = s.mysql.create(ctx) })
	}
	if !config.SkipRedis {
		s.redis = newRedis(firstRedis, found.redis, s.folder, RedisConfig{})
		group.Go(func() { redisErr = s.redis.create(ctx) })
	}
	group.Wait()
	if s.redis != nil {
		s.RedisAddr = s.redis.addr()
	}
	return errors.Join(mysqlErr, redisErr)
}

// Close stops the servers and removes what was temporary. Calling it again does nothing.
func (s *Servers) Close() error {
	var errs []error
	for _, stop := range slices.Backward(s.more) {
		errs = append(errs, stop())
	}
	s.more = nil
	if s.mysql != nil {
		errs = append(errs, s.mysql.stop(s.folder.isKept()))
	}
	if s.redis != nil {
		errs = append(errs, s.redis.stop(s.folder.isKept()))
	}
	return errors.Join(append(errs, s.folder.close())...)
}

// KillMySQL ends MariaDB as a power cut would.
func (s *Servers) KillMySQL() error { return s.mysql.stop(false) }

// StartMySQL starts MariaDB again on the data and the address it had, and returns when it answers.
func (s *Servers) StartMySQL(ctx context.Context) error { return s.mysql.start(ctx) }

// KillRedis ends Redis as a power cut would.
func (s *Servers) KillRedis() error { return s.redis.stop(false) }

// StartRedis starts Redis again at the address it had, and returns when it answers.
func (s *Servers) StartRedis(ctx context.Context) error { return s.redis.start(ctx) }

// PauseMySQL stops MariaDB from answering without ending it, until ResumeMySQL.
func (s *Servers) PauseMySQL() error { return s.mysql.process.pause() }

// ResumeMySQL lets a paused MariaDB go on.
func (s *Servers) ResumeMySQL() error { return s.mysql.process.resume() }

// PauseRedis stops Redis from answering without ending it, until ResumeRedis.
func (s *Servers) PauseRedis() error { return s.redis.process.pause() }

// ResumeRedis lets a paused Redis go on.
func (s *Servers) ResumeRedis() error { return s.redis.process.resume() }

// A folder holds sockets, logs and, unless they are kept elsewhere, the servers' data.
type folder struct {
	run   string   // temporary, 0700
	state string   // where data lies: under run, or in Config.Dir
	lock  *os.File // held while the process lives; see sweep
	kept  *os.File // lock of state when it is kept
	ward  *janitor
}

func newFolder(config Config) (*folder, error) {
	sweep(config.Logger)
	parent := tempDir()
	if memory := memoryDir(); config.InMemory && config.Dir == "" && memory != "" {
		parent = memory
	}
	run, err := os.MkdirTemp(parent, folderPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a private folder: %w", err)
	}
	f := &folder{run: run, state: run}
	if err := f.open(config.Dir); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// open locks the folders and leaves one in charge of removing the temporary one.
func (f *folder) open(dir string) error {
	var err error
	if f.lock, err = lockNewFolder(f.run); err != nil {
		return err
	}
	if f.ward, err = startJanitor(f.run); err != nil {
		return err
	}
	if dir == "" {
		return nil
	}
	if f.state, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(f.state, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	f.kept, err = tryLock(filepath.Join(f.state, lockName))
	if err != nil {
		return fmt.Errorf("lock the data folder %s, which another process may be using: %w", dir, err)
	}
	return nil
}

func (f *folder) isKept() bool { return f.state != f.run }

func (f *folder) close() error {
	err := os.RemoveAll(f.run)
	if f.lock != nil {
		f.lock.Close()
	}
	if f.kept != nil {
		f.kept.Close()
	}
	f.ward.dismiss()
	return err
}
