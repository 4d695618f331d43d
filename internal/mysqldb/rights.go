package mysqldb

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Rights are what an account may not do to a table.
type Rights struct {
	Table  string
	Denied []string // of what was asked for: SELECT, INSERT, UPDATE or DELETE
}

// String says what is missing.
func (r Rights) String() string { return strings.Join(r.Denied, ", ") + " on " + r.Table }

// Denied returns which of the verbs the account of db may not use on a table. An UPDATE is one of the column
// given. Nothing is changed, and no row is read: the server is asked how it would.
func Denied(ctx context.Context, db *sql.DB, table, column string, verbs ...string) (Rights, error) {
	denied := Rights{Table: table}
	for _, verb := range verbs {
		query, ok := map[string]string{
			"SELECT": "EXPLAIN SELECT * FROM `" + table + "`",
			"INSERT": "EXPLAIN INSERT INTO `" + table + "` () VALUES ()",
			"UPDATE": "EXPLAIN UPDATE `" + table + "` SET `" + column + "` = `" + column + "`",
			"DELETE": "EXPLAIN DELETE FROM `" + table + "`",
		}[verb]
		if !ok {
			return denied, fmt.Errorf("there is no right called %q", verb)
		}
		err := explain(ctx, db, query)
		switch refused, ok := errors.AsType[*mysql.MySQLError](err); {
		case err == nil:
		case ok && isDenied(refused.Number):
			denied.Denied = append(denied.Denied, verb)
		case !ok:
			return denied, fmt.Errorf("ask what the database account may do: %w", err)
		}
	}
	return denied, nil
}

// explain asks a server how it would do something.
func explain(ctx context.Context, db *sql.DB, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	return rows.Err()
}

// isDenied knows the answers to who may not: to a database, a table, a column, at all.
func isDenied(number uint16) bool {
	return number == 1044 || number == 1142 || number == 1143 || number == 1227
}

// IsMisconfigured reports whether err says that an account or a database is not there or may not be used, or that
// a certificate is not trusted: what time does not mend.
func IsMisconfigured(err error) bool {
	if refused, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return isDenied(refused.Number) || refused.Number == 1045 || refused.Number == 1049 || refused.Number == 1698
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	return errors.Is(err, mysql.ErrNoTLS)
}
