//go:build !failpoint

package failpoint

import (
	"context"
	"time"
)

// On tells whether this program can be told to fail.
const On = false

// In says which flow a context belongs to.
func In(ctx context.Context, _ string) context.Context { return ctx }

// Together says that a context is of several flows.
func Together(ctx context.Context, _ []context.Context) context.Context { return ctx }

// At is where the process dies when it was told to.
func At(context.Context, Point) {}

// Locks returns real, or none when locks are to do nothing.
func Locks[L any](real, _ L) L { return real }

// LockTTL returns when a lock expires, 0 for the usual.
func LockTTL() time.Duration { return 0 }
