package toss_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"payment-system/internal/testclock"
	"payment-system/pg/pgsim"
	"payment-system/pg/pgtest"
	"payment-system/pg/toss"
	"payment-system/shop"
)

func TestClient_gateway(t *testing.T) {
	t.Parallel()
	pgtest.TestGateway(t, func(t *testing.T) pgtest.Harness {
		sim := &pgsim.Server{Now: testclock.Now, TossSecretKey: "test_sk_D5GePWvyJnrK0W0k6q8gLzN97Eoq"}
		server := httptest.NewServer(sim.Handler())
		line := &pgtest.Line{}
		client := &toss.Client{
			BaseURL: server.URL + "/toss", SecretKey: sim.TossSecretKey, Timeout: time.Minute, Now: testclock.Now, HTTP: line.Client(),
		}
		t.Cleanup(func() {
			sim.Close()
			server.Close()
		})
		return pgtest.Simulator{T: t, URL: server.URL, PG: shop.PGToss}.Harness(client, line)
	})
}
