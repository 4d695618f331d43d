package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"payment-system/internal/mysqldb"
	"payment-system/projections"
	migrations "payment-system/sql"
)

// openReadReplica opens where queries read, if that is not the primary, and has it looked after. One that is
// away, or behind, takes nothing down: the primary is asked. One that could never be read at is refused.
func (a *app) openReadReplica(ctx context.Context) (err error) {
	a.reads = a.db
	if !a.settings.hasReplica() {
		return nil
	}
	if a.reads, err = a.settings.replicaPool(mysqldb.Config{Logger: a.logger}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.reads.Close)
	looking, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = errors.Join(mysqldb.CheckReader(looking, a.reads), checkReadable(looking, a.reads))
	if mysqldb.IsMisconfigured(err) || (err != nil && !mysqldb.IsDown(err)) {
		return fmt.Errorf("MYSQL_READ_DSN: %w", explainTLS(err))
	}
	if err != nil {
		a.logger.WarnContext(ctx, "read replica is away", "error", err)
	}
	a.readReplica = &mysqldb.ReadReplica{
		DB: a.reads, Primary: a.db, Position: projections.Position, Check: checkSchema, Now: a.world.now, Logger: a.logger,
	}
	a.registry.MustRegister(replicaGauges(a.readReplica)...)
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	watch.Go(func() { a.readReplica.Watch(watching) })
	a.closers = append(a.closers, func() error { stop(); watch.Wait(); return nil })
	return nil
}

func replicaGauges(r *mysqldb.ReadReplica) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "payment_system_read_replica_up", Help: "1 when queries read at MYSQL_READ_DSN; 0 when it rests and the primary is asked.",
		}, func() float64 {
			if r.IsUp() {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "payment_system_read_lag_seconds", Help: "How far MYSQL_READ_DSN is behind the primary.",
		}, func() float64 { return r.Lag().Seconds() }),
	}
}

// checkReplica refuses a server that queries cannot read at: one with another schema, whose sessions do not
// keep UTC, or whose account may not read what is shown, and how far the books have come.
func checkReplica(ctx context.Context, db *sql.DB) error {
	return errors.Join(mysqldb.CheckReader(ctx, db), checkSchema(ctx, db), checkReadable(ctx, db))
}

// checkReadable wants the account to be allowed to read all read models.
func checkReadable(ctx context.Context, db *sql.DB) error {
	var missing []string
	for _, table := range migrations.Tables() {
		if !strings.HasSuffix(table, "_views") && table != "events" {
			continue
		}
		denied, err := mysqldb.Denied(ctx, db, table, "", "SELECT")
		if err != nil {
			return err
		}
		if len(denied.Denied) > 0 {
			missing = append(missing, denied.String())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return errors.New("grant its account " + strings.Join(missing, "; "))
}
