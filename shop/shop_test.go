package shop_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"payment-system/shop"
)

func TestFormatID(t *testing.T) {
	t.Parallel()
	t.Run("sorts as the bits do, and is told from what is no id", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			bits := rapid.SliceOfN(rapid.Byte(), 16, 16)
			a, b := uuid.UUID(bits.Draw(t, "a")), uuid.UUID(bits.Draw(t, "b"))
			x, y := shop.FormatID("ord", a), shop.FormatID("ord", b)
			if strings.Compare(x, y) != slices.Compare(a[:], b[:]) {
				t.Fatalf("%s and %s sort otherwise than %x and %x", x, y, a, b)
			}
			if len(x) != 30 || shop.IDPrefix(x) != "ord" {
				t.Fatalf("%s is no id", x)
			}
		})
	})
	t.Run("refuses what is no id", func(t *testing.T) {
		for _, s := range []string{"", "ord", "ord_", "ord_0", "ord_" + strings.Repeat("8", 26), "ord_" + strings.Repeat("I", 26), "ord_" + strings.Repeat("u", 26)} {
			if got := shop.IDPrefix(s); got != "" {
				t.Errorf("%q has the prefix %q", s, got)
			}
		}
	})
}

func TestVAT(t *testing.T) {
	t.Parallel()
	t.Run("is an eleventh of what is taxed, rounded half up", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			total := rapid.Int64Range(0, int64(shop.MaxWon)).Draw(t, "total")
			free := rapid.Int64Range(0, total).Draw(t, "free")
			exact := new(big.Int).Mul(big.NewInt(total-free), big.NewInt(2))
			exact.Add(exact, big.NewInt(11)).Div(exact, big.NewInt(22))
			if got := shop.VAT(shop.Won(total), shop.Won(free)); int64(got) != exact.Int64() {
				t.Fatalf("VAT(%d, %d) = %d, want %s", total, free, got, exact)
			}
		})
	})
	t.Run("is what the gateways' own samples say", func(t *testing.T) {
		for total, want := range map[shop.Won]shop.Won{2200: 200, 1000: 91, 30000: 2727, 37400: 3400, 163020: 14820, 1100000: 100000, 0: 0} {
			if got := shop.VAT(total, 0); got != want {
				t.Errorf("VAT(%d) = %d, want %d", total, got, want)
			}
		}
	})
}

func TestWon(t *testing.T) {
	t.Parallel()
	t.Run("is exact up to the limit and refused past it", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			a := rapid.Int64Range(0, int64(shop.MaxWon)).Draw(t, "a")
			b := rapid.Int64Range(0, int64(shop.MaxWon)).Draw(t, "b")
			n := rapid.IntRange(0, shop.MaxQuantity).Draw(t, "n")
			sum, err := shop.Won(a).Add(shop.Won(b))
			checkExact(t, sum, err, new(big.Int).Add(big.NewInt(a), big.NewInt(b)))
			product, err := shop.Won(a).Times(n)
			checkExact(t, product, err, new(big.Int).Mul(big.NewInt(a), big.NewInt(int64(n))))
		})
	})
}

func checkExact(t *rapid.T, got shop.Won, err error, want *big.Int) {
	if over := want.Cmp(big.NewInt(int64(shop.MaxWon))) > 0; over != (err != nil) {
		t.Fatalf("got %d, %v for %s", got, err, want)
	}
	if err == nil && want.Cmp(big.NewInt(int64(got))) != 0 {
		t.Fatalf("got %d, want %s", got, want)
	}
}

func TestOrder_Sum(t *testing.T) {
	t.Parallel()
	order := shop.Order{Lines: []shop.OrderLine{{UnitPrice: 1500, Quantity: 2}, {UnitPrice: 900, Quantity: 3, TaxFree: true}}}
	if err := order.Sum(); err != nil || order.Total != 5700 || order.TaxFreeTotal != 2700 {
		t.Errorf("got %d of which %d tax-free, %v", order.Total, order.TaxFreeTotal, err)
	}
	free := shop.Order{Lines: []shop.OrderLine{{UnitPrice: 0, Quantity: 3}}}
	if err := free.Sum(); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("an order of 0 won: %v", err)
	}
	over := shop.Order{Lines: []shop.OrderLine{{UnitPrice: shop.MaxWon, Quantity: 1}, {UnitPrice: 1, Quantity: 1}}}
	if err := over.Sum(); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("a total past the limit: %v", err)
	}
}

// The state machines are written down in testdata, a line for each state and a
// word for each kind of event; a pair that is not there must be refused.
func TestOrderMove(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, kind := range kindsOf(t) {
		if strings.HasPrefix(kind, "order.") {
			kinds = append(kinds, kind)
		}
	}
	golden(t, "order_moves.txt", matrix(shop.OrderStatuses(), kinds, shop.OrderMove))
}

func TestPaymentMove(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, kind := range kindsOf(t) {
		if strings.HasPrefix(kind, "payment.") {
			kinds = append(kinds, kind)
		}
	}
	for refunded, file := range map[shop.Won]string{0: "payment_moves.txt", 1: "payment_moves_refunded.txt"} {
		golden(t, file, matrix(shop.PaymentStatuses(), kinds, func(s shop.PaymentStatus, kind string) (shop.PaymentStatus, bool) {
			return shop.PaymentMove(s, kind, refunded)
		}))
	}
	t.Run("final states are never left", func(t *testing.T) {
		for _, final := range []shop.PaymentStatus{shop.PaymentStatusCanceled, shop.PaymentStatusExpired} {
			for _, kind := range kinds {
				if to, ok := shop.PaymentMove(final, kind, 0); ok && to != final {
					t.Errorf("%s leads from %s to %s", kind, final, to)
				}
			}
		}
	})
}

// matrix writes every pair of a state and a kind of event, and where it leads.
func matrix[S ~string](states []S, kinds []string, move func(S, string) (S, bool)) string {
	var b strings.Builder
	for _, from := range states {
		for _, kind := range kinds {
			to := "refused"
			if next, ok := move(from, kind); ok {
				to = string(next)
			}
			fmt.Fprintf(&b, "%-20s %-30s %s\n", from, kind, to)
		}
	}
	return b.String()
}

// kindsOf reads the kinds of events from their source, so that none is missed.
func kindsOf(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("event.go")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for line := range strings.Lines(string(source)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(name, "Kind") {
			kinds = append(kinds, strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	slices.Sort(kinds)
	return kinds
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if os.Getenv("UPDATE") != "" {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(got), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestPayment_RequestRefund(t *testing.T) {
	t.Parallel()
	t.Run("never asks for more than is left, taxed or not", func(t *testing.T) {
		rapid.Check(t, refundsAddUp)
	})
}

// refundsAddUp draws refunds until none fits, finishing or refusing each.
func refundsAddUp(t *rapid.T) {
	total := shop.Won(rapid.Int64Range(1, 1_000_000).Draw(t, "total"))
	free := shop.Won(rapid.Int64Range(0, int64(total)).Draw(t, "free"))
	at := time.Unix(0, 0)
	payment := shop.Payment{
		Status: shop.PaymentStatusApproving, Amount: total, TaxFreeAmount: free, AttemptID: "att",
		Attempts: []shop.PaymentAttempt{{ID: "att"}},
	}
	if err := payment.Approve("att", total, at); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		id := shop.RefundID(fmt.Sprint(i))
		refund := shop.Refund{
			ID: id, AttemptID: "att", Amount: shop.Won(rapid.Int64Range(0, int64(total)+1).Draw(t, "amount")),
			TaxFreeAmount: shop.Won(rapid.Int64Range(0, int64(total)+1).Draw(t, "part")), Status: shop.RefundStatusRequested,
		}
		before := payment
		if err := payment.RequestRefund(refund, at); err != nil {
			if diff := cmp.Diff(before, payment); diff != "" {
				t.Fatalf("a refusal changed the payment: %s", diff)
			}
			continue
		}
		finish := func() error { return payment.FinishRefund(id, "leg"+string(id), at) }
		if rapid.Bool().Draw(t, "refused") {
			finish = func() error { return payment.RefuseRefund(id, at) }
		}
		if err := finish(); err != nil {
			t.Fatal(err)
		}
		if payment.Balance() < 0 || payment.RefundedTaxFree > free || payment.RefundedAmount-payment.RefundedTaxFree > total-free {
			t.Fatalf("gave back %d of %d, %d of %d tax-free", payment.RefundedAmount, total, payment.RefundedTaxFree, free)
		}
		if (payment.Balance() == 0) != (payment.Status == shop.PaymentStatusCanceled) {
			t.Fatalf("%d won are left of a payment that is %s", payment.Balance(), payment.Status)
		}
	}
}

func TestOrder_Number(t *testing.T) {
	t.Parallel()
	order := shop.Order{ID: "ord_01jd0000000000000000000001", PlacedAt: time.Date(2026, 11, 30, 14, 59, 59, 0, time.UTC)}
	first := order.Number()
	if ok, _ := regexp.MatchString("^261130-[0-9A-HJKMNP-TV-Z]{6}$", first); !ok {
		t.Errorf("the number is %q", first)
	}
	if again := order.Number(); again != first {
		t.Errorf("the number is %s, and then %s", first, again)
	}
	order.PlacedAt = order.PlacedAt.Add(time.Second)
	if tomorrow := order.Number(); tomorrow != "261201"+first[6:] {
		t.Errorf("a second later, on the next day in Seoul, the number is %s; it was %s", tomorrow, first)
	}
	// Of 30 bits, 10,000 orders share a number about once in 20 days: 40 days share a few at most.
	seen, shared := map[string]bool{}, 0
	for day := range 40 {
		for i := range 10_000 {
			var bits [16]byte
			binary.BigEndian.PutUint64(bits[:], uint64(day)) //nolint:gosec // a few
			binary.BigEndian.PutUint64(bits[8:], uint64(i))  //nolint:gosec // a few
			order := shop.Order{ID: shop.OrderID(shop.FormatID("ord", bits)), PlacedAt: order.PlacedAt.AddDate(0, 0, day)}
			if seen[order.Number()] {
				shared++
			}
			seen[order.Number()] = true
		}
	}
	if shared > 10 {
		t.Errorf("%d of 400,000 orders share a number with another of their day", shared)
	}
}
