package mysqldb_test

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"testing"

	"payment-system/internal/devservers"
	"payment-system/internal/mysqldb"
	"payment-system/internal/shoptest"
	migrations "payment-system/sql"
)

// galera starts three nodes. It needs Galera, which make scale fetches.
func galera(t *testing.T) (*devservers.Galera, []*sql.DB) {
	t.Helper()
	if !devservers.HasGalera() {
		t.Skip("Galera is not here: make scale fetches it")
	}
	servers, err := devservers.Start(context.Background(), devservers.Config{SkipRedis: true, InMemory: true, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { servers.Close() })
	cluster, err := servers.NewGalera(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	dbs := make([]*sql.DB, len(cluster.Nodes))
	for i, node := range cluster.Nodes {
		if dbs[i], err = mysqldb.Open(t.Context(), node.DSN(), mysqldb.Config{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { dbs[i].Close() })
	}
	return cluster, dbs
}

func TestGalera(t *testing.T) {
	t.Parallel()
	_, dbs := galera(t)

	t.Run("nodes that migrate at once wait for each other", func(t *testing.T) {
		errs := make([]error, 2*len(dbs))
		var migrating sync.WaitGroup
		for i := range errs {
			migrating.Go(func() { errs[i] = mysqldb.Migrate(t.Context(), dbs[i%len(dbs)], migrations.Migrations()) })
		}
		migrating.Wait()
		for i, err := range errs {
			if err != nil {
				t.Errorf("node %d: %v", i%len(dbs), err)
			}
		}
		for i, db := range dbs {
			current, newest, err := mysqldb.SchemaVersions(t.Context(), db, migrations.Migrations())
			if err != nil || current != newest {
				t.Errorf("node %d has version %d of %d, %v", i, current, newest, err)
			}
		}
	})

	t.Run("each node has at once what another committed", func(t *testing.T) {
		shoptest.Exec(t, dbs[0], "CREATE TABLE written (n INT NOT NULL PRIMARY KEY)")
		stale := 0
		for n := range 300 {
			shoptest.Exec(t, dbs[n%3], "INSERT INTO written VALUES (?)", n)
			var found int
			if err := dbs[(n+1)%3].QueryRowContext(t.Context(), "SELECT COUNT(*) FROM written WHERE n = ?", n).Scan(&found); err != nil {
				t.Fatal(err)
			}
			stale += 1 - found
		}
		if stale > 0 {
			t.Errorf("%d of 300 were not found at another node", stale)
		}
	})
}
