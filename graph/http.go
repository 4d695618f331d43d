package graph

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"

	"payment-system/internal/origins"
	"payment-system/shop"
)

// Handler answers everything on HTTP_ADDR. The http.Server around it needs
// ReadHeaderTimeout, IdleTimeout and MaxHeaderBytes; ReadTimeout and
// WriteTimeout may be a little over Timeout: uploads and streams extend their
// own. Call EndStreams when it begins to stop.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	gql := s.originChecked(s.graphQL())
	mux.Handle("GET /graphql", gql)
	mux.Handle("POST /graphql", gql)
	mux.Handle("OPTIONS /graphql", gql)
	mux.HandleFunc("GET /schema.graphqls", s.serveSchema)
	mux.HandleFunc("GET /payments/{attemptId}/return/{outcome}", s.serveReturn)
	mux.HandleFunc("HEAD /payments/{attemptId}/return/{outcome}", serveNoReturn)
	mux.HandleFunc("POST /webhooks/toss", s.serveWebhook)
	if !s.OpsElsewhere {
		s.mountOps(mux)
	}
	if s.Mount != nil {
		s.Mount(mux)
	}
	s.mountPages(mux)
	return s.visited(mux)
}

// OpsHandler answers /livez, /readyz and /metrics alone, on METRICS_ADDR.
func (s *Server) OpsHandler() http.Handler {
	mux := http.NewServeMux()
	s.mountOps(mux)
	return s.visited(mux)
}

func (s *Server) mountOps(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
}

func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	if s.Ready != nil {
		if err := s.Ready(r.Context()); err != nil {
			s.logger().WarnContext(r.Context(), "not ready", "error", err, "request_id", visitFrom(r.Context()).requestID)
			say(w, http.StatusServiceUnavailable, notReady(err))
			return
		}
	}
	say(w, http.StatusOK, "ready")
}

// notReady names what is missing, and tells nothing more to strangers.
func notReady(err error) string {
	if lacks, ok := errors.AsType[*shop.Error](err); ok && lacks.Message != "" {
		return "not ready: " + lacks.Message
	}
	return "not ready"
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// graphQL answers GraphQL by every transport.
func (s *Server) graphQL() http.Handler {
	schema := NewExecutableSchema(Config{
		Resolvers:  &Resolver{s},
		Directives: DirectiveRoot{HasRole: hasRole, SignedIn: signedIn},
	})
	h := handler.New(schema)
	t := transport{s}
	h.AddTransport(socketTransport{t})
	h.AddTransport(eventsTransport{t})
	h.AddTransport(uploadTransport{t})
	h.AddTransport(postTransport{t})
	h.AddTransport(getTransport{t})
	h.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	h.SetParserTokenLimit(maxTokens)
	h.SetDisableSuggestion(!s.Introspection)
	h.SetErrorPresenter(s.present)
	h.SetRecoverFunc(s.recovered)
	h.Use(&gate{introspection: s.Introspection})
	h.AroundResponses(s.timeOperations)
	h.AroundResponses(s.noteWrites)
	h.AroundResponses(s.withLoaders)
	return h
}

// originChecked lets pages of allowed origins in, answers their browsers'
// questions, and turns away what another site's page sends.
func (s *Server) originChecked(next http.Handler) http.Handler {
	sites := s.origins()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Add("Vary", "Origin")
		header.Set("Cache-Control", "no-store")
		origin := r.Header.Get("Origin")
		allowed := sites.AllowsOrigin(origin)
		if allowed {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Allow-Credentials", "true")
			header.Set("Access-Control-Expose-Headers", "X-Request-Id")
		}
		ours := origin == "" || allowed || r.Header.Get("Sec-Fetch-Site") == "same-origin"
		switch {
		case !ours && (r.Method != http.MethodGet || r.Header.Get("Upgrade") != ""):
			transport{s}.refuse(w, r, &rejection{http.StatusForbidden, &shop.Error{Code: shop.Forbidden, Message: "This origin is not allowed."}})
		case r.Method == http.MethodOptions:
			s.preflight(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// origins are our own and those that are allowed besides.
func (s *Server) origins() origins.List {
	own, err := origins.Parse(s.PublicURL)
	if err != nil {
		return s.AllowedOrigins
	}
	return append(origins.List{own}, s.AllowedOrigins...)
}

// usualHeaders are the request headers of usual clients: GraphQL's, tracers' and the like.
const usualHeaders = "Accept-Language, Apollo-Require-Preflight, ApolloGraphQL-Client-Name, ApolloGraphQL-Client-Version, " +
	"Authorization, B3, Baggage, Cache-Control, Content-Type, Elastic-APM-Traceparent, GraphQL-Client-Name, " +
	"GraphQL-Client-Version, GraphQL-Preflight, Last-Event-ID, NewRelic, Pragma, Sentry-Trace, Traceparent, Tracestate, " +
	"Uber-Trace-ID, X-Amzn-Trace-ID, X-Apollo-Operation-ID, X-Apollo-Operation-Name, X-B3-Flags, X-B3-ParentSpanID, " +
	"X-B3-Sampled, X-B3-SpanID, X-B3-TraceID, X-Cloud-Trace-Context, X-Correlation-ID, X-Datadog-Origin, " +
	"X-Datadog-Parent-ID, X-Datadog-Sampling-Priority, X-Datadog-Tags, X-Datadog-Trace-ID, X-GraphQL-Client-Name, " +
	"X-GraphQL-Client-Version, X-NewRelic-ID, X-NewRelic-Transaction, X-Request-ID, X-Requested-With"

func (s *Server) preflight(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Allow", "GET, HEAD, OPTIONS, POST")
	header.Set("Access-Control-Allow-Methods", "GET, POST")
	header.Set("Access-Control-Allow-Headers", strings.Join(append([]string{usualHeaders}, s.AllowedHeaders...), ", "))
	header.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// visited is around everything: it names the request, recovers from panics,
// counts and logs. The log says nothing about the person, and no URL, which may
// hold a gateway's token.
func (s *Server) visited(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.now()
		v := s.visit(w, r)
		ctx := withVisit(r.Context(), v)
		s.harden(w.Header(), v.requestID)
		answer := &recorder{ResponseWriter: w}
		route := "none"
		if _, pattern := mux.Handler(r); pattern != "" && pattern != elsewhere {
			route = pattern
		}
		defer func() {
			s.bodies.Add(-v.held.Load())
			if value := recover(); value != nil {
				s.panicked(ctx, answer, value)
			}
			took := s.now().Sub(began)
			s.metrics().answered(route, answer.code(), took)
			s.logger().LogAttrs(ctx, slog.LevelInfo, "request answered",
				slog.String("route", route), slog.Int("status", answer.code()), slog.Int64("bytes", answer.bytes),
				slog.Int64("duration_ms", took.Milliseconds()), slog.String("request_id", v.requestID))
		}()
		mux.ServeHTTP(answer, r.WithContext(ctx))
	})
}

func (s *Server) visit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{server: s, requestID: r.Header.Get("X-Request-Id"), remoteIP: s.remoteIP(r), header: w.Header()}
	if !requestIDPattern.MatchString(v.requestID) {
		v.requestID = strings.ToLower(rand.Text())
	}
	if cookie, err := r.Cookie(s.cookieName()); err == nil {
		v.token = cookie.Value
	}
	return v
}

func (s *Server) remoteIP(r *http.Request) string {
	if s.RemoteIP != nil {
		return s.RemoteIP(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// harden sets what every answer carries. Pages loosen the policy for themselves.
func (s *Server) harden(header http.Header, requestID string) {
	header.Set("X-Request-Id", requestID)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
	if s.https() {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// panicked answers for a handler that died.
func (s *Server) panicked(ctx context.Context, w *recorder, value any) {
	if value == http.ErrAbortHandler { //nolint:errorlint // Go panics with this very value.
		panic(value)
	}
	presented := s.present(ctx, s.recovered(ctx, value))
	if w.status == 0 {
		say(w, http.StatusInternalServerError, presented.Message)
	}
}

// A recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find what this hides.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int { return either(r.status, http.StatusOK) }

func (s *Server) timeout() time.Duration { return either(s.Timeout, time.Minute) }

func (s *Server) now() time.Time { return s.Now() }

func (s *Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}
