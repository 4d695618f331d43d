package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What built files may name: XML's vocabularies, and where the messages of React and graphcache are explained. None is ever
// asked.
var harmless = []string{
	"http://www.w3.org/1998/Math/MathML",
	"http://www.w3.org/1999/xlink",
	"http://www.w3.org/2000/svg",
	"http://www.w3.org/XML/1998/namespace",
	"https://bit.ly/2XbVrpR#",
	"https://react.dev/errors/",
}

func TestWeb_Built(t *testing.T) {
	t.Parallel()
	t.Run("the sources have not changed since", func(t *testing.T) {
		t.Parallel()
		want := sumsOfSources(t)
		got := kept(t)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("web/built is behind its sources: run make web (-sources, +SOURCES.sum)\n%s", diff)
		}
	})
	t.Run("every file is asked for, and every file that is asked for exists", func(t *testing.T) {
		t.Parallel()
		there := assets(t)
		asked := map[string]bool{}
		for _, body := range texts(t) {
			for _, name := range assetPattern.FindAllString(body, -1) {
				asked[name] = true
			}
		}
		for name := range asked {
			if !slices.Contains(there, name) {
				t.Errorf("assets/%s is asked for and does not exist", name)
			}
		}
		for _, name := range there {
			if !asked[name] {
				t.Errorf("assets/%s is never asked for", name)
			}
		}
	})
	t.Run("nothing is loaded from elsewhere, made from text, or traced back", func(t *testing.T) {
		t.Parallel()
		for name, body := range texts(t) {
			for _, address := range addressPattern.FindAllString(body, -1) {
				if !slices.Contains(harmless, address) {
					t.Errorf("%s names %s", name, address)
				}
			}
			for _, pattern := range forbidden {
				if found := pattern.FindString(body); found != "" {
					t.Errorf("%s has %q", name, found)
				}
			}
		}
	})
	t.Run("pages hold no script and no style of their own", func(t *testing.T) {
		t.Parallel()
		for name, body := range texts(t) {
			if path.Ext(name) != ".html" {
				continue
			}
			for _, pattern := range inline {
				if found := pattern.FindString(body); found != "" {
					t.Errorf("%s has %q", name, found)
				}
			}
		}
	})
}

var (
	assetPattern   = regexp.MustCompile(`[\w.-]+-[\w-]{8}\.(?:js|css|svg)\b`)
	addressPattern = regexp.MustCompile("(?:https?|wss?)://[^\"'`\\s),;]+")
	forbidden      = []*regexp.Regexp{
		regexp.MustCompile(`\beval\(`),
		regexp.MustCompile(`\bnew Function\b`),
		regexp.MustCompile(`sourceMappingURL`),
		regexp.MustCompile(`\blocalhost\b|\b127\.0\.0\.1\b`),
		regexp.MustCompile(`/(?:home|root|tmp|Users|work)/[\w.-]+/`),
	}
	inline = []*regexp.Regexp{
		regexp.MustCompile(`<style\b`),
		regexp.MustCompile(`\sstyle=`),
		regexp.MustCompile(`<script\b[^>]*>[^<]`),
		regexp.MustCompile(`\son\w+=`),
	}
)

// texts returns the pages, scripts and style sheets of web/built by name.
func texts(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	walk(t, "built", func(file string) {
		if slices.Contains([]string{".html", ".js", ".css"}, path.Ext(file)) {
			found[file] = string(content(t, file))
		}
	})
	if len(found) == 0 {
		t.Fatal("web/built is empty: run make web")
	}
	return found
}

func assets(t *testing.T) (names []string) {
	t.Helper()
	walk(t, "built/assets", func(file string) { names = append(names, path.Base(file)) })
	return names
}

// sumsOfSources returns the SHA-256 of every file that the pages are built from, by its path in the repository.
func sumsOfSources(t *testing.T) map[string]string {
	t.Helper()
	sums := map[string]string{"schema.graphqls": sum(content(t, "../schema.graphqls"))}
	walk(t, "app", func(file string) { sums[path.Join("web", file)] = sum(content(t, file)) })
	return sums
}

// kept returns what SOURCES.sum says, in the form of sha256sum.
func kept(t *testing.T) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for line := range strings.Lines(string(content(t, "built/SOURCES.sum"))) {
		sum, file, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok {
			t.Fatalf("SOURCES.sum has the line %q", line)
		}
		sums[file] = sum
	}
	return sums
}

func walk(t *testing.T, folder string, visit func(file string)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return fs.SkipDir
		case !entry.IsDir():
			visit(filepath.ToSlash(file))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func sum(body []byte) string {
	hash := sha256.Sum256(body)
	return hex.EncodeToString(hash[:])
}
