package mysqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

const (
	// roomBytes is how large a table's file is from which InnoDB reserves whole extents before it
	// splits a page.
	roomBytes = 1 << 20
	// roomFilled is how many bytes of rows make a file of that size: an index takes 32 single pages
	// before its first extent.
	roomFilled = 800 << 10
	// roomRow is how long a row may become that is written to that end: half a page holds it.
	roomRow = 6 << 10
)

// MakeRoom has the file of each table grow until InnoDB handles a full disk well, and leaves the
// rows as they are. MariaDB loses a committed row of a smaller file when an UPDATE that makes the
// row longer meets a full disk: the page is split after the row was taken out of it, the split fails
// for want of an extent, and the rollback finds no row to put back. A larger file has its extents
// reserved before anything is touched; it soon takes 9 MiB on the disk.
//
// It writes rows of its own and rolls them back, table by table, where a table is small; on servers
// other than MariaDB it does nothing.
func MakeRoom(ctx context.Context, db *sql.DB, tables []string) (err error) {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return fmt.Errorf("read the server's version: %w", err)
	}
	if !strings.Contains(version, "MariaDB") {
		return nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// An empty table is then filled page by page, and grows no more than it must.
	const lenient = "SET SESSION foreign_key_checks = %[1]d, unique_checks = %[1]d, check_constraint_checks = %[1]d"
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(lenient, 0)); err != nil {
		return fmt.Errorf("make room: %w", err)
	}
	defer func() {
		_, strict := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf(lenient, 1))
		err = errors.Join(err, strict)
	}()
	for _, table := range tables {
		if err := makeRoom(ctx, conn, table); err != nil {
			return fmt.Errorf("make room in table %s: %w", table, err)
		}
	}
	return nil
}

func makeRoom(ctx context.Context, conn *sql.Conn, table string) error {
	var size int64
	err := conn.QueryRowContext(ctx, `SELECT COALESCE(data_length + index_length + data_free, 0) FROM information_schema.tables
		WHERE table_schema = DATABASE() AND table_name = ?`, table).Scan(&size)
	if err != nil || size >= roomBytes {
		return err
	}
	filler, err := fillerOf(ctx, conn, table)
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, filler)
	return errors.Join(err, tx.Rollback())
}

// A roomColumn is a column as information_schema describes it.
type roomColumn struct {
	name, kind string
	length     int // in characters, or bytes; 0 for what has none
	indexed    bool
}

// fillerOf is a statement that fills a table with rows that no two columns of which are alike.
func fillerOf(ctx context.Context, conn *sql.Conn, table string) (string, error) {
	rows, err := conn.QueryContext(ctx, `SELECT column_name, data_type, COALESCE(character_maximum_length, 0), column_key <> ''
		FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?
		AND extra NOT LIKE '%GENERATED%' AND extra NOT LIKE '%auto_increment%' ORDER BY ordinal_position`, table)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var names, values []string
	width := 30 // what InnoDB adds to a row, about
	for rows.Next() {
		var c roomColumn
		if err := rows.Scan(&c.name, &c.kind, &c.length, &c.indexed); err != nil {
			return "", err
		}
		value, bytes := c.filler(roomRow - width)
		names, values, width = append(names, "`"+c.name+"`"), append(values, value), width+bytes
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	const digits = `(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
		UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)`
	return fmt.Sprintf("INSERT INTO `%s` (%s) SELECT %s FROM (SELECT a.d + 10*b.d + 100*c.d + 1000*d.d + 10000*e.d AS n FROM "+
		strings.TrimSuffix(strings.Repeat(digits+" %s, ", 5), ", ")+") numbers WHERE n < %d",
		table, strings.Join(names, ", "), strings.Join(values, ", "), "a", "b", "c", "d", "e", roomFilled/width), nil
}

// filler is an expression that differs from n to n, and how many bytes it has: at most so many, or
// as few as tell the rows apart, which are enough for an index.
func (c roomColumn) filler(most int) (expression string, bytes int) {
	switch c.kind {
	case "char", "varchar", "binary", "varbinary", "tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob",
		"mediumblob", "longblob":
		const apart = 5
		if c.indexed {
			most = apart
		}
		bytes = min(c.length, max(most, apart))
		return fmt.Sprintf("LPAD(n, %d, '0')", bytes), bytes
	case "date", "datetime", "timestamp":
		return "'2000-01-01'", 8
	case "tinyint":
		return "1", 1
	default:
		return "n MOD 30000", 8
	}
}
