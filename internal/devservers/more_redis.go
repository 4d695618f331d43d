package devservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A RedisConfig says what a further Redis is like. The zero value is like the first.
type RedisConfig struct {
	Options  []string // further options of redis-server's, which win over ours
	Password string   // of its user "default", if Options set one
	Cluster  bool     // it is a member of a cluster, with no slots yet
	Sentinel string   // the lines of a Sentinel's configuration: it is one
	CertFile string   // its certificate and key, in PEM, for TLS on a second port
	KeyFile  string
}

// A Redis is one of several private Redis servers. It ends with the Servers that it belongs to.
type Redis struct{ server *redisServer }

// NewRedis starts a further Redis beside the first.
func (s *Servers) NewRedis(ctx context.Context, config RedisConfig) (*Redis, error) {
	if s.redis == nil {
		return nil, errors.New("there is no Redis to start another like")
	}
	server := newRedis(fmt.Sprintf("%s-%d", firstRedis, len(s.more)+2), s.redis.program, s.folder, config)
	if err := server.create(ctx); err != nil {
		return nil, err
	}
	s.more = append(s.more, func() error { return server.stop(s.folder.isKept()) })
	return &Redis{server}, nil
}

// Addr is where it listens, host:port.
func (r *Redis) Addr() string { return r.server.addr() }

// TLSAddr is where it listens for TLS, if it has a certificate.
func (r *Redis) TLSAddr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.server.ports["tls-port"]))
}

// Kill ends it as a power cut would.
func (r *Redis) Kill() error { return r.server.stop(false) }

// Start starts it again at the address it had, and returns when it answers.
func (r *Redis) Start(ctx context.Context) error { return r.server.start(ctx) }

// Pause stops it from answering without ending it, until Resume.
func (r *Redis) Pause() error { return r.server.process.pause() }

// Resume lets it go on.
func (r *Redis) Resume() error { return r.server.process.resume() }

// NewRedisCluster starts a cluster of masters, each with replicas, and returns when it serves all slots. The masters come first.
func (s *Servers) NewRedisCluster(ctx context.Context, masters, replicas int) ([]*Redis, error) {
	nodes := make([]*Redis, masters*(1+replicas))
	for i := range nodes {
		var err error
		if nodes[i], err = s.NewRedis(ctx, RedisConfig{Cluster: true}); err != nil {
			return nil, err
		}
	}
	for i, node := range nodes {
		if err := node.joinCluster(ctx, nodes[0], i, masters); err != nil {
			return nil, fmt.Errorf("make a Redis Cluster: %w", err)
		}
	}
	for i := masters; i < len(nodes); i++ {
		if err := nodes[i].replicate(ctx, nodes[i%masters]); err != nil {
			return nil, err
		}
	}
	return nodes, waitForCluster(ctx, nodes)
}

// joinCluster has a node meet the first, and take its share of the slots if it is one of the masters.
func (r *Redis) joinCluster(ctx context.Context, first *Redis, number, masters int) error {
	client := redis.NewClient(&redis.Options{Addr: r.Addr(), DisableIdentity: true})
	defer client.Close()
	if number < masters {
		const slots = 16384
		if err := client.ClusterAddSlotsRange(ctx, number*slots/masters, (number+1)*slots/masters-1).Err(); err != nil {
			return err
		}
	}
	// Nodes that claim their slots at one and the same epoch elect nobody.
	if err := client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", number+1).Err(); err != nil {
		return err
	}
	if number == 0 {
		return nil
	}
	return client.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", first.server.port, first.server.ports["cluster-port"]).Err()
}

// replicate makes a node the replica of a master, once it knows it, and waits until it has all of it.
func (r *Redis) replicate(ctx context.Context, master *Redis) error {
	client := redis.NewClient(&redis.Options{Addr: r.Addr(), DisableIdentity: true})
	defer client.Close()
	its := redis.NewClient(&redis.Options{Addr: master.Addr(), DisableIdentity: true})
	defer its.Close()
	id, err := its.Do(ctx, "CLUSTER", "MYID").Text()
	if err != nil {
		return fmt.Errorf("make a Redis Cluster: %w", err)
	}
	isReplica, isLevel := false, false
	return waitUntil(ctx, r.server.process, func() bool {
		isReplica = isReplica || client.ClusterReplicate(ctx, id).Err() == nil
		if isReplica {
			info, err := client.InfoMap(ctx, "replication").Result()
			isLevel = err == nil && info["Replication"]["master_link_status"] == "up"
		}
		return isLevel
	})
}

// waitForCluster waits until every node sees all slots served, and all nodes.
func waitForCluster(ctx context.Context, nodes []*Redis) error {
	for _, node := range nodes {
		client := redis.NewClient(&redis.Options{Addr: node.Addr(), DisableIdentity: true})
		defer client.Close()
		err := waitUntil(ctx, node.server.process, func() bool {
			info, err := client.ClusterInfo(ctx).Result()
			whole := strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r", len(nodes)))
			if !whole {
				time.Sleep(20 * time.Millisecond) // The nodes tell each other ten times a second.
			}
			return err == nil && whole
		})
		if err != nil {
			return fmt.Errorf("make a Redis Cluster: %w", err)
		}
	}
	return nil
}
