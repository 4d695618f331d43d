package mysqldb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// clusterLease is when a migration that is killed holds nobody up any more.
	clusterLease = time.Minute
	// clusterPause is between two tries to have the lock.
	clusterPause = 250 * time.Millisecond
)

// lockCluster is lockSchema in a Galera cluster, where GET_LOCK is a node's own: a row is leased, which one
// node only can commit. The lease is renewed until unlock is called. A change of a table that stops the
// whole cluster for longer than that lets another begin, who fails on what is there already and changes nothing.
func lockCluster(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	const table = `CREATE TABLE IF NOT EXISTS schema_lock (
id TINYINT NOT NULL PRIMARY KEY, owner VARCHAR(40) NOT NULL, lease_until DATETIME(6) NOT NULL)`
	if _, err := db.ExecContext(ctx, table); err != nil {
		return nil, fmt.Errorf("lock the schema: %w", err)
	}
	lease := &clusterLock{db: db, owner: rand.Text()}
	deadline := time.NewTimer(lockWait)
	defer deadline.Stop()
	for {
		switch held, err := lease.take(ctx); {
		case err != nil:
			return nil, fmt.Errorf("lock the schema: %w", err)
		case held:
			return lease.keep(ctx), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			return nil, errMigrating
		case <-time.After(clusterPause):
		}
	}
}

// A clusterLock is a lease of the one row.
type clusterLock struct {
	db    *sql.DB
	owner string
}

// take takes or renews the lease, unless somebody else holds it, and reports whether it is ours. Only a
// COMMIT that every node has certified makes it so.
func (l *clusterLock) take(ctx context.Context) (bool, error) {
	const take = `INSERT INTO schema_lock (id, owner, lease_until)
VALUES (1, ?, UTC_TIMESTAMP(6) + INTERVAL ? SECOND)
ON DUPLICATE KEY UPDATE
  owner = IF(lease_until < UTC_TIMESTAMP(6), VALUES(owner), owner),
  lease_until = IF(owner = VALUES(owner), VALUES(lease_until), lease_until)`
	if _, err := Alone(l.db).ExecContext(ctx, take, l.owner, int(clusterLease.Seconds())); err != nil {
		return false, err
	}
	var owner string
	err := l.db.QueryRowContext(ctx, "SELECT owner FROM schema_lock WHERE id = 1").Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil // Whoever had it gave it back meanwhile.
	}
	return owner == l.owner, err
}

// keep renews the lease until unlock, which gives it back.
func (l *clusterLock) keep(ctx context.Context) (unlock func() error) {
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var renewal sync.WaitGroup
	renewal.Go(func() {
		ticker := time.NewTicker(clusterLease / 4)
		defer ticker.Stop()
		for {
			select {
			case <-renewing.Done():
				return
			case <-ticker.C:
				_, _ = l.take(renewing) // The next renewal makes up for one that fails.
			}
		}
	})
	return func() error {
		stop()
		renewal.Wait()
		_, err := Alone(l.db).ExecContext(context.WithoutCancel(ctx), "DELETE FROM schema_lock WHERE owner = ?", l.owner)
		if err != nil {
			return errors.Join(errors.New("the schema stays locked for a moment"), err)
		}
		return nil
	}
}
