package main

import (
	"context"
	"net"
	"strings"
	"time"

	"payment-system/internal/devservers"
)

// stages are the set-ups of make scale. TiDB's program is not fetched: it is at the path given, if any.
func stages(tidb string) []stage {
	all := []stage{
		{name: "redis-cluster", fails: "one of three masters killed", open: openCluster},
		{name: "redis-sentinel", fails: "the master killed", open: openSentinel},
		{name: "read-replica", fails: "2 s behind, killed, restarted, then silent for 5 s", open: openFollower},
		{name: "galera", fails: "one of three nodes killed, then one more: no quorum for 5 s, then healed", open: openGalera},
		{name: "tidb", fails: "killed, and started again 2 s later", open: openTiDB(tidb)},
	}
	if tidb == "" {
		all[len(all)-1].needs = "set TIDB_SERVER to its program: docs/operating.md says how to build it"
	}
	return all
}

func openCluster(ctx context.Context, servers *devservers.Servers) (set, error) {
	nodes, err := servers.NewRedisCluster(ctx, 3, 1)
	if err != nil {
		return set{}, err
	}
	return set{
		told: []string{"REDIS_ADDRS=" + nodes[1].Addr()},
		fail: func(context.Context) (time.Time, error) {
			return time.Now(), nodes[0].Kill()
		},
	}, nil
}

func openSentinel(ctx context.Context, servers *devservers.Servers) (set, error) {
	master, err := servers.NewRedis(ctx, devservers.RedisConfig{})
	if err != nil {
		return set{}, err
	}
	host, port, err := net.SplitHostPort(master.Addr())
	if err != nil {
		return set{}, err
	}
	if _, err = servers.NewRedis(ctx, devservers.RedisConfig{Options: []string{"--replicaof", host + " " + port}}); err != nil {
		return set{}, err
	}
	var sentinels []string
	for range 3 {
		sentinel, err := servers.NewRedis(ctx, devservers.RedisConfig{
			Sentinel: "sentinel monitor shop " + host + " " + port + " 2\nsentinel down-after-milliseconds shop 2000\n" +
				"sentinel failover-timeout shop 4000\n",
		})
		if err != nil {
			return set{}, err
		}
		sentinels = append(sentinels, sentinel.Addr())
	}
	return set{
		told: []string{"REDIS_ADDRS=redis+sentinel://" + strings.Join(sentinels, ",") + "/shop"},
		fail: func(context.Context) (time.Time, error) {
			return time.Now(), master.Kill()
		},
	}, nil
}

func openFollower(ctx context.Context, servers *devservers.Servers) (set, error) {
	primary, follower, err := servers.NewPair(ctx, 2*time.Second)
	if err != nil {
		return set{}, err
	}
	return set{
		told: []string{"MYSQL_DSN=" + primary.DSN(), "MYSQL_READ_DSN=" + follower.DSN()},
		fail: func(ctx context.Context) (time.Time, error) {
			broken := time.Now()
			steps := []func() error{
				follower.Kill, func() error { return follower.Start(ctx) }, follower.Pause, follower.Resume,
			}
			for _, step := range steps {
				if err := step(); err != nil {
					return broken, err
				}
				time.Sleep(4 * time.Second)
			}
			return broken, nil
		},
	}, nil
}

func openGalera(ctx context.Context, servers *devservers.Servers) (set, error) {
	cluster, err := servers.NewGalera(ctx, replicas)
	if err != nil {
		return set{}, err
	}
	opened := set{told: []string{"MYSQL_DSN=" + cluster.Nodes[0].DSN()}}
	for _, node := range cluster.Nodes {
		opened.each = append(opened.each, []string{"MYSQL_DSN=" + node.DSN()})
	}
	opened.fail = func(ctx context.Context) (time.Time, error) {
		if err := cluster.Nodes[2].Kill(); err != nil {
			return time.Time{}, err
		}
		time.Sleep(5 * time.Second)
		if err := cluster.Nodes[1].Kill(); err != nil {
			return time.Time{}, err
		}
		time.Sleep(5 * time.Second)
		// A person decides that this node is the cluster.
		if err := cluster.Nodes[0].Exec(ctx, "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'"); err != nil {
			return time.Time{}, err
		}
		healed := time.Now()
		for _, number := range []int{1, 2} {
			if err := cluster.Rejoin(ctx, number); err != nil {
				return healed, err
			}
		}
		return healed, nil
	}
	return opened, nil
}

func openTiDB(program string) func(context.Context, *devservers.Servers) (set, error) {
	return func(ctx context.Context, servers *devservers.Servers) (set, error) {
		tidb, err := servers.NewTiDB(ctx, program)
		if err != nil {
			return set{}, err
		}
		return set{
			told: []string{"MYSQL_DSN=" + tidb.DSN()},
			fail: func(ctx context.Context) (time.Time, error) {
				if err := tidb.Kill(); err != nil {
					return time.Time{}, err
				}
				time.Sleep(2 * time.Second)
				err := tidb.Start(ctx)
				return time.Now(), err
			},
		}, nil
	}
}
