package main_test

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/devservers"
	"payment-system/internal/shoptest"
	"payment-system/internal/testcerts"
)

// furtherRedis are servers beside dev's, which tests start one by one.
var furtherRedis = sync.OnceValues(func() (*devservers.Servers, error) {
	return devservers.Start(context.Background(), devservers.Config{SkipMySQL: true, Progress: os.Stderr})
})

var startingRedis sync.Mutex

func newRedis(t *testing.T, config devservers.RedisConfig) *devservers.Redis {
	t.Helper()
	startingRedis.Lock()
	defer startingRedis.Unlock()
	servers, err := furtherRedis()
	if err != nil {
		t.Fatal(err)
	}
	server, err := servers.NewRedis(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func newRedisCluster(t *testing.T, masters, replicas int) []string {
	t.Helper()
	startingRedis.Lock()
	defer startingRedis.Unlock()
	servers, err := furtherRedis()
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := servers.NewRedisCluster(t.Context(), masters, replicas)
	if err != nil {
		t.Fatal(err)
	}
	addrs := make([]string, len(nodes))
	for i, node := range nodes {
		addrs[i] = node.Addr()
	}
	return addrs
}

// protected starts a Redis with a password, a user "app", and TLS.
func protected(t *testing.T, files testcerts.Files) *devservers.Redis {
	t.Helper()
	server := newRedis(t, devservers.RedisConfig{
		Options: []string{"--requirepass", "s3cret"}, Password: "s3cret", CertFile: files.Cert, KeyFile: files.Key,
	})
	admin := redis.NewClient(&redis.Options{Addr: server.Addr(), Password: "s3cret"})
	defer admin.Close()
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "app", "on", ">s3cret", "~*", "&*", "+@all", "-@admin").Err(); err != nil {
		t.Fatal(err)
	}
	return server
}

// watched starts a Redis and three Sentinels that watch it as "shop", and returns their addresses.
func watched(t *testing.T) (master, sentinels string) {
	t.Helper()
	master = newRedis(t, devservers.RedisConfig{}).Addr()
	host, port, _ := net.SplitHostPort(master)
	var addrs []string
	for range 3 {
		addrs = append(addrs, newRedis(t, devservers.RedisConfig{
			Sentinel: "sentinel monitor shop " + host + " " + port + " 2\nsentinel down-after-milliseconds shop 1000\n",
		}).Addr())
	}
	return master, strings.Join(addrs, ",")
}

// TestServe_redis buys something with each kind of Redis, and wants what cannot work to be refused.
func TestServe_redis(t *testing.T) {
	t.Parallel()
	d := ownDev(t)
	files := testcerts.New(t)
	server := protected(t, files)
	cluster := newRedisCluster(t, 3, 0)
	_, sentinels := watched(t)
	// One after the other: each counts the stock, and those of the cluster share a cache.
	for _, kind := range []struct {
		name     string
		settings []string
	}{
		{"a password", []string{"REDIS_ADDRS=redis://:s3cret@" + server.Addr()}},
		{"a user and a database", []string{"REDIS_ADDRS=redis://app:s3cret@" + server.Addr() + "/3"}},
		{"TLS, from a file", []string{
			"REDIS_ADDRS_FILE=" + secretFile(t, "rediss://app:s3cret@"+server.TLSAddr()+"/4\n"), "REDIS_CA_FILE=" + files.CA,
		}},
		{"Sentinels", []string{"REDIS_ADDRS=redis+sentinel://" + sentinels + "/shop"}},
		{"one address of a cluster", []string{"REDIS_ADDRS=" + cluster[1]}},
		{"all those of a cluster", []string{"REDIS_ADDRS=" + strings.Join(cluster, ", ")}},
		{"locks with spaces", []string{
			"REDIS_ADDRS=redis://:s3cret@" + server.Addr() + "/5",
			"LOCK_REDIS_ADDRS=redis://:s3cret@" + server.Addr() + "/6 , " + d.said["REDIS_ADDRS"] + " ,",
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			environment := without(d.environment(), "REDIS_ADDRS")
			replica := startReplicaIn(t, environment, kind.settings...)
			shopper := newClient(t, replica.url)
			shopper.signIn(t, "shopper@example.com", "correct horse battery staple")
			order := shopper.placeOrder(t, shopper.stock(t))
			payment := shopper.ready(t, order, "KAKAO")
			shopper.payAtGateway(t, payment, walk{pg: "KAKAO", button: "pay_card"})
			shoptest.Eventually(t, "the order is paid", func() bool {
				return shopper.do(t, `query($id: ID!) { order(id: $id) { status } }`, object{"id": order.text("order", "id")}).text("status") == "PAID"
			})
			if _, metrics := shopper.get(t, replica.url+"/metrics"); !strings.Contains(metrics, "\npayment_system_redis_up 1\n") {
				t.Error("redis_up is not 1")
			}
			if strings.Contains(replica.log.String(), "s3cret") {
				t.Errorf("the log holds the password:\n%s", replica.log)
			}
		})
	}
}

func TestServe_redisRefused(t *testing.T) {
	t.Parallel()
	d := sharedDev(t)
	files := testcerts.New(t)
	server := protected(t, files)
	cluster := newRedisCluster(t, 3, 0)
	master, sentinels := watched(t)
	first, _, _ := strings.Cut(sentinels, ",")
	host, port, _ := net.SplitHostPort(master)
	replica := newRedis(t, devservers.RedisConfig{Options: []string{"--replicaof", host + " " + port}})
	for name, refused := range map[string]struct{ setting, says string }{
		"no password":        {"REDIS_ADDRS=" + server.Addr(), "REDIS_ADDRS: " + server.Addr() + ": it asks for a password"},
		"a wrong password":   {"REDIS_ADDRS=redis://app:s3cret2@" + server.Addr(), "it refuses the user or the password"},
		"a wrong authority":  {"REDIS_ADDRS=rediss://app:s3cret@" + server.TLSAddr(), "set REDIS_CA_FILE"},
		"a Sentinel":         {"REDIS_ADDRS=" + first, "it is a Sentinel: write redis+sentinel://"},
		"an unknown master":  {"REDIS_ADDRS=redis+sentinel://" + sentinels + "/other", `knows no master called "other"`},
		"a replica":          {"REDIS_ADDRS=" + replica.Addr(), "it is a replica"},
		"a cluster's member": {"REDIS_ADDRS=redis://" + cluster[0] + "/2", "it is a member of a cluster, which has no"},
		"no cluster":         {"REDIS_ADDRS=" + master + "," + d.said["REDIS_ADDRS"], "these are single servers"},
		"locks in a cluster": {"LOCK_REDIS_ADDRS=" + strings.Join(cluster, ","), "name servers that are independent of each other"},
		"a lock's password":  {"LOCK_REDIS_ADDRS=" + d.said["REDIS_ADDRS"] + "," + server.Addr(), "LOCK_REDIS_ADDRS: " + server.Addr() + ": it asks for a password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environment := append(d.environment(), "HTTP_ADDR=127.0.0.1:0", "SMTP_ADDR=127.0.0.1:1", "SMTP_FROM=shop@example.com", refused.setting)
			out, code := runProgram(t, environment, "serve")
			if code != 1 || !strings.Contains(out, refused.says) || strings.Contains(out, "s3cret") {
				t.Errorf("exit %d, want %q and no secret:\n%s", code, refused.says, out)
			}
			if out, code := runProgram(t, environment, "doctor"); code != 1 || !strings.Contains(out, "FAULT") || strings.Contains(out, "s3cret") {
				t.Errorf("doctor: exit %d, want a fault and no secret:\n%s", code, out)
			}
		})
	}
}

// without leaves settings of a name out.
func without(environment []string, name string) (rest []string) {
	for _, setting := range environment {
		if !strings.HasPrefix(setting, name+"=") {
			rest = append(rest, setting)
		}
	}
	return rest
}

// secretFile holds a secret as systemd and Kubernetes give it.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	file := t.TempDir() + "/secret"
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
