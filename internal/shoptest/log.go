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

// Logger returns a logger of every level that writes JSON to the log.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
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
