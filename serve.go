package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/pg/settlement"
	"payment-system/web"
)

type serveCommand struct {
	settings
	Jobs bool `name:"jobs" env:"JOBS" default:"true" negatable:"" help:"Run scheduled jobs on this replica (yes)."`
}

const (
	// drainWithin is how long requests that are under way may take to end.
	drainWithin = 20 * time.Second
	// closeWithin is how long what they started may take after that.
	closeWithin = 5 * time.Second
)

// Run serves the API until it is told to stop.
func (c *serveCommand) Run(ctx context.Context, w *world) (err error) {
	relaxGC()
	if err := errors.Join(c.check(), settlement.CheckTemporary()); err != nil {
		return err
	}
	a, err := openApp(ctx, &c.settings, w, c.logger(w.err, "json"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.newMailer().Check(); err != nil {
		return fmt.Errorf("SMTP_ADDR, SMTP_FROM: %w", err)
	}
	if err := a.refuse(ctx); err != nil {
		return err
	}
	listener, err := listen(ctx, "HTTP_ADDR", c.HTTPAddr)
	if err != nil {
		return err
	}
	return (&server{app: a, withJobs: c.Jobs}).serve(ctx, listener)
}

// listen takes an address, or says in a sentence what to do when it is taken.
func listen(ctx context.Context, name, addr string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program: stop that, or set %s to another address", addr, name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return listener, nil
}

// newServer is an HTTP server that waits for nobody for ever.
func newServer(handler http.Handler, idle time.Duration, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // uploads and streams extend their own
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       idle,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// serveUntil serves until ctx ends, then lets requests that are under way finish. Calls of end
// run beside the wait for them.
func serveUntil(
	ctx context.Context, server *http.Server, listener net.Listener, end ...func(context.Context) error,
) error {
	var ending sync.WaitGroup
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	errs := make([]error, len(end))
	for i, run := range end {
		ending.Go(func() { errs[i] = run(ctx) })
	}
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(errors.New("requests were cut off"), server.Close())
	}
	ending.Wait()
	return errors.Join(errors.Join(errs...), err)
}

// countSockets counts the WebSockets that are open: http.Server.Shutdown does not wait for them.
func countSockets(sockets *sync.WaitGroup, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			sockets.Add(1)
			defer sockets.Done()
		}
		next.ServeHTTP(w, r)
	})
}

// waitFor waits for a group, and no longer than ctx.
func waitFor(ctx context.Context, group *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// A crew is goroutines of which one that ends takes the others along.
type crew struct {
	stop    context.CancelFunc
	working sync.WaitGroup
	errs    []*error
}

func (c *crew) start(run func() error) {
	err := new(error)
	c.errs = append(c.errs, err)
	c.working.Go(func() {
		defer c.stop()
		*err = run()
	})
}

// wait returns what they failed of, once all have ended.
func (c *crew) wait() error {
	c.working.Wait()
	var errs []error
	for _, err := range c.errs {
		errs = append(errs, *err)
	}
	return errors.Join(errs...)
}

// A server is one replica at work: it answers requests, and runs the jobs if it is to.
type server struct {
	app      *app
	mount    func(*http.ServeMux) // adds pages; nil adds none
	withJobs bool
	accounts []web.Account // are there from the start
	ready    func()        // is called once everything answers; nil is not

	draining atomic.Bool
	sockets  sync.WaitGroup
}

// defaultShutdownDelay is how long a proxy may take to notice that /readyz says no.
const defaultShutdownDelay = 5 * time.Second

// serve answers on the listener until ctx ends. Then it stops in order: it says that it is not
// ready while whoever sends requests may not have noticed yet, takes no new ones, those under way
// finish, the jobs end, and what was promised in the background is kept.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ctx, left := s.saysNo(ctx)
	defer left()
	handlers, err := s.handlers(ctx, listener)
	if err != nil {
		return err
	}
	// The jobs go on while requests finish: they may wait for each other.
	jobsCtx, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	defer stopJobs()
	serving, jobs := crew{stop: stop}, crew{stop: stop}
	if s.withJobs {
		jobs.start(func() error { return s.app.runJobs(jobsCtx) })
	}
	for _, h := range handlers {
		serving.start(func() error {
			return serveUntil(ctx, newServer(h.handler, s.app.settings.IdleTimeout, s.app.logger), h.listener)
		})
	}
	s.announce(listener)
	err = serving.wait()
	stopJobs()
	err = errors.Join(err, jobs.wait())
	return errors.Join(err, s.drain(ctx))
}

// saysNo returns a context that ends SHUTDOWN_DELAY after ctx does. In between the replica answers
// like any other, but says that it is not ready, and asks for its connections not to be used again.
func (s *server) saysNo(ctx context.Context) (closing context.Context, left func()) {
	delay := defaultShutdownDelay
	if told := s.app.settings.ShutdownDelay; told != nil {
		delay = *told
	}
	closing, closeNow := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		s.draining.Store(true)
		s.app.logger.Info("stopping", "after", delay)
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-closing.Done():
		}
		closeNow()
	})
	return closing, closeNow
}

// partings tells clients of a replica that stops to use another connection next time: closing
// one under a client that is about to use it would fail its request.
func (s *server) partings(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// announce says that everything answers.
func (s *server) announce(listener net.Listener) {
	a := s.app
	if a.settings.OTLPEndpoint != "" {
		a.logger.Warn("traces are not exported by this version", "variable", "OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	a.logger.Info("serving", "addr", listener.Addr().String(), "public_url", a.settings.PublicURL,
		"jobs", s.withJobs, "replica", a.replica)
	if s.ready != nil {
		s.ready()
	}
}

// A served handler answers on a listener.
type served struct {
	handler  http.Handler
	listener net.Listener
}

// handlers is the API and, on an address of their own, what operations need. When ctx ends they
// end their streams.
func (s *server) handlers(ctx context.Context, listener net.Listener) ([]served, error) {
	api := s.app.newGraph(s.mount)
	api.Accounts = s.accounts
	api.Ready = func(ctx context.Context) error {
		if s.draining.Load() {
			return errors.New("this replica is stopping")
		}
		return s.app.ready(ctx)
	}
	context.AfterFunc(ctx, api.EndStreams)
	handlers := []served{{s.partings(countSockets(&s.sockets, api.Handler())), listener}}
	if s.app.settings.MetricsAddr == "" {
		return handlers, nil
	}
	aside, err := listen(ctx, "METRICS_ADDR", s.app.settings.MetricsAddr)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return append(handlers, served{api.OpsHandler(), aside}), nil
}

// drain waits for what requests left to be done.
func (s *server) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	waitFor(ctx, &s.sockets)
	if err := errors.Join(s.app.commands.Drain(ctx), s.app.people.Drain(ctx)); err != nil {
		return err
	}
	s.app.logger.Info("stopped")
	return nil
}

// checkClockEvery is how often a replica that runs jobs asks the database for the time.
const checkClockEvery = 3 * time.Second

// runJobs runs the schedule until ctx ends, but only while this machine's clock agrees with the
// database's: jobs take leases, and a clock that is ahead would take those of replicas that are
// at work.
func (a *app) runJobs(ctx context.Context) error {
	for a.waitForRightClock(ctx) {
		onTime, stop := context.WithCancel(ctx)
		go func() {
			defer stop()
			a.waitForWrongClock(onTime)
		}()
		err := a.newSchedule().Run(onTime)
		stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// waitForRightClock waits until the clock is right, and reports whether it is: else ctx has ended.
func (a *app) waitForRightClock(ctx context.Context) bool {
	return a.watchClock(ctx, func(err error) bool { return err == nil })
}

// waitForWrongClock waits until the clock is wrong, or ctx ends.
func (a *app) waitForWrongClock(ctx context.Context) {
	a.watchClock(ctx, func(err error) bool { return errors.Is(err, mysqldb.ErrClock) })
}

// watchClock checks the clock until holds is true of the outcome, and reports whether it is: else
// ctx has ended. While the database does not answer nothing is known of the clock.
func (a *app) watchClock(ctx context.Context, holds func(error) bool) bool {
	ticker := time.NewTicker(checkClockEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		err := mysqldb.CheckClock(ctx, a.db, a.world.now)
		if errors.Is(err, mysqldb.ErrClock) {
			a.logger.WarnContext(ctx, "jobs wait until the clock is right", "error", err)
		}
		if holds(err) {
			return true
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return false
}
