package graph_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/graph"
	"payment-system/internal/redistest"
	"payment-system/internal/shoptest"
	"payment-system/internal/testclock"
	"payment-system/shop"
)

// clock is a wall clock that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func openSessions(t *testing.T) (*graph.Sessions, *clock) {
	t.Helper()
	c := &clock{at: testclock.Now()}
	return &graph.Sessions{Redis: redistest.New(t), Idle: 30 * time.Minute, Max: 12 * time.Hour, Now: c.now, Random: shoptest.Random}, c
}

func start(t *testing.T, sessions *graph.Sessions) string {
	t.Helper()
	token, err := sessions.Start(t.Context(), "usr_1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func expectUser(t *testing.T, sessions *graph.Sessions, token string, want shop.UserID) {
	t.Helper()
	if got, err := sessions.Find(t.Context(), token); err != nil || got != want {
		t.Errorf("the session is %q's, %v, want %q's", got, err, want)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	t.Run("a token finds its session until that is ended", func(t *testing.T) {
		t.Parallel()
		sessions, _ := openSessions(t)
		token, other := start(t, sessions), start(t, sessions)
		if token == other || len(token) < 43 {
			t.Errorf("the tokens are %q and %q", token, other)
		}
		expectUser(t, sessions, token, "usr_1")
		if err := sessions.End(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		expectUser(t, sessions, token, "")
		expectUser(t, sessions, other, "usr_1")
	})
	t.Run("whatever is not a token finds nothing", func(t *testing.T) {
		t.Parallel()
		sessions, _ := openSessions(t)
		for _, token := range []string{"", "x", "*", strings.Repeat("A", 43), strings.Repeat("A", 10_000), "../../etc"} {
			expectUser(t, sessions, token, "")
		}
	})
	t.Run("use prolongs a session, but never beyond its longest life", func(t *testing.T) {
		t.Parallel()
		sessions, c := openSessions(t)
		token := start(t, sessions)
		keys := sessions.Redis.Keys(t.Context(), "session:*").Val()
		sessions.Redis.Expire(t.Context(), keys[0], time.Minute)
		expectUser(t, sessions, token, "usr_1")
		if ttl := sessions.Redis.TTL(t.Context(), keys[0]).Val(); ttl < 29*time.Minute || ttl > 30*time.Minute {
			t.Errorf("after use it lives for %s", ttl)
		}
		c.at = c.at.Add(12*time.Hour - time.Second)
		expectUser(t, sessions, token, "usr_1")
		c.at = c.at.Add(time.Second)
		expectUser(t, sessions, token, "")
		if n := sessions.Redis.DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	})
	t.Run("a look from the side prolongs nothing", func(t *testing.T) {
		t.Parallel()
		sessions, _ := openSessions(t)
		token := start(t, sessions)
		keys := sessions.Redis.Keys(t.Context(), "session:*").Val()
		sessions.Redis.Expire(t.Context(), keys[0], time.Minute)
		if user, err := sessions.Peek(t.Context(), token); err != nil || user != "usr_1" {
			t.Errorf("it sees %q, %v", user, err)
		}
		if ttl := sessions.Redis.TTL(t.Context(), keys[0]).Val(); ttl > time.Minute {
			t.Errorf("it lives for %s", ttl)
		}
	})
	t.Run("all sessions of a user end at once, and nobody else's", func(t *testing.T) {
		t.Parallel()
		sessions, _ := openSessions(t)
		tokens := []string{start(t, sessions), start(t, sessions)}
		other, err := sessions.Start(t.Context(), "usr_2")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := sessions.EndAll(t.Context(), "usr_1"); n != 2 || err != nil {
			t.Errorf("%d ended, %v, want 2", n, err)
		}
		for _, token := range tokens {
			expectUser(t, sessions, token, "")
		}
		expectUser(t, sessions, other, "usr_2")
		if n, err := sessions.EndAll(t.Context(), "usr_1"); n != 0 || err != nil {
			t.Errorf("%d ended again, %v", n, err)
		}
		if keys := sessions.Redis.Keys(t.Context(), "*").Val(); len(keys) != 2 {
			t.Errorf("%q are left, want a session and a list", keys)
		}
	})
	t.Run("many are looked at in one round trip", func(t *testing.T) {
		t.Parallel()
		sessions, c := openSessions(t)
		lives, ended := start(t, sessions), start(t, sessions)
		if err := sessions.End(t.Context(), ended); err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false} {
			living, err := sessions.Living(t.Context(), []string{lives, ended, "x"})
			if err != nil || living[lives] != want || living[ended] || living["x"] {
				t.Errorf("living are %v, %v", living, err)
			}
			c.at = c.at.Add(12 * time.Hour) // older than any may become
		}
	})
	t.Run("who reads Redis learns no token", func(t *testing.T) {
		t.Parallel()
		sessions, _ := openSessions(t)
		token := start(t, sessions)
		for _, key := range sessions.Redis.Keys(t.Context(), "*").Val() {
			if value := sessions.Redis.Get(t.Context(), key).Val(); strings.Contains(key+value, token) {
				t.Errorf("%s %s holds the token", key, value)
			}
		}
	})
	t.Run("without Redis nobody is signed in", func(t *testing.T) {
		t.Parallel()
		sessions := &graph.Sessions{Redis: deadRedis(t), Idle: time.Minute, Max: time.Hour, Now: testclock.Now, Random: shoptest.Random}
		_, err := sessions.Start(t.Context(), "usr_1")
		expectCode(t, err, shop.Unavailable)
		_, err = sessions.Find(t.Context(), strings.Repeat("A", 43))
		expectCode(t, err, shop.Unavailable)
		expectCode(t, sessions.End(t.Context(), strings.Repeat("A", 43)), shop.Unavailable)
	})
}

func expectCode(t *testing.T, err error, want shop.Code) {
	t.Helper()
	if shop.CodeOf(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// deadRedis is a client of a server that is not there.
func deadRedis(t *testing.T) redis.UniversalClient {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

const viewerQuery = `{ viewer { email role } }`

func TestServer_sessions(t *testing.T) {
	t.Parallel()
	s := open(t)
	first := s.browser(t)
	first.signUp("a@example.com")
	signIn := map[string]any{"input": map[string]any{"email": "a@example.com", "password": password}}
	const signInMutation = `mutation($input: SignInInput!) { signIn(input: $input) { user { email } } }`

	t.Run("nobody is signed in without a cookie, and that is no error", func(t *testing.T) {
		t.Parallel()
		if got := s.browser(t).must(viewerQuery, nil); got["viewer"] != nil {
			t.Errorf("the viewer is %v", got["viewer"])
		}
	})
	t.Run("signing in gives a new id and ends the old session", func(t *testing.T) {
		t.Parallel()
		b := s.browser(t)
		b.must(signInMutation, signIn)
		old := b.session()
		b.must(signInMutation, signIn)
		if old == "" || b.session() == old {
			t.Fatal("the id is the same")
		}
		_, answer := s.browser(t).do(http.MethodPost, "/graphql", `{"query": "`+viewerQuery+`"}`, "Content-Type", "application/json", "Cookie", "session="+old)
		if decodeReply(t, answer).Data["viewer"] != nil {
			t.Error("the old session still lives")
		}
		if got := dig(b.must(viewerQuery, nil), "viewer", "email"); got != "a@example.com" {
			t.Errorf("the viewer is %v", got)
		}
	})
	t.Run("signing out ends the session and the cookie", func(t *testing.T) {
		t.Parallel()
		b := s.browser(t)
		b.must(signInMutation, signIn)
		old := b.session()
		b.must(`mutation { signOut { ok } }`, nil)
		if b.session() != "" {
			t.Error("the cookie is still there")
		}
		if user, err := s.graph.Sessions.Find(t.Context(), old); err != nil || user != "" {
			t.Errorf("the session is %q's, %v", user, err)
		}
		if got := b.ask(`mutation { signOut { ok } }`, nil); got.code() != shop.Unauthenticated {
			t.Errorf("signing out twice answers %+v", got.Errors)
		}
	})
	t.Run("the cookie cannot be read by scripts nor sent by other sites", func(t *testing.T) {
		t.Parallel()
		response, _ := s.browser(t).do(http.MethodPost, "/graphql",
			`{"query": "mutation { signIn(input: {email: \"a@example.com\", password: \"`+password+`\"}) { user { id } } }"}`, "Content-Type", "application/json")
		got := response.Header.Get("Set-Cookie")
		if !strings.HasPrefix(got, "session=") || !strings.Contains(got, "; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax") || strings.Contains(got, "Secure") {
			t.Errorf("the cookie is %q", got)
		}
	})
	t.Run("the role is read anew for each request", func(t *testing.T) {
		t.Parallel()
		b := s.browser(t)
		b.must(signInMutation, signIn)
		const guarded = `{ projections { view } }`
		if got := b.ask(guarded, nil); got.code() != shop.Forbidden {
			t.Fatalf("a customer gets %+v", got.Errors)
		}
		operator := s.operator(t)
		operator.must(guarded, nil)
	})
}

func TestServer_sessionsOverHTTPS(t *testing.T) {
	t.Parallel()
	s := open(t, func(g *graph.Server) { g.PublicURL = "https://shop.example" })
	s.browser(t).signUp("a@example.com")
	t.Run("the cookie is bound to this host and to https", func(t *testing.T) {
		t.Parallel()
		response, _ := s.browser(t).do(http.MethodPost, "/graphql",
			`{"query": "mutation { signIn(input: {email: \"a@example.com\", password: \"`+password+`\"}) { user { id } } }"}`, "Content-Type", "application/json")
		got := response.Header.Get("Set-Cookie")
		if !strings.HasPrefix(got, "__Host-session=") || !strings.Contains(got, "; Secure") || !strings.Contains(got, "Path=/;") || strings.Contains(got, "Domain") {
			t.Errorf("the cookie is %q", got)
		}
		if response.Header.Get("Strict-Transport-Security") == "" {
			t.Error("browsers may come back over http")
		}
	})
}

func TestServer_withoutRedis(t *testing.T) {
	t.Parallel()
	s := open(t)
	b := s.shopper(t, "a@example.com")
	s.graph.Sessions.Redis = deadRedis(t)
	t.Run("what needs a session is UNAVAILABLE", func(t *testing.T) {
		if got := b.ask(viewerQuery, nil); got.code() != shop.Unavailable {
			t.Errorf("viewer answers %+v", got)
		}
		if got := b.ask(`mutation { signOut { ok } }`, nil); got.code() != shop.Unavailable {
			t.Errorf("signOut answers %+v", got)
		}
		if lines := s.log.Lines("WARN", "UNAVAILABLE"); len(lines) < 2 {
			t.Errorf("the log says %q", lines)
		}
	})
	t.Run("what needs none still works", func(t *testing.T) {
		b.must(`{ products(first: 1) { nodes { id } } }`, nil)
	})
}
