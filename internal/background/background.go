// Package background counts the goroutines that outlive the calls that started them.
package background

import (
	"context"
	"fmt"
	"sync"
)

// A Group is goroutines that outlive the calls that started them. The zero value has
// none.
type Group struct {
	mu      sync.Mutex
	running int
	idle    chan struct{} // closed when running falls to zero; nil when nobody asks
}

// Start runs f in a goroutine of its own.
func (g *Group) Start(f func()) {
	g.mu.Lock()
	g.running++
	g.mu.Unlock()
	go func() {
		defer g.done()
		f()
	}()
}

func (g *Group) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.running == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// Wait returns when nothing runs any more. It returns an error when ctx ends first.
func (g *Group) Wait(ctx context.Context) error {
	g.mu.Lock()
	if g.running == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	idle := g.idle
	g.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for work in the background: %w", ctx.Err())
	}
}
