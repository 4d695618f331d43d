package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"payment-system/command/reconciliation"
	"payment-system/internal/failpoint"
	"payment-system/shop"
)

// A Source is a folder where settlement files arrive.
type Source struct{ root *os.Root }

// OpenSource opens the source that a URL names: file:///absolute/folder. Its
// error is a sentence that says what to set.
func OpenSource(raw string) (*Source, error) {
	source, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("SETTLEMENT_SOURCE %q is not a URL: set file:///absolute/folder", raw)
	case source.Scheme != "file":
		return nil, fmt.Errorf("SETTLEMENT_SOURCE %q cannot be polled by this build: it knows folders only; set file:///absolute/folder and have the files copied there", raw)
	case (source.Host != "" && source.Host != "localhost") || !filepath.IsAbs(source.Path):
		return nil, fmt.Errorf("SETTLEMENT_SOURCE %q must name an absolute folder of this machine: set file:///absolute/folder", raw)
	}
	root, err := os.OpenRoot(source.Path)
	if err != nil {
		return nil, fmt.Errorf("SETTLEMENT_SOURCE %q cannot be opened: %w", raw, err)
	}
	return &Source{root: root}, nil
}

// Close gives the folder back.
func (s *Source) Close() error { return s.root.Close() }

// A fileStamp is what tells that a file has not changed.
type fileStamp struct {
	size    int64
	changed time.Time
	done    bool // it was imported
}

// settleTime is how long a file must have been left alone before it is read.
const settleTime = 2 * time.Second

// maxSourceFiles is how many files of a folder are looked at in one poll.
const maxSourceFiles = 10_000

// Poll imports the files that have arrived in the source, each content once, and
// goes on with what broke off. Plans within AutoApplyCap are
// carried out. A file that cannot be believed is recorded as REJECTED, once. It
// returns what went wrong, after the other files. A file that cannot be read is a
// case, once, which ends when the file can be read or is gone.
func (r *Reconciler) Poll(ctx context.Context) error {
	ctx = failpoint.In(ctx, "reconcile")
	err := r.Resume(ctx)
	if r.Source == nil {
		return err
	}
	names, failed := r.Source.names()
	if failed != nil {
		return errors.Join(err, failed)
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if failed := r.pollEntry(ctx, name); failed != nil {
			err = errors.Join(err, fmt.Errorf("import settlement file %s: %w", sourceName(name), failed))
		}
	}
	return errors.Join(err, r.endGone(ctx, names))
}

// names lists the folder's entries in the order in which they were written: a later
// file may be a version of an earlier one.
func (s *Source) names() ([]string, error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("read the settlement source: %w", err)
	}
	written := map[string]time.Time{}
	var names []string
	for _, entry := range entries[:min(len(entries), maxSourceFiles)] {
		if info, err := entry.Info(); err == nil { // else it is gone
			written[entry.Name()] = info.ModTime()
			names = append(names, entry.Name())
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return written[a].Compare(written[b]) })
	return names, nil
}

// pollEntry imports a file if it is one, is left alone by whoever writes it, and
// was not imported as it is.
func (r *Reconciler) pollEntry(ctx context.Context, name string) error {
	gateway, format, ok := fileKind(name)
	if !ok {
		return nil
	}
	info, err := r.Source.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || !r.isDue(name, info) {
		return ignoreGone(err)
	}
	e := entryOfFolder{name: name, info: info, pg: gateway, format: format}
	err = r.pollFile(ctx, e)
	if bad, ok := errors.AsType[*unreadable](err); ok && ctx.Err() == nil {
		return r.openBad(ctx, e, bad)
	}
	return err
}

// pollFile imports a file. It returns an *unreadable when the file is to blame.
func (r *Reconciler) pollFile(ctx context.Context, e entryOfFolder) error {
	name, info := e.name, e.info
	file, err := r.Source.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &unreadable{err}
	}
	defer file.Close()
	if opened, err := file.Stat(); err != nil || !os.SameFile(info, opened) || !opened.Mode().IsRegular() {
		return err // somebody put something else in its place; the next poll sees it
	}
	imported, err := r.ImportSettlement(ctx, reconciliation.ImportSettlement{
		PG: e.pg, Format: e.format, File: reconciliation.Upload{Name: name, Body: blamedReader{file}, Changed: info.ModTime()},
		AutoApply: true,
	})
	if shop.CodeOf(err) == shop.Invalid {
		return &unreadable{err}
	}
	if err != nil {
		return err
	}
	if !unfinished(imported.Reconciliation) {
		r.remember(name, info)
	}
	return r.endBad(ctx, name)
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// isDue reports whether a file has been left alone since the last poll, or for two
// seconds, and was not imported already.
func (r *Reconciler) isDue(name string, info fs.FileInfo) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.polled == nil {
		r.polled = map[string]fileStamp{}
	}
	last, known := r.polled[name]
	same := known && last.size == info.Size() && last.changed.Equal(info.ModTime())
	if same && last.done {
		return false
	}
	r.polled[name] = fileStamp{size: info.Size(), changed: info.ModTime()}
	return same || r.Now().Sub(info.ModTime()) >= settleTime
}

// remember notes that a file was imported as it is.
func (r *Reconciler) remember(name string, info fs.FileInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.polled[name] = fileStamp{size: info.Size(), changed: info.ModTime(), done: true}
}
