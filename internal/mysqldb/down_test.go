package mysqldb_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
)

// refused is an answer of a server; a class of "" is one of a server that tells none.
func refused(number uint16, state string) error {
	err := &mysql.MySQLError{Number: number, Message: "said the server"}
	copy(err.SQLState[:], state)
	return fmt.Errorf("save orders: %w", err)
}

func TestIsDown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what   string
		number uint16
		state  string
		want   bool
	}{
		{"a file cannot be written", 3, "HY000", true},
		{"the disk is full: operating system", 20, "HY000", true},
		{"the disk is full", 1021, "HY000", true},
		{"a log cannot be written", 1026, "HY000", true},
		{"the storage engine fails", 1030, "HY000", true},
		{"no memory", 1037, "HY001", true},
		{"no memory for a thread", 1041, "HY000", true},
		{"too many connections", 1040, "08004", true},
		{"Galera without a quorum", 1047, "08S01", true},
		{"shutting down", 1053, "08S01", true},
		{"whatever a proxy calls unknown", 1105, "HY000", true},
		{"the table is full", 1114, "HY000", true},
		{"too many connections of the account", 1203, "42000", true},
		{"COMMIT failed", 1180, "HY000", true},
		{"a lock was not had", 1205, "HY000", true},
		{"no room for locks", 1206, "HY000", true},
		{"a deadlock", 1213, "40001", true},
		{"statements an hour", 1226, "42000", true},
		{"read-only", 1290, "HY000", true},
		{"a temporary error", 1297, "HY000", true},
		{"interrupted", 1317, "70100", true},
		{"too many transactions", 1637, "HY000", true},
		{"read-only transaction", 1792, "25006", true},
		{"InnoDB read-only", 1874, "HY000", true},
		{"temporary file", 1878, "HY000", true},
		{"killed", 1927, "70100", true},
		{"took too long: MariaDB", 1969, "70100", true},
		{"took too long: MySQL", 3024, "HY000", true},
		{"offline", 3032, "HY000", true},
		{"a group refuses", 3100, "HY000", true},
		{"a group gives up", 3101, "40000", true},
		{"an engine nobody has heard of", 9005, "HY000", true},
		{"a proxy nobody has heard of", 9001, "", true},
		{"a client's number, sent by a proxy", 2013, "HY000", true},

		{"a duplicate", 1062, "23000", false},
		{"a duplicate, without its class", 1062, "", false},
		{"a missing value", 1048, "23000", false},
		{"a missing default", 1364, "HY000", false},
		{"syntax", 1064, "42000", false},
		{"an unknown column", 1054, "42S22", false},
		{"an unknown table", 1146, "42S02", false},
		{"no right", 1142, "42000", false},
		{"too long", 1406, "22001", false},
		{"out of range", 1264, "22003", false},
		{"a bad value", 1366, "HY000", false},
		{"a CHECK: MariaDB", 4025, "23000", false},
		{"a CHECK: MySQL", 3819, "HY000", false},
		{"a packet that is too large", 1153, "08S01", false},
		{"not supported", 1235, "42000", false},
	} {
		if got := mysqldb.IsDown(refused(test.number, test.state)); got != test.want {
			t.Errorf("%s (%d, %q): down is %t, want %t", test.what, test.number, test.state, got, test.want)
		}
	}
	for what, err := range map[string]error{
		"a COMMIT refused with a number that would be a statement's": fmt.Errorf("%w: %w", mysqldb.ErrCommitUnknown, refused(1064, "42000")),
		"a deadline": context.DeadlineExceeded, "somebody was faster": mysqldb.ErrStale,
	} {
		if !mysqldb.IsDown(err) {
			t.Errorf("%s is not about the server", what)
		}
	}
	for what, err := range map[string]error{"nothing": nil, "anything": errors.New("anything")} {
		if mysqldb.IsDown(err) {
			t.Errorf("%s is about the server", what)
		}
	}
}

// Whoever cannot connect was asked nothing yet.
func TestIsDown_connect(t *testing.T) {
	t.Parallel()
	dsn, err := mysql.ParseDSN(mysqltest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	dsn.User, dsn.Passwd = "nobody", "wrong"
	_, err = mysqldb.Open(t.Context(), dsn.FormatDSN(), mysqldb.Config{})
	if denied, ok := errors.AsType[*mysql.MySQLError](err); !ok || denied.Number != 1045 && denied.Number != 1698 {
		t.Fatalf("error %v, want access to be denied", err)
	}
	if !mysqldb.IsDown(err) {
		t.Errorf("%v is not about the server", err)
	}
}
