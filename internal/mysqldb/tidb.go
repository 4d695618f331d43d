package mysqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// CheckConstraints refuses a table that was made with CHECK constraints and has none: MySQL before 8.0.16, and
// TiDB while tidb_enable_check_constraint is OFF, take them and forget them.
func CheckConstraints(ctx context.Context, db *sql.DB, table string) error {
	var name, statement string
	if err := db.QueryRowContext(ctx, "SHOW CREATE TABLE `"+table+"`").Scan(&name, &statement); err != nil {
		return fmt.Errorf("look for CHECK constraints: %w", err)
	}
	if strings.Contains(statement, "CHECK (") {
		return nil
	}
	return errors.New("this database server forgot the schema's CHECK constraints, which guard money and stock: use MariaDB 10.11, " +
		"MySQL 8.0.16, or TiDB with tidb_enable_check_constraint = ON, and migrate an empty database there")
}

// checkConstraintsOn wants TiDB to keep CHECK constraints.
func checkConstraintsOn(s settings) error {
	value, isTiDB := s["tidb_enable_check_constraint"]
	if !isTiDB || value == "ON" || value == "1" {
		return nil
	}
	return fmt.Errorf("TiDB forgets CHECK constraints, which guard money and stock: SET GLOBAL tidb_enable_check_constraint = ON (it is %s) before the first migration", value)
}
