package books

import (
	"context"
	"database/sql"
	"errors"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

// Unavailable makes an error that says a part is down, too busy or too slow
// into an Unavailable for clients. Every other error stays as it is.
func Unavailable(err error) error {
	if !isDown(err) {
		return err
	}
	return shop.NotNow("The shop is busy or partly down. Try again in a moment.", err)
}

// isDown reports whether err is about the state of a server, and is not worded
// for clients yet.
func isDown(err error) bool {
	var known *shop.Error
	return !errors.As(err, &known) && mysqldb.IsDown(err)
}

// KeyedTx is mysqldb.InTx for closures that may stand already: those that
// begin with an idempotency key or change nothing the second time. When the
// answer to COMMIT was lost, running them again reads back what stands. It returns
// Unavailable when the database is down, too busy or too slow.
func KeyedTx(ctx context.Context, db *sql.DB, run func(context.Context, *sql.Tx) error) error {
	var err error
	for range 3 {
		if err = mysqldb.InTx(ctx, db, run); !errors.Is(err, mysqldb.ErrCommitUnknown) {
			break
		}
	}
	return Unavailable(err)
}
