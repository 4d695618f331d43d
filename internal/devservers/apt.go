package devservers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"payment-system/internal/toolcache"
)

// aptPackages hold the servers on Debian and Ubuntu.
func aptPackages(config Config) toolcache.Packages {
	return toolcache.Packages{
		Names:  []string{"mariadb-server-core", "redis-server"},
		With:   []string{"redis-tools"}, // which holds the server
		Logger: config.Logger,
	}
}

// fetchByApt installs the packages when we are root, and otherwise, or when that does not work,
// unpacks them into the cache.
func fetchByApt(ctx context.Context, config Config, cache string) (programs, error) {
	if found, err := findUnpacked(ctx, config, cache); err == nil {
		return found, nil
	}
	packages := aptPackages(config)
	if os.Geteuid() == 0 && !config.IgnoreInstalled {
		// Another process may have installed them while we waited for the lock.
		if found := findInstalled(ctx); found.serve(config) {
			return found, nil
		}
		fmt.Fprintln(config.Progress, "installing MariaDB and Redis (8 MB) with apt-get")
		if err := packages.Install(ctx); err != nil {
			config.Logger.WarnContext(ctx, "packages not installed", "error", err)
		}
		if found := findInstalled(ctx); found.serve(config) {
			return found, nil
		}
	}
	fmt.Fprintln(config.Progress, "fetching MariaDB and Redis (8 MB) into", cache)
	if err := packages.Unpack(ctx, unpackedDir(cache)); err != nil {
		return programs{}, err
	}
	return findUnpacked(ctx, config, cache)
}

// unpackedDir is where the packages are unpacked.
func unpackedDir(cache string) string { return toolcache.Unpacked(cache, "servers") }

// findUnpacked returns the programs in the cache, if they are there and find their libraries.
func findUnpacked(ctx context.Context, config Config, cache string) (programs, error) {
	root := unpackedDir(cache)
	libraries := toolcache.LibraryPath(root)
	found := programs{
		mysql: program{path: filepath.Join(root, "usr/sbin/mariadbd"), libraries: libraries},
		redis: program{path: filepath.Join(root, "usr/bin/redis-server"), libraries: libraries},
	}
	for _, p := range []program{found.mysql, found.redis} {
		if !toolcache.IsExecutable(p.path) {
			return programs{}, fmt.Errorf("%s is not in the tool cache", filepath.Base(p.path))
		}
		if err := toolcache.CheckLibraries(ctx, config.Logger, p.path, p.libraries); err != nil {
			return programs{}, err
		}
	}
	return found, nil
}
