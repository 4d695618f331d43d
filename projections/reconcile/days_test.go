package reconcile_test

import (
	"testing"
	"time"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/unicode/norm"

	"payment-system/projections/reconcile"
	"payment-system/shop"
)

func TestDayOfName(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	const csv = shop.SettlementFormatPaymentStateCSV
	for _, name := range []string{
		"kakao_2026-11-26.csv", "kakao_2026.11.26.csv", "kakao_2026_11_26.csv", "kakao_20261126.csv", "kakao_261126.csv",
		"kakao_2026년11월26일.csv", "kakao_2026년 11월 26일.csv", "kakao_2026-11-26 (1).csv", "kakao 2026. 11. 26..csv",
		"26년 11월 26일 카카오페이.csv", "kakao_26.11.26.csv", "kakao 26-11-26.csv", "kakao-2026 11 26.csv", "kakao_2026/11/26.csv",
		"20261126_093015_kakao.csv", "kakao_2026-11-26T09.30.15.csv", "2026-11-26-2026-11-26_kakao.csv", "kakao_26-11-2026.csv",
		"kakao_11-26-2026.csv", "kakao_26.11.2026.csv", "kakao_26Nov2026.csv", "kakao 26 November 2026.csv", "kakao Nov 26, 2026.csv",
		"kakao_2026-Nov-26.csv", "kakao_26th_Nov_2026.csv", "kakao_２０２６１１２６.csv", "2026年11月26日kakao.csv", "kakao_2026-11-26-2.csv",
		"M1234_kakao_2026-11-26.csv", "kakao_2026-11-26_12345678901234.csv", norm.NFD.String("카카오_2026년 11월 26일.csv"),
		"settlements?pg=KAKAO&date=2026-11-26&format=csv",
	} {
		day := reconcile.DayOfName(csv, name, now)
		if day == nil || day.Format(time.DateOnly) != "2026-11-26" {
			t.Errorf("%s tells %v, want 2026-11-26", name, day)
		}
	}
	for name, want := range map[string]string{
		"kakao_2026-1-5.csv": "2026-01-05", "kakao_2026년 1월 5일.csv": "2026-01-05", "kakao_2024-02-29.csv": "2024-02-29", "kakao_251231.csv": "2025-12-31",
		"kakao_11.11.2026.csv": "2026-11-11",
	} {
		if day := reconcile.DayOfName(csv, name, now); day == nil || day.Format(time.DateOnly) != want {
			t.Errorf("%s tells %v, want %s", name, day, want)
		}
	}
	for _, name := range []string{
		"kakao.csv", "kakao_2026-11.csv", "kakao_2026년 11월.csv", "kakao_2026-02-30.csv", "kakao_20261301.csv", "kakao_2026112609.csv",
		"kakao_20261126093015.csv", "kakao_2026-11-25_2026-11-26.csv", "kakao_20261101-20261130.csv", "kakao_2026-11-25~26.csv",
		"kakao_2026년 11월 25일 ~ 26일.csv", "kakao_11-12-2026.csv", "kakao_11월 26일.csv", "kakao_1126.csv", "kakao_991231.csv", "kakao_261201.csv",
		"kakao_123456.csv", "kakao_1764115200.csv", "kakao_2026-W48-4.csv", "kakao_12026-11-26.csv", "",
	} {
		if day := reconcile.DayOfName(csv, name, now); day != nil {
			t.Errorf("%s tells %s, want none", name, day.Format(time.DateOnly))
		}
	}
	if day := reconcile.DayOfName(shop.SettlementFormatTossSettlementsJSON, "toss_2026-11-26.json", now); day != nil {
		t.Errorf("a document whose rows tell the day is of %s by its name", day)
	}
}

func TestSourceName(t *testing.T) {
	t.Parallel()
	cp949, err := korean.EUCKR.NewEncoder().String("kakao_정산_2026-11-26.csv")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		cp949: "kakao_정산_2026-11-26.csv", "kakao.csv": "kakao.csv", "": "upload", " \n": "�", norm.NFD.String("토스.csv"): "토스.csv",
		"toss_\xff\xff.csv": "toss_�.csv", "toss\n\x00.csv": "toss��.csv", "toss_caf\xe9.csv": "toss_caf�.csv", "정산 \U0001f375.csv": "정산 \U0001f375.csv",
	} {
		if got := reconcile.SourceName(name); got != want {
			t.Errorf("%q is kept as %q, want %q", name, got, want)
		}
	}
}
