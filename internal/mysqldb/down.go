package mysqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"

	"github.com/go-sql-driver/mysql"
)

// IsDown reports whether err is about the state of a server, and not about what it was asked: it
// is away, too busy or too slow, or the answer to COMMIT was lost.
func IsDown(err error) bool {
	if err == nil {
		return false
	}
	if refused, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return isOverload(refused.Number)
	}
	for _, sign := range []error{
		context.Canceled, context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone,
		mysql.ErrInvalidConn, ErrCommitUnknown, ErrStale,
	} {
		if errors.Is(err, sign) {
			return true
		}
	}
	var network net.Error
	return errors.As(err, &network)
}

// isOverload knows what MySQL and MariaDB answer when the statement is right and the moment is
// wrong: too many connections, shutting down, lock wait, deadlock, interrupted, killed, read-only.
func isOverload(number uint16) bool {
	switch number {
	case 1040, 1053, 1203, 1205, 1213, 1317, 1290, 1836, 1792, 1927:
		return true
	}
	return false
}
