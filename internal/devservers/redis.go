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

// firstRedis is the name of the files of the Redis that Start starts.
const firstRedis = "redis"

// redisDatabases is how many logical databases a private Redis has: tests take one each.
const redisDatabases = 4096

// A redisServer is one Redis server that listens on the loopback interface.
type redisServer struct {
	name    string // of its files
	program program
	run     string
	dir     string // where it works
	isKept  bool   // what it knows outlives the run
	log     string
	port    int
	config  RedisConfig
	ports   map[string]int // further ones, by the option that takes them
	process *process
}

func newRedis(name string, program program, f *folder, config RedisConfig) *redisServer {
	r := &redisServer{
		name: name, program: program, run: f.run, dir: f.run, config: config, ports: map[string]int{},
		log: filepath.Join(f.state, name+".log"),
	}
	switch {
	case f.isKept():
		r.dir, r.isKept = filepath.Join(f.state, name), true
	case name != firstRedis:
		r.dir = filepath.Join(f.run, name)
	}
	return r
}

func (r *redisServer) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// create starts the server on a free port. Another process may take the port between our asking
// and Redis's binding, so it tries a few.
func (r *redisServer) create(ctx context.Context) error {
	var err error
	for range 5 {
		if err = r.takePorts(ctx); err != nil {
			return err
		}
		if err = r.start(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// takePorts finds free ports. That of a cluster's bus is set, for by default it is 10000 higher than may be.
func (r *redisServer) takePorts(ctx context.Context) (err error) {
	if r.port, err = freePort(ctx); err != nil {
		return err
	}
	if r.config.Cluster {
		r.ports["cluster-port"], err = freePort(ctx)
	}
	if err == nil && r.config.CertFile != "" {
		r.ports["tls-port"], err = freePort(ctx)
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
	args, err := r.options()
	if err != nil {
		return fmt.Errorf("make Redis's folder: %w", err)
	}
	r.process, err = startProcess(r.program, "redis-server", args, r.log, filepath.Join(r.run, r.name+".pid"))
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
	client := redis.NewClient(&redis.Options{Addr: r.addr(), Password: r.config.Password, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true})
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

// options makes the folder that the server works in, and returns what it is started with.
func (r *redisServer) options() ([]string, error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	options := []string{
		"--bind", "127.0.0.1",
		"--port", strconv.Itoa(r.port),
		"--daemonize", "no",
		"--dir", r.dir,
		"--loglevel", "notice",
	}
	if r.config.Sentinel != "" {
		file := filepath.Join(r.dir, r.name+".conf")
		options = append([]string{file, "--sentinel"}, options...)
		return append(options, r.config.Options...), os.WriteFile(file, []byte(r.config.Sentinel), 0o600)
	}
	options = append(options, "--databases", strconv.Itoa(redisDatabases), "--save", "", "--repl-diskless-sync-delay", "0")
	if r.isKept {
		options = append(options, "--appendonly", "yes", "--appendfsync", "everysec")
	} else {
		options = append(options, "--appendonly", "no")
	}
	if r.config.Cluster {
		options = append(options, "--cluster-enabled", "yes", "--cluster-config-file", r.name+".nodes", "--cluster-node-timeout", "2000")
	}
	if r.config.CertFile != "" {
		options = append(options, "--tls-cert-file", r.config.CertFile, "--tls-key-file", r.config.KeyFile, "--tls-auth-clients", "no")
	}
	for name, port := range r.ports {
		options = append(options, "--"+name, strconv.Itoa(port))
	}
	return append(options, r.config.Options...), nil
}
