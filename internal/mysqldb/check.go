package mysqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Check refuses a server that could lose money: one that does not flush every commit to disk,
// takes bad values, or keeps another time than UTC. Its error says, a sentence for each fault,
// what to set.
func Check(ctx context.Context, db *sql.DB) error {
	var flush, binlog, sync, mode, zone, system string
	row := db.QueryRowContext(ctx, `SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.log_bin, @@GLOBAL.sync_binlog, @@GLOBAL.sql_mode, @@GLOBAL.time_zone, @@GLOBAL.system_time_zone`)
	if err := row.Scan(&flush, &binlog, &sync, &mode, &zone, &system); err != nil {
		return fmt.Errorf("read the settings of the database server: %w", err)
	}
	return errors.Join(checkFlush(flush), checkBinlog(binlog, sync), checkMode(mode), checkZone(zone, system))
}

func checkFlush(flush string) error {
	if flush == "1" {
		return nil
	}
	return fmt.Errorf("the database server may lose committed payments: set innodb_flush_log_at_trx_commit = 1 (it is %s)", flush)
}

// checkBinlog wants a server that writes a binary log to flush that too: after a
// crash InnoDB rolls back what the binary log does not have.
func checkBinlog(binlog, sync string) error {
	if binlog == "0" || sync == "1" {
		return nil
	}
	return fmt.Errorf("the database server may lose committed payments: set sync_binlog = 1 (it is %s), or turn log_bin off", sync)
}

func checkMode(mode string) error {
	words := strings.Split(mode, ",")
	if slices.Contains(words, "STRICT_TRANS_TABLES") || slices.Contains(words, "STRICT_ALL_TABLES") {
		return nil
	}
	return fmt.Errorf("the database server adjusts bad values instead of refusing them: add STRICT_TRANS_TABLES to sql_mode (it is %q)", mode)
}

func checkZone(zone, system string) error {
	if zone == "SYSTEM" {
		zone = system
	}
	if slices.Contains([]string{"+00:00", "UTC", "GMT", "Etc/UTC", "Etc/GMT", "Zulu"}, zone) {
		return nil
	}
	return fmt.Errorf("the database server does not keep UTC: set default_time_zone = '+00:00' (it is %q)", zone)
}
