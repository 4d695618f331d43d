package pgsim_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const header = "orderId,paymentKey,totalAmount,paymentState,taxFreeAmount,installMonth"

func (s *sim) file(query string) string {
	s.t.Helper()
	r := s.send("GET", "/sim/settlements?"+query, nil)
	if r.status != 200 {
		s.t.Fatalf("%s: %d %s", query, r.status, r.body)
	}
	return string(r.body)
}

func TestSettlements_CSV(t *testing.T) {
	t.Parallel()
	t.Run("the header is the samples'", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"payment_kakao.csv", "payment_toss.csv"} {
			if first, _, _ := strings.Cut(string(file(t, "settlement/"+name)), "\n"); first != header {
				t.Errorf("%s: %s", name, first)
			}
		}
		s := start(t)
		if got := s.file("pg=kakao"); got != header+"\n" {
			t.Errorf("an empty day: %q", got)
		}
	})
	t.Run("a row for each payment with something that day, as it stood that day", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		card, cardOrder := s.kakaoPaid(doc{"installmentMonths": 3}, "tax_free_amount", 5000)
		part, partOrder := s.kakaoPaid(nil)
		whole, wholeOrder := s.kakaoPaid(nil)
		declined, declinedOrder := s.kakaoReady()
		token := s.query(s.shop("KAKAO", declined, "pay_card", doc{"cardNumber": "4000000000000002"}), "pg_token")
		s.kakaoApprove(declined, declinedOrder, token)
		left, _ := s.kakaoReady()
		s.shop("KAKAO", left, "quit", nil)
		s.kakao("cancel", doc{"tid": part, "cancel_amount": 1000, "cancel_tax_free_amount": 0})
		s.tossPaid("pay_card", nil)
		first := []string{
			header,
			fmt.Sprintf("%s,%s,110000,1,5000,3", cardOrder, card),
			fmt.Sprintf("%s,%s,110000,1,0,0", partOrder, part),
			fmt.Sprintf("%s,%s,110000,1,0,0", wholeOrder, whole),
			fmt.Sprintf("%s,%s,110000,2,0,0", declinedOrder, declined), "",
		}
		if got := s.file("pg=KAKAO&format=PAYMENT_STATE_CSV"); got != strings.Join(first, "\n") {
			t.Errorf("first day:\n%s", got)
		}
		s.advance("24h")
		s.kakao("cancel", doc{"tid": whole, "cancel_amount": 110000, "cancel_tax_free_amount": 0})
		if got := s.file("pg=KAKAO"); got != fmt.Sprintf("%s\n%s,%s,110000,3,0,0\n", header, wholeOrder, whole) {
			t.Errorf("second day:\n%s", got)
		}
		if got := s.file("pg=KAKAO&date=" + day(0)); got != strings.Join(first, "\n") {
			t.Errorf("first day, seen from the second:\n%s", got)
		}
	})
	t.Run("a virtual account is in the file when it is paid", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		key, order := s.tossPaid("pay_virtual_account", nil)
		if got := s.file("pg=TOSS"); got != header+"\n" {
			t.Errorf("waiting: %q", got)
		}
		s.shop("TOSS", key, "deposit", nil)
		if got := s.file("pg=TOSS"); got != fmt.Sprintf("%s\n%s,%s,110000,1,0,0\n", header, order, key) {
			t.Errorf("paid: %q", got)
		}
	})
	t.Run("a day begins at midnight in Korea", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.advance("11h59m59s")
		_, late := s.tossPaid("pay_card", nil)
		s.advance("1s")
		_, early := s.tossPaid("pay_card", nil)
		one, two := s.file("pg=TOSS&date="+day(0)), s.file("pg=TOSS&date="+day(1))
		if !strings.Contains(one, late) || strings.Contains(one, early) || strings.Contains(two, late) || !strings.Contains(two, early) {
			t.Errorf("%s\n%s", one, two)
		}
	})
}

func TestSettlements_Toss(t *testing.T) {
	t.Parallel()
	s := start(t)
	key, order := s.tossPaid("pay_card", doc{"installmentMonths": 6})
	s.tossPaid("pay_money", nil)
	s.toss("POST", "/payments/"+key+"/cancel", doc{"cancelReason": "변심", "cancelAmount": 10000})
	read := func(text string) []doc {
		var rows []doc
		decode(t, []byte(text), &rows)
		return rows
	}
	rows := read(s.file("pg=toss&format=TOSS_SETTLEMENTS_JSON"))
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	t.Run("rows have the keys of the guide's sample", func(t *testing.T) {
		var samples []doc
		decode(t, file(t, "toss/settlements.json"), &samples)
		got := shape(rows[0])
		for name, kind := range shape(samples[0]) {
			if got[name] != kind {
				t.Errorf("%s is %q, in the sample %q", name, got[name], kind)
			}
		}
	})
	t.Run("fees, VAT and pay-out add up, and cancels are negative", func(t *testing.T) {
		for i, row := range rows {
			var fees int64
			for _, fee := range row["fees"].([]any) {
				var n int64
				if _, err := fmt.Sscan(fee.(doc)["fee"].(string), &n); err != nil {
					t.Fatal(err)
				}
				fees += n
			}
			n := func(name string) int64 { return number(t, row[name]) }
			if fees != n("fee") || n("fee") != n("supplyAmount")+n("vat") || n("payOutAmount") != n("amount")-n("fee") {
				t.Errorf("row %d: %v", i, row)
			}
		}
		cancel := rows[2]
		if number(t, cancel["amount"]) != -10000 || number(t, cancel["cancel"].(doc)["cancelAmount"]) != 10000 ||
			cancel["transactionKey"] != cancel["cancel"].(doc)["transactionKey"] || cancel["orderId"] != order {
			t.Errorf("cancel %v", cancel)
		}
	})
	t.Run("the API pages the same rows", func(t *testing.T) {
		var paged []doc
		for page := 1; page <= 3; page++ {
			r := s.toss("GET", fmt.Sprintf("/settlements?startDate=%[1]s&endDate=%[1]s&size=2&page=%[2]d", day(0), page), nil)
			paged = append(paged, read(string(r.body))...)
		}
		if len(paged) != 3 || paged[2]["transactionKey"] != rows[2]["transactionKey"] {
			t.Errorf("%v", paged)
		}
		r := s.toss("GET", fmt.Sprintf("/settlements?startDate=%[1]s&endDate=%[1]s&dateType=paidOutDate", day(5)), nil)
		if got := read(string(r.body)); len(got) != 3 || got[0]["paidOutDate"] != day(5) {
			t.Errorf("paid out: %v", got)
		}
		expectCode(t, s.toss("GET", fmt.Sprintf("/settlements?startDate=%[1]s&endDate=%[1]s&size=5001", day(0)), nil), 400, "INVALID_REQUEST")
	})
}

func TestSettlements_Kakao(t *testing.T) {
	t.Parallel()
	s := start(t)
	lump, _ := s.kakaoPaid(nil)
	s.kakaoPaid(doc{"installmentMonths": 2})
	whole, _ := s.kakaoPaid(nil)
	for _, amount := range []int64{1100, 108900} {
		s.kakao("cancel", doc{"tid": lump, "cancel_amount": amount, "cancel_tax_free_amount": 0})
	}
	s.kakao("cancel", doc{"tid": whole, "cancel_amount": 110000, "cancel_tax_free_amount": 0})
	text := s.file("pg=KAKAO&format=KAKAO_PAYMENTS_JSON")
	d := reply{body: []byte(text)}.doc(t)
	t.Run("keys are the sample's, without fees", func(t *testing.T) {
		fees := []string{
			".data[].fee", ".data[].fee_vat", ".data[].amount_payable", ".data[].deposit_date",
			".data[].interest_free_fee", ".data[].interest_free_fee_vat",
		}
		expectShape(t, "kakao/settlement_file.json", d, fees...)
	})
	t.Run("totals are those of the rows and every kind of action has its name", func(t *testing.T) {
		var kinds []string
		sums := map[string]int64{}
		for _, row := range d["data"].([]any) {
			kinds = append(kinds, row.(doc)["payment_detail_action_type"].(string))
			sums[row.(doc)["payment_action_type"].(string)] += number(t, row.(doc)["amount"])
		}
		slices.Sort(kinds)
		want := "[ALL_CANCELED ALL_PART_CANCELED PART_CANCELED PAYMENT_INSTALLMENT PAYMENT_LUMP_SUM PAYMENT_LUMP_SUM]"
		if got := fmt.Sprint(kinds); got != want {
			t.Errorf("kinds %s", got)
		}
		statistics := d["statistics"].(doc)
		paid, canceled := statistics["payment"].(doc), statistics["cancel"].(doc)
		if number(t, paid["amount"]) != sums["PAYMENT"] || number(t, canceled["amount"]) != sums["CANCEL"] ||
			number(t, paid["count"]) != 3 || number(t, canceled["count"]) != 3 {
			t.Errorf("%v of %v", statistics, sums)
		}
	})
	t.Run("the file API gives a passing address of the same file", func(t *testing.T) {
		history := "/kakao/files/v1/payments/history?target_date=" + today().Format("20060102") + "&bucket_id=B000000000"
		if r := s.send("GET", history, nil, "Authorization", "SECRET_KEY x"); r.status != 401 || r.doc(t)["msg"] == nil {
			t.Errorf("another key: %d %s", r.status, r.body)
		}
		r := s.must("GET", history, nil, "Authorization", "PG_BIZAPI_KEY x")
		if r["expires_at"] != day(0)+"T13:00:00" {
			t.Errorf("expires_at %v", r["expires_at"])
		}
		if got := s.send("GET", r["url"].(string), nil); string(got.body) != text {
			t.Errorf("%s", got.body)
		}
		s.advance("61m")
		if got := s.send("GET", r["url"].(string), nil); got.status != 404 {
			t.Errorf("after an hour: %d", got.status)
		}
	})
}

var malformedAmount, higherAmount = regexp.MustCompile(`\b5e4\b`), regexp.MustCompile(`\b110010\b`)

func TestSettlements_Defects(t *testing.T) {
	t.Parallel()
	fill := func(t *testing.T) (*sim, []string) {
		s := start(t)
		for range 4 {
			s.kakaoPaid(doc{"installmentMonths": 2}, "tax_free_amount", 1000)
			s.tossPaid("pay_card", doc{"installmentMonths": 2}, "taxFreeAmount", 1000)
		}
		return s, strings.Split(s.file("pg=KAKAO"), "\n")
	}
	changed := func(from, to string) func([]string) []string {
		return func(lines []string) []string {
			lines[1] = strings.Replace(lines[1], from, to, 1)
			return lines
		}
	}
	for name, change := range map[string]func([]string) []string{
		"amount":        changed(",110000,", ",110010,"),
		"tax_free":      changed(",1000,", ",1010,"),
		"installment":   changed(",1000,2", ",1000,3"),
		"state":         changed(",110000,1,", ",110000,2,"),
		"malformed_row": changed(",110000,", ",5e4,"),
		"missing_row":   func(l []string) []string { return append(l[:1:1], l[2:]...) },
		"duplicate_row": func(l []string) []string { return slices.Insert(l, 2, l[1]) },
		"conflicting_rows": func(l []string) []string {
			return slices.Insert(l, 2, strings.Replace(l[1], ",110000,", ",111000,", 1))
		},
		"unknown_row": func(l []string) []string {
			return slices.Insert(l, 5, "unknown-order-0001,T"+today().Format("20060102")+"00000000001,50000,1,0,0")
		},
		"header": func(l []string) []string {
			l[0] = "orderId,paymentKey,paymentState,amount,taxFreeAmount,installMonth"
			return l
		},
		"crlf": func(l []string) []string { return strings.Split(strings.Join(l, "\r\n"), "\n") },
		"bom":  func(l []string) []string { l[0] = "\ufeff" + l[0]; return l },
	} {
		t.Run(name+" changes the file so", func(t *testing.T) {
			t.Parallel()
			s, lines := fill(t)
			want := strings.Join(change(slices.Clone(lines)), "\n")
			if got := s.file("pg=KAKAO&defects=" + name); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	t.Run("truncated ends in the last row", func(t *testing.T) {
		t.Parallel()
		s, lines := fill(t)
		got := s.file("pg=KAKAO&defects=truncated")
		whole := strings.Join(lines, "\n")
		if !strings.HasPrefix(whole, got) || len(got) > len(whole)-5 || strings.Count(got, "\n") != 4 {
			t.Errorf("%q", got)
		}
	})
	t.Run("cp949 is not UTF-8", func(t *testing.T) {
		t.Parallel()
		s, _ := fill(t)
		for _, query := range []string{"pg=KAKAO", "pg=TOSS&format=TOSS_SETTLEMENTS_JSON", "pg=KAKAO&format=KAKAO_PAYMENTS_JSON"} {
			if got := s.file(query + "&defects=cp949"); utf8.ValidString(got) || utf8.ValidString(s.file(query)) == false {
				t.Errorf("%s: %q", query, got)
			}
		}
	})
	t.Run("totals disagree with the rows only when asked", func(t *testing.T) {
		t.Parallel()
		s, _ := fill(t)
		for defect, want := range map[string]string{
			"totals": `{"count":5,"amount":440010}`, "amount": `{"count":4,"amount":440010}`, "missing_row": `{"count":3,"amount":330000}`,
		} {
			if got := s.file("pg=KAKAO&format=KAKAO_PAYMENTS_JSON&defects=" + defect); !strings.Contains(got, `"payment":`+want) {
				t.Errorf("%s: %s", defect, got)
			}
		}
	})
	t.Run("several sit on rows of their own, in every format, the same each time", func(t *testing.T) {
		t.Parallel()
		s, _ := fill(t)
		for _, query := range []string{"pg=KAKAO", "pg=TOSS", "pg=TOSS&format=TOSS_SETTLEMENTS_JSON", "pg=KAKAO&format=KAKAO_PAYMENTS_JSON"} {
			query += "&defects=amount,installment,malformed_row,missing_row,unknown_row,header"
			got := s.file(query)
			// Words of their own: an id has what it likes in its middle.
			if len(malformedAmount.FindAllString(got, -1)) != 1 || !higherAmount.MatchString(got) || !strings.Contains(got, "unknown-order-0001") {
				t.Errorf("%s: %s", query, got)
			}
			again := s.file(query)
			if got != again {
				t.Errorf("%s: another file the second time", query)
			}
		}
	})
	t.Run("what cannot be asked for is refused", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		for query, status := range map[string]int{
			"": 400, "pg=PAYPAL": 400, "pg=KAKAO&format=XML": 400, "pg=KAKAO&format=TOSS_SETTLEMENTS_JSON": 400,
			"pg=TOSS&format=KAKAO_PAYMENTS_JSON": 400, "pg=TOSS&date=" + today().Format("20060102"): 400, "pg=TOSS&defects=fire": 400,
			"pg=TOSS&defects=totals": 400, "pg=TOSS&format=TOSS_SETTLEMENTS_JSON&defects=state": 400, "pg=TOSS&defects=amount": 409,
		} {
			r := s.send("GET", "/sim/settlements?"+query, nil)
			if r.status != status || !bytes.Contains(r.body, []byte(`"error"`)) {
				t.Errorf("%s: %d %s", query, r.status, r.body)
			}
		}
	})
	t.Run("the call can fail like any other", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.faults(doc{"call": "settlements", "fault": "http_error", "status": 503, "times": 1})
		if r := s.send("GET", "/sim/settlements?pg=KAKAO", nil); r.status != 503 {
			t.Errorf("%d", r.status)
		}
	})
}
