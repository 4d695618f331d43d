// Package devbrowser finds a Chromium, and a Korean font for it, for tests that open pages in a real
// browser. What the machine lacks it installs by apt-get as root, or unpacks into the user's cache.
package devbrowser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"payment-system/internal/toolcache"
)

// Variable is the environment variable that, set to "none", says to do without a browser.
const Variable = "BROWSER"

// ErrNone is what Find returns when BROWSER=none.
var ErrNone = errors.New("BROWSER=none says to do without a browser")

// A Config says how Find looks. The zero value takes what is installed, or else fetches it in silence.
type Config struct {
	Logger   *slog.Logger // nil logs nothing
	Progress io.Writer    // where a person reads what is being fetched; nil for nobody

	// IgnoreInstalled makes Find use what it unpacks itself, even if it is installed.
	IgnoreInstalled bool
}

// A Browser is a Chromium that can be started.
type Browser struct {
	Path        string
	Environment []string // what it needs beside the environment of whoever starts it
}

// Find returns a browser that shows Korean text. Its error is ErrNone when BROWSER=none, and
// otherwise names the packages to install when there is no way to fetch them.
func Find(ctx context.Context, config Config) (Browser, error) {
	if os.Getenv(Variable) == "none" {
		return Browser{}, ErrNone
	}
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	if config.Progress == nil {
		config.Progress = io.Discard
	}
	f := finder{Config: config}
	if f.look(ctx); f.isDone() {
		return f.found, nil
	}
	if err := f.fetch(ctx); err != nil {
		return Browser{}, errors.Join(errors.New(whatToInstall), err)
	}
	return f.found, nil
}

const whatToInstall = `a browser with a Korean font is needed and could not be fetched; do one of these:
  install them: chromium and fonts-nanum on Debian, chromium and google-noto-sans-cjk-fonts on Fedora,
    chromium and noto-fonts-cjk on Arch, Chrome on a Mac and on Ubuntu
  or set BROWSER=none, and no test opens a page`

// A finder is one search.
type finder struct {
	Config

	found   Browser
	hasFont bool
}

func (f *finder) isDone() bool { return f.found.Path != "" && f.hasFont }

// look takes what is installed.
func (f *finder) look(ctx context.Context) {
	if f.IgnoreInstalled {
		return
	}
	if f.found.Path == "" {
		f.found.Path = installed(ctx)
	}
	f.hasFont = f.hasFont || hasKoreanFont(fontDirs...)
}

var (
	browserNames = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "Google Chrome", "Chromium"}
	browserDirs  = []string{
		"/usr/bin", "/usr/local/bin", "/opt/google/chrome", "/opt/homebrew/bin",
		"/Applications/Google Chrome.app/Contents/MacOS", "/Applications/Chromium.app/Contents/MacOS",
	}
	fontDirs = []string{"/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts"}
)

// installed returns the program of an installed browser that starts: Ubuntu has a script of that
// name that only says what to install.
func installed(ctx context.Context) string {
	for _, name := range browserNames {
		path := toolcache.LookUp(browserDirs, name)
		if path == "" {
			continue
		}
		version, err := exec.CommandContext(ctx, path, "--version").Output()
		if err == nil && strings.Contains(string(version), "Chrom") {
			return path
		}
	}
	return ""
}

// koreanFonts are names of files with Hangul in them.
var koreanFonts = regexp.MustCompile(`(?i)nanum|cjk|sans-?kr|serif-?kr|pretendard|applesdgothic|applegothic|malgun|unbatang|undotum|baekmuk`)

// hasKoreanFont reports whether one of the folders holds a font with Hangul.
func hasKoreanFont(dirs ...string) bool {
	has := false
	for _, dir := range dirs {
		// A folder that cannot be read has none for us.
		_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && koreanFonts.MatchString(entry.Name()) {
				has = true
				return fs.SkipAll
			}
			return nil
		})
	}
	return has
}

// fetch gets what is missing.
func (f *finder) fetch(ctx context.Context) error {
	if !toolcache.HasApt() {
		return errors.New("there is no apt-get here")
	}
	cache, err := toolcache.Dir()
	if err != nil {
		return err
	}
	lock, err := toolcache.Lock(cache) // Others may be fetching the same.
	if err != nil {
		return err
	}
	defer lock.Close()
	f.look(ctx)
	if os.Geteuid() == 0 && !f.IgnoreInstalled && !f.isDone() {
		fmt.Fprintln(f.Progress, "installing", f.title(), "with apt-get")
		if err := f.packages().Install(ctx); err != nil {
			f.Logger.WarnContext(ctx, "packages not installed", "error", err)
		}
		f.look(ctx)
	}
	if f.isDone() {
		return nil
	}
	return f.unpack(ctx, cache)
}

// packages are those that hold what is missing.
func (f *finder) packages() toolcache.Packages {
	p := toolcache.Packages{Logger: f.Logger}
	if f.found.Path == "" {
		p.Names = append(p.Names, "chromium", "chromium-common")
	}
	if !f.hasFont {
		p.Names = append(p.Names, "fonts-nanum")
	}
	return p
}

func (f *finder) title() string {
	switch {
	case f.hasFont:
		return "Chromium (75 MB)"
	case f.found.Path != "":
		return "a Korean font (10 MB)"
	default:
		return "Chromium and a Korean font (85 MB)"
	}
}

// unpack takes what is missing from the cache, and fetches it if need be.
func (f *finder) unpack(ctx context.Context, cache string) error {
	needsBrowser, needsFont := f.found.Path == "", !f.hasFont
	root := toolcache.Unpacked(cache, "font")
	if needsBrowser {
		root = toolcache.Unpacked(cache, "browser")
	}
	program, fonts := filepath.Join(root, "usr/lib/chromium/chromium"), filepath.Join(root, "usr/share/fonts")
	isWhole := func() bool {
		return (!needsBrowser || toolcache.IsExecutable(program)) && (!needsFont || hasKoreanFont(fonts))
	}
	if !isWhole() {
		fmt.Fprintln(f.Progress, "fetching", f.title(), "into", cache)
		if err := f.packages().Unpack(ctx, root); err != nil {
			return err
		}
		if !isWhole() {
			return errors.New("the packages do not hold a browser and a font")
		}
	}
	if needsFont {
		if err := f.useFonts(root); err != nil {
			return err
		}
	}
	if !needsBrowser {
		return nil
	}
	libraries := toolcache.LibraryPath(root)
	f.found.Path = program
	f.found.Environment = append(f.found.Environment, "LD_LIBRARY_PATH="+libraries)
	return toolcache.CheckLibraries(ctx, f.Logger, program, libraries)
}

// useFonts tells the browser of the fonts below root, beside those that the system has.
func (f *finder) useFonts(root string) error {
	const text = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<include ignore_missing="yes">%[1]s/etc/fonts/fonts.conf</include>
<dir>%[1]s/usr/share/fonts</dir>
<cachedir>%[1]s/var/cache/fontconfig</cachedir>
</fontconfig>
`
	path := filepath.Join(root, "fonts.conf")
	f.hasFont = true
	f.found.Environment = append(f.found.Environment, "FONTCONFIG_FILE="+path)
	return os.WriteFile(path, fmt.Appendf(nil, text, root), 0o600)
}
