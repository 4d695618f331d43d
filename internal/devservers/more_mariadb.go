package devservers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A MariaDB is one of several private MariaDB servers. It ends with the Servers that it belongs to.
type MariaDB struct{ server *mariadb }

// NewMariaDB starts a further MariaDB beside the first, with options that win over ours. Its database is empty.
func (s *Servers) NewMariaDB(ctx context.Context, options ...string) (*MariaDB, error) {
	m, err := s.newMariaDB(options)
	if err != nil {
		return nil, err
	}
	return m, m.server.create(ctx)
}

// newMariaDB names a further server that is not started yet.
func (s *Servers) newMariaDB(options []string) (*MariaDB, error) {
	if s.mysql == nil {
		return nil, errors.New("there is no MariaDB to start another like")
	}
	name := fmt.Sprintf("%s-%d", firstMariaDB, len(s.more)+2)
	server := newMariaDB(name, s.mysql.program, s.folder, Config{MySQLOptions: options})
	s.more = append(s.more, func() error { return server.stop(s.folder.isKept()) })
	return &MariaDB{server}, nil
}

// DSN names its database payment_system.
func (m *MariaDB) DSN() string { return m.server.dsn(databaseName) }

// Kill ends it as a power cut would.
func (m *MariaDB) Kill() error { return m.server.stop(false) }

// Start starts it again on the data and the address it had, and returns when it answers.
func (m *MariaDB) Start(ctx context.Context) error { return m.server.start(ctx) }

// Pause stops it from answering without ending it, until Resume.
func (m *MariaDB) Pause() error { return m.server.process.pause() }

// Resume lets it go on.
func (m *MariaDB) Resume() error { return m.server.process.resume() }

// Exec executes statements at it, as root.
func (m *MariaDB) Exec(ctx context.Context, statements ...string) error {
	return execute(ctx, m.server.dsn(""), statements...)
}

// NewPair starts a primary with a binary log and a read replica of it, which applies what it gets a delay later.
func (s *Servers) NewPair(ctx context.Context, delay time.Duration) (primary, replica *MariaDB, err error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, nil, err
	}
	primary, err = s.NewMariaDB(ctx, "--skip-networking=OFF", "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port),
		"--server-id=1", "--log-bin=binlog", "--binlog-format=ROW", "--sync-binlog=1")
	if err != nil {
		return nil, nil, err
	}
	if replica, err = s.NewMariaDB(ctx, "--server-id=2", "--relay-log=relay"); err != nil {
		return nil, nil, err
	}
	password := rand.Text()
	err = errors.Join(
		primary.Exec(ctx, "CREATE USER 'follower'@'127.0.0.1' IDENTIFIED BY '"+password+"'", "GRANT REPLICATION SLAVE ON *.* TO 'follower'@'127.0.0.1'"),
		replica.Exec(ctx, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='follower', "+
			"MASTER_PASSWORD='%s', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_DELAY=%d", port, password, int(delay.Seconds())),
			"START SLAVE"))
	if err != nil {
		return nil, nil, fmt.Errorf("make a read replica: %w", err)
	}
	return primary, replica, nil
}
