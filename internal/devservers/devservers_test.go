package devservers_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"payment-system/internal/devservers"
)

// childVariable makes the test binary start servers and wait to be killed.
const childVariable = "DEVSERVERS_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(childVariable); ok {
		startAndWait(dir)
	}
	os.Exit(m.Run())
}

func TestStart(t *testing.T) {
	t.Parallel()

	t.Run("state in a folder outlives the servers", func(t *testing.T) {
		t.Parallel()
		config := devservers.Config{Dir: filepath.Join(t.TempDir(), strings.Repeat("long", 40))}
		first := start(t, config)
		db, client := open(t, first)
		exec1(t, db, "CREATE TABLE kept (n INT)")
		if err := client.Set(t.Context(), "kept", "1", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := devservers.Start(t.Context(), config); err == nil {
			t.Error("a second start on a folder in use was not refused")
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		db, client = open(t, start(t, config))
		exec1(t, db, "INSERT INTO kept VALUES (1)")
		if got, err := client.Get(t.Context(), "kept").Result(); got != "1" || err != nil {
			t.Errorf("Redis has %q, error %v; want 1", got, err)
		}
	})

	t.Run("servers that die are started again while they are kept", func(t *testing.T) {
		t.Parallel()
		servers := start(t, devservers.Config{})
		db, client := open(t, servers)
		exec1(t, db, "CREATE TABLE kept (n INT)")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			servers.Keep(ctx, slog.New(slog.DiscardHandler))
		}()
		for range 2 {
			for _, pid := range pidsIn(t, folderOf(t, servers)) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				_, err := db.ExecContext(t.Context(), "INSERT INTO kept VALUES (1)")
				if err = errors.Join(err, client.Ping(t.Context()).Err()); err == nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
		}
		stop()
		<-done
	})

	t.Run("servers come back where they were", func(t *testing.T) {
		t.Parallel()
		servers := start(t, devservers.Config{})
		db, client := open(t, servers)
		exec1(t, db, "CREATE TABLE kept (n INT)")
		if err := errors.Join(servers.KillMySQL(), servers.KillRedis()); err != nil {
			t.Fatal(err)
		}
		if db.PingContext(t.Context()) == nil || client.Ping(t.Context()).Err() == nil {
			t.Error("a killed server answers")
		}
		if err := errors.Join(servers.StartMySQL(t.Context()), servers.StartRedis(t.Context())); err != nil {
			t.Fatal(err)
		}
		exec1(t, db, "INSERT INTO kept VALUES (1)")
		if err := client.Ping(t.Context()).Err(); err != nil {
			t.Error(err)
		}
	})

	t.Run("the socket is for nobody else", func(t *testing.T) {
		t.Parallel()
		servers := start(t, devservers.Config{SkipRedis: true})
		config, err := mysql.ParseDSN(servers.MySQLDSN)
		if err != nil || config.Net != "unix" {
			t.Fatalf("DSN %s, error %v; want a unix socket", servers.MySQLDSN, err)
		}
		info, err := os.Stat(filepath.Dir(config.Addr))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the socket's folder is %v, error %v; want 0700", info, err)
		}
	})

	t.Run("closing leaves nothing", func(t *testing.T) {
		t.Parallel()
		servers := start(t, devservers.Config{})
		folder := folderOf(t, servers)
		pids := pidsIn(t, folder)
		if err := servers.Close(); err != nil {
			t.Fatal(err)
		}
		checkGone(t, folder, pids)
	})

	t.Run("an abandoned folder is swept", func(t *testing.T) {
		t.Parallel()
		folder, err := os.MkdirTemp("", "payment-system-") //nolint:usetesting // It must lie where sweeping looks.
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		start(t, devservers.Config{SkipMySQL: true})
		checkGone(t, folder, nil)
	})
}

func TestStart_parentKilled(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"temporary": "", "kept": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childVariable+"="+dir)
			output, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			folder, err := bufio.NewReader(output).ReadString('\n')
			if err != nil {
				t.Fatalf("start a child: %v", err)
			}
			folder = strings.TrimSpace(folder)
			pids := pidsIn(t, folder)
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := child.Wait(); err == nil {
				t.Error("the child ended by itself")
			}
			checkGone(t, folder, pids)
		})
	}
}

// Proves the way of a machine without the servers, which an installed server would hide.
func TestStart_ignoreInstalled(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("this system has no apt-get")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var progress strings.Builder
	servers := start(t, devservers.Config{IgnoreInstalled: true, Progress: &progress})
	db, client := open(t, servers)
	if err := errors.Join(db.PingContext(t.Context()), client.Ping(t.Context()).Err()); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"mariadb.pid", "redis.pid"} {
		pid := pidIn(t, filepath.Join(folderOf(t, servers), name))
		program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil || !strings.HasPrefix(program, os.Getenv("XDG_CACHE_HOME")) {
			t.Errorf("%s runs %q, error %v; want a program in the cache", name, program, err)
		}
	}
	if progress.Len() == 0 {
		t.Error("nobody was told of the download")
	}
	progress.Reset()
	start(t, devservers.Config{IgnoreInstalled: true, Progress: &progress})
	if progress.Len() != 0 {
		t.Errorf("the second start says %q, want nothing", progress.String())
	}
}

func start(t *testing.T, config devservers.Config) *devservers.Servers {
	t.Helper()
	servers, err := devservers.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	return servers
}

func open(t *testing.T, servers *devservers.Servers) (*sql.DB, *redis.Client) {
	t.Helper()
	db, err := sql.Open("mysql", servers.MySQLDSN)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: servers.RedisAddr, MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() {
		// Closing a connection to a server that has ended is an error.
		db.Close()
		client.Close()
	})
	return db, client
}

func exec1(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// startAndWait is what the child does: it says where its folder is and never ends.
func startAndWait(dir string) {
	servers, err := devservers.Start(context.Background(), devservers.Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config, err := mysql.ParseDSN(servers.MySQLDSN)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(filepath.Dir(config.Addr))
	time.Sleep(time.Hour)
	runtime.KeepAlive(servers)
}

func folderOf(t *testing.T, servers *devservers.Servers) string {
	t.Helper()
	config, err := mysql.ParseDSN(servers.MySQLDSN)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(config.Addr)
}

func pidsIn(t *testing.T, folder string) []int {
	t.Helper()
	return []int{pidIn(t, filepath.Join(folder, "mariadb.pid")), pidIn(t, filepath.Join(folder, "redis.pid"))}
}

func pidIn(t *testing.T, path string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// checkGone waits until neither the folder nor the processes exist.
func checkGone(t *testing.T, folder string, pids []int) {
	t.Helper()
	isLeft := func() string {
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			return folder
		}
		for _, pid := range pids {
			if syscall.Kill(pid, 0) == nil && !isZombie(pid) {
				return fmt.Sprint("process ", pid)
			}
		}
		return ""
	}
	deadline := time.Now().Add(10 * time.Second)
	for isLeft() != "" {
		if time.Now().After(deadline) {
			t.Fatalf("%s is left", isLeft())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// isZombie reports whether a process has ended and only waits for its parent to hear of it, which
// is the business of process 1 when its parent was killed.
func isZombie(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(data), ") ")
	return strings.HasPrefix(after, "Z")
}
