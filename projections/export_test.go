package projections

// FlagQuery is the statement that flags n events.
func FlagQuery(n int) string { return flagQuery(n) }

// Remembered returns how many payments are remembered, and about how many bytes of
// the half that grows.
func (p *Projector) Remembered() (payments, bytes int) {
	p.payments.mu.Lock()
	defer p.payments.mu.Unlock()
	return len(p.payments.now) + len(p.payments.old), p.payments.size
}

// RememberedSize bounds those bytes.
const RememberedSize = paymentsSize
