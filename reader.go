package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// read reads the command line and the environment. Every setting of every command comes in here: a value
// is what its flag says, else its variable, else, if it is a secret, the file that the variable
// with _FILE behind it names, else its default. What stands around a value, or between those of a list,
// does not count when it is space.
func read(ctx context.Context, args []string, w *world) (*kong.Context, error) {
	files := &secretFiles{}
	parser, err := kong.New(&commandLine{},
		kong.Name("payment-system"),
		kong.Description("An order-and-payment backend for Korean shops. Every flag can be set by its environment variable "+
			"instead, and every secret by a file that the variable with _FILE behind its name names."),
		kong.Writers(w.out, w.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(w),
		kong.Resolvers(files),
	)
	if err != nil {
		return nil, fmt.Errorf("read the command line: %w", err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return nil, fmt.Errorf("%w; see payment-system --help", err)
	}
	trim(parsed)
	return parsed, files.faults.err()
}

// trim takes the space around the values of settings away: a file's last line end, above all.
func trim(parsed *kong.Context) {
	for _, flag := range parsed.Flags() {
		if flag.Target.Kind() == reflect.String && len(flag.Tag.Envs) > 0 {
			flag.Target.SetString(strings.TrimSpace(flag.Target.String()))
		}
	}
}

// A list is a setting of several values with commas between them. Space and empty values do not count.
type list []string

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *list) UnmarshalText(text []byte) error { //nolint:unparam // The interface wants an error.
	*l = nil
	for item := range strings.SplitSeq(string(text), ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// maxSecret is how much a secret's file may hold.
const maxSecret = 64 << 10

// secretFiles read secrets from files, which systemd, Kubernetes and Docker mount, and collect what is
// wrong with these. It resolves flags that are tagged secret.
type secretFiles struct{ faults faults }

// Validate implements kong.Resolver.
func (s *secretFiles) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (s *secretFiles) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !flag.Tag.Has("secret") || len(flag.Tag.Envs) == 0 {
		return nil, nil //nolint:nilnil // The flag has no other source.
	}
	name := flag.Tag.Envs[0]
	file := os.Getenv(name + "_FILE")
	if file == "" {
		return nil, nil //nolint:nilnil // As above.
	}
	if os.Getenv(name) != "" {
		s.faults.add("set %[1]s or %[1]s_FILE, not both", name)
		return nil, nil //nolint:nilnil // As above.
	}
	secret, err := readSecret(file)
	if err != nil {
		s.faults.add("set %s_FILE to a file that holds the secret: %w", name, err)
		return nil, nil //nolint:nilnil // As above.
	}
	return secret, nil
}

func readSecret(file string) (string, error) {
	opened, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	data, err := io.ReadAll(io.LimitReader(opened, maxSecret+1))
	secret := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return "", err
	case len(data) > maxSecret:
		return "", fmt.Errorf("%s is too large", file)
	case secret == "":
		return "", fmt.Errorf("%s is empty", file)
	case strings.ContainsAny(secret, "\r\n\x00"):
		return "", errors.New(file + " holds more than one line")
	}
	return secret, nil
}
