package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"payment-system/bench/measure"
	"payment-system/internal/devservers"
	"payment-system/internal/mail"
)

// A stage is servers of which there are several, and what befalls them during a sale.
type stage struct {
	name  string
	fails string // what happens, for the table
	needs string // what is to be given for it, and is not; empty when nothing is
	// open starts servers beside the first ones. It returns the settings of all replicas, those of each, if they differ,
	// and what breaks and heals the servers, which returns when it has, and says from when on buyers are to be served again soon.
	open func(ctx context.Context, servers *devservers.Servers) (set, error)
}

// A set is how the program is told about a stage's servers.
type set struct {
	told []string
	each [][]string // of one replica
	fail func(ctx context.Context) (healed time.Time, err error)
}

// An outcome is a line of the table.
type outcome struct {
	stage
	sale sale
	back time.Duration // from then until nobody was refused any more
	err  error         // of the set-up, or of verify
}

func stageNames() (names []string) {
	for _, s := range stages("") {
		names = append(names, s.name)
	}
	return names
}

// chosen returns the set-ups to sell on: those that were named, or all for which the servers are here.
func (c *commandLine) chosen() (chosen []stage, err error) {
	for _, name := range c.Only {
		if !slices.Contains(stageNames(), name) {
			return nil, fmt.Errorf("there is no set-up %s: see --help", name)
		}
	}
	for _, s := range stages(c.TiDB) {
		switch {
		case len(c.Only) > 0 && !slices.Contains(c.Only, s.name), len(c.Only) == 0 && s.needs != "":
		case s.needs != "":
			return nil, fmt.Errorf("%s: %s", s.name, s.needs)
		default:
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

// scale sells on the set-ups that were chosen and writes the table.
func (c *commandLine) scale(ctx context.Context, chosen []stage, program string, progress io.Writer) error {
	table, err := readTable(c.Scale)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range chosen {
		fmt.Fprintf(progress, "selling on %s: %s\n", s.name, s.fails)
		o := s.play(ctx, program, progress)
		fmt.Fprintln(progress, o.line())
		if o.back > 0 {
			fmt.Fprintln(progress, "  refused last:", o.sale.lastRefusal)
		}
		for _, wrong := range o.sale.wrongs {
			fmt.Fprintln(progress, "  wrong:", wrong)
		}
		table[s.name], errs = o.line(), append(errs, o.fault())
	}
	return errors.Join(append(errs, table.write(c.Scale))...)
}

// play sets the stage, sells, and holds the wreck against the rules.
func (s stage) play(ctx context.Context, program string, progress io.Writer) (o outcome) {
	o.stage = s
	r := &rig{program: program, plan: plan{shoppers: 12}, pids: map[measure.Party]int{}}
	defer func() { o.err = errors.Join(o.err, r.close()) }()
	var set set
	if set, o.err = r.setStage(ctx, s, progress); o.err != nil {
		return o
	}
	product, err := r.offer(ctx)
	if err != nil {
		o.err = err
		return o
	}
	selling := make(chan sale)
	go func() { selling <- r.sell(ctx, product) }()
	time.Sleep(breakAfter)
	healed, err := set.fail(ctx)
	o.sale, o.err = <-selling, err
	if last := o.sale.lastRefused; last.After(healed) {
		o.back = last.Sub(healed)
	}
	if o.err == nil {
		o.err = r.verify(ctx)
	}
	return o
}

// setStage starts servers, simulators, three replicas and a proxy before them, and opens accounts.
func (r *rig) setStage(ctx context.Context, s stage, progress io.Writer) (set set, err error) {
	if r.folder, err = os.MkdirTemp("", "payment-system-scale-"); err != nil {
		return set, err
	}
	r.closers = append(r.closers, func() error { return os.RemoveAll(r.folder) })
	r.servers, err = devservers.Start(ctx, devservers.Config{Progress: progress, InMemory: true})
	if err != nil {
		return set, err
	}
	r.closers = append(r.closers, r.servers.Close)
	if set, err = s.open(ctx, r.servers); err != nil {
		return set, err
	}
	if err := r.startSimulators(ctx); err != nil {
		return set, err
	}
	r.told = set.told
	if err := runProgram(ctx, r.program, r.environment(), "migrate"); err != nil {
		return set, err
	}
	mailbox, err := mail.OpenMailbox("127.0.0.1:0", time.Now)
	if err != nil {
		return set, err
	}
	r.closers = append(r.closers, mailbox.Close)
	if err := r.startReplicas(ctx, mailbox, set); err != nil {
		return set, err
	}
	return set, r.signUpAll(ctx, mailbox)
}

const replicas = 3

// startReplicas starts the replicas, and the proxy that is their PUBLIC_URL.
func (r *rig) startReplicas(ctx context.Context, mailbox *mail.Mailbox, set set) error {
	door, err := openDoor(ctx)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, door.close)
	r.site = newSite("http://" + door.addr)
	for i := range replicas {
		addr, err := freeAddr(ctx)
		if err != nil {
			return err
		}
		told := append(r.environment(), "HTTP_ADDR="+addr, "PUBLIC_URL="+r.site.url, "LOG_LEVEL=warn",
			"SMTP_ADDR="+mailbox.Addr(), "SMTP_FROM=shop@example.com")
		if len(set.each) > 0 {
			told = append(told, set.each[i]...)
		}
		server, err := startProcess(r.program, r.folder, told, "serve")
		if err != nil {
			return err
		}
		r.closers = append(r.closers, func() error { server.stop(); return nil })
		if err := server.await(ctx, newSite("http://"+addr).answers("/readyz")); err != nil {
			return err
		}
		door.add(addr)
	}
	return nil
}

// offer puts a product of so many units into the catalogue.
func (r *rig) offer(ctx context.Context) (id string, err error) {
	const document = `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`
	var answer struct {
		CreateProduct struct{ Product struct{ ID string } }
	}
	input := object{"idempotencyKey": "offer", "name": "a hundred", "price": 10_000, "stock": units}
	err = r.operator.ask(ctx, document, object{"input": input}, &answer)
	return answer.CreateProduct.Product.ID, err
}

// verify checks every invariant, the gateways' word too. What is under way has two minutes to end.
func (r *rig) verify(ctx context.Context) (err error) {
	for range 24 {
		if err = runProgram(ctx, r.program, r.environment(), "verify", "--gateway"); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
	return err
}

// fault is what is wrong with the outcome.
func (o outcome) fault() error {
	switch {
	case o.err != nil:
		return fmt.Errorf("%s: %w", o.name, o.err)
	case o.sale.paid != units || o.sale.wrong() > 0 || o.sale.unserved > 0 || o.back > allBack:
		return fmt.Errorf("%s: %s", o.name, o.line())
	}
	return nil
}

// line is the outcome's line of the table.
func (o outcome) line() string {
	verified := "clean"
	if o.err != nil {
		verified, _, _ = strings.Cut(o.err.Error(), "\n")
	}
	s := o.sale
	return fmt.Sprintf("| %s | %s | %d | %d | %d | %d | %d | %.1f s | %s |", o.name, o.fails, s.paid, s.refused, s.internal, s.notFound,
		s.stale, o.back.Seconds(), verified)
}
