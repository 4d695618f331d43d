package faulttest_test

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/go-sql-driver/mysql"
	"github.com/rs/zerolog"

	"payment-system/internal/devservers"
	"payment-system/internal/mysqldb"
)

// A passage is something that a client asks of MariaDB, and that a trap may wait for.
type passage int

const (
	beginning passage = iota // START TRANSACTION
	statement                // anything else that is asked, COMMIT included
	commit                   // COMMIT, and a write outside of a transaction
)

// A loss is what becomes of a request whose trap springs; the connection breaks in any case.
type loss int

const (
	loseAnswer  loss = iota // MariaDB does it and says so, and nobody hears
	loseRequest             // MariaDB never hears of it
	loseBoth                // MariaDB is told, and nobody waits for what it does
)

// String says what is lost.
func (l loss) String() string {
	return [...]string{"answer lost", "request lost", "neither waits"}[l]
}

// A trap waits at proxies for the n-th passage of one kind, once, and counts those that pass.
type trap struct {
	at    passage
	nth   int // from 1; 0 only counts
	loses loss
	// mine tells, by their SQL, which statements, or which transactions, are meant; nil is all.
	mine func(sql string) bool

	mu     sync.Mutex
	passed []crossing
	answer byte          // the first byte of MariaDB's word on what sprang the trap
	sprung chan struct{} // closed before the connection breaks
}

// A crossing is a passage that a trap has seen.
type crossing struct {
	sql  string        // what was said of it, from the transaction's beginning on
	took time.Duration // since the transaction began
}

// passes notes a passage, and tells whether it is the one that the trap waits for.
func (t *trap) passes(c crossing) bool {
	if t.mine != nil && !t.mine(c.sql) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed = append(t.passed, c)
	return len(t.passed) == t.nth
}

// crossings are the passages so far.
func (t *trap) crossings() []crossing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]crossing(nil), t.passed...)
}

func (t *trap) spring(answer byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer = answer
	close(t.sprung)
}

// hasSprung tells whether the trap has done its work.
func (t *trap) hasSprung() bool {
	select {
	case <-t.sprung:
		return true
	default:
		return false
	}
}

// A mysqlProxy stands between clients and MariaDB. It understands of what they say as much as is
// needed to lose one answer.
type mysqlProxy struct {
	dsn      string // how clients reach it
	to       *mysql.Config
	listener net.Listener
	slow     atomic.Int64 // nanoseconds that each request of a transaction is held back

	mu    sync.Mutex
	traps map[*trap]bool
	wires map[*wire]bool
}

// openMySQLProxy opens a proxy on the way that a DSN names.
func openMySQLProxy(t *testing.T, dsn string) *mysqlProxy {
	t.Helper()
	to, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p := &mysqlProxy{to: to, traps: map[*trap]bool{}, wires: map[*wire]bool{}}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.dsn = dsnAt(t, dsn, p.listener.Addr().String())
	go p.accept()
	t.Cleanup(p.close)
	return p
}

// dsnAt is the DSN of the same database at another address.
func dsnAt(t *testing.T, dsn, addr string) string {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.Net, config.Addr = "tcp", addr
	return config.FormatDSN()
}

// arm sets a trap at proxies: what passes any of them counts.
func arm(t *trap, proxies ...*mysqlProxy) *trap {
	t.mu.Lock()
	t.sprung, t.passed = make(chan struct{}), nil
	t.mu.Unlock()
	for _, p := range proxies {
		p.mu.Lock()
		p.traps[t] = true
		p.mu.Unlock()
	}
	return t
}

// disarm takes a trap away.
func disarm(t *trap, proxies ...*mysqlProxy) {
	for _, p := range proxies {
		p.mu.Lock()
		delete(p.traps, t)
		p.mu.Unlock()
	}
}

// spring is the trap that springs at a passage, or nil. One that springs keeps the passage from the
// others.
func (p *mysqlProxy) spring(at passage, c crossing) *trap {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range p.traps {
		if t.at == at && t.passes(c) {
			return t
		}
	}
	return nil
}

func (p *mysqlProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.to.Net, p.to.Addr)
		if err != nil {
			client.Close()
			continue
		}
		w := &wire{proxy: p, client: client, server: server}
		p.mu.Lock()
		p.wires[w] = true
		p.mu.Unlock()
		go w.answers()
		go w.requests()
	}
}

// close breaks everything.
func (p *mysqlProxy) close() {
	p.listener.Close()
	p.mu.Lock()
	wires := p.wires
	p.wires = map[*wire]bool{}
	p.mu.Unlock()
	for w := range wires {
		w.cut()
	}
}

// A wire is one connection through a proxy.
type wire struct {
	proxy          *mysqlProxy
	client, server net.Conn

	losing atomic.Pointer[trap] // the next answer is lost
	muted  atomic.Bool          // no answer is carried any more
	within bool                 // a transaction is open
	began  time.Time
	said   strings.Builder // since it began
}

// cut breaks the connection at both ends.
func (w *wire) cut() {
	w.client.Close()
	w.server.Close()
	w.proxy.mu.Lock()
	delete(w.proxy.wires, w)
	w.proxy.mu.Unlock()
}

// answers carries what MariaDB says. A client has read all of one answer before it asks again, so
// what comes after a trap has sprung is the answer to be lost.
func (w *wire) answers() {
	defer w.cut()
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.server.Read(buffer)
		if t := w.losing.Load(); t != nil {
			t.spring(buffer[4])
			return
		}
		if n > 0 && !w.muted.Load() {
			if _, err := w.client.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// requests carries what the client asks, packet by packet.
func (w *wire) requests() {
	defer func() {
		if w.losing.Load() == nil { // else answers has yet to hear
			w.cut()
		}
	}()
	for {
		packet, err := readPacket(w.client)
		if err != nil || !w.carry(packet) {
			return
		}
	}
}

// readPacket reads one packet of MySQL's protocol: three bytes of length, a number, the payload.
func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, len(head)+(int(head[0])|int(head[1])<<8|int(head[2])<<16))
	copy(packet, head[:])
	_, err := io.ReadFull(r, packet[4:])
	return packet, err
}

// carry hands a packet on, unless a trap springs, and tells whether the connection goes on.
func (w *wire) carry(packet []byte) bool {
	t := w.look(packet)
	if t == nil {
		_, err := w.server.Write(packet)
		return err == nil
	}
	if t.loses == loseAnswer {
		w.losing.Store(t)
	}
	w.muted.Store(t.loses == loseBoth) // MariaDB may answer before the connection breaks
	if t.loses != loseRequest {
		if _, err := w.server.Write(packet); err != nil {
			w.cut()
		}
	}
	if t.loses != loseAnswer {
		t.spring(0)
	}
	return t.loses == loseAnswer
}

// What the first byte of a request says.
const (
	comQuery   = 0x03
	comExecute = 0x17
)

// look reads a request and returns the trap that it springs, or nil.
func (w *wire) look(packet []byte) *trap {
	if packet[3] != 0 || len(packet) < 5 || (packet[4] != comQuery && packet[4] != comExecute) {
		return nil // a greeting, or the rest of a long request
	}
	sql := "a prepared statement"
	if packet[4] == comQuery {
		sql = string(packet[5:])
	}
	if w.within {
		time.Sleep(time.Duration(w.proxy.slow.Load()))
	}
	var sprung *trap
	for one := range strings.SplitSeq(sql, ";\n") { // a line break within quotes is escaped
		sprung = cmp.Or(sprung, w.lookAt(one))
	}
	return sprung
}

// lookAt reads one of the statements of a request.
func (w *wire) lookAt(sql string) *trap {
	verb, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	switch strings.ToUpper(verb) {
	case "START":
		w.within, w.began = true, time.Now()
		w.said.Reset()
		return w.proxy.spring(beginning, crossing{sql: sql})
	case "COMMIT":
		return w.end(sql)
	case "ROLLBACK":
		w.within = false
		return w.proxy.spring(statement, crossing{sql: sql})
	}
	return w.query(sql, strings.ToUpper(verb))
}

// end looks at a COMMIT.
func (w *wire) end(sql string) *trap {
	w.within = false
	c := crossing{sql: w.said.String(), took: time.Since(w.began)}
	return cmp.Or(w.proxy.spring(statement, crossing{sql: sql}), w.proxy.spring(commit, c))
}

// query looks at a statement: outside of a transaction a write is its own commit.
func (w *wire) query(sql, verb string) *trap {
	sprung := w.proxy.spring(statement, crossing{sql: sql})
	if w.within {
		w.said.WriteString(sql)
		w.said.WriteByte('\n')
		return sprung
	}
	if verb == "INSERT" || verb == "UPDATE" || verb == "DELETE" {
		return cmp.Or(sprung, w.proxy.spring(commit, crossing{sql: sql}))
	}
	return sprung
}

// A toxicProxy is toxiproxy on the way to an address.
type toxicProxy struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// openToxicProxy opens one.
func openToxicProxy(t *testing.T, name, upstream string) *toxicProxy {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // its toxics speak to everybody
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &toxicProxy{t, toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)}
	if err := p.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.proxy.Stop)
	return p
}

// addr is where the proxy listens.
func (p *toxicProxy) addr() string { return p.proxy.Listen }

// A toxic is a way to spoil a connection, as toxiproxy takes it.
type toxic struct {
	Name       string           `json:"name,omitempty"`
	Type       string           `json:"type"`
	Stream     string           `json:"stream"`
	Attributes map[string]int64 `json:"attributes"`
}

// spoil adds a toxic to all connections, old and new.
func (p *toxicProxy) spoil(bad toxic) {
	p.t.Helper()
	text, err := json.Marshal(bad)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.proxy.Toxics.AddToxicJson(bytes.NewReader(text)); err != nil {
		p.t.Errorf("add %s: %v", text, err)
	}
}

// heal takes all toxics away.
func (p *toxicProxy) heal() { p.proxy.Toxics.ResetToxics(p.t.Context()) }

// openBooks starts a MariaDB of the test's own with a proxy before it, and a pool on either.
func openBooks(t *testing.T) (p *mysqlProxy, direct, proxied *sql.DB) {
	t.Helper()
	servers, err := devservers.Start(t.Context(), devservers.Config{InMemory: true, SkipRedis: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { servers.Close() })
	p = openMySQLProxy(t, servers.MySQLDSN)
	open := func(dsn string) *sql.DB {
		db, err := mysqldb.Open(t.Context(), dsn, mysqldb.Config{MaxConns: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	direct, proxied = open(servers.MySQLDSN), open(p.dsn)
	if _, err := direct.ExecContext(t.Context(), `CREATE TABLE notes (id INT PRIMARY KEY, text VARCHAR(100) NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	return p, direct, proxied
}

// write inserts a row in a transaction, as the program would.
func write(t *testing.T, db *sql.DB, id int) error {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), `INSERT INTO notes (id, text) VALUES (?, ?)`, id, fmt.Sprint("note ", id)); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func TestProxy(t *testing.T) {
	t.Parallel()
	p, direct, proxied := openBooks(t)
	stands := func(id int) bool {
		var n int
		if err := direct.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM notes WHERE id = ?`, id).Scan(&n); err != nil {
			t.Error(err)
		}
		return n == 1
	}
	note := func(id int) func(string) bool {
		return func(sql string) bool { return strings.Contains(sql, fmt.Sprintf("'note %d'", id)) }
	}

	t.Run("what no trap waits for passes, and is counted", func(t *testing.T) {
		all := arm(&trap{at: commit}, p)
		defer disarm(all, p)
		for id := range 3 {
			if err := write(t, proxied, id); err != nil || !stands(id) {
				t.Errorf("note %d: %v", id, err)
			}
		}
		if _, err := proxied.ExecContext(t.Context(), `UPDATE notes SET text = 'new' WHERE id = 2`); err != nil {
			t.Error(err)
		}
		seen := all.crossings()
		if len(seen) != 4 || !strings.Contains(seen[0].sql, "INSERT INTO notes") || !strings.HasPrefix(seen[3].sql, "UPDATE") {
			t.Errorf("saw %v", seen)
		}
	})

	t.Run("a commit whose answer is lost stands, and the client is not told", func(t *testing.T) {
		lost := arm(&trap{at: commit, nth: 1, loses: loseAnswer, mine: note(11)}, p)
		defer disarm(lost, p)
		if err := write(t, proxied, 10); err != nil || !stands(10) {
			t.Errorf("the note beside it: %v", err)
		}
		if err := write(t, proxied, 11); !errors.Is(err, mysql.ErrInvalidConn) || !strings.HasPrefix(err.Error(), "commit") {
			t.Errorf("the client was told %v", err)
		}
		if !lost.hasSprung() || lost.answer != 0 || !stands(11) {
			t.Errorf("sprung %t; MariaDB answered %#x; it stands: %t", lost.hasSprung(), lost.answer, stands(11))
		}
		if err := write(t, proxied, 12); err != nil || !stands(12) {
			t.Errorf("the note after it: %v", err)
		}
	})

	t.Run("a commit that is not forwarded leaves nothing behind", func(t *testing.T) {
		lost := arm(&trap{at: commit, nth: 1, loses: loseRequest, mine: note(21)}, p)
		defer disarm(lost, p)
		if err := write(t, proxied, 21); !errors.Is(err, mysql.ErrInvalidConn) || !strings.HasPrefix(err.Error(), "commit") {
			t.Errorf("the client was told %v", err)
		}
		// The same row can be written once MariaDB has given the transaction up.
		if err := write(t, proxied, 21); !lost.hasSprung() || err != nil || !stands(21) {
			t.Errorf("the same note again: %v", err)
		}
	})

	t.Run("a commit that nobody waits for breaks the connection", func(t *testing.T) {
		lost := arm(&trap{at: commit, nth: 1, loses: loseBoth, mine: note(31)}, p)
		defer disarm(lost, p)
		if err := write(t, proxied, 31); !errors.Is(err, mysql.ErrInvalidConn) || !lost.hasSprung() {
			t.Errorf("the client was told %v", err)
		}
		err := write(t, proxied, 31)
		if (err == nil) == mysqldb.IsDuplicate(err, "PRIMARY") || !stands(31) {
			t.Errorf("the same note again: %v", err)
		}
	})

	t.Run("a connection breaks at the statement or at the beginning that was named", func(t *testing.T) {
		for i, c := range []struct {
			trap *trap
			want string
		}{
			{&trap{at: statement, nth: 1, loses: loseRequest, mine: note(41)}, "insert"},
			{&trap{at: statement, nth: 1, loses: loseAnswer, mine: note(42)}, "insert"},
			{&trap{at: beginning, nth: 1, loses: loseAnswer}, "insert"}, // which begins the transaction
		} {
			arm(c.trap, p)
			err := write(t, proxied, 41+i)
			disarm(c.trap, p)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || !c.trap.hasSprung() || stands(41+i) {
				t.Errorf("trap %d: %v", i, err)
			}
		}
	})

	t.Run("after a beginning that was lost before it was sent the pool is none the worse", func(t *testing.T) {
		lost := arm(&trap{at: beginning, nth: 1, loses: loseRequest}, p)
		defer disarm(lost, p)
		write(t, proxied, 51)
		if err := write(t, proxied, 52); err != nil || !lost.hasSprung() || !stands(52) {
			t.Errorf("the note after it: %v", err)
		}
	})
}
