package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// surroundings are what figures depend on besides the program.
type surroundings struct {
	Commit   string `json:"commit"`
	Machine  string `json:"machine"`
	Cores    int    `json:"cores"`
	Go       string `json:"go"`
	Database string `json:"database"`
	Redis    string `json:"redis"`
	Data     string `json:"data"` // the folder that the database writes to
	Load     string `json:"load"` // the machine's load average when the bench began: above zero, others worked too
}

// look reads the surroundings of a rig.
func look(ctx context.Context, r *rig) (s surroundings, err error) {
	s = surroundings{
		Commit: commit(ctx), Machine: runtime.GOOS + "/" + runtime.GOARCH,
		Cores: runtime.NumCPU(), Go: runtime.Version(),
	}
	err = r.db.QueryRowContext(ctx, "SELECT VERSION(), @@datadir").Scan(&s.Database, &s.Data)
	if err != nil {
		return s, err
	}
	info, err := r.redis.InfoMap(ctx, "server").Result()
	s.Redis = info["Server"]["redis_version"]
	return s, err
}

// commit names what the working tree was made of, as far as git knows.
func commit(ctx context.Context) string {
	name, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=10").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(name))
}

// loadAverage is the machine's over the last minute, or "unknown".
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	last, _, _ := strings.Cut(string(text), " ")
	return last
}

// String says all of it in a line.
func (s surroundings) String() string {
	const text = "%s, %s, %d cores, %s, MariaDB %s (innodb_flush_log_at_trx_commit=1, %d MiB, data in %s), " +
		"Redis %s, load average before %s"
	return fmt.Sprintf(text, s.Commit, s.Machine, s.Cores, s.Go, s.Database, poolMiB, s.Data, s.Redis, s.Load)
}
