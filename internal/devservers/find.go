package devservers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// programs are the servers' programs.
type programs struct{ mysql, redis program }

// A program is an executable and the libraries that came with it.
type program struct {
	path      string
	libraries string // for LD_LIBRARY_PATH; empty when the system has them all
	scripts   string // a folder of scripts that it runs; empty without
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
	dir, err := cacheDir()
	if err != nil {
		return programs{}, err
	}
	lock, err := waitLock(filepath.Join(dir, lockName)) // Others may be fetching the same.
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

// lookUp returns the first of the names found on PATH or where packages put servers.
func lookUp(names ...string) string {
	dirs := append(filepath.SplitList(os.Getenv("PATH")),
		"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin", "/usr/bin",
		"/opt/homebrew/opt/mariadb/bin", "/opt/homebrew/opt/redis/bin", "/opt/homebrew/bin",
		"/usr/local/opt/mariadb/bin", "/usr/local/opt/redis/bin")
	for _, name := range names {
		for _, dir := range dirs {
			path := filepath.Join(dir, name)
			if filepath.IsAbs(path) && isExecutable(path) {
				return path
			}
		}
	}
	return ""
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// isMariaDB tells MariaDB from MySQL, whose data folder is made otherwise.
func isMariaDB(ctx context.Context, path string) bool {
	output, err := exec.CommandContext(ctx, path, "--no-defaults", "--version").Output()
	return err == nil && strings.Contains(string(output), "MariaDB")
}

// cacheDir is where fetched programs are kept for the next time: the user's cache, or, for users
// without a home, a folder of their own among the temporary files.
func cacheDir() (string, error) {
	if dir, err := os.UserCacheDir(); err == nil {
		dir = filepath.Join(dir, "payment-system")
		if os.MkdirAll(dir, 0o700) == nil && isPrivate(dir) {
			return dir, nil
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("payment-system.cache-%d", os.Geteuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make the tool cache: %w", err)
	}
	if !isPrivate(dir) {
		return "", fmt.Errorf("the tool cache %s belongs to somebody else: remove it, or set XDG_CACHE_HOME", dir)
	}
	return dir, nil
}

// fetch gets the programs the way the machine offers.
func fetch(ctx context.Context, config Config, cache string) (programs, error) {
	var err error
	switch {
	case lookUp("apt-get") != "" && lookUp("dpkg-deb") != "":
		var found programs
		if found, err = fetchByApt(ctx, config, cache); err == nil {
			return found, nil
		}
	case runtime.GOOS == "darwin" && lookUp("brew") != "":
		if err = run(ctx, config, nil, "brew", "install", "mariadb", "redis"); err != nil {
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

// run runs a tool, telling a person what it does. Its error carries the tool's output.
func run(ctx context.Context, config Config, environment []string, name string, args ...string) error {
	_, err := output(ctx, config, "", environment, name, args...)
	return err
}

func output(ctx context.Context, config Config, dir string, environment []string, name string, args ...string) (string, error) {
	config.Logger.DebugContext(ctx, "running a tool", "tool", name, "arguments", args)
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), append(environment, "LC_ALL=C")...)
	data, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, strings.TrimSpace(string(data)))
	}
	return string(data), nil
}
