package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"payment-system/internal/clientip"
	"payment-system/internal/origins"
	"payment-system/projections/reconcile"
	"payment-system/shop"
)

// gatewaySettings say how to talk to Kakao Pay and Toss Payments.
type gatewaySettings struct {
	KakaoBaseURL   string        `name:"kakao-base-url" env:"KAKAO_BASE_URL" placeholder:"URL" help:"Where Kakao Pay answers (https://open-api.kakaopay.com; the simulator in dev)."`
	KakaoSecretKey string        `name:"kakao-secret-key" env:"KAKAO_SECRET_KEY" secret:"" placeholder:"KEY" help:"Kakao Pay's secret key."`
	KakaoCID       string        `name:"kakao-cid" env:"KAKAO_CID" default:"TC0ONETIME" placeholder:"CID" help:"The merchant's CID at Kakao Pay (${default})."`
	TossBaseURL    string        `name:"toss-base-url" env:"TOSS_BASE_URL" placeholder:"URL" help:"Where Toss Payments answers (https://api.tosspayments.com; the simulator in dev)."`
	TossSecretKey  string        `name:"toss-secret-key" env:"TOSS_SECRET_KEY" secret:"" placeholder:"KEY" help:"Toss Payments' secret key."`
	TossClientKey  string        `name:"toss-client-key" env:"TOSS_CLIENT_KEY" secret:"" placeholder:"KEY" help:"Toss Payments' client key, for pages that open its window themselves."`
	TossMethod     string        `name:"toss-method" env:"TOSS_METHOD" enum:",CARD,VIRTUAL_ACCOUNT,TRANSFER,MOBILE_PHONE" default:"" placeholder:"METHOD" help:"What Toss's window opens for when readyPayment names no method (CARD; the shopper's choice at the simulator)."`
	PGTimeout      time.Duration `name:"pg-timeout" env:"PG_TIMEOUT" default:"10s" placeholder:"DURATION" help:"How long one call to a gateway may take (${default})."`
}

// logSettings say how the log is written.
type logSettings struct {
	LogFormat string `name:"log-format" env:"LOG_FORMAT" placeholder:"json|text" help:"How the log is written: json, or text (json; text in dev)."`
	LogLevel  string `name:"log-level" env:"LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"What is logged: debug, info, warn or error (${default})."`
}

// settings are all that a serving process is told.
type settings struct {
	databaseSettings
	redisSettings
	gatewaySettings
	logSettings
	shopSettings

	HTTPAddr         string         `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the API listens (${default})."`
	ShutdownDelay    *time.Duration `name:"shutdown-delay" env:"SHUTDOWN_DELAY" placeholder:"DURATION" help:"How long /readyz says no before the listener closes (5s; 0s in dev)."`
	PublicURL        string         `name:"public-url" env:"PUBLIC_URL" placeholder:"URL" help:"The only source of absolute URLs (http://localhost:8080)."`
	MetricsAddr      string         `name:"metrics-addr" env:"METRICS_ADDR" placeholder:"HOST:PORT" help:"Where /livez, /readyz and /metrics are answered; HTTP_ADDR when empty."`
	OrderHold        time.Duration  `name:"order-hold" env:"ORDER_HOLD" default:"15m" placeholder:"DURATION" help:"How long an unpaid order holds stock (${default})."`
	SettlementSource string         `name:"settlement-source" env:"SETTLEMENT_SOURCE" placeholder:"URL" help:"A folder that is polled for settlement files: file:///…"`
	ReconcileEvery   time.Duration  `name:"reconcile-every" env:"RECONCILE_EVERY" default:"10m" placeholder:"DURATION" help:"How often it is polled (${default})."`
	AutoApplyCap     int64          `name:"auto-apply-cap" env:"AUTO_APPLY_CAP" default:"1000000" placeholder:"WON" help:"Won that a reconciliation may move by itself (${default})."`
	SMTPAddr         string         `name:"smtp-addr" env:"SMTP_ADDR" placeholder:"HOST:PORT" help:"The mail server."`
	SMTPFrom         string         `name:"smtp-from" env:"SMTP_FROM" placeholder:"ADDRESS" help:"Who mails come from."`
	SMTPUser         string         `name:"smtp-user" env:"SMTP_USER" placeholder:"NAME" help:"Who signs in at the mail server; nobody when empty."`
	SMTPPassword     string         `name:"smtp-password" env:"SMTP_PASSWORD" secret:"" placeholder:"PASSWORD" help:"With what password."`
	SessionIdle      time.Duration  `name:"session-idle" env:"SESSION_IDLE" default:"30m" placeholder:"DURATION" help:"How long a session lives unused (${default})."`
	SessionMax       time.Duration  `name:"session-max" env:"SESSION_MAX" default:"12h" placeholder:"DURATION" help:"How long a session lives at most (${default})."`
	AllowedOrigins   list           `name:"allowed-origins" env:"ALLOWED_ORIGINS" placeholder:"ORIGIN,…" help:"Sites and apps besides PUBLIC_URL that may use the API from browsers, and that returnUrl may name: https://shop.example, capacitor://localhost, myshop://pay/done."`
	AllowedHeaders   list           `name:"allowed-headers" env:"ALLOWED_HEADERS" placeholder:"NAME,…" help:"Request headers that CORS lets pass besides those of usual clients."`
	TrustedProxies   list           `name:"trusted-proxies" env:"TRUSTED_PROXIES" placeholder:"NETWORK,…" help:"Addresses and networks, loopback or private, whose Forwarded, X-Forwarded-For and X-Real-IP are believed (nobody's)."`
	IdleTimeout      time.Duration  `name:"idle-timeout" env:"IDLE_TIMEOUT" default:"11m" placeholder:"DURATION" help:"How long an idle connection is kept: longer than a proxy before it does (${default})."`
	Introspection    *bool          `name:"introspection" env:"INTROSPECTION" negatable:"" help:"Whether the schema may be asked for (no; yes in dev)."`
	OTLPEndpoint     string         `name:"otel-exporter-otlp-endpoint" env:"OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" help:"Kept for traces; this version exports none and says so in the log."`
	Playground       *bool          `name:"playground" env:"PLAYGROUND" negatable:"" help:"Whether /playground is there (no; yes in dev)."`

	allowed origins.List     // ALLOWED_ORIGINS
	proxies clientip.Proxies // TRUSTED_PROXIES
}

const (
	defaultPublicURL    = "http://localhost:8080"
	defaultKakaoBaseURL = "https://open-api.kakaopay.com"
	defaultKakaoCID     = "TC0ONETIME"
	defaultTossBaseURL  = "https://api.tosspayments.com"

	// maxPGTimeout leaves time to write down what a gateway answered last.
	maxPGTimeout = 50 * time.Second
)

// A faults collects sentences that say what to set.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f faults) err() error { return errors.Join(f...) }

// check returns every fault of the settings of serve at once.
func (s *settings) check() error { return s.faults().err() }

func (s *settings) faults() (f faults) {
	f = append(f, s.checkServers()...)
	f = append(f, s.checkAddresses()...)
	f = append(f, s.checkShop()...)
	f = append(f, s.requireGateways()...)
	f = append(f, s.checkTimes()...)
	f = append(f, s.checkMail()...)
	f = append(f, s.checkSettlements()...)
	f = append(f, s.checkLog()...)
	return f
}

func (s *logSettings) checkLog() (f faults) {
	if !slices.Contains([]string{"", "json", "text"}, s.LogFormat) {
		f.add("set LOG_FORMAT to json or text: %q is neither", s.LogFormat)
	}
	if !slices.Contains([]string{"", "debug", "info", "warn", "error"}, s.LogLevel) {
		f.add("set LOG_LEVEL to debug, info, warn or error: %q is none of them", s.LogLevel)
	}
	return f
}

func checkHostPort(name, addr string) (f faults) {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		f.add("set %s to host:port: %q is not", name, addr)
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil ||
		(n == 0 && name != "HTTP_ADDR" && name != "METRICS_ADDR") {
		f.add("set %s to host:port: %q has no valid port", name, addr)
	}
	return f
}

func (s *settings) checkAddresses() (f faults) {
	f = append(f, checkHostPort("HTTP_ADDR", s.HTTPAddr)...)
	if s.MetricsAddr != "" {
		f = append(f, checkHostPort("METRICS_ADDR", s.MetricsAddr)...)
	}
	if s.MetricsAddr == s.HTTPAddr && !strings.HasSuffix(s.HTTPAddr, ":0") {
		f.add("set METRICS_ADDR to another address than HTTP_ADDR (%s), or to nothing", s.HTTPAddr)
	}
	if s.PublicURL == "" {
		s.PublicURL = defaultPublicURL
	}
	if !isOrigin(s.PublicURL) {
		f.add("set PUBLIC_URL to a scheme and a host, as in https://shop.example.com: %q is not", s.PublicURL)
	}
	s.PublicURL = strings.TrimSuffix(s.PublicURL, "/")
	return append(f, s.checkClients()...)
}

// checkClients reads who may come, and from where.
func (s *settings) checkClients() (f faults) {
	var err error
	if s.allowed, err = origins.ParseAll(s.AllowedOrigins); err != nil {
		f.add("set ALLOWED_ORIGINS to sites and apps, as in https://shop.example.com,capacitor://localhost: %w", err)
	}
	if s.proxies, err = clientip.Parse(s.TrustedProxies); err != nil {
		f.add("set TRUSTED_PROXIES to addresses and networks: %w", err)
	}
	for _, name := range s.AllowedHeaders {
		if !headerName.MatchString(name) {
			f.add("set ALLOWED_HEADERS to names of request headers, as in X-Shop-Version: %q is not one", name)
		}
	}
	if s.IdleTimeout < time.Second || s.IdleTimeout > 24*time.Hour {
		f.add("set IDLE_TIMEOUT to 1s to 24h: %s is not", s.IdleTimeout)
	}
	return f
}

// headerName is the name of a header, as HTTP has it.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'+.^_`|~-]+$")

// isOrigin reports whether text is a scheme and a host, and nothing but a final slash more.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isWebAddress(u) && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == "" &&
		u.User == nil
}

func isWebAddress(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// checkGateways completes and checks what is known of the gateways.
func (s *gatewaySettings) checkGateways() faults { return append(s.checkBaseURLs(), s.checkKeys()...) }

// requireGateways checks as checkGateways does, and that there is a key for each gateway.
func (s *gatewaySettings) requireGateways() faults {
	return slices.Concat(s.checkBaseURLs(), s.missingKeys(), s.checkKeys())
}

func (s *gatewaySettings) checkBaseURLs() (f faults) {
	s.KakaoBaseURL = cmp.Or(s.KakaoBaseURL, defaultKakaoBaseURL)
	s.TossBaseURL = cmp.Or(s.TossBaseURL, defaultTossBaseURL)
	if strings.TrimSuffix(s.TossBaseURL, "/") == defaultTossBaseURL {
		s.TossMethod = cmp.Or(s.TossMethod, "CARD") // Toss itself wants one; the simulator does not
	}
	for name, text := range map[string]*string{"KAKAO_BASE_URL": &s.KakaoBaseURL, "TOSS_BASE_URL": &s.TossBaseURL} {
		if u, err := url.Parse(*text); err != nil || !isWebAddress(u) || u.RawQuery != "" || u.Fragment != "" {
			f.add("set %s to an address such as https://api.example.com: %q is not", name, *text)
		}
		*text = strings.TrimSuffix(*text, "/")
	}
	slices.SortFunc(f, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return f
}

func (s *gatewaySettings) missingKeys() (f faults) {
	if s.KakaoSecretKey == "" {
		f.add("set KAKAO_SECRET_KEY to the secret key that developers.kakaopay.com shows for your application")
	}
	if s.TossSecretKey == "" {
		f.add("set TOSS_SECRET_KEY to the secret key that developers.tosspayments.com shows for your shop")
	}
	return f
}

func (s *gatewaySettings) checkKeys() (f faults) {
	if strings.Contains(s.TossSecretKey, "_ck_") || strings.Contains(s.TossSecretKey, "_gck_") {
		f.add("set TOSS_SECRET_KEY to the secret key: what it holds is a client key")
	}
	if live(s.TossClientKey) != live(s.TossSecretKey) && s.TossClientKey != "" && s.TossSecretKey != "" {
		f.add("set TOSS_CLIENT_KEY and TOSS_SECRET_KEY to keys of one pair: one is for tests, the other is live")
	}
	for _, key := range []struct{ name, value string }{
		{"KAKAO_SECRET_KEY", s.KakaoSecretKey},
		{"TOSS_SECRET_KEY", s.TossSecretKey},
		{"TOSS_CLIENT_KEY", s.TossClientKey},
	} {
		if strings.ContainsFunc(key.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			f.add("set %s to the key alone: it holds a space, or a letter that no key has", key.name)
		}
	}
	if s.KakaoCID == "" {
		f.add("set KAKAO_CID to the CID of your contract with Kakao Pay, or to TC0ONETIME for tests")
	}
	return f
}

func live(key string) bool { return strings.HasPrefix(key, "live_") }

func (s *settings) checkTimes() (f faults) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"PG_TIMEOUT", s.PGTimeout},
		{"ORDER_HOLD", s.OrderHold},
		{"RECONCILE_EVERY", s.ReconcileEvery},
		{"SESSION_IDLE", s.SessionIdle},
		{"SESSION_MAX", s.SessionMax},
	} {
		if d.value < time.Millisecond {
			f.add("set %s to a duration such as 10s or 15m: %s is too short", d.name, d.value)
		}
	}
	if s.ShutdownDelay != nil && *s.ShutdownDelay < 0 {
		f.add("set SHUTDOWN_DELAY to a duration such as 5s, or to 0s for none: %s is negative", *s.ShutdownDelay)
	}
	if s.PGTimeout > maxPGTimeout {
		f.add("set PG_TIMEOUT (%s) to at most %s: a shopper's request is given up after a minute", s.PGTimeout, maxPGTimeout)
	}
	if s.PGTimeout >= s.OrderHold {
		f.add("set PG_TIMEOUT (%s) below ORDER_HOLD (%s): a payment that a gateway is slow to approve would lose its stock",
			s.PGTimeout, s.OrderHold)
	}
	if s.SessionIdle > s.SessionMax {
		f.add("set SESSION_IDLE (%s) to at most SESSION_MAX (%s)", s.SessionIdle, s.SessionMax)
	}
	return f
}

func (s *settings) checkMail() (f faults) {
	if s.SMTPAddr == "" {
		f.add("set SMTP_ADDR to the mail server that sends verification codes, as in smtp.example.com:587")
	} else {
		f = append(f, checkHostPort("SMTP_ADDR", s.SMTPAddr)...)
	}
	if !strings.Contains(s.SMTPFrom, "@") {
		f.add("set SMTP_FROM to the address that mails come from, as in shop@example.com")
	}
	if (s.SMTPUser == "") != (s.SMTPPassword == "") {
		f.add("set both SMTP_USER and SMTP_PASSWORD, or neither")
	}
	return f
}

func (s *settings) checkSettlements() (f faults) {
	if s.AutoApplyCap < 0 || s.AutoApplyCap > int64(shop.MaxWon) {
		f.add("set AUTO_APPLY_CAP to won between 0 and %d: it is %d", shop.MaxWon, s.AutoApplyCap)
	}
	return append(f, s.checkSource()...)
}

func (s *settings) checkSource() (f faults) {
	if s.SettlementSource == "" {
		return nil
	}
	source, err := reconcile.OpenSource(s.SettlementSource)
	if err != nil {
		return append(f, err)
	}
	source.Close()
	return f
}
