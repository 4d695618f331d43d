package pgtest

import (
	"payment-system/pg"
	"payment-system/shop"
)

// Pay authenticates a payment as its shopper would, and returns Kakao Pay's
// proof of it; at Toss the proof is "".
func (f *Fake) Pay(paymentKey string) (pgToken string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.must(paymentKey)
	if p.Status == pg.StatusOpen {
		p.Status = pg.StatusAuthenticated
	}
	if f.toss() {
		return ""
	}
	return p.token
}

// PayByVirtualAccount chooses a virtual account: the approval issues it, and
// Deposit pays it.
func (f *Fake) PayByVirtualAccount(paymentKey string) {
	f.Pay(paymentKey)
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.must(paymentKey)
	p.virtual, p.Method = true, "VIRTUAL_ACCOUNT"
}

// Deposit transfers the money that a virtual account waits for.
func (f *Fake) Deposit(paymentKey string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.must(paymentKey); p.Status == pg.StatusWaitingForDeposit {
		f.capture(p)
	}
}

// Decline authenticates a payment whose card the approval will find refused.
// It returns what Pay does.
func (f *Fake) Decline(paymentKey string) (pgToken string) {
	token := f.Pay(paymentKey)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.must(paymentKey).declined = true
	return token
}

// Quit ends a payment as a shopper who walks away from the gateway's page.
func (f *Fake) Quit(paymentKey string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.must(paymentKey)
	if p.Status == pg.StatusOpen || p.Status == pg.StatusAuthenticated {
		p.Status = pg.StatusFailed
		p.Failure = &shop.PaymentFailure{Code: f.code("QUIT_PAYMENT", "PAY_PROCESS_CANCELED"), Message: "the shopper quit"}
	}
}

// Expire lets the time of a payment run out. One that waits for a deposit goes on
// waiting, as at the gateway.
func (f *Fake) Expire(paymentKey string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch p := f.must(paymentKey); p.Status {
	case pg.StatusOpen, pg.StatusAuthenticated:
		p.Status = pg.StatusExpired
	default:
	}
}

// Refund gives money back in the gateway's own console, unknown to us.
func (f *Fake) Refund(paymentKey string, amount shop.Won) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.giveBack(f.must(paymentKey), amount, 0, "console", "")
}
