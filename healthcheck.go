package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

type healthcheckCommand struct {
	HTTPAddr    string `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the API listens (${default})."`
	MetricsAddr string `name:"metrics-addr" env:"METRICS_ADDR" placeholder:"HOST:PORT" help:"Where /readyz is answered; HTTP_ADDR when empty."`
}

// Run asks the replica of this machine, or container, whether it is ready.
func (c *healthcheckCommand) Run(ctx context.Context, w *world) error {
	name, addr := "HTTP_ADDR", c.HTTPAddr
	if c.MetricsAddr != "" {
		name, addr = "METRICS_ADDR", c.MetricsAddr
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" || port == "0" {
		return fmt.Errorf("set %s to host:port: %q is not", name, addr)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	address := "http://" + net.JoinHostPort(here(host), port) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask /readyz: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask /readyz: %w", err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("ask /readyz: %w", err)
	}
	fmt.Fprintln(w.out, strings.TrimSpace(string(said)))
	if response.StatusCode != http.StatusOK {
		return exit(1)
	}
	return nil
}

// here is the host by which this machine finds who listens on host.
func here(host string) string {
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || (err == nil && ip.Is4() && ip.IsUnspecified()):
		return "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		return "::1"
	}
	return host
}
