package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/command/reconciliation"
	"payment-system/graph"
	"payment-system/internal/failpoint"
	"payment-system/internal/jobs"
	"payment-system/internal/locks"
	"payment-system/internal/mail"
	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/pg"
	"payment-system/pg/kakao"
	"payment-system/pg/toss"
	"payment-system/projections"
	"payment-system/projections/reconcile"
	"payment-system/projections/schedule"
	"payment-system/projections/verify"
	"payment-system/query"
	"payment-system/shop"
)

// An app is the whole program, wired together.
type app struct {
	settings *settings
	world    *world
	logger   *slog.Logger
	replica  string
	registry *prometheus.Registry

	db, reads   *sql.DB
	readReplica *mysqldb.ReadReplica // nil when queries read at the primary
	redis       redis.UniversalClient
	gateways    map[shop.PG]pg.Gateway
	locker      *locks.Locker
	commands    *command.Handler
	people      *people.Handler
	projector   *projections.Projector
	reconciler  *reconcile.Reconciler
	queries     *query.Reader

	closers []func() error // called last to first
}

// openTools opens what the commands that serve nobody need.
func openTools(ctx context.Context, s *settings, w *world) (*app, error) {
	s.MySQLReadDSN = "" // what a tool has just written it reads at once
	s.KakaoCID = cmp.Or(s.KakaoCID, defaultKakaoCID)
	s.PGTimeout = cmp.Or(s.PGTimeout, 10*time.Second)
	faults := s.checkServers()
	faults = append(faults, s.checkGateways()...)
	faults = append(faults, s.checkLog()...)
	if err := faults.err(); err != nil {
		return nil, err
	}
	s.AutoApplyCap = cmp.Or(s.AutoApplyCap, 1_000_000)
	s.OrderHold = cmp.Or(s.OrderHold, 15*time.Minute)
	s.PublicURL = cmp.Or(s.PublicURL, defaultPublicURL)
	a, err := openApp(ctx, s, w, s.logger(w.err, "text"))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(mysqldb.Check(ctx, a.db), checkSchema(ctx, a.db)); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// openApp connects to the databases and wires everything together. It starts nothing.
func openApp(ctx context.Context, s *settings, w *world, logger *slog.Logger) (*app, error) {
	redis.SetLogger(redisLog{logger})
	a := &app{settings: s, world: w, logger: logger, replica: replicaName(w), registry: prometheus.NewRegistry()}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// redisLog takes what the Redis client would print to standard error. What it
// means for a caller is in the caller's error.
type redisLog struct{ logger *slog.Logger }

// Printf implements the client's logging.
func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.logger.WarnContext(ctx, "redis client", "detail", fmt.Sprintf(format, args...))
}

// replicaName names this process in leases: 40 characters at most.
func replicaName(w *world) string {
	host, err := os.Hostname()
	if err != nil {
		host = "replica"
	}
	host, _, _ = strings.Cut(host, ".")
	id := w.newID("")
	return fmt.Sprintf("%.20s-%s", host, id[len(id)-12:])
}

func (a *app) open(ctx context.Context) error {
	if err := a.openDatabases(ctx); err != nil {
		return err
	}
	if err := a.openRedis(ctx); err != nil {
		return err
	}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewDBStatsCollector(a.db, "primary"), a.redisGauge(),
		&verify.Gauges{DB: a.db, Now: a.world.now, Logger: a.logger})
	floors := &views.Floors{}
	a.projector = &projections.Projector{
		DB: a.db, Redis: a.redis, Logger: a.logger, Now: a.world.now, Replica: a.replica, Floors: floors,
	}
	a.closers = append(a.closers, func() error { a.projector.Close(); return nil })
	a.queries = &query.Reader{
		DB: a.reads, Primary: a.db, Redis: a.redis, Logger: a.logger, Now: a.world.now, Floors: floors,
		Backlog: a.projector.Backlog, Follow: a.projector.Follow,
	}
	if a.readReplica != nil {
		a.queries.Replica = a.readReplica
	}
	a.gateways = gateways(a.settings.gatewaySettings, a.world, a.logger, a.registry)
	a.commands = a.newCommands()
	a.people = a.newPeople()
	a.reconciler = &reconcile.Reconciler{
		DB: a.db, Money: a.commands, Logger: a.logger, Now: a.world.now, AutoApplyCap: shop.Won(a.settings.AutoApplyCap),
		Files: &reconciliation.Desk{
			DB: a.db, Projector: a.projector, Now: a.world.now, NewID: a.world.newID, Logger: a.logger, Replica: a.replica,
		},
	}
	return a.openSource()
}

// openSource opens the folder that is polled for settlement files, if there is one.
func (a *app) openSource() (err error) {
	if a.settings.SettlementSource == "" {
		return nil
	}
	if a.reconciler.Source, err = reconcile.OpenSource(a.settings.SettlementSource); err != nil {
		return err
	}
	a.closers = append(a.closers, a.reconciler.Source.Close)
	return nil
}

func (a *app) openDatabases(ctx context.Context) (err error) {
	if a.db, err = a.settings.openDatabase(ctx, mysqldb.Config{Logger: a.logger}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.db.Close)
	return a.openReadReplica(ctx)
}

func (a *app) newCommands() *command.Handler {
	s := a.settings
	return &command.Handler{
		DB: a.db, Locks: failpoint.Locks[command.Locker](a.locker, command.NoLocks{}), Gateways: a.gateways,
		Projector: a.projector, Redis: a.redis,
		Now: a.world.now, NewID: a.world.newID, Random: a.world.random, Logger: a.logger,
		PublicURL: s.PublicURL, Returns: s.allowed, ImageOrigin: s.ImageOrigin, OrderHold: s.OrderHold,
		PGTimeout: s.PGTimeout, Replica: a.replica,
	}
}

func (a *app) newPeople() *people.Handler {
	return &people.Handler{
		DB: a.db, Projector: a.projector, Mailer: a.newMailer(), Sessions: a.newSessions(), Redis: a.redis,
		Now: a.world.now, NewID: a.world.newID, Random: a.world.random, Logger: a.logger,
		PublicURL: a.settings.PublicURL,
	}
}

func (a *app) newMailer() *mail.Mailer {
	s := a.settings
	return &mail.Mailer{Addr: s.SMTPAddr, From: s.SMTPFrom, User: s.SMTPUser, Password: s.SMTPPassword, Now: a.world.now}
}

// gateways opens a client of each gateway that there is a key for. Calls are counted in the
// registry, if there is one.
func gateways(s gatewaySettings, w *world, logger *slog.Logger, registry *prometheus.Registry) map[shop.PG]pg.Gateway {
	observe := observeCalls(registry)
	opened := map[shop.PG]pg.Gateway{}
	if s.KakaoSecretKey != "" {
		opened[shop.PGKakao] = outside{&kakao.Client{
			BaseURL: s.KakaoBaseURL, SecretKey: s.KakaoSecretKey, CID: s.KakaoCID, Timeout: s.PGTimeout,
			Now: w.now, Logger: logger, Observe: observe(shop.PGKakao),
		}}
	}
	if s.TossSecretKey != "" {
		opened[shop.PGToss] = outside{&toss.Client{
			BaseURL: s.TossBaseURL, SecretKey: s.TossSecretKey, ClientKey: s.TossClientKey, DefaultMethod: s.TossMethod,
			Timeout: s.PGTimeout, Now: w.now, Logger: logger, Observe: observe(shop.PGToss),
		}}
	}
	return opened
}

// observeCalls returns, for each gateway, what measures its calls.
func observeCalls(registry *prometheus.Registry) func(shop.PG) func(call, outcome string, took time.Duration) {
	if registry == nil {
		return func(shop.PG) func(string, string, time.Duration) { return nil }
	}
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "payment_system_gateway_call_seconds", Help: "How long calls to payment gateways took, and how they ended.",
		Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"pg", "call", "outcome"})
	registry.MustRegister(seconds)
	return func(gateway shop.PG) func(string, string, time.Duration) {
		return func(call, outcome string, took time.Duration) {
			seconds.WithLabelValues(string(gateway), call, outcome).Observe(took.Seconds())
		}
	}
}

// newGraph is everything that speaks HTTP.
func (a *app) newGraph(mount func(*http.ServeMux)) *graph.Server {
	s := a.settings
	return &graph.Server{
		Commands: a.commands, People: a.people, Queries: a.queries, Reconciler: a.reconciler, Republisher: a.projector,
		Sessions: a.newSessions(),
		ShopName: s.ShopName, ShopNotices: s.notices,
		PublicURL: s.PublicURL, AllowedOrigins: s.allowed, AllowedHeaders: s.AllowedHeaders, RemoteIP: s.proxies.Of,
		Introspection: s.Introspection != nil && *s.Introspection, Playground: s.Playground != nil && *s.Playground,
		Ready: a.ready, Metrics: promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}), Registry: a.registry,
		OpsElsewhere: s.MetricsAddr != "", Mount: mount, Logger: a.logger, Now: a.world.now,
	}
}

// newSessions is who is signed in, on any replica.
func (a *app) newSessions() *graph.Sessions {
	return &graph.Sessions{
		Redis: a.redis, Idle: a.settings.SessionIdle, Max: a.settings.SessionMax, Now: a.world.now, Random: a.world.random,
	}
}

// newSchedule is what nobody asks for.
func (a *app) newSchedule() *schedule.Schedule {
	return &schedule.Schedule{
		Commands: a.commands, Projector: a.projector, Reconciler: a.reconciler,
		Runs:           &jobs.Runs{DB: a.db, Owner: a.replica, Logger: a.logger},
		ReconcileEvery: a.settings.ReconcileEvery, Now: a.world.now, Logger: a.logger, DB: a.db,
	}
}

// close gives back what open took.
func (a *app) close() error {
	var errs []error
	for _, closer := range slices.Backward(a.closers) {
		errs = append(errs, closer())
	}
	a.closers = nil
	return errors.Join(errs...)
}
