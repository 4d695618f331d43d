// Command payment-system takes orders and payments for Korean shops through Kakao Pay and Toss
// Payments, and holds the gateways' settlement files against its books.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/lmittmann/tint"

	"payment-system/internal/progress"
	"payment-system/shop"
)

// commandLine is what the program can be told to do.
type commandLine struct {
	Dev       devCommand       `cmd:"" help:"Run everything on this machine: servers, simulators, mailbox, API. Needs no configuration."`
	Serve     serveCommand     `cmd:"" help:"Serve the API against real databases and gateways."`
	PGSim     pgsimCommand     `cmd:"" name:"pgsim" help:"Run the Kakao Pay and Toss Payments simulators alone."`
	Migrate   migrateCommand   `cmd:"" help:"Bring the database's schema up to date."`
	Seed      seedCommand      `cmd:"" help:"Fill a database with generated data, the same every time."`
	Reconcile reconcileCommand `cmd:"" help:"Hold one settlement file against the books. Exit: 0 agreed, 3 discrepancies left open, 1 refused or failed."`
	Republish republishCommand `cmd:"" help:"Rebuild read models from the books."`
	Verify    verifyCommand    `cmd:"" help:"Check every invariant on the live books. Exit: 0 all hold, 2 some do not."`
	Operator  operatorCommand  `cmd:"" help:"Make an account an operator, or (--remove) a customer again."`

	Doctor      doctorCommand      `cmd:"" help:"Check every setting, connection, clock, schema, right and key, and change nothing. Exit: 0 all is well, 1 something is not."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask this machine's /readyz, for containers without a shell. Exit: 0 ready, 1 not."`
}

// A world is all that a command may touch besides its settings.
type world struct {
	out, err io.Writer
	now      func() time.Time
	newID    func(prefix string) string
	random   func(p []byte)
}

// An exit is an error that is an answer: the process ends with this code and says nothing more.
type exit int

// Error implements error.
func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the process at once.
	context.AfterFunc(ctx, stop)
	err := execute(ctx, args, &world{
		out: os.Stdout, err: os.Stderr,
		now:    func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
		newID:  newID,
		random: func(p []byte) { _, _ = rand.Read(p) }, // It never fails.
	})
	var code exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	complain(os.Stderr, err)
	return 1
}

func execute(ctx context.Context, args []string, w *world) error {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := read(ctx, args, w)
	if err != nil {
		return err
	}
	return parsed.Run()
}

// complain writes an error for a person, a line for each of its parts.
func complain(out io.Writer, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(out, "payment-system:", line)
	}
}

// newID returns an id of a prefix and a new UUIDv7.
func newID(prefix string) string {
	return shop.FormatID(prefix, uuid.Must(uuid.NewV7()))
}

// logger opens the log: text for people, in color on a terminal, or JSON for machines.
func (s logSettings) logger(out io.Writer, format string) *slog.Logger {
	if s.LogFormat != "" {
		format = s.LogFormat
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	if format == "text" {
		return slog.New(tint.NewTextHandler(out, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !progress.IsTerminal(out)}))
	}
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
}
