// Package origins tells which sites and apps may use the API from a browser, and where a
// shopper's browser may be sent.
package origins

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// dangerous are the schemes that run or show what an address itself holds, whoever lists them.
var dangerous = []string{"javascript", "vbscript", "data", "file", "filesystem", "blob", "about", "view-source"}

// An Allowed is a site, such as https://shop.example, or what an app answers to:
// capacitor://localhost, myshop://pay/done, or myshop:// for all of a scheme.
type Allowed struct {
	origin string // scheme, "://" and host, as browsers spell them
	scheme string
	path   string // of an app's address: nothing else of it is allowed; "" allows all
}

// Parse reads one entry. Its errors begin with the entry, in quotes.
func Parse(entry string) (Allowed, error) {
	entry = strings.TrimSpace(entry)
	u, err := url.Parse(entry)
	switch {
	case err != nil:
		return Allowed{}, noOrigin(entry)
	case slices.Contains(dangerous, u.Scheme):
		return Allowed{}, fmt.Errorf("%q can never be allowed: an address of %s: may hold a program or a file", entry, u.Scheme)
	case u.Scheme == "" || u.Opaque != "":
		return Allowed{}, noOrigin(entry)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return Allowed{}, fmt.Errorf("%q holds more than a scheme, a host and a path", entry)
	case isWeb(u) && (u.Hostname() == "" || strings.Trim(u.Path, "/") != ""):
		return Allowed{}, fmt.Errorf("%q is no origin: a site is a scheme and a host, as in https://shop.example", entry)
	}
	return Allowed{origin: originOf(u), scheme: u.Scheme, path: strings.Trim(u.Path, "/")}, nil
}

// Site reads one site, http or https, and returns its origin as browsers spell it: fit for a
// policy, whose words a strange host could end. Its errors begin with the entry, in quotes.
func Site(entry string) (string, error) {
	allowed, err := Parse(entry)
	if err != nil {
		return "", err
	}
	_, host, _ := strings.Cut(allowed.origin, "://")
	if !isWeb(&url.URL{Scheme: allowed.scheme}) || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.:[]") != "" {
		return "", fmt.Errorf("%q is no site, such as https://shop.example", entry)
	}
	return allowed.origin, nil
}

func noOrigin(entry string) error {
	return fmt.Errorf("%q is no origin, such as https://shop.example or capacitor://localhost", entry)
}

// isWeb reports whether an address is a site's.
func isWeb(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

// originOf is an address's origin as browsers spell it: in lower case, international names in
// ASCII, and without the port that the scheme has anyhow.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

// A List is what is allowed.
type List []Allowed

// ParseAll reads entries, such as https://shop.example. The error names the first that is none.
func ParseAll(entries []string) (List, error) {
	list := make(List, 0, len(entries))
	for _, entry := range entries {
		allowed, err := Parse(entry)
		if err != nil {
			return nil, err
		}
		list = append(list, allowed)
	}
	return list, nil
}

// AllowsOrigin reports whether pages of an origin, as a browser's Origin header spells it, may
// use the API.
func (l List) AllowsOrigin(header string) bool {
	u, err := url.Parse(header)
	if err != nil || u.Scheme == "" || u.Path != "" {
		return false
	}
	origin := originOf(u)
	return slices.ContainsFunc(l, func(a Allowed) bool {
		return a.origin == origin || (a.origin == a.scheme+"://" && a.scheme == u.Scheme)
	})
}

// AllowsReturn reports whether a browser may be sent to an absolute address.
func (l List) AllowsReturn(u *url.URL) bool {
	if u.Opaque != "" || u.User != nil || slices.Contains(dangerous, u.Scheme) {
		return false
	}
	return slices.ContainsFunc(l, func(a Allowed) bool { return a.isAbout(u) })
}

// isAbout reports whether an address is what is allowed, or below it.
func (a Allowed) isAbout(u *url.URL) bool {
	if a.scheme != u.Scheme || (a.origin != originOf(u) && a.origin != a.scheme+"://") {
		return false
	}
	path := strings.Trim(u.Path, "/")
	return a.path == "" || path == a.path || strings.HasPrefix(path, a.path+"/")
}
