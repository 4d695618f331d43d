package command

import (
	"context"
	"fmt"
	"sync"
)

// background counts the goroutines that outlive the calls that started them.
// The zero value has none.
type background struct {
	mu      sync.Mutex
	running int
	idle    chan struct{} // closed when running falls to zero; nil when nobody asks
}

// start runs f in a goroutine of its own.
func (b *background) start(f func()) {
	b.mu.Lock()
	b.running++
	b.mu.Unlock()
	go func() {
		defer b.done()
		f()
	}()
}

func (b *background) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	if b.running == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// wait returns when nothing runs any more.
func (b *background) wait(ctx context.Context) error {
	b.mu.Lock()
	if b.running == 0 {
		b.mu.Unlock()
		return nil
	}
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
	idle := b.idle
	b.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for work in the background: %w", ctx.Err())
	}
}

// Drain waits until the orders that were accepted are answered and the mails
// that were promised are sent, or given up. Call it after the last command; it
// returns an error when ctx ends first.
func (h *Handler) Drain(ctx context.Context) error { return h.background.wait(ctx) }
