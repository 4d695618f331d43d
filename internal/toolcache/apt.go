package toolcache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Packages are packages of Debian's and Ubuntu's.
type Packages struct {
	Names  []string
	With   []string // further ones, which those named bring along when they are installed
	Logger *slog.Logger
}

// HasApt reports whether packages can be fetched here.
func HasApt() bool {
	dirs := []string{"/usr/bin"}
	return LookUp(dirs, "apt-get") != "" && LookUp(dirs, "dpkg-deb") != ""
}

func (p Packages) tool(dir string, environment ...string) Tool {
	return Tool{Dir: dir, Environment: environment, Logger: p.Logger}
}

// Install installs the packages without starting their services. Only root may.
func (p Packages) Install(ctx context.Context) error {
	allow, err := forbidServices()
	if err != nil {
		return err
	}
	defer allow()
	apt := p.tool("", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	install := append([]string{"install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"}, p.Names...)
	_, first := apt.Run(ctx, "apt-get", install...)
	if first == nil {
		return nil
	}
	// The package lists are missing or out of date.
	if _, err := apt.Run(ctx, "apt-get", "update", "-q"); err != nil {
		return errors.Join(first, err)
	}
	_, err = apt.Run(ctx, "apt-get", install...)
	return err
}

// policyFile is asked by Debian's packages whether they may start their services.
const policyFile = "/usr/sbin/policy-rc.d"

// forbidServices keeps newly installed packages from starting services until allow is called.
func forbidServices() (allow func(), err error) {
	file, err := os.OpenFile(policyFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() {}, nil // The machine has a policy of its own.
	}
	if err != nil {
		return nil, err
	}
	_, err = file.WriteString("#!/bin/sh\nexit 101\n")
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(policyFile))
	}
	return func() { os.Remove(policyFile) }, nil
}

// Unpack downloads the packages, with what they need and is not installed, and unpacks them as the
// folder root. It works aside and renames, so that what has the final name is whole.
func (p Packages) Unpack(ctx context.Context, root string) error {
	aside, err := os.MkdirTemp(filepath.Dir(root), "unpacking-")
	if err != nil {
		return fmt.Errorf("make a folder to unpack in: %w", err)
	}
	defer os.RemoveAll(aside)
	if err := p.download(ctx, aside); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(aside, "*.deb"))
	if err != nil {
		return err
	}
	unpacked := filepath.Join(aside, "root")
	for _, file := range files {
		if _, err := p.tool("").Run(ctx, "dpkg-deb", "-x", file, unpacked); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(root), os.Rename(unpacked, root))
}

// download gets the packages into dir: with the system's package lists, or, when those are
// missing or out of date, with lists of its own.
func (p Packages) download(ctx context.Context, dir string) error {
	first := p.downloadWith(ctx, dir, nil)
	if first == nil {
		return nil
	}
	lists, archives := filepath.Join(dir, "lists", "partial"), filepath.Join(dir, "apt", "archives", "partial")
	if err := errors.Join(os.MkdirAll(lists, 0o700), os.MkdirAll(archives, 0o700)); err != nil {
		return err
	}
	options := []string{
		"-o", "Dir::State::Lists=" + filepath.Dir(lists),
		"-o", "Dir::Cache=" + filepath.Join(dir, "apt"),
		"-o", "APT::Sandbox::User=" + UserName(),
	}
	if _, err := p.tool(dir).Run(ctx, "apt-get", slices.Concat([]string{"update", "-q"}, options)...); err != nil {
		return errors.Join(first, err)
	}
	return p.downloadWith(ctx, dir, options)
}

func (p Packages) downloadWith(ctx context.Context, dir string, options []string) error {
	wanted, err := p.notInstalled(ctx, options)
	if err != nil {
		return err
	}
	args := slices.Concat([]string{"download", "-q", "-o", "APT::Sandbox::User=" + UserName()}, options, wanted)
	_, err = p.tool(dir).Run(ctx, "apt-get", args...)
	return err
}

// notInstalled lists what apt-get would install for the packages, and the packages themselves.
func (p Packages) notInstalled(ctx context.Context, options []string) ([]string, error) {
	args := slices.Concat([]string{"install", "-s", "-q", "--no-install-recommends"}, options, p.Names)
	plan, err := p.tool("").Run(ctx, "apt-get", args...)
	if err != nil {
		return nil, err
	}
	wanted := slices.Concat(p.Names, p.With)
	for line := range strings.Lines(plan) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "Inst" {
			wanted = append(wanted, words[1])
		}
	}
	slices.Sort(wanted)
	return slices.Compact(wanted), nil
}

// LibraryPath lists the folders of unpacked packages that hold shared libraries, for LD_LIBRARY_PATH.
func LibraryPath(root string) string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*/lib*.so*", "usr/lib/*/nss/lib*.so*", "lib/*/lib*.so*", "usr/lib/lib*.so*", "lib/lib*.so*"} {
		files, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, file := range files {
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	slices.Sort(dirs)
	return strings.Join(slices.Compact(dirs), ":")
}

// CheckLibraries names the shared libraries that a program does not find along a path of folders.
func CheckLibraries(ctx context.Context, logger *slog.Logger, program, libraries string) error {
	tool := Tool{Environment: []string{"LD_LIBRARY_PATH=" + libraries}, Logger: logger}
	listing, err := tool.Run(ctx, "ldd", program)
	if err != nil {
		return err
	}
	var missing []string
	for line := range strings.Lines(listing) {
		if name, _, ok := strings.Cut(line, "=> not found"); ok {
			missing = append(missing, strings.TrimSpace(name))
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("%s lacks the shared libraries %s", program, strings.Join(missing, ", "))
}
