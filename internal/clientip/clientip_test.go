package clientip_test

import (
	"net/http"
	"strings"
	"testing"

	"payment-system/internal/clientip"
)

func TestProxies_Of(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		trusted string
		peer    string
		headers map[string][]string
		want    string
	}{
		{"nobody is trusted", "", "192.0.2.1:5000", map[string][]string{"X-Forwarded-For": {"198.51.100.1"}}, "192.0.2.1"},
		{"an untrusted peer says what it likes", "10.0.0.0/8", "192.0.2.1:5000", map[string][]string{
			"X-Forwarded-For": {"198.51.100.1"}, "Forwarded": {"for=198.51.100.1"}, "X-Real-Ip": {"198.51.100.1"},
		}, "192.0.2.1"},
		{"one proxy", "loopback", "127.0.0.1:5000", map[string][]string{"X-Forwarded-For": {"203.0.113.7"}}, "203.0.113.7"},
		{"a proxy that says nothing", "loopback", "[::1]:5000", nil, "::1"},
		{
			"a client that forges hops before its own", "10.1.2.3", "10.1.2.3:80",
			map[string][]string{"X-Forwarded-For": {"1.1.1.1, 2.2.2.2, 203.0.113.7"}},
			"203.0.113.7",
		},
		{
			"two proxies", "private", "10.0.0.2:80", map[string][]string{"X-Forwarded-For": {"6.6.6.6, 203.0.113.7, 10.0.0.1"}}, "203.0.113.7",
		},
		{"several lines of one header", "private", "10.0.0.2:80", map[string][]string{"X-Forwarded-For": {"6.6.6.6", "203.0.113.7", "10.0.0.1"}}, "203.0.113.7"},
		{"ten hops, all trusted but the first two", "private", "10.0.0.9:80", map[string][]string{
			"X-Forwarded-For": {"6.6.6.6, 203.0.113.7, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8"},
		}, "203.0.113.7"},
		{"everybody is trusted", "private", "10.0.0.9:80", map[string][]string{"X-Forwarded-For": {"192.168.1.20, 10.0.0.1"}}, "192.168.1.20"},
		{"ports", "loopback", "127.0.0.1:5000", map[string][]string{"X-Forwarded-For": {"203.0.113.7:41234"}}, "203.0.113.7"},
		{"IPv6 with a port", "loopback", "127.0.0.1:5000", map[string][]string{"X-Forwarded-For": {"[2001:db8::7]:41234"}}, "2001:db8::7"},
		{"IPv6 in brackets", "loopback", "127.0.0.1:5000", map[string][]string{"X-Forwarded-For": {"[2001:db8::7]"}}, "2001:db8::7"},
		{"IPv4 in IPv6, of the peer", "127.0.0.1", "[::ffff:127.0.0.1]:5000", map[string][]string{"X-Forwarded-For": {"::ffff:203.0.113.7"}}, "203.0.113.7"},
		{"IPv4 in IPv6, of the list", "::ffff:10.0.0.0/104", "10.9.9.9:80", map[string][]string{"X-Forwarded-For": {"203.0.113.7"}}, "203.0.113.7"},
		{"a zone", "fe80::/10", "[fe80::1%eth0]:80", map[string][]string{"X-Forwarded-For": {"203.0.113.7"}}, "203.0.113.7"},
		{"a hop that hides", "loopback", "127.0.0.1:5000", map[string][]string{"X-Forwarded-For": {"203.0.113.7, unknown"}}, "127.0.0.1"},
		{"garbage behind a trusted hop", "private", "10.0.0.2:80", map[string][]string{"X-Forwarded-For": {"<script>, 10.0.0.1"}}, "10.0.0.1"},
		{"empty elements", "loopback", "127.0.0.1:5000", map[string][]string{"X-Forwarded-For": {" , 203.0.113.7 ,, "}}, "203.0.113.7"},
		{"Forwarded", "loopback", "127.0.0.1:5000", map[string][]string{"Forwarded": {`for=203.0.113.7;proto=https;by=10.0.0.1`}}, "203.0.113.7"},
		{"Forwarded, IPv6 in quotes, capitals", "loopback", "127.0.0.1:5000", map[string][]string{"Forwarded": {`For="[2001:db8:cafe::17]:4711"`}}, "2001:db8:cafe::17"},
		{"Forwarded, several", "private", "10.0.0.2:80", map[string][]string{"Forwarded": {`for=6.6.6.6, for=203.0.113.7;host="a,b;c"`, "proto=http; for=10.0.0.1"}}, "203.0.113.7"},
		{"Forwarded that hides", "private", "10.0.0.2:80", map[string][]string{"Forwarded": {"for=203.0.113.7, for=_hidden"}}, "10.0.0.2"},
		{"Forwarded that names nobody", "private", "10.0.0.2:80", map[string][]string{"Forwarded": {"for=203.0.113.7, proto=https"}}, "10.0.0.2"},
		{"a forged Forwarded through a proxy that writes X-Forwarded-For", "loopback", "127.0.0.1:5000", map[string][]string{
			"Forwarded": {"for=6.6.6.6"}, "X-Forwarded-For": {"203.0.113.7"}, "X-Real-Ip": {"6.6.6.6"},
		}, "203.0.113.7"},
		{"X-Real-IP", "loopback", "127.0.0.1:5000", map[string][]string{"X-Real-Ip": {"203.0.113.7"}}, "203.0.113.7"},
		{"a peer without an address", "loopback", "@", map[string][]string{"X-Forwarded-For": {"203.0.113.7"}}, "@"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var entries []string
			if test.trusted != "" {
				entries = strings.Split(test.trusted, ",")
			}
			proxies, err := clientip.Parse(entries)
			if err != nil {
				t.Fatal(err)
			}
			if got := proxies.Of(&http.Request{RemoteAddr: test.peer, Header: test.headers}); got != test.want {
				t.Errorf("the client is %s, want %s", got, test.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, right := range []string{"loopback", " Private ", "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "[2001:db8::1]", "::1", "::ffff:192.0.2.1"} {
		if _, err := clientip.Parse([]string{right}); err != nil {
			t.Errorf("%q: %v", right, err)
		}
	}
	for _, wrong := range []string{"", "proxy", "192.0.2.0/33", "192.0.2", "*", "all", "192.0.2.1:80", "::ffff:0:0/64", "10.0.0.0-10.0.0.9"} {
		if _, err := clientip.Parse([]string{"loopback", wrong}); err == nil || !strings.Contains(err.Error(), `"`+wrong+`"`) {
			t.Errorf("%q was taken, or is not named: %v", wrong, err)
		}
	}
}
