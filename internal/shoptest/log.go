package shoptest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// A Log keeps what many write to it at once, for a test to read. Its zero value is
// empty.
type Log struct {
	mu  sync.Mutex
	out bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// Logger returns a logger of every level that writes JSON to the log, without times,
// whose digits could be taken for something that a test looks for.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// String returns the text so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// Lines returns the lines so far that hold every word.
func (l *Log) Lines(words ...string) []string {
	var found []string
next:
	for line := range strings.SplitSeq(strings.TrimSpace(l.String()), "\n") {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}
