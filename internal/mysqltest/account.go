package mysqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// An Account is one of a database's that has no rights but those it is given.
type Account struct {
	DSN string // as the account

	t      testing.TB
	admin  *sql.DB
	name   string
	schema string
}

// NewAccount makes an account without rights for the database that dsn names, and drops it when t ends.
func NewAccount(t testing.TB, dsn string) *Account {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	a := &Account{t: t, name: prefix + strings.ToLower(rand.Text()[:12]), schema: config.DBName}
	if a.admin, err = sql.Open("mysql", dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.admin.Close() })
	config.User, config.Passwd = a.name, rand.Text()
	a.DSN = config.FormatDSN()
	for _, user := range a.users() {
		a.exec("CREATE USER " + user + " IDENTIFIED BY '" + config.Passwd + "'")
		t.Cleanup(func() {
			if _, err := a.admin.ExecContext(context.Background(), "DROP USER "+user); err != nil {
				t.Error(err)
			}
		})
	}
	return a
}

// users are the account's: a server may have one for anybody on its own machine, which would come before '%'.
func (a *Account) users() []string {
	return []string{"'" + a.name + "'@'%'", "'" + a.name + "'@'localhost'"}
}

// Tables are those of the database.
func (a *Account) Tables() (names []string) {
	a.t.Helper()
	rows, err := a.admin.QueryContext(a.t.Context(), "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
	if err != nil {
		a.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			a.t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		a.t.Fatal(err)
	}
	return names
}

// Grant gives the account rights to tables, to each of the database when none is named.
func (a *Account) Grant(rights string, tables ...string) {
	a.t.Helper()
	a.each("GRANT "+rights+" ON ", " TO ", tables)
}

// Revoke takes rights that were granted.
func (a *Account) Revoke(rights string, tables ...string) {
	a.t.Helper()
	a.each("REVOKE "+rights+" ON ", " FROM ", tables)
}

func (a *Account) each(verb, whom string, tables []string) {
	a.t.Helper()
	if len(tables) == 0 {
		tables = a.Tables()
	}
	for _, user := range a.users() {
		for _, table := range tables {
			a.exec(verb + "`" + a.schema + "`.`" + table + "`" + whom + user)
		}
	}
}

func (a *Account) exec(statement string) {
	a.t.Helper()
	if _, err := a.admin.ExecContext(a.t.Context(), statement); err != nil {
		a.t.Fatalf("%s: %v", statement, err)
	}
}
