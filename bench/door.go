package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// A door is a proxy before replicas: it takes those that are ready in turn.
type door struct {
	addr   string
	server *http.Server

	mu    sync.Mutex
	rooms []*room
	next  int
	stop  context.CancelFunc
}

// A room is a replica behind the door.
type room struct {
	proxy   *httputil.ReverseProxy
	site    site
	isReady bool
}

func openDoor(ctx context.Context) (*door, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a proxy: %w", err)
	}
	d := &door{addr: listener.Addr().String()}
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	ctx, d.stop = context.WithCancel(ctx)
	go d.server.Serve(listener) //nolint:errcheck // It ends with close.
	go d.watch(ctx)
	return d, nil
}

func (d *door) add(addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	d.rooms = append(d.rooms, &room{proxy: proxy, site: newSite("http://" + addr), isReady: true})
}

// watch asks each replica twice a second whether it is ready.
func (d *door) watch(ctx context.Context) {
	for ctx.Err() == nil {
		d.mu.Lock()
		rooms := append([]*room{}, d.rooms...)
		d.mu.Unlock()
		for _, r := range rooms {
			asking, cancel := context.WithTimeout(ctx, 3*time.Second)
			isReady := r.site.answers("/readyz")(asking)
			cancel()
			d.mu.Lock()
			r.isReady = isReady
			d.mu.Unlock()
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// ServeHTTP hands a request on, to any when none is ready.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.turn().proxy.ServeHTTP(w, r)
}

func (d *door) turn() *room {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range d.rooms {
		d.next = (d.next + 1) % len(d.rooms)
		if d.rooms[d.next].isReady {
			break
		}
	}
	return d.rooms[d.next]
}

func (d *door) close() error {
	d.stop()
	return d.server.Close()
}
