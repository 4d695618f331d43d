package devservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// redisDatabases is how many logical databases a private Redis has: tests take one each.
const redisDatabases = 4096

// A redisServer is one Redis server that listens on the loopback interface.
type redisServer struct {
	program program
	run     string
	data    string // empty: nothing is kept
	log     string
	port    int
	process *process
}

func newRedis(program program, f *folder, _ Config) *redisServer {
	r := &redisServer{program: program, run: f.run, log: filepath.Join(f.state, "redis.log")}
	if f.isKept() {
		r.data = filepath.Join(f.state, "redis")
	}
	return r
}

func (r *redisServer) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// create starts the server on a free port. Another process may take the port between our asking
// and Redis's binding, so it tries a few.
func (r *redisServer) create(ctx context.Context) error {
	var err error
	for range 5 {
		if r.port, err = freePort(ctx); err != nil {
			return err
		}
		if err = r.start(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// start starts the server and returns when it answers.
func (r *redisServer) start(ctx context.Context) error {
	if r.data != "" {
		if err := os.MkdirAll(r.data, 0o700); err != nil {
			return fmt.Errorf("make Redis's data folder: %w", err)
		}
	}
	var err error
	r.process, err = startProcess(r.program, "redis-server", r.options(), r.log, filepath.Join(r.run, "redis.pid"))
	if err != nil {
		return err
	}
	if err := r.waitUntilAnswering(ctx); err != nil {
		return errors.Join(fmt.Errorf("start Redis: %w; the end of its log:\n%s", err, tail(r.log)), r.stop(false))
	}
	return nil
}

func (r *redisServer) stop(gently bool) error { return r.process.stop(gently) }

// waitUntilAnswering asks for the process id: another server may have taken the port.
func (r *redisServer) waitUntilAnswering(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: r.addr(), MaxRetries: -1, DialerRetries: 1, DisableIdentity: true})
	defer client.Close()
	return waitUntil(ctx, r.process, func() bool {
		if !isListening(ctx, r.addr()) {
			return false // The client would log it.
		}
		info, err := client.InfoMap(ctx, "server").Result()
		return err == nil && info["Server"]["process_id"] == strconv.Itoa(r.process.command.Process.Pid)
	})
}

func isListening(ctx context.Context, addr string) bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func (r *redisServer) options() []string {
	options := []string{
		"--bind", "127.0.0.1",
		"--port", strconv.Itoa(r.port),
		"--databases", strconv.Itoa(redisDatabases),
		"--daemonize", "no",
		"--save", "",
		"--dir", r.run,
		"--loglevel", "notice",
	}
	if r.data != "" {
		return append(options, "--dir", r.data, "--appendonly", "yes", "--appendfsync", "everysec")
	}
	return append(options, "--appendonly", "no")
}
