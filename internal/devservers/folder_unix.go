//go:build unix

package devservers

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

const (
	folderPrefix = "payment-system-"
	lockName     = "lock"
)

// tempDir is where temporary folders go: somewhere short enough for a socket's path.
func tempDir() string {
	dir := os.TempDir()
	if len(dir) > 60 {
		return "/tmp"
	}
	return dir
}

// lockNewFolder marks dir as belonging to a living process. The lock appears under its name only
// once it is held, so sweep never takes a new folder for an abandoned one.
func lockNewFolder(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	file, err := tryLock(path + ".new")
	if err != nil {
		return nil, err
	}
	return file, os.Rename(path+".new", path)
}

// tryLock takes the lock that the file at path is, making the file if need be. The lock ends with
// the process, however that ends.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}

// sweep removes the folders of processes that ended without a chance to do so.
func sweep(logger *slog.Logger) {
	var locks []string
	for _, parent := range []string{tempDir(), memoryDir()} {
		if parent != "" {
			found, _ := filepath.Glob(filepath.Join(parent, folderPrefix+"*", lockName))
			locks = append(locks, found...)
		}
	}
	for _, path := range locks {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			err := os.RemoveAll(filepath.Dir(path))
			logger.Info("abandoned folder removed", "folder", filepath.Dir(path), "error", err)
		}
		file.Close()
	}
}
