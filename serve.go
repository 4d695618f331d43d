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
	if err := c.check(); err != nil {
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
	if err := errors.Join(mysqldb.Check(ctx, a.db), mysqldb.CheckClock(ctx, a.db, w.now), checkSchema(ctx, a.db)); err != nil {
		return err
	}
	listener, err := listen(ctx, "HTTP_ADDR", c.HTTPAddr)
	if err != nil {
		return err
	}
	return a.serve(ctx, listener, nil, c.Jobs, nil)
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
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // uploads and streams extend their own
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// serveUntil serves until ctx ends, then lets requests that are under way finish. Calls of end
// run beside the wait for them.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener, end ...func(context.Context) error) error {
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

// serve answers on the listener until ctx ends, and runs the schedule if jobs says so; ready is
// called once everything answers. Then it stops in order: no new requests, those under way
// finish, the jobs end, and what was promised in the background is kept.
func (a *app) serve(ctx context.Context, listener net.Listener, mount func(*http.ServeMux), withJobs bool, ready func()) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var draining atomic.Bool
	server := a.newGraph(mount)
	server.Ready = func(ctx context.Context) error {
		if draining.Load() {
			return errors.New("this replica is stopping")
		}
		return a.ready(ctx)
	}
	// The jobs go on while requests finish: they may wait for each other.
	jobsCtx, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	defer stopJobs()
	context.AfterFunc(ctx, func() {
		draining.Store(true)
		server.EndStreams()
	})
	var sockets sync.WaitGroup
	handlers, err := a.handlers(ctx, listener, countSockets(&sockets, server.Handler()), server.OpsHandler())
	if err != nil {
		return err
	}
	var jobs, serving sync.WaitGroup
	errs := make([]error, len(handlers)+1)
	if withJobs {
		jobs.Go(func() {
			defer stop()
			errs[len(handlers)] = a.runJobs(jobsCtx)
		})
	}
	for i, h := range handlers {
		serving.Go(func() {
			defer stop() // one that fails takes the others along
			errs[i] = serveUntil(ctx, newServer(h.handler, a.logger), h.listener)
		})
	}
	if a.settings.OTLPEndpoint != "" {
		a.logger.Warn("traces are not exported by this version", "variable", "OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	a.logger.Info("serving", "addr", listener.Addr().String(), "public_url", a.settings.PublicURL, "jobs", withJobs, "replica", a.replica)
	if ready != nil {
		ready()
	}
	serving.Wait()
	stopJobs()
	jobs.Wait()
	return errors.Join(errors.Join(errs...), a.drain(ctx, &sockets))
}

// A served handler answers on a listener.
type served struct {
	handler  http.Handler
	listener net.Listener
}

// handlers is the API and, on an address of their own, what operations need.
func (a *app) handlers(ctx context.Context, listener net.Listener, api, ops http.Handler) ([]served, error) {
	handlers := []served{{api, listener}}
	if a.settings.MetricsAddr == "" {
		return handlers, nil
	}
	aside, err := listen(ctx, "METRICS_ADDR", a.settings.MetricsAddr)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return append(handlers, served{ops, aside}), nil
}

// drain waits for what requests left to be done.
func (a *app) drain(ctx context.Context, sockets *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	waitFor(ctx, sockets)
	if err := errors.Join(a.commands.Drain(ctx), a.people.Drain(ctx)); err != nil {
		return err
	}
	a.logger.Info("stopped")
	return nil
}
