package devservers

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"payment-system/internal/toolcache"
)

// programs are the servers' programs.
type programs struct{ mysql, redis program }

// A program is an executable and the libraries that came with it.
type program struct {
	path      string
	libraries string // for LD_LIBRARY_PATH; empty when the system has them all
	scripts   string // a folder of scripts that it runs; empty without
	folder    string // where it runs, for what it writes there; empty for where we do
}

// prefix is the folder above the program's, where its share folder is.
func (p program) prefix() string {
	path, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		path = p.path
	}
	return filepath.Dir(filepath.Dir(path))
}

// environ is the environment the program runs in.
func (p program) environ() []string {
	environment := append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	if p.libraries != "" {
		environment = append(environment, "LD_LIBRARY_PATH="+p.libraries)
	}
	if p.scripts != "" {
		environment = append(environment, "PATH="+p.scripts+string(filepath.ListSeparator)+os.Getenv("PATH"))
	}
	return environment
}

var (
	mysqlNames = []string{"mariadbd", "mysqld"}
	redisNames = []string{"redis-server", "valkey-server"}
)

// find returns the programs that config asks for: installed ones, or else ones it installs or
// fetches.
func find(ctx context.Context, config Config) (programs, error) {
	if !config.IgnoreInstalled {
		if found := findInstalled(ctx); found.serve(config) {
			return found, nil
		}
	}
	dir, err := toolcache.Dir()
	if err != nil {
		return programs{}, err
	}
	lock, err := toolcache.Lock(dir) // Others may be fetching the same.
	if err != nil {
		return programs{}, err
	}
	defer lock.Close()
	return fetch(ctx, config, dir)
}

// serve reports whether the programs are all that config asks for.
func (p programs) serve(config Config) bool {
	return (config.SkipMySQL || p.mysql.path != "") && (config.SkipRedis || p.redis.path != "")
}

func findInstalled(ctx context.Context) programs {
	found := programs{redis: program{path: lookUp(redisNames...)}}
	if path := lookUp(mysqlNames...); path != "" && isMariaDB(ctx, path) {
		found.mysql.path = path
	}
	return found
}

// serverDirs are where packages put servers, beside the folders of PATH.
var serverDirs = []string{
	"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin", "/usr/bin",
	"/opt/homebrew/opt/mariadb/bin", "/opt/homebrew/opt/redis/bin", "/opt/homebrew/bin",
	"/usr/local/opt/mariadb/bin", "/usr/local/opt/redis/bin",
}

func lookUp(names ...string) string { return toolcache.LookUp(serverDirs, names...) }

// isMariaDB tells MariaDB from MySQL, whose data folder is made otherwise.
func isMariaDB(ctx context.Context, path string) bool {
	output, err := exec.CommandContext(ctx, path, "--no-defaults", "--version").Output()
	return err == nil && strings.Contains(string(output), "MariaDB")
}

// fetch gets the programs the way the machine offers.
func fetch(ctx context.Context, config Config, cache string) (programs, error) {
	var err error
	switch {
	case toolcache.HasApt():
		var found programs
		if found, err = fetchByApt(ctx, config, cache); err == nil {
			return found, nil
		}
	case runtime.GOOS == "darwin" && lookUp("brew") != "":
		if _, err = (toolcache.Tool{Logger: config.Logger}).Run(ctx, "brew", "install", "mariadb", "redis"); err != nil {
			break
		}
		if found := findInstalled(ctx); found.serve(config) {
			return found, nil
		}
	}
	return programs{}, errors.Join(errors.New(whatToInstall), err)
}

const whatToInstall = `MariaDB and Redis are needed and could not be fetched; do one of these:
  install them: mariadb-server-core and redis-server on Debian and Ubuntu, mariadb-server and redis on Fedora,
    mariadb and redis on Alpine, Arch and Homebrew
  or run them in containers: docker compose up -d mariadb redis
    and set MYSQL_DSN='root@tcp(127.0.0.1:3306)/payment_system' REDIS_ADDRS=127.0.0.1:6379`
