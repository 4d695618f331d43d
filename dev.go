package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"text/tabwriter"
	"time"

	"payment-system/internal/devservers"
	"payment-system/internal/mail"
	"payment-system/internal/mysqldb"
	"payment-system/internal/seed"
	"payment-system/pg/pgsim"
	"payment-system/web"
)

type devCommand struct {
	settings
	PGSimAddr string `name:"pgsim-addr" env:"PGSIM_ADDR" default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Where the gateway simulators listen (${default})."`
	Data      string `name:"data" env:"DATA_DIR" placeholder:"DIR" type:"path" help:"Where state is kept from run to run; in a temporary folder, removed at exit, when empty."`
}

// The keys that the simulators are given in dev.
const (
	devKakaoKey = "DEV0000000000000000000000000000000000000"
	devTossKey  = "test_sk_00000000000000000000000000000000"
	devTossID   = "test_ck_00000000000000000000000000000000"
)

// What the storefront of dev shows; nobody has these numbers.
const (
	devShopName = "가게 고양이 상점"
	devNotices  = `상호 가게 고양이 상점 · 대표 나고양
사업자등록번호 000-00-00000 · 통신판매업신고 2026-서울종로-0000
서울특별시 종로구 세종대로 1
전화 02-000-0000 · shop@example.com`
)

// devPagesOrigin is where `make web-dev` serves the pages while they are worked on.
const devPagesOrigin = "http://localhost:5173"

// trialAccounts are there from the start.
var trialAccounts = []web.Account{
	{Who: "shopper", Email: seed.ShopperEmail, Password: seed.Password},
	{Who: "operator", Email: seed.OperatorEmail, Password: seed.Password},
}

// devKeeps is how many payments the simulators of dev remember, in 50 MiB at most.
const devKeeps = 10_000

// A playpen is what dev runs besides the API.
type playpen struct {
	command *devCommand
	world   *world
	api     net.Listener
	simAt   net.Listener
	servers *devservers.Servers
	mailbox *mail.Mailbox // nil when SMTP_ADDR names a server
	app     *app
}

// Run runs everything until Ctrl-C.
func (c *devCommand) Run(ctx context.Context, w *world) (err error) {
	began := w.now()
	p := &playpen{command: c, world: w}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.open(ctx); err != nil {
		return err
	}
	sim := &pgsim.Server{
		Now: w.now, PublicURL: "http://" + p.simAt.Addr().String(), Logger: p.app.logger,
		MerchantName: devShopName, TossWebhookURL: c.PublicURL + "/webhooks/toss",
		KakaoSecretKey: devKakaoKey, TossSecretKey: devTossKey, Keep: devKeeps,
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	var simErr error
	running.Go(func() { p.servers.Keep(ctx, p.app.logger) })
	running.Go(func() {
		defer stop()
		simErr = serveSim(ctx, sim, p.simAt, p.app.logger)
	})
	replica := &server{
		app: p.app, mount: p.mount, withJobs: true, accounts: trialAccounts, ready: func() { p.announce(w.now().Sub(began)) },
	}
	err = replica.serve(ctx, p.api)
	stop()
	running.Wait()
	return errors.Join(err, simErr)
}

// open takes the addresses, starts the servers and fills the database.
func (p *playpen) open(ctx context.Context) (err error) {
	c := p.command
	if p.api, err = listen(ctx, "HTTP_ADDR", c.HTTPAddr); err != nil {
		return err
	}
	if p.simAt, err = listen(ctx, "PGSIM_ADDR", c.PGSimAddr); err != nil {
		return err
	}
	if err := p.openMailbox(); err != nil {
		return err
	}
	logger := c.logger(p.world.err, "text")
	p.servers, err = devservers.Start(ctx, devservers.Config{
		Dir: c.Data, Progress: p.world.err, SkipMySQL: c.MySQLDSN != "", SkipRedis: c.RedisAddrs != "",
	})
	if err != nil {
		return err
	}
	c.fill(p)
	if err := c.check(); err != nil {
		return err
	}
	if p.app, err = openApp(ctx, &c.settings, p.world, logger); err != nil {
		return err
	}
	if err := errors.Join(mysqldb.Check(ctx, p.app.db), migrate(ctx, p.world, p.app.db)); err != nil {
		return err
	}
	trial := &seed.Trial{DB: p.app.db, Commands: p.app.commands, People: p.app.people, NewPeople: p.app.newPeople}
	return trial.Fill(ctx)
}

func (p *playpen) openMailbox() (err error) {
	if p.command.SMTPAddr != "" {
		return nil
	}
	p.mailbox, err = mail.OpenMailbox("127.0.0.1:0", p.world.now)
	return err
}

// fill sets what nobody has set to what this run started.
func (c *devCommand) fill(p *playpen) {
	setDefault(&c.MySQLDSN, p.servers.MySQLDSN)
	setDefault(&c.RedisAddrs, p.servers.RedisAddr)
	setDefault(&c.PublicURL, localURL(p.api.Addr()))
	sim := "http://" + p.simAt.Addr().String()
	setDefault(&c.KakaoBaseURL, sim+"/kakao")
	setDefault(&c.TossBaseURL, sim+"/toss")
	setDefault(&c.KakaoSecretKey, devKakaoKey)
	setDefault(&c.TossSecretKey, devTossKey)
	setDefault(&c.TossClientKey, devTossID)
	if p.mailbox != nil {
		c.SMTPAddr = p.mailbox.Addr()
	}
	setDefault(&c.SMTPFrom, devShopName+" <shop@example.com>")
	setDefault(&c.ShopName, devShopName)
	setDefault(&c.ShopNotices, devNotices)
	if len(c.AllowedOrigins) == 0 {
		c.AllowedOrigins = list{devPagesOrigin}
	}
	yes := true
	if c.ShutdownDelay == nil {
		c.ShutdownDelay = new(time.Duration) // whoever stops it waits for it
	}
	if c.Introspection == nil {
		c.Introspection = &yes
	}
	if c.Playground == nil {
		c.Playground = &yes
	}
}

func setDefault(value *string, otherwise string) {
	if *value == "" {
		*value = otherwise
	}
}

// localURL is where a browser on this machine finds an address.
func localURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// mount adds the mailbox's pages.
func (p *playpen) mount(mux *http.ServeMux) {
	if p.mailbox != nil {
		mux.Handle("/dev/mailbox", p.mailbox)
		mux.Handle("/dev/mailbox/", p.mailbox)
	}
}

// announce tells a person where everything is.
func (p *playpen) announce(took time.Duration) {
	c := p.command
	table := tabwriter.NewWriter(p.world.out, 0, 0, 2, ' ', 0)
	lines := [][2]string{
		{"storefront", c.PublicURL + "/"},
		{"developers", c.PublicURL + "/dev/"},
		{"GraphQL", c.PublicURL + "/graphql"},
		{"playground", c.PublicURL + "/playground"},
		{"mailbox", c.PublicURL + "/dev/mailbox/"},
		{"simulators", "http://" + p.simAt.Addr().String() + "/sim/"},
		{"MYSQL_DSN", p.servers.MySQLDSN}, // empty when it was given: it may hold a password
		{"REDIS_ADDRS", p.servers.RedisAddr},
		{"accounts", seed.ShopperEmail + ", " + seed.OperatorEmail},
		{"password", seed.Password},
	}
	fmt.Fprintf(p.world.out, "\nReady after %s. Ctrl-C stops everything.\n\n", took.Round(100*time.Millisecond))
	for _, line := range lines {
		if line[1] == "" {
			continue
		}
		fmt.Fprintf(table, "  %s\t%s\n", line[0], line[1])
	}
	fmt.Fprintln(table)
	table.Flush()
}

// close stops what open started, last first.
func (p *playpen) close() error {
	var errs []error
	if p.app != nil {
		errs = append(errs, p.app.close())
	}
	if p.servers != nil {
		errs = append(errs, p.servers.Close())
	}
	if p.mailbox != nil {
		errs = append(errs, p.mailbox.Close())
	}
	for _, listener := range []net.Listener{p.api, p.simAt} {
		if listener != nil {
			listener.Close()
		}
	}
	return errors.Join(errs...)
}
