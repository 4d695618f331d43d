package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"payment-system/internal/mail"
	"payment-system/internal/mysqldb"
	"payment-system/internal/redisdb"
	"payment-system/pg"
	"payment-system/shop"
	migrations "payment-system/sql"
)

func (d *doctor) examineDatabase(ctx context.Context, c *chart) {
	if len(d.settings.checkDatabase()) > 0 {
		c.add("MYSQL_DSN", skipped, "see settings")
		return
	}
	a := &app{settings: d.settings, world: d.world}
	connected := c.try(ctx, "MYSQL_DSN", func(ctx context.Context) (detail string, err error) {
		if a.db, err = d.settings.openDatabase(ctx, mysqldb.Config{MaxConns: 2}); err != nil {
			return "", err
		}
		return versionOf(ctx, a.db)
	})
	if a.db != nil {
		defer a.db.Close()
	}
	if !connected {
		return
	}
	asked := map[string]string{
		"MYSQL_DSN": "server settings", "clock": "clock", "schema": "schema",
	}
	isMigrated := true
	for _, n := range a.needs(checkSchema) {
		ok := c.try(ctx, asked[n.name], func(ctx context.Context) (string, error) { return "as needed", n.check(ctx) })
		isMigrated = isMigrated && (ok || n.name != "schema")
	}
	if isMigrated {
		c.try(ctx, "constraints", func(ctx context.Context) (string, error) { return "kept", mysqldb.CheckConstraints(ctx, a.db, "stock") })
		d.examineRights(ctx, c, a.db)
	}
}

func versionOf(ctx context.Context, db *sql.DB) (version string, err error) {
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	return version, nil
}

// examineRights wants the account to be able to do its work, and warns when it could change what has happened.
func (d *doctor) examineRights(ctx context.Context, c *chart, db *sql.DB) {
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	missing, err := missingRights(ctx, db)
	switch {
	case err != nil:
		c.add("rights", faulty, err.Error())
		return
	case len(missing) > 0:
		c.add("rights", faulty, "grant the account of MYSQL_DSN "+strings.Join(missing, "; "))
		return
	}
	denied, err := mysqldb.Denied(ctx, db, "events", "payload", "UPDATE", "DELETE")
	if err == nil && len(denied.Denied) < 2 {
		c.add("rights", warned, "the account may change what has happened: let it only read, insert, and UPDATE (published_at) "+
			"of events")
		return
	}
	c.add("rights", sound, "as needed")
}

// missingRights are those that serving needs, and the account has not.
func missingRights(ctx context.Context, db *sql.DB) (missing []string, err error) {
	add := func(table, column string, verbs ...string) error {
		denied, err := mysqldb.Denied(ctx, db, table, column, verbs...)
		if err == nil && len(denied.Denied) > 0 {
			missing = append(missing, denied.String())
		}
		return err
	}
	errs := []error{add("goose_db_version", "", "SELECT")}
	for _, table := range migrations.Tables() {
		if table == "events" {
			errs = append(errs, add(table, "published_at", "SELECT", "INSERT", "UPDATE"))
			continue
		}
		errs = append(errs, add(table, columnOf(ctx, db, table), "SELECT", "INSERT", "UPDATE", "DELETE"))
	}
	return missing, errors.Join(errs...)
}

// columnOf is some column of a table.
func columnOf(ctx context.Context, db *sql.DB, table string) (column string) {
	const query = `SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?
ORDER BY ordinal_position LIMIT 1`
	if err := db.QueryRowContext(ctx, query, table).Scan(&column); err != nil {
		return "id" // An account that sees no column is told that it may not.
	}
	return column
}

func (d *doctor) examineReplica(ctx context.Context, c *chart) {
	switch {
	case !d.settings.hasReplica():
		c.add("MYSQL_READ_DSN", skipped, "not set: queries read at MYSQL_DSN")
		return
	case len(d.settings.checkDSN("MYSQL_READ_DSN", d.settings.MySQLReadDSN)) > 0:
		c.add("MYSQL_READ_DSN", skipped, "see settings")
		return
	}
	c.try(ctx, "MYSQL_READ_DSN", func(ctx context.Context) (string, error) {
		db, err := d.settings.replicaPool(mysqldb.Config{MaxConns: 2})
		if err != nil {
			return "", err
		}
		defer db.Close()
		if err := checkReplica(ctx, db); err != nil {
			return "", explainTLS(err)
		}
		return versionOf(ctx, db)
	})
}

func (d *doctor) examineRedis(ctx context.Context, c *chart) {
	if d.settings.redis.Addrs == nil {
		c.add("REDIS_ADDRS", skipped, "see settings")
		return
	}
	d.examinePlace(ctx, c, "REDIS_ADDRS", d.settings.redis, 1)
}

func (d *doctor) examineLocks(ctx context.Context, c *chart) {
	if len(d.settings.locks) == 0 {
		c.add("LOCK_REDIS_ADDRS", skipped, "locks are at REDIS_ADDRS")
		return
	}
	for _, place := range d.settings.locks {
		d.examinePlace(ctx, c, "LOCK_REDIS_ADDRS", place, len(d.settings.locks))
	}
}

func (d *doctor) examinePlace(ctx context.Context, c *chart, name string, place redisdb.Place, nodes int) {
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	client, mode, err := redisdb.Open(ctx, place, redisdb.Config{Roots: d.settings.redisRoots})
	if err != nil {
		c.add(name, faulty, fmt.Sprintf("%s: %v", place, err))
		return
	}
	defer client.Close()
	if err := redisdb.Check(ctx, client); err != nil {
		c.add(name, faulty, fmt.Sprintf("%s: %v", place, err))
		return
	}
	if err := independent(place, mode, nodes); err != nil {
		c.add(name, faulty, strings.TrimPrefix(err.Error(), name+": "))
		return
	}
	for _, warning := range redisdb.Warnings(ctx, client) {
		c.add(name, warned, fmt.Sprintf("%s: %s", place, warning))
		return
	}
	c.add(name, sound, fmt.Sprintf("%s: %s", place, mode))
}

// examineFolder wants to write where uploads are kept for a moment.
func (d *doctor) examineFolder(ctx context.Context, c *chart) {
	c.try(ctx, "temporary folder", func(context.Context) (string, error) {
		file, err := os.CreateTemp("", "payment-system-doctor-")
		if err != nil {
			return "", fmt.Errorf("let TMPDIR name a folder that can be written: %w", err)
		}
		_, err = file.WriteString("doctor")
		if err = errors.Join(err, file.Close(), os.Remove(file.Name())); err != nil {
			return "", fmt.Errorf("let TMPDIR name a folder that can be written: %w", err)
		}
		return os.TempDir(), nil
	})
}

func (d *doctor) examineSource(_ context.Context, c *chart) {
	switch {
	case d.settings.SettlementSource == "":
		c.add("SETTLEMENT_SOURCE", skipped, "not set: no folder is polled for settlement files")
	case len(d.settings.checkSource()) > 0:
		c.add("SETTLEMENT_SOURCE", skipped, "see settings")
	default:
		c.add("SETTLEMENT_SOURCE", sound, d.settings.SettlementSource)
	}
}

// nobodys is a payment that no gateway has.
var nobodys = pg.Key{PaymentKey: "T0000000000000000000", AttemptID: "att_00000000000000000000000000"}

// examineGateways asks each gateway for a payment that it cannot have: with a key that is right it says so.
func (d *doctor) examineGateways(ctx context.Context, c *chart) {
	opened := gateways(d.settings.gatewaySettings, d.world, discard, nil)
	for _, gateway := range []struct {
		pg   shop.PG
		name string
	}{
		{shop.PGKakao, "KAKAO_SECRET_KEY"},
		{shop.PGToss, "TOSS_SECRET_KEY"},
	} {
		if opened[gateway.pg] == nil {
			c.add(gateway.name, skipped, "see settings")
			continue
		}
		c.try(ctx, gateway.name, func(ctx context.Context) (string, error) {
			return "the gateway knows it", askNobodys(ctx, opened[gateway.pg])
		})
	}
}

func askNobodys(ctx context.Context, gateway pg.Gateway) error {
	_, err := gateway.LookUp(ctx, nobodys)
	failed, ok := errors.AsType[*pg.Error](err)
	switch {
	case err == nil || (ok && (failed.Outcome == pg.OutcomeNotFound || failed.Outcome == pg.OutcomeRefused)):
		return nil
	case ok && failed.Outcome == pg.OutcomeMisconfigured:
		return fmt.Errorf("the gateway does not take the key, or the contract's id: %w", err)
	}
	return fmt.Errorf("the gateway does not answer: %w", err)
}

func (d *doctor) examineMail(ctx context.Context, c *chart) {
	s := d.settings
	if len(s.checkMail()) > 0 {
		c.add("SMTP_ADDR", skipped, "see settings")
		return
	}
	mailer := &mail.Mailer{
		Addr: s.SMTPAddr, From: s.SMTPFrom, User: s.SMTPUser, Password: s.SMTPPassword,
		Timeout: examineWithin - time.Second, Now: d.world.now,
	}
	c.try(ctx, "SMTP_ADDR", func(ctx context.Context) (string, error) {
		if err := mailer.Check(); err != nil {
			return "", err
		}
		if d.mailTo == "" {
			return "the server lets us in; --mail ADDRESS sends a letter", mailer.Dial(ctx)
		}
		return "a letter to " + d.mailTo + " was taken", mailer.Send(ctx, mail.Message{
			To: d.mailTo, Subject: "payment-system doctor",
			Text: "This letter shows that mails of the payment-system arrive.\n",
			HTML: "<p>This letter shows that mails of the payment-system arrive.</p>",
		})
	})
}
