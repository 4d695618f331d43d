package kakao_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"payment-system/internal/testclock"
	"payment-system/pg/kakao"
	"payment-system/pg/pgsim"
	"payment-system/pg/pgtest"
	"payment-system/shop"
)

func TestClient_gateway(t *testing.T) {
	t.Parallel()
	pgtest.TestGateway(t, func(t *testing.T) pgtest.Harness {
		sim := &pgsim.Server{Now: testclock.Now, KakaoSecretKey: "DEV0000000000000000000000000000000000000", KakaoCID: "TC0ONETIME"}
		server := httptest.NewServer(sim.Handler())
		line := &pgtest.Line{}
		client := &kakao.Client{
			BaseURL: server.URL + "/kakao", SecretKey: sim.KakaoSecretKey, Timeout: time.Minute, Now: testclock.Now, HTTP: line.Client(),
		}
		t.Cleanup(func() {
			sim.Close()
			server.Close()
		})
		return pgtest.Simulator{T: t, URL: server.URL, PG: shop.PGKakao}.Harness(client, line)
	})
}
