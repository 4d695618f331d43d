package redisdb

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// An Unusable is the error of a Redis that time does not mend: what is set must be changed, or the
// server. It is a sentence for whoever sets it, and holds no secret.
type Unusable string

// Error implements error.
func (u Unusable) Error() string { return string(u) }

const (
	isReplica = "it is a replica, which takes no writes: name its master"

	// probes is how many keys Check writes: enough to meet each of a few masters.
	probes   = 8
	probeTTL = 10 * time.Second

	probeScript = `redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return redis.call('GET', KEYS[1])`
)

// Check has a Redis do what this program needs of it: write, also in a script, read, and announce. Its error
// is an Unusable when that can never work; any other says that the Redis is away, or too busy.
func Check(ctx context.Context, client redis.UniversalClient) error {
	pipe := client.Pipeline()
	commands := make([]redis.Cmder, 0, probes+3)
	for i := range probes {
		commands = append(commands, pipe.Set(ctx, fmt.Sprintf("probe:%d", i), "1", probeTTL))
	}
	commands = append(commands, pipe.GetEx(ctx, "probe:0", probeTTL),
		pipe.Eval(ctx, probeScript, []string{"probe:1"}, "1", probeTTL.Milliseconds()), pipe.Publish(ctx, "probe", "1"))
	_, err := pipe.Exec(ctx)
	for _, command := range commands {
		if refused := judge(command.Err()); refused != nil {
			return refused
		}
	}
	return judge(err)
}

// Warnings returns what a Redis that works may still do wrong, a sentence each. It asks for INFO; a
// Redis that does not tell has no warnings.
func Warnings(ctx context.Context, client redis.UniversalClient) []string {
	var policy string
	switch client := client.(type) {
	case *redis.ClusterClient:
		var mu sync.Mutex
		_ = client.ForEachMaster(ctx, func(ctx context.Context, server *redis.Client) error {
			its := evicts(ctx, server)
			mu.Lock()
			defer mu.Unlock()
			policy = cmp.Or(policy, its)
			return nil
		})
	case *redis.Client:
		policy = evicts(ctx, client)
	}
	if policy == "" {
		return nil
	}
	return []string{
		"it forgets sessions and locks when its memory is full: set maxmemory-policy noeviction (it is " + policy + ")",
	}
}

// evicts returns by which policy a server forgets keys when its memory is full, or "" when it does not.
func evicts(ctx context.Context, server *redis.Client) string {
	info, err := server.InfoMap(ctx, "memory").Result()
	memory := info["Memory"]
	if err != nil || memory["maxmemory"] == "0" || memory["maxmemory_policy"] == "noeviction" {
		return ""
	}
	return memory["maxmemory_policy"]
}

// isAnswer reports whether err is what a Redis answered, and not that it did not.
func isAnswer(err error) bool {
	answer, ok := errors.AsType[redis.Error](err)
	return ok && !isPassing(answer.Error())
}

// isPassing reports whether an answer is about the moment: a server that starts, fails over or is full.
func isPassing(answer string) bool {
	for _, prefix := range []string{
		"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "OOM", "MISCONF", "NOREPLICAS", "ERR max number of clients",
	} {
		if strings.HasPrefix(answer, prefix) {
			return true
		}
	}
	return false
}

func isUnknownCommand(err error) bool {
	return err != nil && strings.HasPrefix(strings.ToLower(err.Error()), "err unknown command")
}

// judge returns err, or an Unusable that says what to set instead. That nothing is there is no error.
func judge(err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	if unusable, ok := errors.AsType[Unusable](err); ok {
		return unusable
	}
	if byTLS := judgeTLS(err); byTLS != nil {
		return byTLS
	}
	for _, known := range []struct{ begins, says string }{
		{"NOAUTH", "it asks for a password: write redis://user:password@host:port"},
		{"WRONGPASS", "it refuses the user or the password of the URL"},
		{"ERR invalid password", "it refuses the password of the URL"},
		{"ERR Client sent AUTH", "it has no password, and the URL has one"},
		{"ERR AUTH", "it has no password, and the URL has one"},
		{"NOPERM", "the user of the URL may not do all that is needed: grant it ~* &* +@all -@admin"},
		{"READONLY", isReplica},
		{"MOVED", "it is a member of a cluster and was taken for a single server: name the cluster alone"},
		{"CROSSSLOT", "it is a member of a cluster and was taken for a single server: name the cluster alone"},
		{"ERR This instance has cluster support disabled", "several addresses are one cluster, and these are single servers: name one"},
		{"ERR DB index is out of range", "it has no database of that number"},
		{"ERR SELECT is not allowed in cluster mode", "it is a member of a cluster, which has no numbered databases: leave the number out"},
		{"ERR unknown command", "it does not know all commands that are needed: use Redis 6.2 or newer, or Valkey"},
		{"redis: can't parse", "what answers there does not speak Redis's protocol"},
	} {
		if answer := innermost(err); strings.HasPrefix(answer, known.begins) {
			return Unusable(known.says)
		}
	}
	return err
}

// innermost is what was answered, without what the client put before it.
func innermost(err error) string {
	if answer, ok := errors.AsType[redis.Error](err); ok {
		return answer.Error()
	}
	return err.Error()
}

func judgeTLS(err error) error {
	var header tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &header):
		return Unusable("it does not speak TLS: write redis:// instead of rediss://")
	case errors.As(err, &unknown):
		return Unusable("its certificate is signed by nobody this machine trusts: set REDIS_CA_FILE to the CA's certificate")
	case errors.As(err, &name):
		return Unusable("its certificate is not for the host that the URL names")
	case errors.As(err, &invalid):
		return Unusable("its certificate is not valid: " + invalid.Error())
	}
	return nil
}
