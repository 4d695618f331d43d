package command_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/shop"
)

// Proves that each device is sent to its own page, whoever asks again.
func TestHandler_ReadyPayment_devices(t *testing.T) {
	t.Parallel()
	s := openTill(t, 10)
	for device, page := range map[shop.Device]string{"": "", shop.DeviceDesktop: "", shop.DeviceMobile: "/m", shop.DeviceApp: "/a"} {
		ready := command.ReadyPayment{By: s.shopper, IdempotencyKey: newID("key"), OrderID: s.order(1).ID, PG: shop.PGKakao}
		if device != "" {
			ready.Device = &device
		}
		first, err := s.ReadyPayment(s.ctx, ready)
		s.must(err)
		desk := "https://pay.example/" + *first.Payment.PaymentKey
		want := []shop.CheckoutURL{
			{Device: shop.DeviceDesktop, URL: desk}, {Device: shop.DeviceMobile, URL: desk + "/m"}, {Device: shop.DeviceApp, URL: desk + "/a"},
		}
		again, err := s.ReadyPayment(s.ctx, ready)
		s.must(err)
		for _, readied := range []shop.PaymentReadied{first, again} {
			if readied.CheckoutURL != desk+page || *readied.Payment.CheckoutURL != desk+page {
				t.Errorf("%q is sent to %s, and the payment says %s", device, readied.CheckoutURL, *readied.Payment.CheckoutURL)
			}
			if diff := cmp.Diff(want, readied.CheckoutURLs); diff != "" {
				t.Errorf("pages of %q differ (-want +got):\n%s", device, diff)
			}
		}
		other := shop.DeviceMobile
		if device == other {
			other = shop.DeviceApp
		}
		ready.Device = &other
		_, err = s.ReadyPayment(s.ctx, ready)
		s.wantCode(err, shop.IdempotencyMismatch)
	}
	_, err := s.ReadyPayment(s.ctx, command.ReadyPayment{By: s.shopper, IdempotencyKey: "watch", OrderID: s.order(1).ID, PG: shop.PGKakao, Device: new(shop.Device("WATCH"))})
	s.wantCode(err, shop.Invalid)
	var refused *shop.Error
	if !errors.As(err, &refused) || refused.Details["field"] != "device" {
		t.Errorf("a device that is none: %v", err)
	}
}

// Proves that every address that the gateway may have been given admits the shopper, though the
// first answer was lost; and that an attempt from before there were any admits whoever comes.
func TestHandler_ReturnFromGateway_secrets(t *testing.T) {
	t.Parallel()
	s := openTill(t, 10)
	comeBack := func(p shop.Payment, secret string) error {
		_, err := s.ReturnFromGateway(s.ctx, command.ReturnFromGateway{AttemptID: p.AttemptID, Secret: secret, Outcome: "failed"})
		return err
	}
	for _, gateway := range []shop.PG{shop.PGKakao, shop.PGToss} {
		ready := command.ReadyPayment{By: s.shopper, IdempotencyKey: newID("key"), OrderID: s.order(1).ID, PG: gateway}
		s.fakes[gateway].Lose("ready", 1)
		_, err := s.ReadyPayment(s.ctx, ready)
		s.wantCode(err, shop.Unavailable)
		readied, err := s.ReadyPayment(s.ctx, ready)
		s.must(err)
		s.wantCode(comeBack(readied.Payment, ""), shop.NotFound)
		s.wantCode(comeBack(readied.Payment, "00000000000000000000000000000000"), shop.NotFound)
		s.wantPayment(readied.Payment, shop.PaymentStatusReady)
		s.must(comeBack(readied.Payment, s.secret(readied.Payment)))
		s.wantPayment(readied.Payment, shop.PaymentStatusFailed)
		s.must(comeBack(readied.Payment, s.secret(readied.Payment)))
	}

	old := s.ready(s.order(1), shop.PGToss)
	_, err := s.db.ExecContext(s.ctx, `UPDATE attempts SET return_hashes = '' WHERE id = ?`, string(old.AttemptID))
	s.must(err)
	s.must(comeBack(old, ""))
	s.wantPayment(old, shop.PaymentStatusFailed)
}

func (s *till) wantPayment(p shop.Payment, want shop.PaymentStatus) {
	s.t.Helper()
	if got := s.state(p).Payment; got != want {
		s.t.Errorf("the payment is %s, want %s", got, want)
	}
}
