package devservers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// A TiDB is one private TiDB server on its embedded store. It ends with the Servers that it belongs to.
type TiDB struct {
	program program
	name    string // of its files
	run     string // socket, process id, what is temporary
	data    string
	log     string
	process *process
}

// NewTiDB starts a TiDB, whose program is at path, beside the first servers. It keeps CHECK constraints, and its
// database is empty.
func (s *Servers) NewTiDB(ctx context.Context, path string) (*TiDB, error) {
	name := fmt.Sprintf("tidb-%d", len(s.more)+1)
	t := &TiDB{
		program: program{path: path},
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
	return t, execute(ctx, rootDSN(t.socket(), ""), "SET GLOBAL tidb_enable_check_constraint = ON",
		"CREATE DATABASE IF NOT EXISTS "+databaseName+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
}

func (t *TiDB) socket() string { return filepath.Join(t.run, t.name+".sock") }

// DSN names its database payment_system.
func (t *TiDB) DSN() string { return rootDSN(t.socket(), databaseName) }

// Kill ends it as a power cut would.
func (t *TiDB) Kill() error { return t.process.stop(false) }

// Start starts it again on the data and the address it had, and returns when it answers. It listens on a socket
// and on nothing else.
func (t *TiDB) Start(ctx context.Context) error {
	temporary := filepath.Join(t.run, t.name+"-tmp")
	settings := filepath.Join(t.run, t.name+".toml")
	if err := os.WriteFile(settings, fmt.Appendf(nil, "tmp-storage-path = %q\n", temporary), 0o600); err != nil {
		return fmt.Errorf("write TiDB's settings: %w", err)
	}
	var err error
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
