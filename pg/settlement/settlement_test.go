package settlement_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/korean"

	"payment-system/pg/settlement"
	"payment-system/shop"
)

const stateHeader = "orderId,paymentKey,totalAmount,paymentState,taxFreeAmount,installMonth\n"

func settlementSample(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func readRows(t *testing.T, format shop.SettlementFormat, body string) []shop.SettlementRow {
	t.Helper()
	rows, err := settlement.ReadAll(format, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func wantRejection(t *testing.T, format shop.SettlementFormat, body, says string) {
	t.Helper()
	rows, err := settlement.ReadAll(format, []byte(body))
	if !settlement.IsRejection(err) {
		t.Fatalf("got %d rows and %v, want a rejection", len(rows), err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("got %q, want it to say %q", err, says)
	}
}

func day(s string) *time.Time {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return &at
}

func TestPaymentStateCSV(t *testing.T) {
	t.Parallel()
	const format = shop.SettlementFormatPaymentStateCSV
	t.Run("the samples are read as they are", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"payment_kakao.csv", "payment_toss.csv"} {
			rows := readRows(t, format, string(settlementSample(t, name)))
			ref := map[string]string{"payment_kakao.csv": "1", "payment_toss.csv": "10001"}[name]
			want := []shop.SettlementRow{
				{Line: 2, Raw: ref + ",Key123,50000,1,0,3", Kind: "APPROVAL", AttemptRef: ref, PaymentKey: "Key123", Amount: 50000, TaxFree: new(shop.Won(0)), InstallmentMonths: new(3)},
				{Line: 3, Raw: "10002,Key124,75000,2,5000,0", Kind: "FAILURE", AttemptRef: "10002", PaymentKey: "Key124", Amount: 75000, TaxFree: new(shop.Won(5000)), InstallmentMonths: new(0)},
				{Line: 4, Raw: "10003,Key125,25000,1,0,6", Kind: "APPROVAL", AttemptRef: "10003", PaymentKey: "Key125", Amount: 25000, TaxFree: new(shop.Won(0)), InstallmentMonths: new(6)},
				{Line: 5, Raw: "10004,Key126,30000,3,0,12", Kind: "REFUND", AttemptRef: "10004", PaymentKey: "Key126", Amount: 30000, TaxFree: new(shop.Won(0)), InstallmentMonths: new(12)},
				{Line: 6, Raw: "10005,Key127,45000,1,4500,0", Kind: "APPROVAL", AttemptRef: "10005", PaymentKey: "Key127", Amount: 45000, TaxFree: new(shop.Won(4500)), InstallmentMonths: new(0)},
			}
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
	t.Run("a byte order mark, CR LF, blank lines, quotes and no last line end change nothing", func(t *testing.T) {
		t.Parallel()
		plain := readRows(t, format, stateHeader+"att_1,k1,9007199254740991,1,0,0\n")
		for _, body := range []string{
			"\ufeff" + stateHeader + "att_1,k1,9007199254740991,1,0,0\n",
			strings.ReplaceAll(stateHeader, "\n", "\r\n") + "att_1,k1,9007199254740991,1,0,0\r\n",
			stateHeader + "att_1,k1,9007199254740991,1,0,0",
			stateHeader + "att_1,k1,9007199254740991,1,0,0\n\n",
		} {
			if diff := cmp.Diff(plain, readRows(t, format, body)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", body, diff)
			}
		}
		quoted := readRows(t, format, stateHeader+`"att,""1""",k1,1,1,0,0`+"\n")
		if quoted[0].AttemptRef != `att,"1"` || quoted[0].Malformed != "" {
			t.Errorf("got %+v", quoted[0])
		}
	})
	t.Run("a row that is not strictly right is malformed and says why", func(t *testing.T) {
		t.Parallel()
		tests := map[string]string{
			"a,k,+5,1,0,0": "totalAmount", "a,k,-5,1,0,0": "totalAmount", "a,k, 5,1,0,0": "totalAmount", "a,k,5.0,1,0,0": "totalAmount", "a,k,5e4,1,0,0": "totalAmount",
			"a,k,05,1,0,0": "totalAmount", "a,k,,1,0,0": "totalAmount", "a,k,9007199254740992,1,0,0": "totalAmount", "a,k,99999999999999999999,1,0,0": "totalAmount", "a,k,５,1,0,0": "totalAmount",
			"a,k,5,4,0,0": "paymentState", "a,k,5,,0,0": "paymentState", "a,k,5,01,0,0": "paymentState",
			"a,k,5,1,6,0": "taxFreeAmount", "a,k,5,1,x,0": "taxFreeAmount", "a,k,5,1,0,61": "installMonth", "a,k,5,1,0,": "installMonth",
			",k,5,1,0,0": "orderId", "a,,5,1,0,0": "paymentKey", "a,k\tk,5,1,0,0": "paymentKey", "a, k,5,1,0,0": "paymentKey", "a," + strings.Repeat("k", 201) + ",5,1,0,0": "paymentKey",
			"a,k,5,1,0": "6 fields", "a,k,5,1,0,0,0": "6 fields", `a,"k,5,1,0,0`: "quote", `a,k"k,5,1,0,0`: "quote",
			"a,k,5,1,0,\r0": "installMonth", "a," + strings.Repeat("k", 70_000) + ",5,1,0,0": "longer than",
		}
		for line, says := range tests {
			rows := readRows(t, format, stateHeader+line+"\nb,k2,5,1,0,0\n")
			if len(rows) != 2 || !strings.Contains(rows[0].Malformed, says) || rows[0].Line != 2 {
				t.Errorf("%.60q: got %.300v, want a row malformed for %s", line, rows, says)
				continue
			}
			if rows[1].Malformed != "" || rows[1].Line != 3 {
				t.Errorf("%.60q: the row after it is %+v", line, rows[1])
			}
		}
	})
	t.Run("a text that a spreadsheet would calculate is text", func(t *testing.T) {
		t.Parallel()
		for _, ref := range []string{"=1+1", "+A1", "-A1", "@SUM(A1)"} {
			if rows := readRows(t, format, stateHeader+ref+",k,5,1,0,0\n"); rows[0].AttemptRef != ref || rows[0].Malformed != "" {
				t.Errorf("%q: got %+v", ref, rows[0])
			}
		}
	})
	t.Run("CP949 is converted", func(t *testing.T) {
		t.Parallel()
		encoded, err := korean.EUCKR.NewEncoder().String(stateHeader + "주문번호-똠방각하,k,5,1,0,0\n")
		if err != nil {
			t.Fatal(err)
		}
		if rows := readRows(t, format, encoded); rows[0].AttemptRef != "주문번호-똠방각하" {
			t.Errorf("got %+v", rows[0])
		}
	})
	t.Run("a file that cannot be believed is rejected", func(t *testing.T) {
		t.Parallel()
		row := "a,k,5,1,0,0\n"
		swapped := strings.Replace(stateHeader, "totalAmount,paymentState", "paymentState,totalAmount", 1)
		tests := []struct{ name, body, says string }{
			{"empty", "", "empty"},
			{"no header", row, "line 1: the header must be exactly"},
			{"columns swapped", swapped + row, "header"},
			{"a column more", strings.TrimSuffix(stateHeader, "\n") + ",fee\n" + row, "header"},
			{"a space in the header", " " + stateHeader + row, "header"},
			{"NUL", stateHeader + "a,k\x00,5,1,0,0\n", "line 2: the file holds a NUL"},
			{"UTF-16 of something else", "\xff\xfeo\x00r\x00", "line 1: the header must be exactly"},
			{"UTF-16 without a mark", "o\x00r\x00d\x00", "NUL"},
			{"Latin-1", stateHeader + "caf\xe9,k,5,1,0,0\n", "line 2: the file is neither UTF-8 nor CP949"},
			{"UTF-8 and CP949 at once", "\ufeff" + stateHeader + "\xc1\xd6,k,5,1,0,0\n", "neither"},
			{"half a CP949 character", stateHeader + "\xc1\xd6,k,5,1,0,0\n\xc1", "neither"},
			{"cut in a row", stateHeader + row + "b,k2,75", "line 3: the file ends in the middle of a row"},
			{"cut before the last field", stateHeader + row + "b,k2,75,1,0,", "line 3: the file ends in the middle of a row"},
			{"cut in a quote", stateHeader + row + `"b`, "line 3: the file ends in the middle of a row"},
			{"cut in the header", stateHeader[:20], "header"},
			{"mostly malformed", stateHeader + strings.Repeat("x\n", 4) + strings.Repeat(row, 300), "4 of 304 rows cannot be read"},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				wantRejection(t, format, test.body, test.says)
			})
		}
	})
	t.Run("a few malformed rows reject nothing", func(t *testing.T) {
		t.Parallel()
		if rows := readRows(t, format, stateHeader+"x\nx\nx\na,k,5,1,0,0\n"); len(rows) != 4 {
			t.Errorf("got %d rows", len(rows))
		}
		if rows := readRows(t, format, stateHeader+strings.Repeat("x\n", 4)+strings.Repeat("a,k,5,1,0,0\n", 396)); len(rows) != 400 {
			t.Errorf("got %d rows", len(rows))
		}
	})
	t.Run("every cut of a sample rejects the file or leaves whole rows", func(t *testing.T) {
		t.Parallel()
		sample := settlementSample(t, "payment_kakao.csv")
		whole := readRows(t, format, string(sample))
		for n := range sample {
			rows, err := settlement.ReadAll(format, sample[:n])
			if err != nil {
				continue
			}
			for i, row := range rows {
				// Of a row cut in its last field nothing but the months can differ.
				row.Raw, row.InstallmentMonths = whole[i].Raw, whole[i].InstallmentMonths
				if diff := cmp.Diff(whole[i], row); diff != "" {
					t.Errorf("cut at %d (-want +got):\n%s", n, diff)
				}
			}
		}
	})
}

func TestTossSettlementsJSON(t *testing.T) {
	t.Parallel()
	const format = shop.SettlementFormatTossSettlementsJSON
	sample := func(t *testing.T, change func(map[string]any)) string {
		t.Helper()
		var rows []map[string]any
		if err := json.Unmarshal(settlementSample(t, "toss_settlements.json"), &rows); err != nil {
			t.Fatal(err)
		}
		rows[0]["paymentKey"], rows[0]["orderId"], rows[0]["transactionKey"] = "tk", "att_1", "leg"
		change(rows[0])
		body, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	t.Run("an approval is read", func(t *testing.T) {
		t.Parallel()
		rows := readRows(t, format, sample(t, func(m map[string]any) { m["card"] = map[string]any{"installmentPlanMonths": 2} }))
		rows[0].Raw = ""
		want := []shop.SettlementRow{{Line: 1, Kind: "APPROVAL", PaymentKey: "tk", AttemptRef: "att_1", LegKey: "leg", Amount: 34000, InstallmentMonths: new(2), BusinessDay: day("2021-12-30")}}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("the guide's own row names no payment", func(t *testing.T) {
		t.Parallel()
		rows := readRows(t, format, string(settlementSample(t, "toss_settlements.json")))
		if len(rows) != 1 || !strings.Contains(rows[0].Malformed, "paymentKey") {
			t.Errorf("got %+v", rows)
		}
	})
	t.Run("a negative row is a refund, fees may be numbers, and the other spelling is known", func(t *testing.T) {
		t.Parallel()
		rows := readRows(t, format, sample(t, func(m map[string]any) {
			delete(m, "supplyAmount")
			m["amount"], m["suppliedAmount"], m["vat"], m["payOutAmount"], m["fee"] = -34000, -782, -78, -33140, -860
			m["fees"] = []any{map[string]any{"type": "BASE", "fee": -860}}
		}))
		if rows[0].Kind != "REFUND" || rows[0].Amount != 34000 || rows[0].Malformed != "" {
			t.Errorf("got %+v", rows[0])
		}
	})
	t.Run("a row that does not add up is malformed", func(t *testing.T) {
		t.Parallel()
		for field, value := range map[string]any{
			"amount": 34001, "payOutAmount": 33141, "vat": 79, "supplyAmount": 783, "fee": 861, "currency": "USD", "soldDate": "2021-13-01",
			"orderId": "", "paymentKey": " x", "transactionKey": "a\u0000",
		} {
			rows := readRows(t, format, sample(t, func(m map[string]any) { m[field] = value }))
			if rows[0].Malformed == "" {
				t.Errorf("%s = %v is taken", field, value)
			}
		}
		for _, amount := range []string{"3.4e4", "34000.0", `"34000"`, "9007199254740992", "null", "0"} {
			body := strings.Replace(sample(t, func(map[string]any) {}), `"amount":34000`, `"amount":`+amount, 1)
			if rows := readRows(t, format, body); rows[0].Malformed == "" {
				t.Errorf("amount %s is taken", amount)
			}
		}
	})
	t.Run("a document that is not whole is rejected", func(t *testing.T) {
		t.Parallel()
		body := sample(t, func(map[string]any) {})
		for n := range len(body) {
			wantRejection(t, format, body[:n], "")
		}
		wantRejection(t, format, `{"settlements":`+body+`}`, "must be the array")
		wantRejection(t, format, body+body, "something follows")
		wantRejection(t, format, `["`+strings.Repeat("x", 1<<20)+`"]`, "longer than")
	})
	t.Run("an empty day is a file", func(t *testing.T) {
		t.Parallel()
		if rows := readRows(t, format, "\ufeff[ ]\r\n"); len(rows) != 0 {
			t.Errorf("got %+v", rows)
		}
	})
}

func TestKakaoPaymentsJSON(t *testing.T) {
	t.Parallel()
	const format = shop.SettlementFormatKakaoPaymentsJSON
	sample := func(t *testing.T, change func(document map[string]any, rows []map[string]any)) string {
		t.Helper()
		var document map[string]any
		if err := json.Unmarshal(settlementSample(t, "kakao_settlements.json"), &document); err != nil {
			t.Fatal(err)
		}
		var rows []map[string]any
		for _, row := range document["data"].([]any) {
			rows = append(rows, row.(map[string]any))
		}
		change(document, rows)
		body, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	want := []shop.SettlementRow{
		{Line: 1, Kind: "APPROVAL", PaymentKey: "T6a8d38329fd342cdd38", AttemptRef: "1", LegKey: "A6a8d3a529fd342cdd3a", Amount: 1100000, InstallmentMonths: new(0), BusinessDay: day("2024-07-30")},
		{Line: 2, Kind: "REFUND", PaymentKey: "T6a8d38329fd342cdd38", AttemptRef: "1", LegKey: "A6a8d6a129fd342cdd3c", Amount: 1100, BusinessDay: day("2024-07-30")},
	}
	same := func(t *testing.T, body string) {
		t.Helper()
		rows := readRows(t, format, body)
		for i := range rows {
			rows[i].Raw = ""
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	t.Run("a settlements document is read, whichever way it signs", func(t *testing.T) {
		t.Parallel()
		same(t, string(settlementSample(t, "kakao_settlements.json")))
		same(t, sample(t, func(_ map[string]any, rows []map[string]any) { // fees added, and negative on approvals
			rows[0]["fee"], rows[0]["fee_vat"], rows[1]["fee"], rows[1]["fee_vat"] = -20000, -2000, 20, 2
		}))
		same(t, sample(t, func(_ map[string]any, rows []map[string]any) { // nothing signed
			rows[1]["fee"], rows[1]["fee_vat"], rows[1]["amount_payable"] = 20, 2, 1078
		}))
		same(t, sample(t, func(_ map[string]any, rows []map[string]any) { // amounts signed
			rows[1]["amount"] = -1100
		}))
	})
	t.Run("a payments document has no fees, and its head may come last", func(t *testing.T) {
		t.Parallel()
		body := sample(t, func(document map[string]any, rows []map[string]any) {
			document["type"] = "payments"
			for _, row := range rows {
				for _, field := range []string{"fee", "fee_vat", "amount_payable", "deposit_date", "interest_free_fee", "interest_free_fee_vat"} {
					delete(row, field)
				}
			}
		})
		same(t, body) // json.Marshal sorts, so data comes first
	})
	t.Run("rows that sign differently reject the document", func(t *testing.T) {
		t.Parallel()
		wantRejection(t, format, sample(t, func(_ map[string]any, rows []map[string]any) {
			rows[0]["fee"], rows[0]["fee_vat"] = -20000, -2000
		}), "different ways")
	})
	t.Run("wrong control totals reject the document", func(t *testing.T) {
		t.Parallel()
		for _, leg := range []string{"payment", "cancel"} {
			for _, sum := range []string{"count", "amount"} {
				wantRejection(t, format, sample(t, func(document map[string]any, _ []map[string]any) {
					document["statistics"].(map[string]any)[leg].(map[string]any)[sum] = 7
				}), "control totals")
			}
		}
		wantRejection(t, format, sample(t, func(document map[string]any, _ []map[string]any) { delete(document, "statistics") }), "no control totals")
		wantRejection(t, format, sample(t, func(document map[string]any, rows []map[string]any) { document["data"] = rows[:1] }), "control totals")
	})
	t.Run("a malformed row counts, but tells no amount", func(t *testing.T) {
		t.Parallel()
		rows := readRows(t, format, sample(t, func(_ map[string]any, rows []map[string]any) { rows[1]["amount"] = "5e4원" }))
		if len(rows) != 2 || !strings.Contains(rows[1].Malformed, "whole amount of won") {
			t.Errorf("got %+v", rows)
		}
		wantRejection(t, format, sample(t, func(document map[string]any, rows []map[string]any) {
			rows[1]["amount"] = "5e4원"
			document["data"] = append(rows, rows[0])
		}), "control totals")
	})
	t.Run("another type, no day, or a cut rejects the document", func(t *testing.T) {
		t.Parallel()
		wantRejection(t, format, sample(t, func(document map[string]any, _ []map[string]any) { document["type"] = "deposits" }), "payments or settlements")
		wantRejection(t, format, sample(t, func(document map[string]any, _ []map[string]any) { document["target_date"] = "someday" }), "target_date")
		body := sample(t, func(map[string]any, []map[string]any) {})
		for n := range len(body) {
			wantRejection(t, format, body[:n], "")
		}
		wantRejection(t, format, body+"{}", "something follows")
	})
	t.Run("a billing key moves no money", func(t *testing.T) {
		t.Parallel()
		same(t, sample(t, func(document map[string]any, rows []map[string]any) {
			document["data"] = append(rows, map[string]any{"payment_action_type": "ISSUED_SID", "tid": "S", "amount": 0})
		}))
	})
}

// FuzzReadAll proves that no file makes a parser panic, take an amount
// outside its domain, or leave the order of lines.
func FuzzReadAll(f *testing.F) {
	formats := []shop.SettlementFormat{shop.SettlementFormatPaymentStateCSV, shop.SettlementFormatTossSettlementsJSON, shop.SettlementFormatKakaoPaymentsJSON}
	for i, name := range []string{"payment_kakao.csv", "toss_settlements.json", "kakao_settlements.json"} {
		f.Add(i, settlementSample(f, name))
	}
	f.Add(0, []byte(stateHeader+"\"a\"\"\",k,1,1,0,0\r\n\xb0\xa1,k,1,3,1,1"))
	f.Fuzz(func(t *testing.T, format int, body []byte) {
		rows, err := settlement.ReadAll(formats[uint(format)%3], body)
		if err != nil {
			if !settlement.IsRejection(err) {
				t.Fatal(err)
			}
			return
		}
		last := 0
		for _, row := range rows {
			if row.Line <= last || len(row.Raw) > 65535 {
				t.Errorf("line %d follows line %d", row.Line, last)
			}
			last = row.Line
			if row.Malformed == "" && (row.Amount < 0 || row.Amount > shop.MaxWon || row.PaymentKey == "" || !slices.Contains([]string{"APPROVAL", "REFUND", "FAILURE"}, row.Kind)) {
				t.Errorf("took %+v", row)
			}
		}
	})
}

func BenchmarkReadAll(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(stateHeader)
	for i := range 100_000 {
		fmt.Fprintf(&body, "att_%026d,T%019d,%d,1,0,0\n", i, i, 1000+i)
	}
	b.SetBytes(int64(body.Len()))
	for b.Loop() {
		if rows, err := settlement.ReadAll(shop.SettlementFormatPaymentStateCSV, body.Bytes()); err != nil || len(rows) != 100_000 {
			b.Fatal(len(rows), err)
		}
	}
}
