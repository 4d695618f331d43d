package devservers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A TiDB is one private TiDB server on its embedded store. It ends with the Servers that it belongs to.
type TiDB struct {
	program program
	name    string // of its files
	run     string // socket, process id
	data    string
	log     string
	process *process
}

// whole has TiDB keep CHECK constraints, and commit each transaction at once. The embedded store, unlike TiKV, keeps
// locks in memory: of a transaction that is committed in two steps a power cut would leave a part. One step takes
// one region, of one batch.
var whole = []string{
	"SET GLOBAL tidb_enable_check_constraint = ON",
	"SET GLOBAL tidb_enable_1pc = ON",
	"SET GLOBAL tidb_txn_commit_batch_size = 1073741824",
	// Plans do not wait for statistics, which nobody makes of tables that are small and soon gone.
	"SET GLOBAL tidb_enable_auto_analyze = OFF",
	"SET GLOBAL tidb_stats_load_sync_wait = 0",
}

// NewTiDB starts a TiDB, whose program is at path, beside the first servers. It keeps CHECK constraints, and its
// database is empty.
func (s *Servers) NewTiDB(ctx context.Context, path string) (*TiDB, error) {
	name := fmt.Sprintf("tidb-%d", len(s.more)+1)
	t := &TiDB{
		program: program{path: path, folder: filepath.Join(s.folder.run, name)},
		name:    name,
		run:     s.folder.run,
		data:    filepath.Join(s.folder.state, name),
		log:     filepath.Join(s.folder.state, name+".log"),
	}
	if err := checkSocket(t.socket()); err != nil {
		return nil, err
	}
	s.more = append(s.more, func() error { return t.process.stop(s.folder.isKept()) })
	if err := t.Start(ctx); err != nil {
		return nil, err
	}
	create := "CREATE DATABASE IF NOT EXISTS " + databaseName + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	return t, execute(ctx, rootDSN(t.socket(), ""), append(slices.Clone(whole), create)...)
}

func (t *TiDB) socket() string { return filepath.Join(t.run, t.name+".sock") }

// DSN names its database payment_system.
func (t *TiDB) DSN() string { return rootDSN(t.socket(), databaseName) }

// Kill ends it as a power cut would.
func (t *TiDB) Kill() error { return t.process.stop(false) }

// Start starts it again on the data and the address it had, and returns when it answers. It listens on a socket
// and on nothing else.
func (t *TiDB) Start(ctx context.Context) error {
	temporary := filepath.Join(t.program.folder, "tmp")
	settings := filepath.Join(t.program.folder, "settings.toml")
	err := errors.Join(os.MkdirAll(temporary, 0o700),
		os.WriteFile(settings, fmt.Appendf(nil, "tmp-storage-path = %q\nsplit-table = false\n", temporary), 0o600))
	if err != nil {
		return fmt.Errorf("write TiDB's settings: %w", err)
	}
	t.process, err = startProcess(t.program, "tidb-server", []string{
		"-config", settings, "-store", "unistore", "-path", t.data, "-temp-dir", temporary,
		"-socket", t.socket(), "-host", "127.0.0.1", "-P", "0", "-report-status=false", "-L", "warn",
	}, t.log, filepath.Join(t.run, t.name+".pid"))
	if err != nil {
		return err
	}
	if err := waitUntilAnswering(ctx, t.process, rootDSN(t.socket(), "")); err != nil {
		return fmt.Errorf("start TiDB: %w; the end of its log:\n%s", err, tail(t.log))
	}
	return nil
}
