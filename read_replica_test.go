package main_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"payment-system/internal/devservers"
	"payment-system/internal/mysqltest"
	"payment-system/internal/shoptest"
	"payment-system/internal/testcerts"
)

// TestServe_readReplica reads at a server that is 2 s behind, then gone, then silent: nobody who wrote sees
// anything old, and nobody waits.
func TestServe_readReplica(t *testing.T) {
	t.Parallel()
	servers, err := devservers.Start(context.Background(), devservers.Config{InMemory: true, SkipRedis: true, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { servers.Close() })
	primary, follower, err := servers.NewPair(t.Context(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	d, err := startDev("MYSQL_DSN=" + primary.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop() })
	replica := d.startReplica(t, "MYSQL_DSN="+primary.DSN(), "MYSQL_READ_DSN="+follower.DSN())
	up := func() bool {
		_, metrics := newClient(t, "").get(t, replica.url+"/metrics")
		return strings.Contains(metrics, "\npayment_system_read_replica_up 1\n")
	}
	shopper := newClient(t, replica.url)
	shopper.signIn(t, "shopper@example.com", "correct horse battery staple")
	shoptest.Eventually(t, "the read replica has come up", up)

	for _, scene := range []struct {
		name    string
		prepare func() error
		isUp    bool
	}{
		{"2 s behind", func() error { return nil }, true},
		{"gone", follower.Kill, false},
		{"back", func() error { return follower.Start(t.Context()) }, true},
		{"stopped applying", func() error { return follower.Exec(t.Context(), "STOP SLAVE SQL_THREAD") }, true},
		{"silent", follower.Pause, false},
		{"speaking and applying again", func() error {
			return errors.Join(follower.Resume(), follower.Exec(t.Context(), "START SLAVE SQL_THREAD"))
		}, true},
	} {
		t.Run(scene.name, func(t *testing.T) {
			if err := scene.prepare(); err != nil {
				t.Fatal(err)
			}
			shopper.readsOwnWrites(t)
			shoptest.Eventually(t, "the metric says so", func() bool { return up() == scene.isUp })
			shopper.readsOwnWrites(t)
			if got := status(replica.url + "/readyz"); got != 200 {
				t.Errorf("/readyz answers %d", got)
			}
		})
	}
}

// readsOwnWrites wants each step of a purchase to be seen at once, everywhere, and nobody to wait for
// the replica: of three, one that is soon over will do, for a busy machine makes some late.
func (c *client) readsOwnWrites(t *testing.T) {
	t.Helper()
	var took time.Duration
	for range 3 {
		if took = c.buysAndReads(t); took <= 8*time.Second {
			return
		}
	}
	t.Errorf("the last of three purchases took %s", took)
}

// buysAndReads buys something, wants each step to be seen, and returns how long it took.
func (c *client) buysAndReads(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	order := c.placeOrder(t, c.stock(t))
	id := order.text("order", "id")
	seen := func(when, status, payment string) {
		t.Helper()
		one := c.do(t, `query($id: ID!) { order(id: $id) { status payment { status } } }`, object{"id": id})
		if one.text("status") != status || one.text("payment", "status") != payment {
			t.Errorf("%s, the order shows %v", when, one)
		}
		list := c.do(t, `{ viewer { orders(first: 1) { nodes { id status payment { status } } } } }`, nil)
		if list.text("orders", "nodes", 0, "id") != id || list.text("orders", "nodes", 0, "status") != status ||
			list.text("orders", "nodes", 0, "payment", "status") != payment {
			t.Errorf("%s, the list shows %v", when, list)
		}
	}
	seen("placed", "PLACED", "<nil>")
	payment := c.ready(t, order, "KAKAO")
	seen("readied", "PLACED", "READY")
	c.payAtGateway(t, payment, walk{pg: "KAKAO", button: "pay_card"})
	seen("paid", "PAID", "APPROVED")
	return time.Since(began)
}

// TestServe_readReplicaRefused refuses what could never be read at, and starts without what is away.
func TestServe_readReplicaRefused(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	dsn := mysqltest.DSN(t)
	account := mysqltest.NewAccount(t, dsn)
	account.Grant("SELECT", "goose_db_version", "events", "order_views")
	user, _, _ := strings.Cut(account.DSN, ":")
	for name, refused := range map[string]struct{ dsn, says string }{
		"no right to read": {account.DSN, "MYSQL_READ_DSN: grant its account SELECT on user_views"},
		"a wrong password": {strings.Replace(account.DSN, user+":", user+":s3cret", 1), "MYSQL_READ_DSN: connect to the database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environment := append(d.wellSet(t), "HTTP_ADDR=127.0.0.1:0", "MYSQL_READ_DSN="+refused.dsn)
			out, code := runProgram(t, environment, "serve")
			if code != 1 || !strings.Contains(out, refused.says) || strings.Contains(out, "s3cret") {
				t.Errorf("exit %d, want %q:\n%s", code, refused.says, out)
			}
		})
	}
	t.Run("one that is away", func(t *testing.T) {
		t.Parallel()
		replica := d.startReplica(t, "MYSQL_READ_DSN=root:s3cret@tcp(127.0.0.1:"+freePort(t)+")/payment_system")
		if _, metrics := newClient(t, "").get(t, replica.url+"/metrics"); !strings.Contains(metrics, "\npayment_system_read_replica_up 0\n") {
			t.Errorf("the metrics are\n%s", metrics)
		}
		if !strings.Contains(replica.log.String(), "read replica is away") || strings.Contains(replica.log.String(), "s3cret") {
			t.Errorf("the log is\n%s", replica.log)
		}
	})
	t.Run("one with another schema rests", func(t *testing.T) {
		t.Parallel()
		other := mysqltest.DSN(t)
		db, err := sql.Open("mysql", other)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		shoptest.Exec(t, db, "DELETE FROM goose_db_version ORDER BY id DESC LIMIT 1")
		replica := d.startReplica(t, "MYSQL_READ_DSN="+other)
		shoptest.Eventually(t, "it is said", func() bool {
			return strings.Contains(replica.log.String(), "read replica rests")
		})
	})
}

// TestServe_mysqlTLS verifies a database server's certificate by an authority of one's own.
func TestServe_mysqlTLS(t *testing.T) {
	t.Parallel()
	files, others := testcerts.New(t), testcerts.New(t)
	servers, err := devservers.Start(context.Background(), devservers.Config{InMemory: true, SkipRedis: true, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { servers.Close() })
	port := freePort(t)
	server, err := servers.NewMariaDB(t.Context(), "--skip-networking=OFF", "--bind-address=127.0.0.1", "--port="+port,
		"--ssl-ca="+files.CA, "--ssl-cert="+files.Cert, "--ssl-key="+files.Key)
	if err != nil {
		t.Fatal(err)
	}
	err = server.Exec(t.Context(), "CREATE USER 'app'@'127.0.0.1' IDENTIFIED BY 's3cret' REQUIRE SSL",
		"GRANT ALL ON payment_system.* TO 'app'@'127.0.0.1'")
	if err != nil {
		t.Fatal(err)
	}
	dsn := "MYSQL_DSN=app:s3cret@tcp(127.0.0.1:" + port + ")/payment_system"
	for _, test := range []struct {
		name     string
		settings []string
		code     int
		says     string
	}{
		{"the right authority", []string{dsn, "MYSQL_CA_FILE=" + files.CA}, 0, "the schema went from version 0"},
		{"the same, and tls=true", []string{dsn + "?tls=true", "MYSQL_CA_FILE=" + files.CA}, 0, "up to date"},
		{"another authority", []string{dsn, "MYSQL_CA_FILE=" + others.CA}, 1, "set MYSQL_CA_FILE"},
		{"no authority", []string{dsn + "?tls=true"}, 1, "set MYSQL_CA_FILE"},
		{"less than asked for", []string{dsn + "?tls=skip-verify", "MYSQL_CA_FILE=" + files.CA}, 1, "set tls=true in MYSQL_DSN"},
		{"no TLS", []string{dsn}, 1, "MYSQL_DSN: connect to the database"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, code := runProgram(t, test.settings, "migrate")
			if code != test.code || !strings.Contains(out, test.says) || strings.Contains(out, "s3cret") {
				t.Errorf("exit %d, want %d and %q:\n%s", code, test.code, test.says, out)
			}
		})
	}
}
