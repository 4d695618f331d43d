package devservers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// aptPackages hold the servers on Debian and Ubuntu.
var aptPackages = []string{"mariadb-server-core", "redis-server"}

// fetchByApt installs the packages when we are root, and otherwise, or when that does not work,
// unpacks them into the cache, which takes no rights and changes nothing.
func fetchByApt(ctx context.Context, config Config, cache string) (programs, error) {
	if found, err := findUnpacked(ctx, config, cache); err == nil {
		return found, nil
	}
	if os.Geteuid() == 0 && !config.IgnoreInstalled {
		// Another process may have installed them while we waited for the lock.
		if found := findInstalled(ctx); found.serve(config) {
			return found, nil
		}
		fmt.Fprintln(config.Progress, "installing MariaDB and Redis (8 MB) with apt-get")
		if err := aptInstall(ctx, config); err != nil {
			config.Logger.WarnContext(ctx, "packages not installed", "error", err)
		}
		if found := findInstalled(ctx); found.serve(config) {
			return found, nil
		}
	}
	fmt.Fprintln(config.Progress, "fetching MariaDB and Redis (8 MB) into", cache)
	if err := unpack(ctx, config, cache); err != nil {
		return programs{}, err
	}
	return findUnpacked(ctx, config, cache)
}

// aptInstall installs the packages without starting their services.
func aptInstall(ctx context.Context, config Config) error {
	allow, err := forbidServices()
	if err != nil {
		return err
	}
	defer allow()
	environment := []string{"DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"}
	install := append([]string{"install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"}, aptPackages...)
	first := run(ctx, config, environment, "apt-get", install...)
	if first == nil {
		return nil
	}
	// The package lists are missing or out of date.
	if err := run(ctx, config, environment, "apt-get", "update", "-q"); err != nil {
		return errors.Join(first, err)
	}
	return run(ctx, config, environment, "apt-get", install...)
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

// unpackedDir is where the packages of this release of the system are unpacked.
func unpackedDir(cache string) string {
	return filepath.Join(cache, "servers-"+systemRelease())
}

// systemRelease names the system, as debian-12: libraries of one do not serve another.
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

// findUnpacked returns the programs in the cache, if they are there and find their libraries.
func findUnpacked(ctx context.Context, config Config, cache string) (programs, error) {
	root := unpackedDir(cache)
	libraries := libraryPath(root)
	found := programs{
		mysql: program{path: filepath.Join(root, "usr/sbin/mariadbd"), libraries: libraries},
		redis: program{path: filepath.Join(root, "usr/bin/redis-server"), libraries: libraries},
	}
	for _, p := range []program{found.mysql, found.redis} {
		if !isExecutable(p.path) {
			return programs{}, fmt.Errorf("%s is not in the tool cache", filepath.Base(p.path))
		}
		if err := checkLibraries(ctx, config, p); err != nil {
			return programs{}, err
		}
	}
	return found, nil
}

// libraryPath lists the folders under root that hold shared libraries.
func libraryPath(root string) string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*/lib*.so*", "lib/*/lib*.so*", "usr/lib/lib*.so*", "lib/lib*.so*"} {
		files, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, file := range files {
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	slices.Sort(dirs)
	return strings.Join(slices.Compact(dirs), ":")
}

// checkLibraries names the shared libraries that p does not find.
func checkLibraries(ctx context.Context, config Config, p program) error {
	listing, err := output(ctx, config, "", []string{"LD_LIBRARY_PATH=" + p.libraries}, "ldd", p.path)
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
	return fmt.Errorf("%s lacks the shared libraries %s", p.path, strings.Join(missing, ", "))
}

// unpack downloads the packages, with the libraries that are not installed, and unpacks them. It
// works aside and renames, so that what has the final name is whole.
func unpack(ctx context.Context, config Config, cache string) error {
	aside, err := os.MkdirTemp(cache, "unpacking-")
	if err != nil {
		return fmt.Errorf("make a folder to unpack in: %w", err)
	}
	defer os.RemoveAll(aside)
	root := filepath.Join(aside, "root")
	if err := download(ctx, config, aside); err != nil {
		return err
	}
	packages, err := filepath.Glob(filepath.Join(aside, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range packages {
		if err := run(ctx, config, nil, "dpkg-deb", "-x", file, root); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(unpackedDir(cache)), os.Rename(root, unpackedDir(cache)))
}

// download gets the packages into dir: with the system's package lists, or, when those are
// missing or out of date, with lists of its own.
func download(ctx context.Context, config Config, dir string) error {
	first := downloadWith(ctx, config, dir, nil)
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
		"-o", "APT::Sandbox::User=" + userName(),
	}
	if _, err := output(ctx, config, dir, nil, "apt-get", slices.Concat([]string{"update", "-q"}, options)...); err != nil {
		return errors.Join(first, err)
	}
	return downloadWith(ctx, config, dir, options)
}

func downloadWith(ctx context.Context, config Config, dir string, options []string) error {
	wanted, err := notInstalled(ctx, config, options)
	if err != nil {
		return err
	}
	args := slices.Concat([]string{"download", "-q", "-o", "APT::Sandbox::User=" + userName()}, options, wanted)
	_, err = output(ctx, config, dir, nil, "apt-get", args...)
	return err
}

// notInstalled lists what apt-get would install for the servers, and the servers themselves.
func notInstalled(ctx context.Context, config Config, options []string) ([]string, error) {
	args := slices.Concat([]string{"install", "-s", "-q", "--no-install-recommends"}, options, aptPackages)
	plan, err := output(ctx, config, "", nil, "apt-get", args...)
	if err != nil {
		return nil, err
	}
	wanted := append(slices.Clone(aptPackages), "redis-tools")
	for line := range strings.Lines(plan) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "Inst" {
			wanted = append(wanted, words[1])
		}
	}
	slices.Sort(wanted)
	return slices.Compact(wanted), nil
}
