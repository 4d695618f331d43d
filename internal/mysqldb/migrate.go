package mysqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// Migrate brings the schema of db up to the newest of the goose migrations. Replicas that do so
// at once wait for each other.
func Migrate(ctx context.Context, db *sql.DB, migrations fs.FS) (err error) {
	provider, err := goose.NewProvider(goose.DialectMySQL, db, migrations)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	unlock, err := lockSchema(ctx, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// SchemaVersions returns the number of the migration that the schema of db has reached, 0 for an
// empty database, and the number of the newest migration.
func SchemaVersions(ctx context.Context, db *sql.DB, migrations fs.FS) (current, newest int64, err error) {
	provider, err := goose.NewProvider(goose.DialectMySQL, db, migrations)
	if err != nil {
		return 0, 0, fmt.Errorf("read migrations: %w", err)
	}
	current, newest, err = provider.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read the version of the schema: %w", err)
	}
	return current, newest, nil
}

// CheckMigratable refuses a server on which the schema would not become what it is to be.
func CheckMigratable(ctx context.Context, db *sql.DB) error {
	server, err := variables(ctx, db, "GLOBAL")
	if err != nil {
		return err
	}
	return checkConstraintsOn(server)
}

// lockWait is how long lockSchema waits.
const lockWait = 2 * time.Minute

// lockSchema waits, two minutes at most, until nobody else migrates the database. The lock ends
// with its connection, so a migration that is killed holds nobody up.
func lockSchema(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	server, err := variables(ctx, db, "GLOBAL")
	if err != nil {
		return nil, err
	}
	if server.is("wsrep_on", "ON", "1") {
		return lockCluster(ctx, db)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	const query = "SELECT GET_LOCK(CONCAT('migrate ', MD5(DATABASE())), ?)"
	var locked sql.NullInt64
	if err := conn.QueryRowContext(ctx, query, int(lockWait.Seconds())).Scan(&locked); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the schema: %w", err), conn.Close())
	}
	if locked.Int64 != 1 {
		return nil, errors.Join(errMigrating, conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(CONCAT('migrate ', MD5(DATABASE())))")
		return errors.Join(err, conn.Close())
	}, nil
}

var errMigrating = errors.New("lock the schema: another process is migrating it")
