package redisdb_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/devservers"
	"payment-system/internal/proof"
	"payment-system/internal/redisdb"
	"payment-system/internal/shoptest"
	"payment-system/internal/testcerts"
)

// servers are those that the tests of this package add theirs to.
var servers = sync.OnceValues(func() (*devservers.Servers, error) {
	return devservers.Start(context.Background(), devservers.Config{SkipMySQL: true, Progress: os.Stderr})
})

var starting sync.Mutex // Servers are for one goroutine at a time.

func start(t *testing.T, config devservers.RedisConfig) *devservers.Redis {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	all, err := servers()
	if err != nil {
		t.Fatal(err)
	}
	server, err := all.NewRedis(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func startCluster(t *testing.T, masters, replicas int) []*devservers.Redis {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	all, err := servers()
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := all.NewRedisCluster(t.Context(), masters, replicas)
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

// open is Open and Check, as the program does it at its start.
func open(t *testing.T, list string, config redisdb.Config) (redis.UniversalClient, redisdb.Mode, error) {
	t.Helper()
	place, err := redisdb.ParsePlace(list)
	if err != nil {
		t.Fatal(err)
	}
	client, mode, err := redisdb.Open(t.Context(), place, config)
	if err != nil {
		return nil, mode, err
	}
	t.Cleanup(func() { client.Close() })
	return client, mode, redisdb.Check(t.Context(), client)
}

func wantUsable(t *testing.T, list string, config redisdb.Config, want redisdb.Mode) redis.UniversalClient {
	t.Helper()
	client, mode, err := open(t, list, config)
	if err != nil || mode != want {
		t.Fatalf("%q, error %v; want a usable %q", mode, err, want)
	}
	for i := range 50 { // on every master of a cluster
		key := fmt.Sprintf("key:%d", i)
		if err := client.Set(t.Context(), key, "v", time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

func wantUnusable(t *testing.T, list, says string, config redisdb.Config) {
	t.Helper()
	_, _, err := open(t, list, config)
	if _, ok := errors.AsType[redisdb.Unusable](err); !ok || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, want that %q", err, says)
	}
	if err != nil && strings.Contains(err.Error(), "s3cret") {
		t.Errorf("it says the password: %v", err)
	}
}

func admin(t *testing.T, addr, password string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, Password: password})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestOpen_login(t *testing.T) {
	t.Parallel()
	server := start(t, devservers.RedisConfig{Options: []string{"--requirepass", "s3cret"}, Password: "s3cret"})
	addr := server.Addr()
	for _, user := range [][]any{
		{"ACL", "SETUSER", "app", "on", ">s3cret@", "~*", "&*", "+@all", "-@admin"},
		{"ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "&*", "+@read"},
		{"ACL", "SETUSER", "silent", "on", ">s3cret", "~*", "+@all"},
	} {
		if err := admin(t, addr, "s3cret").Do(t.Context(), user...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	wantUsable(t, "redis://:s3cret@"+addr, redisdb.Config{}, redisdb.ModeSingle)
	wantUsable(t, "redis://app:s3cret%40@"+addr, redisdb.Config{}, redisdb.ModeSingle)
	client := wantUsable(t, "redis://:s3cret@"+addr+"/3", redisdb.Config{}, redisdb.ModeSingle)
	if n := client.DBSize(t.Context()).Val(); n == 0 {
		t.Error("database 3 is empty")
	}
	if n := admin(t, addr, "s3cret").Exists(t.Context(), "key:1").Val(); n == 0 {
		t.Error("database 0 has no key")
	}
	wantUnusable(t, addr, "asks for a password", redisdb.Config{})
	wantUnusable(t, "redis://:s3cretwrong@"+addr, "refuses the user or the password", redisdb.Config{})
	wantUnusable(t, "redis://nobody:s3cret@"+addr, "refuses the user or the password", redisdb.Config{})
	wantUnusable(t, "redis://reader:s3cret@"+addr, "may not do all that is needed", redisdb.Config{})
	wantUnusable(t, "redis://silent:s3cret@"+addr, "may not do all that is needed", redisdb.Config{})
	wantUnusable(t, "redis://:s3cret@"+addr+"/99999", "no database of that number", redisdb.Config{})
}

func TestOpen_tls(t *testing.T) {
	t.Parallel()
	files := testcerts.New(t)
	server := start(t, devservers.RedisConfig{CertFile: files.Cert, KeyFile: files.Key})
	config := redisdb.Config{Roots: x509.NewCertPool()}
	authority, err := os.ReadFile(files.CA)
	if err != nil || !config.Roots.AppendCertsFromPEM(authority) {
		t.Fatal("no certificate", err)
	}
	_, port, _ := net.SplitHostPort(server.TLSAddr())
	wantUsable(t, "rediss://"+server.TLSAddr(), config, redisdb.ModeSingle)
	wantUsable(t, "rediss://localhost:"+port+"/3", config, redisdb.ModeSingle)
	wantUnusable(t, "rediss://"+server.TLSAddr(), "set REDIS_CA_FILE", redisdb.Config{})
	wantUnusable(t, "rediss://0.0.0.0:"+port, "not for the host", config)
	wantUnusable(t, "rediss://"+server.Addr(), "does not speak TLS", config)
	wantUnusable(t, server.TLSAddr(), "it speaks TLS", config)
}

func TestOpen_cluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 3, 0)
	addrs := nodes[0].Addr() + ", " + nodes[1].Addr() + "," + nodes[2].Addr()
	wantUsable(t, nodes[1].Addr(), redisdb.Config{}, redisdb.ModeCluster)
	wantUsable(t, "redis://"+nodes[2].Addr()+"/0", redisdb.Config{}, redisdb.ModeCluster)
	wantUsable(t, addrs, redisdb.Config{}, redisdb.ModeCluster)
	wantUnusable(t, "redis://"+nodes[0].Addr()+"/3", "a cluster, which has no", redisdb.Config{})
	one, two := start(t, devservers.RedisConfig{}), start(t, devservers.RedisConfig{})
	wantUnusable(t, one.Addr()+","+two.Addr(), "these are single servers", redisdb.Config{})
}

// Proves: a Redis that was away at the start is found to be what it is when it comes.
func TestOpen_away(t *testing.T) {
	t.Parallel()
	for name, config := range map[redisdb.Mode]devservers.RedisConfig{redisdb.ModeSingle: {}, redisdb.ModeCluster: {Cluster: true}} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			var server *devservers.Redis
			if config.Cluster {
				server = startCluster(t, 1, 0)[0]
			} else {
				server = start(t, config)
			}
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			client, mode, err := open(t, server.Addr(), redisdb.Config{})
			if _, ok := errors.AsType[redisdb.Unusable](err); ok || err == nil || mode != redisdb.ModeUnknown {
				t.Fatalf("%q, error %v; want that it is away", mode, err)
			}
			if err := server.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			shoptest.Eventually(t, "it is used", func() bool { return redisdb.Check(t.Context(), client) == nil })
		})
	}
}

func TestOpen_sentinels(t *testing.T) {
	t.Parallel()
	master := start(t, devservers.RedisConfig{Options: []string{"--requirepass", "s3cret", "--masterauth", "s3cret"}, Password: "s3cret"})
	host, port, _ := net.SplitHostPort(master.Addr())
	replica := start(t, devservers.RedisConfig{
		Options:  []string{"--requirepass", "s3cret", "--masterauth", "s3cret", "--replicaof", host + " " + port},
		Password: "s3cret",
	})
	wantUnusable(t, "redis://:s3cret@"+replica.Addr(), "it is a replica", redisdb.Config{})
	watch := "sentinel monitor shop " + host + " " + port + " 2\nsentinel auth-pass shop s3cret\n" +
		"sentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 2000\n"
	var addrs []string
	for range 3 {
		addrs = append(addrs, start(t, devservers.RedisConfig{Sentinel: watch}).Addr())
	}
	all := strings.Join(addrs, ",")
	wantUnusable(t, addrs[0], "it is a Sentinel", redisdb.Config{})
	wantUnusable(t, "redis+sentinel://:s3cret@"+all+"/other", `no master called "other"`, redisdb.Config{})
	wantUnusable(t, "redis+sentinel://:s3cret@"+master.Addr()+"/shop", "is no Sentinel", redisdb.Config{})
	wantUnusable(t, "redis+sentinel://:s3cretwrong@"+all+"/shop", "refuses the user or the password", redisdb.Config{})
	wantUnusable(t, "redis+sentinel://"+all+"/shop", "asks for a password", redisdb.Config{})

	client := wantUsable(t, "redis+sentinel://:s3cret@"+all+"/shop", redisdb.Config{}, redisdb.ModeSentinel)
	shoptest.Eventually(t, "the replica has come up", func() bool {
		return client.Do(t.Context(), "WAIT", 1, 100).Val() == int64(1)
	})
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	shoptest.Eventually(t, "the failover is noticed", func() bool { return redisdb.Check(t.Context(), client) == nil })
	t.Logf("the new master was used %s after the old was killed", time.Since(began).Round(time.Millisecond))
}

// Proves: a failover of a cluster's master is noticed within 3 s of its end; by itself its client would
// look after a minute.
func TestOpen_failover(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 3, 1)
	client := wantUsable(t, nodes[2].Addr(), redisdb.Config{}, redisdb.ModeCluster)
	if err := nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	healed, heir := admin(t, nodes[1].Addr(), ""), admin(t, nodes[3].Addr(), "")
	began := time.Now()
	var failed error
	for { // the cluster, and who uses it
		info := healed.ClusterInfo(t.Context()).Val()
		role := heir.Do(t.Context(), "ROLE").Val()
		if strings.Contains(info, "cluster_state:ok") && strings.HasPrefix(fmt.Sprint(role), "[master") {
			break
		}
		failed = redisdb.Check(t.Context(), client)
		if _, ok := errors.AsType[redisdb.Unusable](failed); ok {
			t.Fatalf("while the cluster heals, %v", failed)
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("the cluster did not heal:\n%s", info)
		}
	}
	took := time.Since(began)
	ended := time.Now()
	for redisdb.Check(t.Context(), client) != nil {
		if took := time.Since(ended); took > proof.Within(3*time.Second) {
			t.Fatalf("%s after the failover, %v", took, redisdb.Check(t.Context(), client))
		}
	}
	t.Logf("the cluster healed in %s, its client %s later (%v)", took, time.Since(ended), failed)
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	evicting := start(t, devservers.RedisConfig{Options: []string{"--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"}})
	client := wantUsable(t, evicting.Addr(), redisdb.Config{}, redisdb.ModeSingle)
	if found := redisdb.Warnings(t.Context(), client); len(found) != 1 || !strings.Contains(found[0], "noeviction (it is volatile-lru)") {
		t.Errorf("warnings %q", found)
	}
	keeping := wantUsable(t, start(t, devservers.RedisConfig{}).Addr(), redisdb.Config{}, redisdb.ModeSingle)
	if found := redisdb.Warnings(t.Context(), keeping); found != nil {
		t.Errorf("warnings %q", found)
	}
}
