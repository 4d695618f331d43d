package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"text/tabwriter"
	"time"

	"payment-system/command/reconciliation"
	"payment-system/internal/mysqldb"
	"payment-system/internal/progress"
	"payment-system/pg/settlement"
	"payment-system/query"
	"payment-system/shop"
)

type reconcileCommand struct {
	databaseSettings
	redisSettings
	gatewaySettings
	logSettings
	PG           string `name:"pg" env:"RECONCILE_PG" enum:"kakao,toss,KAKAO,TOSS" required:"" placeholder:"kakao|toss" help:"Whose file it is."`
	Format       string `name:"format" env:"RECONCILE_FORMAT" placeholder:"FORMAT" help:"PAYMENT_STATE_CSV, TOSS_SETTLEMENTS_JSON or KAKAO_PAYMENTS_JSON; by the file's name when empty."`
	Date         string `name:"date" env:"RECONCILE_DATE" placeholder:"2026-01-31" help:"The day that the file is whole for; by its name when empty."`
	Apply        bool   `name:"apply" env:"RECONCILE_APPLY" help:"Carry the plan out."`
	AutoApplyCap int64  `name:"auto-apply-cap" env:"AUTO_APPLY_CAP" default:"1000000" placeholder:"WON" help:"Won that a plan may move by itself (${default})."`
	File         string `arg:"" name:"file" help:"A file, or the URL of one."`
}

// leftOpen is the exit code that says that discrepancies wait for a person.
const leftOpen exit = 3

// Run plans, and with --apply carries out, one settlement file.
func (c *reconcileCommand) Run(ctx context.Context, w *world) (err error) {
	format, err := c.format()
	if err != nil {
		return err
	}
	date, err := c.date()
	if err != nil {
		return err
	}
	if err := settlement.CheckTemporary(); err != nil {
		return err
	}
	a, err := openTools(ctx, &settings{
		databaseSettings: c.databaseSettings, redisSettings: c.redisSettings, gatewaySettings: c.gatewaySettings,
		logSettings: c.logSettings, AutoApplyCap: c.AutoApplyCap,
	}, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := mysqldb.CheckClock(ctx, a.db, w.now); err != nil {
		return err
	}
	bar := progress.New(w.err, "reconciling")
	a.reconciler.Progress = func(r shop.Reconciliation) { bar.Percent(r.Percent) }
	done, err := c.reconcile(ctx, a, format, date)
	bar.End()
	if err != nil {
		return err
	}
	return a.report(ctx, done)
}

// reconcile imports the file and, if asked to, applies its plan.
func (c *reconcileCommand) reconcile(
	ctx context.Context, a *app, format shop.SettlementFormat, date *time.Time,
) (shop.Reconciliation, error) {
	body, err := openFile(ctx, c.File)
	if err != nil {
		return shop.Reconciliation{}, err
	}
	defer body.Close()
	by := shop.Caller{Actor: shop.ActorOperator}
	imported, err := a.reconciler.ImportSettlement(ctx, reconciliation.ImportSettlement{
		By: by, PG: shop.PG(strings.ToUpper(c.PG)), Format: format, Date: date,
		File: reconciliation.Upload{Name: nameOf(c.File), Body: body},
	})
	rec := imported.Reconciliation
	if err != nil || !c.Apply || rec.Status != shop.ReconciliationStatusPlanned || rec.PlanHash == nil {
		return rec, err
	}
	applied, err := a.reconciler.ApplyReconciliation(ctx, reconciliation.ApplyReconciliation{
		By: by, ID: rec.ID, PlanHash: *rec.PlanHash,
	})
	return applied.Reconciliation, err
}

// format is the one that was named, or the one that the file's name suggests.
func (c *reconcileCommand) format() (shop.SettlementFormat, error) {
	switch format := shop.SettlementFormat(strings.ToUpper(c.Format)); {
	case format == shop.SettlementFormatPaymentStateCSV, format == shop.SettlementFormatTossSettlementsJSON, format == shop.SettlementFormatKakaoPaymentsJSON:
		return format, nil
	case format != "":
		return "", fmt.Errorf("there is no format %q: name PAYMENT_STATE_CSV, TOSS_SETTLEMENTS_JSON or KAKAO_PAYMENTS_JSON",
			c.Format)
	}
	if name, _, _ := strings.Cut(c.File, "?"); !strings.HasSuffix(strings.ToLower(name), ".json") {
		return shop.SettlementFormatPaymentStateCSV, nil
	}
	if strings.EqualFold(c.PG, string(shop.PGToss)) {
		return shop.SettlementFormatTossSettlementsJSON, nil
	}
	return shop.SettlementFormatKakaoPaymentsJSON, nil
}

// date is the day that was given; nil for none.
func (c *reconcileCommand) date() (*time.Time, error) {
	if c.Date == "" {
		return nil, nil
	}
	day, err := time.Parse(time.DateOnly, c.Date)
	if err != nil {
		return nil, fmt.Errorf("--date %s is not a day: write it like 2026-01-31", c.Date)
	}
	return &day, nil
}

// nameOf is the name of a file, or of what a URL names.
func nameOf(file string) string {
	name := path.Base(file)
	if !strings.Contains(file, "://") {
		return name
	}
	if plain, err := url.QueryUnescape(name); err == nil {
		return plain
	}
	return name
}

// openFile opens a file of this machine, or one that a URL names.
func openFile(ctx context.Context, name string) (io.ReadCloser, error) {
	u, err := url.Parse(name)
	if err != nil || u.Scheme == "" {
		return os.Open(name)
	}
	switch u.Scheme {
	case "file":
		return os.Open(u.Path)
	case "http", "https":
		return download(ctx, name)
	}
	return nil, fmt.Errorf("name a file, or a URL that begins with file, http or https: %s is neither", name)
}

func download(ctx context.Context, address string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("download the file: %w", err)
	}
	response, err := (&http.Client{Timeout: 10 * time.Minute}).Do(request)
	if err != nil {
		return nil, fmt.Errorf("download the file: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("download the file: the server answered %s", response.Status),
			response.Body.Close())
	}
	return response.Body, nil
}

// report prints what became of the file, and returns the exit code as an error.
func (a *app) report(ctx context.Context, rec shop.Reconciliation) error {
	fmt.Fprintf(a.world.out, "%s %s: %d rows, %d matched\n", rec.ID, rec.Status, rec.Rows, rec.Matched)
	if rec.Status == shop.ReconciliationStatusRejected || rec.Status == shop.ReconciliationStatusFailed {
		reason := "reading it broke off"
		if rec.Rejection != nil {
			reason = *rec.Rejection
		}
		return fmt.Errorf("the file was refused: %s", reason)
	}
	if rec.Replaces != nil && rec.Changes != nil {
		fmt.Fprintf(a.world.out, "it replaces %s: rows added %d, changed %d, removed %d\n", *rec.Replaces, rec.Changes.Added,
			rec.Changes.Changed, rec.Changes.Removed)
	}
	if rec.ReplacedBy != nil {
		fmt.Fprintf(a.world.out, "a newer version has replaced it: %s\n", *rec.ReplacedBy)
	}
	if rec.Notice != nil {
		fmt.Fprintln(a.world.out, *rec.Notice)
	}
	left, err := a.printDiscrepancies(ctx, rec.ID)
	if err != nil {
		return err
	}
	if left > 0 {
		fmt.Fprintf(a.world.err, "discrepancies left open: %d\n", left)
		return leftOpen
	}
	return nil
}

// printDiscrepancies returns how many wait for somebody.
func (a *app) printDiscrepancies(ctx context.Context, id shop.ReconciliationID) (left int, err error) {
	table := tabwriter.NewWriter(a.world.out, 0, 0, 2, ' ', 0)
	first, header := 100, "LINE\tKIND\tSTATUS\tACTION\tAMOUNT\tPAYMENT\tEXPECTED\tACTUAL\tNOTE\n"
	for page := (query.Page{First: &first}); ; {
		found, err := a.queries.Discrepancies(ctx, page, &id, query.DiscrepancyFilter{})
		if err != nil {
			return left, err
		}
		for _, d := range found.Nodes {
			fmt.Fprint(table, header)
			header = ""
			if d.Status == shop.DiscrepancyStatusOpen || d.Status == shop.DiscrepancyStatusPlanned {
				left++
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", orDash(d.Line), d.Kind, d.Status, d.Action, d.Amount,
				orDash(d.PaymentID), orDash(d.Expected), orDash(d.Actual), orDash(d.Note))
		}
		if !found.PageInfo.HasNextPage {
			return left, table.Flush()
		}
		page.After = found.PageInfo.EndCursor
	}
}

// orDash writes what a pointer points to, or a dash.
func orDash[T any](value *T) string {
	if value == nil {
		return "-"
	}
	return strings.ReplaceAll(fmt.Sprint(*value), "\t", " ")
}
