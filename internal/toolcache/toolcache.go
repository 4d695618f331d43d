// Package toolcache gets programs that development and tests need and the machine lacks: it installs
// Debian's and Ubuntu's packages as root, or else unpacks them in the user's cache, which takes no
// rights and changes nothing.
package toolcache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// Dir is where fetched programs are kept for the next time: the user's cache, or, for users
// without a home, a folder of their own among the temporary files.
func Dir() (string, error) {
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

// Unpacked is the folder of a cache where packages of this release of the system are unpacked:
// libraries of one do not serve another.
func Unpacked(cache, name string) string {
	return filepath.Join(cache, name+"-"+systemRelease())
}

// systemRelease names the system, as debian-12.
func systemRelease() string {
	file, err := os.Open("/etc/os-release")
	if err != nil {
		return "unknown"
	}
	defer file.Close()
	values := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			values[name] = strings.Trim(value, `"`)
		}
	}
	return filepath.Base(values["ID"] + "-" + values["VERSION_ID"])
}

// LookUp returns the first of the names found on PATH or in one of the folders; empty when none is.
func LookUp(dirs []string, names ...string) string {
	dirs = append(filepath.SplitList(os.Getenv("PATH")), dirs...)
	for _, name := range names {
		for _, dir := range dirs {
			path := filepath.Join(dir, name)
			if filepath.IsAbs(path) && IsExecutable(path) {
				return path
			}
		}
	}
	return ""
}

// IsExecutable reports whether a file is a program.
func IsExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// UserName names who we are.
func UserName() string {
	if me, err := user.Current(); err == nil {
		return me.Username
	}
	return "root"
}

// A Tool is another program that is run to its end.
type Tool struct {
	Dir         string   // where it works; empty for where we are
	Environment []string // beside our own
	Logger      *slog.Logger
}

// Run runs the program named and returns what it says. Its error carries that too.
func (t Tool) Run(ctx context.Context, name string, args ...string) (string, error) {
	t.Logger.DebugContext(ctx, "running a tool", "tool", name, "arguments", args)
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = t.Dir
	command.Env = append(os.Environ(), append(t.Environment, "LC_ALL=C")...)
	data, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, strings.TrimSpace(string(data)))
	}
	return string(data), nil
}
