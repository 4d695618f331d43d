package pghttp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/pg/pghttp"
	"payment-system/shop"
)

// serve starts a server and returns a caller and a request to it.
func serve(t *testing.T, handler http.HandlerFunc) (*pghttp.Caller, pghttp.Request) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &pghttp.Caller{PG: shop.PGToss, Now: testclock.Now, Timeout: time.Minute},
		pghttp.Request{Call: "approve", Method: http.MethodPost, URL: server.URL + "/v1/payments/key_1/cancel", Body: []byte(`{"a":1}`)}
}

func do(ctx context.Context, c *pghttp.Caller, req pghttp.Request) (string, error) {
	return pghttp.Do(ctx, c, req, func(a pghttp.Answer) (string, error) { return string(a.Body), nil })
}

func wantOutcome(t *testing.T, err error, want pg.Outcome) *pg.Error {
	t.Helper()
	var e *pg.Error
	if !errors.As(err, &e) || e.Outcome != want {
		t.Fatalf("error = %v, want outcome %v", err, want)
	}
	return e
}

// hangUp closes the connection without an answer.
func hangUp() { panic(http.ErrAbortHandler) }

func TestDo(t *testing.T) {
	t.Parallel()

	t.Run("a request and its answer arrive whole", func(t *testing.T) {
		t.Parallel()
		c, req := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write([]byte(r.Method + " " + r.Header.Get("X-Test") + " " + string(body)))
		})
		req.Header = http.Header{"X-Test": {"yes"}}
		got, err := do(t.Context(), c, req)
		if err != nil || got != `POST yes {"a":1}` {
			t.Fatalf("Do = %q, %v", got, err)
		}
	})
	t.Run("what may be repeated is sent once more when the connection breaks", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		c, req := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) == 1 {
				hangUp()
			}
			_, _ = w.Write([]byte("ok"))
		})
		req.Repeat = true
		got, err := do(t.Context(), c, req)
		if err != nil || got != "ok" || calls.Load() != 2 {
			t.Fatalf("Do = %q, %v after %d calls; want ok after 2", got, err, calls.Load())
		}
	})
	t.Run("what may be repeated is sent twice at most", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		c, req := serve(t, func(http.ResponseWriter, *http.Request) {
			calls.Add(1)
			hangUp()
		})
		req.Repeat = true
		_, err := do(t.Context(), c, req)
		wantOutcome(t, err, pg.OutcomeUnknown)
		if calls.Load() != 2 {
			t.Fatalf("%d calls, want 2", calls.Load())
		}
	})
	t.Run("that a repeat is refused tells nothing of the request before it", func(t *testing.T) {
		t.Parallel()
		for call, want := range map[string]pg.Outcome{
			"approve": pg.OutcomeUnknown, "cancel": pg.OutcomeUnknown, "lookup": pg.OutcomeMisconfigured, "ready": pg.OutcomeMisconfigured,
		} {
			for _, lost := range []bool{true, false} {
				var calls atomic.Int32
				c, req := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					if calls.Add(1) == 1 && lost {
						hangUp()
					}
					w.WriteHeader(http.StatusUnauthorized)
				})
				req.Repeat, req.Call = true, call
				_, err := pghttp.Do(t.Context(), c, req, func(a pghttp.Answer) (string, error) {
					return "", c.Fail(call, a, pg.OutcomeMisconfigured, "UNAUTHORIZED_KEY", "")
				})
				if !lost {
					want = pg.OutcomeMisconfigured
				}
				if e := wantOutcome(t, err, want); want == pg.OutcomeUnknown && e.Status != 0 {
					t.Errorf("the error has the status %d, as if all had been answered", e.Status)
				}
			}
		}
	})
	t.Run("what may not be repeated is sent once", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		c, req := serve(t, func(http.ResponseWriter, *http.Request) {
			calls.Add(1)
			hangUp()
		})
		_, err := do(t.Context(), c, req)
		wantOutcome(t, err, pg.OutcomeUnknown)
		if calls.Load() != 1 {
			t.Fatalf("%d calls, want 1", calls.Load())
		}
	})
	t.Run("an error answer is not repeated", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		c, req := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
		})
		req.Repeat = true
		if _, err := do(t.Context(), c, req); err != nil || calls.Load() != 1 {
			t.Fatalf("%v after %d calls, want an answer after 1", err, calls.Load())
		}
	})
}

func TestDo_nothingSent(t *testing.T) {
	t.Parallel()

	t.Run("nobody listening means nothing was sent", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		_ = listener.Close()
		for _, repeat := range []bool{false, true} {
			c := &pghttp.Caller{PG: shop.PGKakao, Now: testclock.Now}
			_, err = do(t.Context(), c, pghttp.Request{Call: "approve", Method: http.MethodPost, URL: "http://" + address, Repeat: repeat})
			wantOutcome(t, err, pg.OutcomeNotSent)
		}
	})
	t.Run("a name that nobody has means nothing was sent", func(t *testing.T) {
		t.Parallel()
		c := &pghttp.Caller{PG: shop.PGKakao, Now: testclock.Now, Timeout: time.Minute}
		_, err := do(t.Context(), c, pghttp.Request{Call: "approve", Method: http.MethodPost, URL: "http://gateway.invalid/"})
		wantOutcome(t, err, pg.OutcomeNotSent)
	})
	t.Run("a certificate that is not theirs means nothing was sent", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.StartTLS()
		defer server.Close()
		c := &pghttp.Caller{PG: shop.PGToss, Now: testclock.Now}
		_, err := do(t.Context(), c, pghttp.Request{Call: "approve", Method: http.MethodPost, URL: server.URL})
		wantOutcome(t, err, pg.OutcomeNotSent)
	})
}

func TestDo_maybeSent(t *testing.T) {
	t.Parallel()

	t.Run("a transport that tells nothing may have sent it", func(t *testing.T) {
		t.Parallel()
		c, req := serve(t, func(http.ResponseWriter, *http.Request) {})
		c.HTTP = &http.Client{Transport: silent{}}
		_, err := do(t.Context(), c, req)
		wantOutcome(t, err, pg.OutcomeUnknown)
	})
	t.Run("no answer in time is unknown, and in time", func(t *testing.T) {
		t.Parallel()
		hangs, req := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		req.Repeat = true
		for limit := 100 * time.Millisecond; ; limit *= 4 {
			c := &pghttp.Caller{PG: hangs.PG, Now: hangs.Now, Timeout: limit}
			start := time.Now()
			_, err := do(t.Context(), c, req)
			if took := time.Since(start); took > limit+5*time.Second {
				t.Fatalf("it took %v of %v", took, limit)
			}
			var e *pg.Error
			if errors.As(err, &e) && e.Outcome == pg.OutcomeNotSent && limit < 5*time.Second {
				continue // a busy machine may need longer to send anything
			}
			wantOutcome(t, err, pg.OutcomeUnknown)
			return
		}
	})
	t.Run("a caller that leaves cannot know", func(t *testing.T) {
		t.Parallel()
		arrived := make(chan struct{})
		c, req := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			close(arrived)
			<-r.Context().Done()
		})
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			<-arrived
			leave()
		}()
		req.Repeat = true
		_, err := do(ctx, c, req)
		wantOutcome(t, err, pg.OutcomeUnknown)
	})
	t.Run("an answer cut short is unknown", func(t *testing.T) {
		t.Parallel()
		c, req := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"paymentKey":`))
		})
		_, err := do(t.Context(), c, req)
		wantOutcome(t, err, pg.OutcomeUnknown)
	})
}

func TestDo_answers(t *testing.T) {
	t.Parallel()

	t.Run("an answer of a mebibyte is read and a byte more is unknown", func(t *testing.T) {
		t.Parallel()
		size := 1 << 20
		c, req := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), size)) })
		if got, err := do(t.Context(), c, req); err != nil || len(got) != size {
			t.Fatalf("%d bytes, %v; want %d", len(got), err, size)
		}
		size++
		_, err := do(t.Context(), c, req)
		wantOutcome(t, err, pg.OutcomeUnknown)
	})
	t.Run("a redirect is an answer, and is not followed", func(t *testing.T) {
		t.Parallel()
		c, req := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		})
		c.HTTP = &http.Client{} // one that follows
		got, err := pghttp.Do(t.Context(), c, req, func(a pghttp.Answer) (int, error) { return a.Status, nil })
		if err != nil || got != http.StatusTemporaryRedirect {
			t.Fatalf("Do = %d, %v; want 307", got, err)
		}
	})
	t.Run("connections are used again", func(t *testing.T) {
		t.Parallel()
		var addresses sync.Map
		var n atomic.Int32
		c, req := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			if _, known := addresses.LoadOrStore(r.RemoteAddr, true); !known {
				n.Add(1)
			}
		})
		for range 5 {
			if _, err := do(t.Context(), c, req); err != nil {
				t.Fatal(err)
			}
		}
		if n.Load() != 1 {
			t.Fatalf("%d connections for 5 calls, want 1", n.Load())
		}
	})
}

// silent is a transport without traces that sends nothing.
type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func TestDo_guards(t *testing.T) {
	t.Parallel()

	t.Run("the circuit opens after failures, sends nothing and says how long", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		c, req := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		})
		for range 10 {
			if _, err := do(t.Context(), c, req); err != nil {
				t.Fatal(err)
			}
		}
		_, err := do(t.Context(), c, req)
		if e := wantOutcome(t, err, pg.OutcomeNotSent); e.RetryAfter <= 0 || e.RetryAfter > 5*time.Second {
			t.Fatalf("retry after %v, want up to 5 s", e.RetryAfter)
		}
		if calls.Load() != 10 {
			t.Fatalf("%d calls, want 10", calls.Load())
		}
	})
	t.Run("refusals do not open the circuit", func(t *testing.T) {
		t.Parallel()
		c, req := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
		for range 40 {
			if _, err := do(t.Context(), c, req); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("callers that leave do not open the circuit", func(t *testing.T) {
		t.Parallel()
		arrived := make(chan struct{})
		c, req := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			arrived <- struct{}{}
			<-r.Context().Done()
		})
		for range 25 {
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				<-arrived
				leave()
			}()
			_, err := do(ctx, c, req)
			wantOutcome(t, err, pg.OutcomeUnknown)
		}
	})
	t.Run("a full queue sends nothing", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		arrived, release := make(chan struct{}), make(chan struct{})
		c, req := serve(t, func(http.ResponseWriter, *http.Request) {
			calls.Add(1)
			arrived <- struct{}{}
			<-release
		})
		c.MaxInFlight, c.Timeout = 1, 30*time.Second
		first := make(chan error, 1)
		go func() {
			_, err := do(t.Context(), c, req)
			first <- err
		}()
		<-arrived
		_, err := do(t.Context(), c, req)
		wantOutcome(t, err, pg.OutcomeNotSent)
		close(release)
		if err := <-first; err != nil || calls.Load() != 1 {
			t.Fatalf("first call: %v; %d calls, want 1", err, calls.Load())
		}
	})
}

func TestDo_reports(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	var seen []string
	c, req := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"holderName":"홍길동"}`))
	})
	c.Logger = slog.New(slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Observe = func(call, outcome string, took time.Duration) {
		if took < 0 {
			t.Errorf("it took %v", took)
		}
		seen = append(seen, call+" "+outcome)
	}
	req.Header = http.Header{"Authorization": {"Basic c2VjcmV0"}}
	_, _ = pghttp.Do(t.Context(), c, req, func(a pghttp.Answer) (int, error) {
		return 0, c.Fail("approve", a, pg.OutcomeRefused, "REJECT", "no")
	})
	req.URL = "http://127.0.0.1:1/key_1"
	_, err := do(t.Context(), c, req)
	if strings.Contains(err.Error(), "key_1") {
		t.Errorf("error %q names the payment", err)
	}
	if diff := cmp.Diff([]string{"approve refused", "approve not_sent"}, seen); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	for _, want := range []string{`"called gateway"`, `"pg":"TOSS"`, `"call":"approve"`, `"outcome":"refused"`, `"status":403`, `"duration":`} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("log lacks %s: %s", want, &said)
		}
	}
	for _, secret := range []string{"c2VjcmV0", "key_1", "홍길동", `\"a\"`} {
		if strings.Contains(said.String(), secret) {
			t.Errorf("log tells %s: %s", secret, &said)
		}
	}
}
