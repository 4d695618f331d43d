package pghttp_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"payment-system/internal/testclock"
	"payment-system/pg"
	"payment-system/pg/pghttp"
	"payment-system/shop"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]shop.Won{
		`{"n":0}`: 0, `{"n":1000}`: 1000, `{"n":1000.0}`: 1000, `{"n":1e3}`: 1000, `{"n":1E+3}`: 1000, `{"n":1.5e3}`: 1500,
		`{"n":10000e-1}`: 1000, `{"n":0.001e6}`: 1000, `{"n":0e9}`: 0, `{"n":-0.0}`: 0, `{"n":-1e3}`: -1000,
		`{"n":9007199254740991}`: 9007199254740991, `{"n":50000000000}`: 50000000000, `{"n":null}`: 0,
		`{"s":"1e3 \" 1.0 {","n":7}`: 7, `{"x":[1.5,{"y":2.5e-9}],"n":7}`: 7, "\n {\"n\" : 1.0 }\n": 1,
	} {
		var got struct {
			N shop.Won `json:"n"`
		}
		if err := pghttp.Decode([]byte(body), &got); err != nil || got.N != want {
			t.Errorf("Decode(%s) = %d, %v; want %d", body, got.N, err, want)
		}
	}
	for _, body := range []string{
		``, `{`, `{"n":1`, `{"n":1}}`, `{"n":1} {"n":2}`, `[1]`, `"n"`, `{"n":1.5}`, `{"n":1e-1}`, `{"n":"1"}`, `{"n":true}`,
		`{"n":1e19}`, `{"n":9223372036854775808}`, `{"n":1e999999999}`, `{"n":1e-999999999}`, `{"n":01}`, "{\"n\":1,\"s\":\"\xff\"}",
		`<html>1</html>`,
	} {
		var got struct {
			N shop.Won `json:"n"`
		}
		if err := pghttp.Decode([]byte(body), &got); err == nil {
			t.Errorf("Decode(%s) = %d, want an error", body, got.N)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"1", "-1", "1.0", "1e3", "1.50e1", "0.1e1", "1e18", "1e19", "12345678901234567890e-3", "-0.0e-0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, number string) {
		body := []byte(`{"n":` + number + `}`)
		var got struct {
			N json.Number `json:"n"`
		}
		var plain struct {
			N json.Number `json:"n"`
		}
		if json.Unmarshal(body, &plain) != nil || len(number) > 100 || strings.ContainsAny(number, `"{}[]:,`) {
			return
		}
		if i := strings.IndexAny(number, "eE"); i >= 0 && len(strings.Trim(number[i+1:], "+-0 ")) > 3 {
			return // too large to work out by other means
		}
		if err := pghttp.Decode(body, &got); err != nil {
			t.Fatalf("Decode(%s): %v", body, err)
		}
		if plain.N == "" {
			return
		}
		want, ok := new(big.Rat).SetString(plain.N.String())
		is, ok2 := new(big.Rat).SetString(got.N.String())
		if !ok || !ok2 || want.Cmp(is) != 0 {
			t.Fatalf("Decode(%s) = %s", body, got.N)
		}
	})
}

func TestCheckMoney(t *testing.T) {
	t.Parallel()
	won := func(n shop.Won) *shop.Won { return &n }
	good := shop.TossRecord{TotalAmount: shop.MaxWon, VAT: won(0), Cancels: []shop.TossCancel{{CancelAmount: 1}}, FetchedAt: testclock.Now()}
	if err := pghttp.CheckMoney(&good); err != nil {
		t.Errorf("CheckMoney of possible money: %v", err)
	}
	for name, bad := range map[string]any{
		"negative":           &shop.TossRecord{TotalAmount: -1},
		"over the limit":     &shop.TossRecord{TotalAmount: shop.MaxWon + 1},
		"behind a pointer":   &shop.TossRecord{BalanceAmount: won(-1)},
		"in a list":          &shop.TossRecord{Cancels: []shop.TossCancel{{}, {TaxFreeAmount: won(-1)}}},
		"in a part of parts": &shop.TossRecord{EasyPay: &shop.TossEasyPay{DiscountAmount: won(-1)}},
		"at Kakao":           &shop.KakaoRecord{Amount: &shop.KakaoAmount{VAT: -1}},
	} {
		if pghttp.CheckMoney(bad) == nil {
			t.Errorf("CheckMoney lets pass what is %s", name)
		}
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	if got := pghttp.Raw(bytes.Repeat([]byte("x"), 64<<10)); len(got) != 64<<10 {
		t.Errorf("Raw keeps %d bytes of 64 KiB", len(got))
	}
	if got := pghttp.Raw(bytes.Repeat([]byte("x"), 64<<10+1)); got != nil {
		t.Errorf("Raw keeps %d bytes of more", len(got))
	}
}

func TestCaller_Fail(t *testing.T) {
	t.Parallel()
	c := &pghttp.Caller{PG: shop.PGToss}
	for header, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "86400": time.Hour, "-1": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0} {
		a := pghttp.Answer{Status: 429, Header: http.Header{"Retry-After": {header}}}
		if got := c.Fail("approve", a, pg.OutcomeUnknown, "", ""); got.RetryAfter != want {
			t.Errorf("Retry-After %q is read as %v, want %v", header, got.RetryAfter, want)
		}
	}
	e := c.Fail("approve", pghttp.Answer{}, pg.OutcomeRefused, strings.Repeat("가", 1000), strings.Repeat("나", 1000))
	if len([]rune(e.Code)) != 100 || len([]rune(e.Message)) != 500 {
		t.Errorf("code has %d and message %d characters, want 100 and 500", len([]rune(e.Code)), len([]rune(e.Message)))
	}
}
