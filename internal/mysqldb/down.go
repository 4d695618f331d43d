package mysqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"slices"

	"github.com/go-sql-driver/mysql"
)

// IsDown reports whether err is about the state of a server, and not about what it was asked: it
// is away, full, too busy or too slow, takes no writes, or the answer to COMMIT was lost. The same
// may succeed later.
func IsDown(err error) bool {
	if err == nil {
		return false
	}
	// Why nobody could connect, or what became of a COMMIT, is the server's affair, whatever number it gave.
	if _, failed := errors.AsType[*connectError](err); failed || errors.Is(err, ErrCommitUnknown) {
		return true
	}
	if refused, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return !isAboutStatement(refused)
	}
	for _, sign := range []error{
		context.Canceled, context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone,
		mysql.ErrInvalidConn, ErrStale,
	} {
		if errors.Is(err, sign) {
			return true
		}
	}
	var network net.Error
	return errors.As(err, &network)
}

// IsRefusal reports whether a server answered, and said no.
func IsRefusal(err error) bool {
	_, ok := errors.AsType[*mysql.MySQLError](err)
	return ok
}

// isAboutStatement reports whether a server refuses what it was asked, and would again. The
// standard's classes of SQLSTATE tell in most cases, and numbers in the others. What neither tells
// is the server's own trouble: our statements do not change, and what can be wrong with them is a
// short list; what can befall MariaDB, MySQL, Galera, a group, or a proxy before them is not.
func isAboutStatement(refused *mysql.MySQLError) bool {
	if slices.Contains(serverTrouble, refused.Number) {
		return false
	}
	if slices.Contains(statementFaults, refused.Number) {
		return true
	}
	return slices.Contains(statementClasses, string(refused.SQLState[:2]))
}

// statementClasses are the classes of SQLSTATE that are about what was asked: wrong numbers of
// columns, bad values, violated constraints, rights, names, syntax, and what is not supported.
var statementClasses = []string{"07", "0A", "21", "22", "23", "28", "2F", "34", "3D", "3F", "42", "44"}

// serverTrouble are the numbers of a class above that are about the server all the same.
var serverTrouble = []uint16{
	1203, 1226, // more connections, or statements an hour, than the account may have
	1041, 1135, // no memory, no thread
	1104, // a bound on the rows that may be examined was set meanwhile
	1290, // --read-only, and other options that prevent a statement
	1792, // a transaction that may only read
	1820, // the password must be changed first
	1862, // the password has expired
	3118, // the account is locked: MySQL
	4151, // the account is locked: MariaDB
}

// statementFaults are the numbers outside these classes that are about what was asked, and those
// of them that older servers and proxies send without their class.
var statementFaults = []uint16{
	1044, 1045, 1142, 1143, 1227, 1370, // no right to
	1046, 1049, // no database
	1048, 1364, // a value is missing
	1052, 1054, 1051, 1146, 1305, // no such name, or more than one
	1064, 1065, 1093, 1111, 1115, 1193, 1210, 1231, 1235, 1238, 1295, // not as a statement must be
	1062, 1022, 1169, 1216, 1217, 1451, 1452, 1557, 1761, 1762, 3819, 4025, // a constraint
	1136, 1222, 1241, 1242, // numbers of columns or rows
	1153, 1162, 1301, // longer than max_allowed_packet
	1264, 1265, 1267, 1270, 1271, 1292, 1300, 1365, 1366, 1367, 1406, 1411, 1525, 1690, // values
	1116, 1118, 1390, 1436, // larger than a row, a statement, a stack or a join may be
	3140, 3141, 3143, 3144, 4036, 4037, 4038, // JSON
}

// isRolledBack reports whether a server gave a transaction up, or will not go on with it, for the
// sake of another: all of it may be run again, also when COMMIT was answered so.
func isRolledBack(err error) bool {
	refused, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return false
	}
	// 40003 says that nobody knows.
	state := string(refused.SQLState[:])
	return slices.Contains(givenUp, refused.Number) || (state[:2] == "40" && state != "40003")
}

// givenUp are the numbers that say so, of every engine that has its own.
var givenUp = []uint16{
	1205, 1213, // a lock was not had in time, a deadlock, a conflict in Galera
	1020,       // the row has changed since it was read: MariaDB, with innodb_snapshot_isolation
	1412, 1615, // the table has changed meanwhile: it is being migrated
	1402, 1613, 1614, // a branch was rolled back: took too long, deadlock
	1689,       // the lock on the table that was waited for went to a change of the table
	3058, 3101, // a deadlock of named locks, a conflict in a group
	4060,             // MyRocks: it was rolled back
	8022, 8028, 9007, // TiDB, also of COMMIT: a conflict, or a change of the schema meanwhile
}
