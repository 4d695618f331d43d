// Command with runs another command with a MariaDB and a Redis of its own, named by MYSQL_DSN and
// REDIS_ADDRS, as in
//
//	go run ./internal/devservers/with -- go test ./...
//
// Servers that these variables name already are used as they are.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"payment-system/internal/devservers"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return 2, errors.New("usage: with -- COMMAND [ARGUMENT…]")
	}
	// Ctrl-C reaches the command too: it ends, and we clean up after it.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	dsn, redis := os.Getenv("MYSQL_DSN"), os.Getenv("REDIS_ADDRS")
	servers, err := devservers.Start(ctx, devservers.Config{
		InMemory:  true,
		Progress:  os.Stderr,
		SkipMySQL: dsn != "",
		SkipRedis: redis != "",
	})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, servers.Close()) }()
	return runCommand(ctx, args, environ(servers))
}

// environ is our environment with the servers named.
func environ(servers *devservers.Servers) []string {
	environment := os.Environ()
	if servers.MySQLDSN != "" {
		environment = append(environment, "MYSQL_DSN="+servers.MySQLDSN)
	}
	if servers.RedisAddr != "" {
		environment = append(environment, "REDIS_ADDRS="+servers.RedisAddr)
	}
	return environment
}

// runCommand runs the command and returns its exit code. When ctx ends, it asks the command to end.
func runCommand(ctx context.Context, args, environment []string) (int, error) {
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.Env = environment
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	default:
		return 1, err
	}
}
