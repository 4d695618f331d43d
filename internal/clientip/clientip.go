// Package clientip tells which client a request comes from when proxies carried it.
package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of those whose word about a client's address is taken. The zero
// value takes nobody's.
type Proxies []netip.Prefix

// named are networks that have a name.
var named = map[string][]string{
	"loopback": {"127.0.0.0/8", "::1/128"},
	"private":  {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"},
}

// Parse reads addresses, networks, "loopback" and "private" (RFC 1918, RFC 4193 and link-local
// addresses), in any order. An error names the entry that is none of them.
func Parse(entries []string) (Proxies, error) {
	var all Proxies
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		networks, known := named[strings.ToLower(entry)]
		if !known {
			networks = []string{entry}
		}
		for _, network := range networks {
			prefix, err := parseNetwork(network)
			if err != nil {
				return nil, fmt.Errorf("%q is no address and no network such as 10.0.0.0/8, loopback or private", entry)
			}
			all = append(all, prefix)
		}
	}
	return all, nil
}

// parseNetwork reads a network, or an address, which is a network of one.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		addr = plain(addr)
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, err
	}
	if addr := prefix.Addr(); addr.Is4In6() {
		if prefix.Bits() < 96 {
			return prefix, fmt.Errorf("%s is wider than all of IPv4", text)
		}
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// plain is an address in the one spelling that is compared.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// trust reports whether an address is a proxy's.
func (p Proxies) trust(addr netip.Addr) bool {
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// Of returns the address of the client that sent a request: the nearest that is no trusted
// proxy, as far as trusted proxies tell. X-Forwarded-For goes before Forwarded (RFC 7239),
// and that before X-Real-IP: a proxy that writes one passes the others on as it got them. What
// an untrusted peer says of itself counts for nothing. It returns the peer's address as it is
// where that is no IP address.
func (p Proxies) Of(r *http.Request) string {
	peer, ok := parseHop(r.RemoteAddr)
	if !ok {
		return r.RemoteAddr
	}
	if !p.trust(peer) {
		return peer.String()
	}
	for _, hops := range []func(http.Header) []string{forwardedFor, forwarded, realIP} {
		if told := hops(r.Header); len(told) > 0 {
			return p.nearest(peer, told).String()
		}
	}
	return peer.String()
}

// nearest goes back from the peer, hop by hop, for as long as who tells of the next is trusted.
func (p Proxies) nearest(peer netip.Addr, told []string) netip.Addr {
	at := peer
	for i := len(told) - 1; i >= 0 && p.trust(at); i-- {
		hop, ok := parseHop(told[i])
		if !ok {
			break // unknown, hidden or garbage: the last that was named is answerable
		}
		at = hop
	}
	return at
}

// forwardedFor are the hops of X-Forwarded-For, the nearest last.
func forwardedFor(header http.Header) []string { return elements(header["X-Forwarded-For"], ',') }

// realIP is the hop of X-Real-IP, if it is told once.
func realIP(header http.Header) []string { return elements(header["X-Real-Ip"], ',') }

// forwarded are the hops of Forwarded, the nearest last: "" for an element that names nobody.
func forwarded(header http.Header) (hops []string) {
	for _, element := range elements(header["Forwarded"], ',') {
		hop := ""
		for _, pair := range elements([]string{element}, ';') {
			if name, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(name), "for") {
				hop = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// elements splits the lines of a header at a separator that is not quoted.
func elements(lines []string, separator rune) (parts []string) {
	for _, line := range lines {
		quoted := false
		for part := range strings.FieldsFuncSeq(line, func(c rune) bool {
			if c == '"' {
				quoted = !quoted
			}
			return c == separator && !quoted
		}) {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// parseHop reads an address with or without a port: 192.0.2.1:80, [2001:db8::1]:80 and the like.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return plain(withPort.Addr()), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok {
			return netip.Addr{}, false
		}
		text = inner
	}
	addr, err := netip.ParseAddr(text)
	return plain(addr), err == nil
}
