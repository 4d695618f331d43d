package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/bench/measure"
	"payment-system/internal/devservers"
	"payment-system/internal/mail"
	"payment-system/internal/mysqldb"
)

// A rig is everything that one build of the program is measured on: a database, a Redis and the gateways' simulators
// of its own, and one replica. Its database holds the books and, beside them, the tables of the floors.
type rig struct {
	program string
	plan    plan
	folder  string // for logs and files

	servers    *devservers.Servers
	db         *sql.DB // a pool such as the replica has, for the floors
	probe      *measure.Probe
	redis      *redis.Client
	simulators *process
	server     *process // nil before it is started
	pids       map[measure.Party]int
	told       []string // further settings of every command, which win

	site     site
	sim      string // where the simulators are
	shoppers []visitor
	operator visitor
	products []string
	floor    floor

	alone measure.Sample // what the database does when no replica is there

	closers []func() error // called last to first
}

// poolMiB is the memory that the database caches tables in.
const poolMiB = 256

// openRig starts everything but the replica, and measures how idle the database is without one.
func openRig(ctx context.Context, program string, p plan, inMemory bool, progress io.Writer) (*rig, error) {
	r := &rig{program: program, plan: p, pids: map[measure.Party]int{}}
	if err := r.open(ctx, inMemory, progress); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rig) open(ctx context.Context, inMemory bool, progress io.Writer) (err error) {
	if r.folder, err = os.MkdirTemp("", "payment-system-bench-"); err != nil {
		return err
	}
	r.closers = append(r.closers, func() error { return os.RemoveAll(r.folder) })
	r.servers, err = devservers.Start(ctx, devservers.Config{
		Progress: progress, InMemory: inMemory, BufferPoolMiB: poolMiB,
	})
	if err != nil {
		return err
	}
	r.closers = append(r.closers, r.servers.Close)
	if err := runProgram(ctx, r.program, r.environment(), "migrate"); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.openDatabase, r.openRedis, r.startSimulators} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if r.floor, err = openFloor(ctx, r.servers.MySQLDSN, r.plan.products); err != nil {
		return err
	}
	r.closers = append(r.closers, r.floor.db.Close)
	if r.alone, err = r.sample(ctx, r.rest); err != nil {
		return err
	}
	return r.furnish(ctx)
}

func (r *rig) openDatabase(ctx context.Context) (err error) {
	if r.db, err = mysqldb.Open(ctx, r.servers.MySQLDSN, mysqldb.Config{}); err != nil {
		return err
	}
	r.closers = append(r.closers, r.db.Close)
	if r.probe, err = measure.OpenProbe(ctx, r.db); err != nil {
		return err
	}
	r.closers = append(r.closers, r.probe.Close)
	var file string
	if err := r.db.QueryRowContext(ctx, "SELECT @@pid_file").Scan(&file); err != nil {
		return fmt.Errorf("find the database's process: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("find the database's process: %w", err)
	}
	r.pids[measure.Database], err = strconv.Atoi(strings.TrimSpace(string(text)))
	return err
}

func (r *rig) openRedis(ctx context.Context) error {
	r.redis = redis.NewClient(&redis.Options{Addr: r.servers.RedisAddr, DisableIdentity: true})
	r.closers = append(r.closers, r.redis.Close)
	info, err := r.redis.InfoMap(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("find Redis's process: %w", err)
	}
	r.pids[measure.Redis], err = strconv.Atoi(info["Server"]["process_id"])
	return err
}

// The keys that the simulators take.
const (
	kakaoKey = "DEV0000000000000000000000000000000000000"
	tossKey  = "test_sk_00000000000000000000000000000000"
)

// environment names the servers to any command.
func (r *rig) environment() []string {
	return append([]string{
		"MYSQL_DSN=" + r.servers.MySQLDSN, "REDIS_ADDRS=" + r.servers.RedisAddr,
		"LOG_LEVEL=info", "LOG_FORMAT=json",
		"KAKAO_BASE_URL=" + r.sim + "/kakao", "KAKAO_SECRET_KEY=" + kakaoKey,
		"TOSS_BASE_URL=" + r.sim + "/toss", "TOSS_SECRET_KEY=" + tossKey,
	}, r.told...)
}

// startSimulators starts the gateways. They send no webhooks: the server takes so many from one address and no more.
func (r *rig) startSimulators(ctx context.Context) error {
	addr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	told := []string{
		"PGSIM_ADDR=" + addr, "KAKAO_SECRET_KEY=" + kakaoKey, "TOSS_SECRET_KEY=" + tossKey, "LOG_LEVEL=error",
	}
	if r.simulators, err = startProcess(r.program, r.folder, told, "pgsim"); err != nil {
		return err
	}
	r.closers = append(r.closers, func() error { r.simulators.stop(); return nil })
	r.sim = "http://" + addr
	r.pids[measure.Simulators] = r.simulators.pid()
	return r.simulators.await(ctx, newSite(r.sim).answers("/sim/clock"))
}

// startServer starts the replica that is measured.
func (r *rig) startServer(ctx context.Context, mailbox *mail.Mailbox) (err error) {
	r.server, r.site, err = r.startReplica(ctx, "SMTP_ADDR="+mailbox.Addr(), "SMTP_FROM=shop@example.com")
	if r.server == nil {
		return err
	}
	r.closers = append(r.closers, func() error { r.server.stop(); return nil })
	r.pids[measure.Server] = r.server.pid()
	return err
}

// startReplica starts a replica, and returns when it is ready. Orders are held for longer than any bench lasts.
func (r *rig) startReplica(ctx context.Context, told ...string) (*process, site, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, site{}, err
	}
	at := newSite("http://" + addr)
	told = slices.Concat(r.environment(), []string{
		"HTTP_ADDR=" + addr, "PUBLIC_URL=" + at.url, "ORDER_HOLD=24h", "SESSION_IDLE=12h", "SESSION_MAX=24h",
		"SHUTDOWN_DELAY=0s",
	}, told)
	replica, err := startProcess(r.program, r.folder, told, "serve")
	if err != nil {
		return nil, site{}, err
	}
	return replica, at, replica.await(ctx, at.answers("/readyz"))
}

// answers returns whether a path is answered, as a question.
func (s site) answers(path string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		_, err := s.get(ctx, s.url+path, http.StatusOK)
		return err == nil
	}
}

// freeAddr returns an address of this machine that nobody listens at.
func freeAddr(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// close stops everything, last to first.
func (r *rig) close() error {
	var errs []error
	for _, closer := range slices.Backward(r.closers) {
		errs = append(errs, closer())
	}
	r.closers = nil
	return errors.Join(errs...)
}

// rest does nothing for a while; its operations are seconds.
func (r *rig) rest(ctx context.Context) (measure.Run, error) {
	seconds := cmp.Or(int(r.plan.time.Seconds()), 1)
	began := time.Now()
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(seconds) * time.Second):
	}
	return measure.Run{Operations: seconds, Elapsed: time.Since(began)}, ctx.Err()
}
