package faulttest_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// secrets are what no replica may say to its log or its metrics: what it is given, what shoppers
// and gateways tell it, and who they are. Each is known by what it is, so that none is shown.
type secrets struct {
	mu    sync.Mutex
	words map[string]string // each a run of letters, digits, - and _
	texts map[string]string // of more than one word
}

// keep keeps a secret.
func (s *secrets) keep(what, secret string) {
	if secret == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.words == nil {
		s.words, s.texts = map[string]string{}, map[string]string{}
	}
	if !strings.ContainsFunc(secret, isBetweenWords) {
		s.words[secret] = what
		return
	}
	s.texts[secret], s.texts[url.QueryEscape(secret)] = what, what
}

func isBetweenWords(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// find tells what secrets are in a line. A number after a colon or a point is a measure, and no
// code of a mail.
func (s *secrets) find(line string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, what := range s.texts {
		if strings.Contains(line, secret) {
			found = append(found, what)
		}
	}
	end := 0
	for word := range strings.FieldsFuncSeq(line, isBetweenWords) {
		at := end + strings.Index(line[end:], word)
		end = at + len(word)
		what, ok := s.words[word]
		measure := len(word) <= len("000000") && at > 0 && strings.ContainsRune(":.", rune(line[at-1]))
		if ok && !measure {
			found = append(found, what)
		}
	}
	return found
}

// without returns a line without its secrets.
func (s *secrets) without(line string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range []map[string]string{s.texts, s.words} {
		for secret, what := range known {
			line = strings.ReplaceAll(line, secret, "<"+what+">")
		}
	}
	return line
}

// openLog opens what keeps all that a replica ever says.
func (h *house) openLog(i int) *os.File {
	h.t.Helper()
	log, err := os.OpenFile(filepath.Join(h.t.TempDir(), fmt.Sprintf("replica-%d.log", i)), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { log.Close() })
	return log
}

// checkSecrets wants no secret in what the replicas said since they were started first, nor in
// their metrics.
func (h *house) checkSecrets() {
	h.t.Helper()
	for what, query := range map[string]string{
		"number of a virtual account": `SELECT COALESCE(virtual_account_number, ''), '' FROM toss_payments`,
		"secret of a deposit":         `SELECT secret, '' FROM attempts`,
		"e-mail address":              `SELECT email, '' FROM users`,
		"hash of a password":          `SELECT password_hash, '' FROM users`,
	} {
		for _, row := range h.read(query) {
			h.secrets.keep(what, row[0])
		}
	}
	for i, r := range h.replicas {
		log, err := os.Open(r.log.Name())
		if err != nil {
			h.t.Error(err)
			continue
		}
		lines := h.searchFor(fmt.Sprintf("the log of replica %d", i), log)
		log.Close()
		if lines == 0 {
			h.t.Errorf("replica %d said nothing", i)
		}
		response, err := http.Get(r.url + "/metrics")
		if err != nil {
			h.t.Errorf("read the metrics of replica %d: %v", i, err)
			continue
		}
		h.searchFor(fmt.Sprintf("the metrics of replica %d", i), response.Body)
		response.Body.Close()
	}
}

// searchFor searches a text for secrets, and returns how many lines it has.
func (h *house) searchFor(name string, text io.Reader) (lines int) {
	h.t.Helper()
	told := map[string]bool{}
	for reader := bufio.NewReader(text); ; lines++ {
		line, err := reader.ReadString('\n')
		for _, what := range h.secrets.find(line) {
			if !told[what] {
				h.t.Errorf("%s has the %s: %s", name, what, h.secrets.without(line))
			}
			told[what] = true
		}
		if err == io.EOF {
			return lines
		}
		if err != nil {
			h.t.Errorf("read %s: %v", name, err)
			return lines
		}
	}
}
