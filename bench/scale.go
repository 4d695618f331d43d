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
	for _, s := range stages() {
		names = append(names, s.name)
	}
	return names
}

// scale sells on each stage and writes the table.
func (c *commandLine) scale(ctx context.Context, program string, progress io.Writer) error {
	var outcomes []outcome
	for _, s := range stages() {
		if len(c.Only) > 0 && !slices.Contains(c.Only, s.name) {
			continue
		}
		fmt.Fprintf(progress, "selling on %s: %s\n", s.name, s.fails)
		outcomes = append(outcomes, s.play(ctx, program, progress))
		last := outcomes[len(outcomes)-1]
		fmt.Fprintln(progress, last.line())
		for _, wrong := range last.sale.wrongs {
			fmt.Fprintln(progress, "  wrong:", wrong)
		}
	}
	if err := os.WriteFile(c.Scale, []byte(page(outcomes)), 0o644); err != nil { //nolint:gosec // It is a document.
		return fmt.Errorf("write the table: %w", err)
	}
	var errs []error
	for _, o := range outcomes {
		errs = append(errs, o.fault())
	}
	return errors.Join(errs...)
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

func page(outcomes []outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Several of each, failing

Made by `+"`make scale`"+`, which starts every server itself. On each set-up %d units are sold to %d buyers through %d replicas and a proxy that
takes them in turn; the servers fail during the sale. Buyers who are refused because something is away try again, with the same
idempotency keys. INTERNAL, NOT_FOUND and stale answers are wrong ones: what a buyer had just been told was made was not found, or
shown as it was before. "Back" is how long somebody was still refused
after Redis's master or the read replica was killed and, of Galera, after a person had said which node is the cluster.

| set-up | what failed | sold | refused meanwhile | INTERNAL | NOT_FOUND | stale | back | `+"`verify --gateway`"+` |
|---|---|---|---|---|---|---|---|---|
`, units, buyers, replicas)
	for _, o := range outcomes {
		fmt.Fprintln(&b, o.line())
	}
	b.WriteString("\nTiDB is not among these: `docs/operating.md` says what was learnt of it.\n")
	return b.String()
}
