package command_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"payment-system/pg"
	"payment-system/pg/pghttp"
	"payment-system/shop"
)

// A stammering carrier lets a first request through and loses its answer, and has the one after it
// refused at the door.
type stammering struct {
	http.RoundTripper
	path  string
	calls atomic.Int32
}

func (s *stammering) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, s.path) {
		return s.RoundTripper.RoundTrip(r)
	}
	switch s.calls.Add(1) {
	case 1:
		answer, err := s.RoundTripper.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_ = answer.Body.Close()
		return nil, io.ErrUnexpectedEOF
	case 2:
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.WriteString(`{"code":"UNAUTHORIZED_KEY","message":"인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다."}`)
		return w.Result(), nil
	}
	return s.RoundTripper.RoundTrip(r)
}

// Proves rule 2 for a request that is sent again: that the second was refused tells nothing of the
// first, whose answer was lost.
func TestHandler_refusedAfterLost(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"/confirm", "/cancel"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			c := openCounter(t, 1)
			c.deafen()
			c.hidden = &stammering{RoundTripper: pghttp.NewTransport(), path: call}
			c.renew()
			payment := c.ready(c.order(1), shop.PGToss)
			_, err := c.ApprovePayment(c.ctx, c.authenticate(payment))
			if call == "/cancel" {
				c.must(err)
				_, err = c.cancel(payment, 4_000)
			}
			c.wantCode(err, shop.InProgress)
			c.settle()
			if call == "/cancel" {
				c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusPartiallyCanceled)
				c.wantLedger(payment, 1, 7_000)
				return
			}
			c.wantStatus(payment, shop.OrderStatusPaid, shop.PaymentStatusApproved)
			c.wantLedger(payment, 1, 11_000)
		})
	}
}

// Proves: an approval that is withdrawn, for the gateway still waits for the shopper, is looked up once
// more, though another try came to nothing at once: the call that nobody answered may take the money
// yet.
func TestHandler_withdrawnTooSoon(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, gateway shop.PG) {
		for _, tried := range []pg.Outcome{0, pg.OutcomeNotSent, pg.OutcomeRefused} {
			s := openTill(t, 1)
			s.script(gateway).misstateFirst(func(answer *pg.Payment) { answer.Status = pg.StatusOpen })
			payment, approve := s.unanswered(gateway)
			s.clock.Advance(3 * time.Second)
			_, err := s.ResolvePayments(s.ctx)
			s.must(err)
			s.want(payment, state{shop.OrderStatusPlaced, shop.PaymentStatusReady, 0, 1, 0})
			if tried != 0 {
				s.fakes[gateway].Fail("approve", tried, 1)
				if _, err = s.ApprovePayment(s.ctx, approve); err == nil {
					t.Errorf("an approval that ended in %s was answered without an error", tried)
				}
			}
			s.capture(payment, approve)
			s.settle()
			s.want(payment, state{shop.OrderStatusPaid, shop.PaymentStatusApproved, 0, 0, 1})
		}
	})
}
