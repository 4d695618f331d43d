// Package redisdb opens Redis the one way this program relies on: a single server, a cluster, or the
// server that Sentinels watch, in the clear or by TLS. It tells a Redis that is away from one that
// cannot work as it is set.
package redisdb

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// A Place is where one Redis is, and as whom to go there.
type Place struct {
	Addrs  []string // host:port of the server, of members of its cluster, or of its Sentinels
	Master string   // what the Sentinels call the server; empty where there are none
	DB     int      // its numbered database; 0 in a cluster

	tls            bool
	user, password string
}

// String names the place without its user and password.
func (p Place) String() string {
	name := strings.Join(p.Addrs, ",")
	if p.Master != "" {
		return p.Master + " at the Sentinels " + name
	}
	return name
}

// ParsePlace reads a list that names one Redis: host:port, redis://user:password@host:port/db,
// rediss:// for TLS, several of these for a cluster, or redis+sentinel://user:password@host:port,host:port/MASTER.
// Of a cluster's addresses one may carry the user and the password for all. Its errors go on after "set
// X to", and hold no secret.
func ParsePlace(list string) (Place, error) {
	places, err := ParsePlaces(list)
	if err != nil {
		return Place{}, err
	}
	if len(places) == 0 {
		return Place{}, errors.New("the address of a Redis, as in 127.0.0.1:6379, or to several of a cluster")
	}
	return joined(places)
}

// joined makes one place of the addresses of a cluster.
func joined(places []Place) (Place, error) {
	whole := places[0]
	for _, p := range places[1:] {
		switch {
		case p.Master != "" || whole.Master != "":
			return Place{}, errors.New("one redis+sentinel:// URL that names all Sentinels, and nothing else")
		case whole.DB != 0 || p.DB != 0:
			return Place{}, errors.New("addresses without a database: several are a cluster, which has none")
		case !p.hasLogin() && !p.tls:
			p.tls, p.user, p.password = whole.tls, whole.user, whole.password
		case !whole.hasLogin() && !whole.tls:
			whole.tls, whole.user, whole.password = p.tls, p.user, p.password
		}
		if p.tls != whole.tls || p.user != whole.user || p.password != whole.password {
			return Place{}, errors.New("URLs of one scheme, user and password: several are one cluster")
		}
		whole.Addrs = append(whole.Addrs, p.Addrs...)
	}
	return whole, nil
}

func (p Place) hasLogin() bool { return p.user != "" || p.password != "" }

// ParsePlaces reads a list in which each item is a Redis of its own. Its errors are as ParsePlace's.
func ParsePlaces(list string) ([]Place, error) {
	var places []Place
	for _, item := range split(list) {
		place, err := parseItem(item)
		if err != nil {
			return nil, quiet(err, list)
		}
		places = append(places, place)
	}
	return places, nil
}

const (
	sentinelScheme    = "redis+sentinel"
	sentinelTLSScheme = "rediss+sentinel"
)

// split cuts a list at its commas, but for those between the Sentinels of one URL. Spaces and empty
// items do not count.
func split(list string) (items []string) {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		last := len(items) - 1
		switch {
		case last >= 0 && isOpenEnded(items[last]) && item != "":
			items[last] += "," + item
		case item != "":
			items = append(items, item)
		}
	}
	return items
}

// isOpenEnded reports whether an item is a Sentinel URL whose master is still to come.
func isOpenEnded(item string) bool {
	scheme, rest, _ := strings.Cut(item, "://")
	return (scheme == sentinelScheme || scheme == sentinelTLSScheme) && !strings.Contains(rest, "/")
}

// errURL is the error of an item that may hold a secret.
var errURL = errors.New("host:port, or to a URL such as redis://user:password@host:6379/0 " +
	"with %-escapes for what is special in the password: an item cannot be read as either")

// quiet makes sure that an error about a list repeats no password, whole or in part.
func quiet(err error, list string) error {
	if strings.Contains(list, "@") {
		return errURL
	}
	return err
}

func parseItem(item string) (Place, error) {
	scheme, rest, ok := strings.Cut(item, "://")
	switch {
	case !ok:
		addr, err := hostPort(item)
		return Place{Addrs: []string{addr}}, err
	case scheme == sentinelScheme || scheme == sentinelTLSScheme:
		return parseSentinels(rest, scheme == sentinelTLSScheme)
	case scheme == "redis" || scheme == "rediss":
		return parseURL(item)
	}
	return Place{}, fmt.Errorf("host:port, or to a URL that begins with redis://, rediss:// or %s://: %q begins otherwise",
		sentinelScheme, scheme)
}

func parseURL(item string) (Place, error) {
	u, err := url.Parse(item)
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return Place{}, errURL
	}
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	addr, err := hostPort(net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return Place{}, err
	}
	place := Place{Addrs: []string{addr}, tls: u.Scheme == "rediss", user: u.User.Username()}
	place.password, _ = u.User.Password()
	if number := strings.Trim(u.Path, "/"); number != "" {
		if place.DB, err = strconv.Atoi(number); err != nil || place.DB < 0 {
			return Place{}, errors.New("a URL that ends with the number of a database, as in redis://host:6379/0")
		}
	}
	return place, nil
}

// parseSentinels reads user:password@host:port,host:port/MASTER, which net/url does not.
func parseSentinels(rest string, byTLS bool) (Place, error) {
	const want = sentinelScheme + "://user:password@host:26379,host:26379/MASTER"
	authority, master, _ := strings.Cut(rest, "/")
	login, hosts := "", authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		login, hosts = authority[:at+1], authority[at+1:]
	}
	u, err := url.Parse("redis://" + login + "sentinels/")
	master, number, _ := strings.Cut(strings.TrimSuffix(master, "/"), "/")
	if name, unescaped := url.PathUnescape(master); unescaped == nil {
		master = name
	}
	if err != nil || master == "" || strings.ContainsAny(master, "?#") {
		return Place{}, errors.New("the Sentinels and what they call the master, as in " + want)
	}
	place := Place{Master: master, tls: byTLS, user: u.User.Username()}
	place.password, _ = u.User.Password()
	if number != "" {
		if place.DB, err = strconv.Atoi(number); err != nil || place.DB < 0 {
			return Place{}, errors.New("the Sentinels, a master and perhaps the number of a database, as in " + want + "/0")
		}
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if !strings.Contains(host, ":") {
			host += ":26379"
		}
		addr, err := hostPort(host)
		if err != nil {
			return Place{}, err
		}
		place.Addrs = append(place.Addrs, addr)
	}
	return place, nil
}

func hostPort(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" || host == "" || strings.ContainsAny(host, " \t") {
		return "", fmt.Errorf("host:port: %q is not", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("host:port: %q has no valid port", addr)
	}
	return addr, nil
}
