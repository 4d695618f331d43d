package redisdb

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// reloadLayout is how often a client asks a cluster who has which slots, if it is used: a failover
// that the cluster has healed is noticed that soon, and not only when a dead master is dialed in vain.
const reloadLayout = time.Second

// A Config says what Open may choose. The zero value is a good one.
type Config struct {
	Roots       *x509.CertPool // who may sign the certificates of servers; the system's when nil
	DialTimeout time.Duration  // for one attempt to connect; 500 ms when zero
	Timeout     time.Duration  // for one answer; 1 s when zero
}

// A Mode is what a Redis was found to be.
type Mode string

// The modes.
const (
	ModeUnknown  Mode = "unknown" // it did not answer; its client finds out when it does
	ModeSingle   Mode = "single server"
	ModeCluster  Mode = "cluster"
	ModeSentinel Mode = "master that Sentinels watch"
)

// Open returns a client of the Redis at a place, and what that was found to be. The client answers soon
// or gives up: nothing may wait for Redis. One that is away is no error; an error is always an
// Unusable, which names what cannot work. The caller closes the client.
func Open(ctx context.Context, place Place, config Config) (redis.UniversalClient, Mode, error) {
	o := options(place, config)
	switch {
	case place.Master != "":
		client, err := openSentinels(ctx, place, o)
		return client, ModeSentinel, err
	case len(place.Addrs) > 1:
		return redis.NewClusterClient(clusterOptions(o)), ModeCluster, nil
	}
	single := redis.NewClient(o.Simple())
	mode, err := askMode(ctx, single)
	switch {
	case err == nil && mode == ModeCluster && place.DB != 0:
		err = Unusable(fmt.Sprintf("it is a member of a cluster, which has no database %d: leave the number out", place.DB))
	case err == nil && mode == ModeUnknown:
		err = misunderstands(ctx, o)
	}
	if err == nil && (mode == ModeSingle || place.DB != 0) {
		return single, mode, nil
	}
	_ = single.Close() // It was only asked a question.
	switch {
	case err != nil:
		return nil, "", err
	case mode == ModeUnknown:
		return undecided(o), mode, nil
	}
	return redis.NewClusterClient(clusterOptions(o)), mode, nil
}

// misunderstands returns an Unusable when a server is silent because it speaks TLS and we do not, or we do and it
// does not.
func misunderstands(ctx context.Context, o *redis.UniversalOptions) error {
	ctx, cancel := context.WithTimeout(ctx, 2*o.DialTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", o.Addrs[0])
	if err != nil {
		return nil
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if o.TLSConfig == nil {
		// What it has for a certificate is no matter: only whether it shakes hands is asked.
		client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
		if client.HandshakeContext(ctx) == nil {
			return Unusable("it speaks TLS: write rediss:// instead of redis:// or host:port")
		}
		return nil
	}
	answer := make([]byte, 1)
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return nil
	}
	if _, err := conn.Read(answer); err == nil && (answer[0] == '+' || answer[0] == '-') {
		return Unusable("it does not speak TLS: write redis:// instead of rediss://")
	}
	return nil
}

func options(place Place, config Config) *redis.UniversalOptions {
	timeout := cmp.Or(config.Timeout, time.Second)
	o := &redis.UniversalOptions{
		Protocol: 2, // whose answers need no look for pushed messages first
		Addrs:    place.Addrs, DB: place.DB, Username: place.user, Password: place.password, MasterName: place.Master,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: cmp.Or(config.DialTimeout, 500*time.Millisecond),
		ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
	}
	if place.tls {
		// The name to verify is that of each address: members of a cluster have one each.
		o.TLSConfig = &tls.Config{RootCAs: config.Roots, MinVersion: tls.VersionTLS12}
	}
	return o
}

func clusterOptions(o *redis.UniversalOptions) *redis.ClusterOptions {
	c := o.Cluster()
	c.ClusterStateReloadInterval = reloadLayout
	return c
}

// askMode asks a server what it is. One that cannot be reached, or is busy, is ModeUnknown.
func askMode(ctx context.Context, client *redis.Client) (Mode, error) {
	hello, err := client.Do(ctx, "HELLO").Result()
	if err != nil {
		var unusable Unusable
		switch err = judge(err); {
		case errors.As(err, &unusable):
			return "", err
		case isAnswer(err):
			return ModeSingle, nil // too old, or not allowed, to say: a write will tell
		}
		return ModeUnknown, nil
	}
	about := pairs(hello)
	switch {
	case about["mode"] == "sentinel":
		return "", Unusable("it is a Sentinel: write redis+sentinel://host:port,host:port/MASTER, or name the server itself")
	case about["mode"] == "cluster":
		return ModeCluster, nil
	case about["role"] == "replica":
		return "", Unusable(isReplica)
	}
	return ModeSingle, nil
}

// pairs reads a map as both versions of the protocol write it.
func pairs(answer any) map[string]string {
	found := map[string]string{}
	switch answer := answer.(type) {
	case map[any]any:
		for key, value := range answer {
			found[fmt.Sprint(key)] = fmt.Sprint(value)
		}
	case []any:
		for i := 0; i+1 < len(answer); i += 2 {
			found[fmt.Sprint(answer[i])] = fmt.Sprint(answer[i+1])
		}
	}
	return found
}

// undecided is a client of a server that was away when it was asked what it is: it asks again whenever it looks
// for the layout, and takes a single server for a cluster of one.
func undecided(o *redis.UniversalOptions) redis.UniversalClient {
	c := clusterOptions(o)
	c.Dialer = dialAt(o.Addrs[0], o)
	c.ClusterSlots = func(ctx context.Context) ([]redis.ClusterSlot, error) {
		client := redis.NewClient(o.Simple())
		defer client.Close()
		switch mode, err := askMode(ctx, client); {
		case err != nil:
			return nil, err
		case mode == ModeCluster:
			slots, err := client.ClusterSlots(ctx).Result() //nolint:staticcheck // The client wants slots, and Redis 6 has no shards.
			return completed(slots, o.Addrs[0]), err
		}
		return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: o.Addrs[0]}}}}, nil
	}
	return redis.NewClusterClient(c)
}

// completed gives members that do not know their own host, or no port but that of TLS, those of the one that was asked.
func completed(slots []redis.ClusterSlot, asked string) []redis.ClusterSlot {
	ownHost, ownPort, _ := net.SplitHostPort(asked)
	for _, slot := range slots {
		for i, node := range slot.Nodes {
			host, port, err := net.SplitHostPort(node.Addr)
			if err != nil {
				continue
			}
			if port == "0" {
				port = ownPort
			}
			slot.Nodes[i].Addr = net.JoinHostPort(cmp.Or(host, ownHost), port)
		}
	}
	return slots
}

// dialAt dials as the client does. The client drops the host of a layout's loopback addresses: asked has it.
func dialAt(asked string, o *redis.UniversalOptions) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: o.DialTimeout, KeepAlive: 15 * time.Second}
	own, _, _ := net.SplitHostPort(asked)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, ":") {
			addr = own + addr
		}
		if o.TLSConfig == nil {
			return dialer.DialContext(ctx, network, addr)
		}
		return (&tls.Dialer{NetDialer: dialer, Config: o.TLSConfig}).DialContext(ctx, network, addr)
	}
}

// openSentinels goes through Sentinels. The user and the password are the server's; the Sentinels get them
// too when they ask for some.
func openSentinels(ctx context.Context, place Place, o *redis.UniversalOptions) (redis.UniversalClient, error) {
	f := o.Failover()
	asksLogin, err := askSentinels(ctx, place, o)
	if err != nil {
		return nil, err
	}
	if asksLogin || (place.user == "" && place.password != "") { // a server without a password takes any of "default"
		f.SentinelUsername, f.SentinelPassword = place.user, place.password
	}
	return redis.NewFailoverClient(f), nil
}

// askSentinels asks each Sentinel for the master, until one knows it.
func askSentinels(ctx context.Context, place Place, o *redis.UniversalOptions) (asksLogin bool, err error) {
	var refused error
	for _, addr := range place.Addrs {
		asks, err := askSentinel(ctx, place, o, addr)
		if err == nil {
			return asks, nil
		}
		if _, ok := errors.AsType[Unusable](err); ok {
			refused = err
		}
	}
	return false, refused
}

func askSentinel(
	ctx context.Context, place Place, o *redis.UniversalOptions, addr string,
) (asksLogin bool, err error) {
	simple := o.Simple()
	simple.Addr, simple.DB, simple.Username, simple.Password = addr, 0, "", ""
	err = findMaster(ctx, simple, place.Master)
	if redis.IsAuthError(err) && place.hasLogin() {
		simple.Username, simple.Password = place.user, place.password
		asksLogin, err = true, findMaster(ctx, simple, place.Master)
	}
	switch {
	case errors.Is(err, redis.Nil):
		return asksLogin, Unusable(fmt.Sprintf("the Sentinel %s knows no master called %q", addr, place.Master))
	case isUnknownCommand(err):
		return asksLogin, Unusable(addr + " is no Sentinel: write redis:// instead of redis+sentinel:// for a server")
	}
	return asksLogin, judge(err)
}

func findMaster(ctx context.Context, o *redis.Options, master string) error {
	sentinel := redis.NewSentinelClient(o)
	defer sentinel.Close()
	return sentinel.GetMasterAddrByName(ctx, master).Err()
}
