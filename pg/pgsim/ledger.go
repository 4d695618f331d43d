package pgsim

import (
	"slices"
	"time"
)

// account is what the ledger holds of one payment. Its entries are only ever
// appended to. It is guarded by Server.mu.
type account struct {
	pg       string
	orderID  string
	key      string
	status   string
	openAt   time.Time
	failedAt time.Time // when it was refused; never, for most
	entries  []entry
	calls    callCounts
	applied  appliedCounts

	idempotencyKeys []string
	forget          func() // removes the payment from where else it is; under Server.mu
	forgotten       bool
}

// remember adds a payment, and forgets the oldest when there are more than are kept.
func (s *Server) remember(a *account) {
	s.accounts = append(s.accounts, a)
	for s.Keep > 0 && len(s.accounts) > s.Keep {
		oldest := s.accounts[0]
		oldest.forgotten = true
		oldest.forget()
		s.accounts[0] = nil
		s.accounts = s.accounts[1:]
	}
	// Legs are in order of time, and payments of their opening: some of a forgotten one may be left
	// behind those of others, until these are forgotten too.
	for len(s.tossLegs) > 0 && s.tossLegs[0].payment.forgotten {
		s.tossLegs[0] = tossLeg{}
		s.tossLegs = s.tossLegs[1:]
	}
}

// entry is money that moved: taken if positive, given back if negative.
type entry struct {
	key    string
	amount int64
	at     time.Time
}

type callCounts struct {
	Ready   int `json:"ready"`
	Approve int `json:"approve"`
	Cancel  int `json:"cancel"`
	Lookup  int `json:"lookup"`
}

type appliedCounts struct {
	Approve int `json:"approve"`
	Cancel  int `json:"cancel"`
}

type ledgerCancel struct {
	Key    string `json:"key"`
	Amount int64  `json:"amount"`
}

// ledgerRow is a payment as GET /sim/ledger shows it.
type ledgerRow struct {
	PG              string         `json:"pg"`
	OrderID         string         `json:"orderId"`
	PaymentKey      string         `json:"paymentKey"`
	Status          string         `json:"status"`
	Captured        int64          `json:"captured"`
	Refunded        int64          `json:"refunded"`
	Calls           callCounts     `json:"calls"`
	Applied         appliedCounts  `json:"applied"`
	Cancels         []ledgerCancel `json:"cancels"`
	IdempotencyKeys []string       `json:"idempotencyKeys"`
}

func (a *account) called(name string) {
	switch name {
	case "ready":
		a.calls.Ready++
	case "approve":
		a.calls.Approve++
	case "cancel":
		a.calls.Cancel++
	case "lookup":
		a.calls.Lookup++
	}
}

// saw notes an idempotency key the first time it is used for this payment.
func (a *account) saw(key string) {
	if key == "" {
		return
	}
	if slices.Contains(a.idempotencyKeys, key) {
		return
	}
	a.idempotencyKeys = append(a.idempotencyKeys, key)
}

// fail ends the payment without money.
func (a *account) fail(status string, at time.Time) {
	a.status = status
	a.failedAt = at
}

func (a *account) capture(key string, amount int64, at time.Time) {
	a.entries = append(a.entries, entry{key: key, amount: amount, at: at})
}

func (a *account) refund(key string, amount int64, at time.Time) {
	a.entries = append(a.entries, entry{key: key, amount: -amount, at: at})
}

func (a *account) row() ledgerRow {
	row := ledgerRow{
		PG: a.pg, OrderID: a.orderID, PaymentKey: a.key, Status: a.status, Calls: a.calls, Applied: a.applied,
		Cancels: []ledgerCancel{}, IdempotencyKeys: append([]string{}, a.idempotencyKeys...),
	}
	for _, e := range a.entries {
		if e.amount >= 0 {
			row.Captured += e.amount
			continue
		}
		row.Refunded -= e.amount
		row.Cancels = append(row.Cancels, ledgerCancel{Key: e.key, Amount: -e.amount})
	}
	return row
}

// ledger is every payment, oldest first, that passes keep.
func (s *Server) ledger(keep func(*account) bool) []ledgerRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireAll()
	rows := []ledgerRow{}
	for _, a := range s.accounts {
		if keep(a) {
			rows = append(rows, a.row())
		}
	}
	return rows
}
