package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"payment-system/pg/pgsim"
)

type pgsimCommand struct {
	logSettings
	PGSimAddr      string `name:"pgsim-addr" env:"PGSIM_ADDR" default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Where the simulators listen (${default})."`
	PGSimURL       string `name:"pgsim-url" env:"PGSIM_URL" placeholder:"URL" help:"Where browsers find them; the address of each request when empty."`
	TossWebhookURL string `name:"toss-webhook-url" env:"TOSS_WEBHOOK_URL" placeholder:"URL" help:"Where Toss Payments' webhooks go; nowhere when empty."`
	KakaoSecretKey string `name:"kakao-secret-key" env:"KAKAO_SECRET_KEY" placeholder:"KEY" help:"The only secret key that Kakao Pay accepts; any when empty."`
	KakaoCID       string `name:"kakao-cid" env:"KAKAO_CID" placeholder:"CID" help:"The only CID that Kakao Pay accepts; any when empty."`
	TossSecretKey  string `name:"toss-secret-key" env:"TOSS_SECRET_KEY" placeholder:"KEY" help:"The only secret key that Toss Payments accepts; any when empty."`
}

// Run runs both simulators until it is told to stop.
func (c *pgsimCommand) Run(ctx context.Context, w *world) error {
	logger := c.logger(w.err, "text")
	listener, err := listen(ctx, "PGSIM_ADDR", c.PGSimAddr)
	if err != nil {
		return err
	}
	sim := &pgsim.Server{
		Now: time.Now, PublicURL: c.PGSimURL, Logger: logger, TossWebhookURL: c.TossWebhookURL,
		KakaoSecretKey: c.KakaoSecretKey, KakaoCID: c.KakaoCID, TossSecretKey: c.TossSecretKey,
	}
	fmt.Fprintf(w.out, "Kakao Pay is at http://%[1]s/kakao, Toss Payments at http://%[1]s/toss, control at http://%[1]s/sim/\n", listener.Addr())
	return serveSim(ctx, sim, listener, logger)
}

// serveSim serves the simulators until ctx ends.
func serveSim(ctx context.Context, sim *pgsim.Server, listener net.Listener, logger *slog.Logger) error {
	server := newServer(sim.Handler(), 2*time.Minute, logger)
	server.WriteTimeout = 0 // faults may hang for as long as they like
	return serveUntil(ctx, server, listener, func(ctx context.Context) error { return sim.Shutdown(ctx) })
}
