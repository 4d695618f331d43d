package mysqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Check refuses a server that could lose money: one that does not keep what it has committed,
// takes bad values, keeps another time than UTC, or takes no writes. It also refuses a pool whose
// sessions are not what Open asks for: a proxy may swallow that. Its error says, a sentence for
// each fault, what to set.
func Check(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	server, err := variables(ctx, conn, "GLOBAL")
	if err != nil {
		return err
	}
	session, err := variables(ctx, conn, "SESSION")
	if err != nil {
		return err
	}
	return errors.Join(checkServer(server), checkSession(session))
}

// CheckReader refuses a pool for reading whose sessions are not what Open asks for.
func CheckReader(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	session, err := variables(ctx, conn, "SESSION")
	if err != nil {
		return err
	}
	return checkSession(session)
}

// settings are variables by name. Servers do not all have all of them.
type settings map[string]string

// is reports whether a variable has one of the values given; one that is missing has none.
func (s settings) is(name string, values ...string) bool {
	return slices.Contains(values, s[name])
}

// isOff reports whether a switch is off, or missing.
func (s settings) isOff(name string) bool { return s.is(name, "OFF", "0", "") }

// variables reads the settings of the server, or of the session, that count here.
func variables(ctx context.Context, q Queryer, scope string) (settings, error) {
	const names = `'innodb_flush_log_at_trx_commit','innodb_doublewrite','innodb_force_recovery','log_bin','sync_binlog','aurora_version','datadir',
'read_only','super_read_only','innodb_read_only','sql_mode','time_zone','system_time_zone','tx_isolation','transaction_isolation',
'character_set_client','character_set_connection','character_set_results','tidb_enable_check_constraint','wsrep_on'`
	found := settings{}
	_, err := Collect(ctx, q, func(rows *sql.Rows) (_ struct{}, err error) {
		var name, value string
		err = rows.Scan(&name, &value)
		found[strings.ToLower(name)] = value
		return struct{}{}, err
	}, "SHOW "+scope+" VARIABLES WHERE Variable_name IN ("+names+")")
	if err != nil {
		return nil, fmt.Errorf("read the settings of the database server: %w", err)
	}
	return found, nil
}

func checkServer(s settings) error {
	return errors.Join(
		checkFlush(s), checkBinlog(s), checkDoublewrite(s), checkWritable(s),
		checkConstraintsOn(s), checkMode("server", s["sql_mode"]), checkZone(s["time_zone"], s["system_time_zone"]),
	)
}

func checkFlush(s settings) error {
	if s.is("innodb_flush_log_at_trx_commit", "1") {
		return nil
	}
	return fmt.Errorf("the database server may lose committed payments: set innodb_flush_log_at_trx_commit = 1 (it is %s)", s["innodb_flush_log_at_trx_commit"])
}

// checkBinlog wants a server that writes a binary log to flush that too: after a
// crash InnoDB rolls back what the binary log does not have.
func checkBinlog(s settings) error {
	if s.isOff("log_bin") || s.is("sync_binlog", "1") {
		return nil
	}
	return fmt.Errorf("the database server may lose committed payments: set sync_binlog = 1 (it is %s), or turn log_bin off", s["sync_binlog"])
}

// checkDoublewrite wants pages that a crash tore to be mended. Aurora's storage tears none, and
// neither does that of an RDS instance where Amazon turned the doublewrite buffer off by itself
// ("optimized writes"): both do without.
func checkDoublewrite(s settings) error {
	if !s.is("innodb_doublewrite", "OFF", "0", "DETECT_ONLY") || s["aurora_version"] != "" || strings.HasPrefix(s["datadir"], "/rdsdbdata/") {
		return nil
	}
	return fmt.Errorf("a crash may ruin the tables of the database server: set innodb_doublewrite = ON (it is %s)", s["innodb_doublewrite"])
}

func checkWritable(s settings) error {
	var errs []error
	for _, name := range []string{"read_only", "super_read_only", "innodb_read_only"} {
		if !s.isOff(name) {
			errs = append(errs, fmt.Errorf("the database server takes no writes: let MYSQL_DSN name the primary, or set %s = OFF (it is %s)", name, s[name]))
		}
	}
	if recovery := s["innodb_force_recovery"]; recovery != "" && recovery != "0" {
		errs = append(errs, fmt.Errorf("the database server is being recovered: set innodb_force_recovery = 0 (it is %s)", recovery))
	}
	return errors.Join(errs...)
}

func checkMode(whose, mode string) error {
	words := strings.Split(mode, ",")
	if slices.Contains(words, "STRICT_TRANS_TABLES") || slices.Contains(words, "STRICT_ALL_TABLES") {
		return nil
	}
	return fmt.Errorf("the database %s adjusts bad values instead of refusing them: add STRICT_TRANS_TABLES to sql_mode (it is %q)", whose, mode)
}

func checkZone(zone, system string) error {
	if zone == "SYSTEM" {
		zone = system
	}
	if isUTC(zone) {
		return nil
	}
	return fmt.Errorf("the database server does not keep UTC: set default_time_zone = '+00:00' (time_zone is %q)", zone)
}

func isUTC(zone string) bool {
	return slices.Contains([]string{"+00:00", "UTC", "GMT", "Etc/UTC", "Etc/GMT", "Zulu"}, zone)
}

// checkSession wants of the sessions of a pool what ParseDSN and NewConnector ask for.
func checkSession(s settings) error {
	errs := []error{checkMode("session", s["sql_mode"])}
	if !isUTC(s["time_zone"]) {
		errs = append(errs, notKept("SET time_zone = '+00:00'", "time_zone", s))
	}
	isolation := "transaction_isolation"
	if _, ok := s[isolation]; !ok {
		isolation = "tx_isolation"
	}
	if !s.is(isolation, "READ-COMMITTED") {
		errs = append(errs, notKept("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", isolation, s))
	}
	for _, name := range []string{"character_set_client", "character_set_connection", "character_set_results"} {
		if !s.is(name, "utf8mb4") {
			errs = append(errs, notKept("SET NAMES utf8mb4", name, s))
		}
	}
	return errors.Join(errs...)
}

func notKept(statement, name string, s settings) error {
	return fmt.Errorf("the database session does not keep what it is told: let what stands before the server pass on %s (%s is %q)", statement, name, s[name])
}
