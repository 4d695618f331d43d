package settlement_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"

	"payment-system/pg/settlement"
	"payment-system/shop"
)

// table is what every program below was given to save.
const table = stateHeader + "주문-1,k1,1250000,1,0,3\n주문-2,k2,75000,2,5000,0\n주문-3,k3,25000,3,0,12\n"

// A style is how a program writes the table: the separator, a quote around every field
// (or around text) or none, the line end, and what stands around the six columns.
type style struct {
	separator   string
	quoteAll    bool
	quoteText   bool
	end         string
	before      []string // a cell in front of each line, the header's first
	after       string   // what is appended to each line
	groupMoney  bool     // 1,250,000
	noFinalLine bool
}

func (s style) write() string {
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	for i, line := range lines {
		cells := strings.Split(line, ",")
		for j, cell := range cells {
			money := i > 0 && (j == 2 || j == 4)
			if money && s.groupMoney && len(cell) > 3 {
				cell = cell[:len(cell)-3] + "," + cell[len(cell)-3:]
				if len(cell) > 7 {
					cell = cell[:len(cell)-7] + "," + cell[len(cell)-7:]
				}
			}
			if s.quoteAll || (s.quoteText && (i == 0 || j < 2)) || strings.Contains(cell, s.separator) {
				cell = `"` + cell + `"`
			}
			cells[j] = cell
		}
		if s.before != nil && s.before[i] != "-" {
			cells = append([]string{s.before[i]}, cells...)
		}
		lines[i] = strings.Join(cells, s.separator) + s.after
	}
	text := strings.Join(lines, s.end)
	if s.noFinalLine {
		return text
	}
	return text + s.end
}

func encoded(t *testing.T, as encoding.Encoding, text string) string {
	t.Helper()
	out, err := as.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// withoutPlaces leaves out of rows where and how they stood.
func withoutPlaces(rows []shop.SettlementRow) []shop.SettlementRow {
	for i := range rows {
		rows[i].Line, rows[i].Raw = 0, ""
	}
	return rows
}

// TestPaymentStateCSV_programs reads one table as programs save it.
func TestPaymentStateCSV_programs(t *testing.T) {
	t.Parallel()
	const format = shop.SettlementFormatPaymentStateCSV
	plain := style{separator: ",", end: "\n"}.write()
	windows := style{separator: ",", end: "\r\n"}.write()
	tabs := style{separator: "\t", end: "\r\n"}.write()
	utf16LE := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	utf16BE := unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	read := []struct{ program, body string }{
		{"Go encoding/csv", plain},
		{"Go encoding/csv, UseCRLF", windows},
		{"Excel, CSV UTF-8", "\ufeff" + windows},
		{"Excel for Korea, CSV", encoded(t, korean.EUCKR, windows)},
		{"Excel, Unicode text", encoded(t, utf16LE, tabs)},
		{"Excel for Mac, Unicode text", encoded(t, utf16BE, tabs)},
		{"Excel for Mac 2011, CSV (Macintosh)", "\ufeff" + strings.ReplaceAll(plain, "\n", "\r")},
		{"Excel where the list separator is a semicolon", "\ufeff" + style{separator: ";", end: "\r\n"}.write()},
		{"Excel, sep= for a semicolon", "sep=;\r\n" + style{separator: ";", end: "\r\n"}.write()},
		{"Excel, sep= for a tab", "\ufeffSEP=\t\r\n" + tabs},
		{"Excel, sep= in quotes", "\"sep=,\"\r\n" + windows},
		{"Excel, cells formatted to the right", style{separator: ",", end: "\r\n", after: ",,,"}.write()},
		{"Excel, rows deleted below", windows + ",,,,,\r\n,,,,,\r\n"},
		{"Excel, amounts with thousands", style{separator: ",", end: "\r\n", groupMoney: true}.write()},
		{"LibreOffice", plain},
		{"LibreOffice, quote all text cells", style{separator: ",", quoteText: true, end: "\n"}.write()},
		{"LibreOffice, UTF-16, tabs, quote all", encoded(t, utf16LE, style{separator: "\t", quoteAll: true, end: "\n"}.write())},
		{"LibreOffice, EUC-KR, semicolons", encoded(t, korean.EUCKR, style{separator: ";", quoteText: true, end: "\n"}.write())},
		{"Numbers", "\ufeff" + style{separator: ",", end: "\r\n", noFinalLine: true}.write()},
		{"Numbers, an empty column", style{separator: ",", end: "\n", after: ","}.write()},
		{"Google Sheets, .csv", style{separator: ",", end: "\r\n", noFinalLine: true}.write()},
		{"Google Sheets, .tsv", style{separator: "\t", end: "\r\n", noFinalLine: true}.write()},
		{"pandas, index=False", plain},
		{"pandas with the index", style{separator: ",", end: "\n", before: []string{"", "0", "1", "2"}}.write()},
		{"pandas with the index of a part", style{separator: ",", end: "\n", before: []string{"", "7", "120", "31"}}.write()},
		{"pandas with the index of what it read", style{separator: ",", end: "\n", before: []string{"Unnamed: 0", "0", "1", "2"}}.write()},
		{"pandas, reset_index", style{separator: ",", end: "\n", before: []string{"index", "0", "1", "2"}}.write()},
		{"pandas, QUOTE_ALL, utf-8-sig", "\ufeff" + style{separator: ",", quoteAll: true, end: "\n"}.write()},
		{"Python csv on Windows without newline=''", strings.ReplaceAll(windows, "\r\n", "\r\r\n")},
		{"R write.csv", style{separator: ",", quoteText: true, end: "\n", before: []string{`""`, `"1"`, `"2"`, `"3"`}}.write()},
		{"R write.csv, row.names=FALSE", style{separator: ",", quoteText: true, end: "\n"}.write()},
		{"R write.table, sep=\"\\t\"", style{separator: "\t", quoteText: true, end: "\n", before: []string{"-", `"1"`, `"2"`, `"10"`}}.write()},
		{"R write.csv2", style{separator: ";", quoteText: true, end: "\n", before: []string{`""`, `"1"`, `"2"`, `"3"`}}.write()},
		{"Java Commons CSV", windows},
		{"Java OpenCSV", style{separator: ",", quoteAll: true, end: "\n"}.write()},
		{"PHP fputcsv", plain},
		{"PHP, a mark on a file that has one", "\ufeff\ufeff" + plain},
		{"PowerShell 5 Export-Csv", "#TYPE System.Object\r\n" + style{separator: ",", quoteAll: true, end: "\r\n"}.write()},
		{"PowerShell 5 Export-Csv -Encoding Unicode", encoded(t, utf16LE, style{separator: ",", quoteAll: true, end: "\r\n"}.write())},
		{"mysql --batch", style{separator: "\t", end: "\n"}.write()},
		{"SQLite .mode csv, | as separator", style{separator: "|", end: "\n"}.write()},
		{"an editor, empty lines around", "\n" + strings.ReplaceAll(plain, "\n", "\n\n")},
	}
	want := withoutPlaces(readRows(t, format, table))
	if len(want) != 3 || want[0].AttemptRef != "주문-1" || want[0].Amount != 1_250_000 {
		t.Fatalf("the table itself is read as %+v", want)
	}
	for _, test := range read {
		t.Run("read/"+test.program, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, withoutPlaces(readRows(t, format, test.body))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	refused := []struct{ program, body, says string }{
		{"R write.table, spaces between", strings.ReplaceAll(plain, ",", " "), "line 1: the header must be"},
		{"Numbers with the table's name", "표 1\n" + plain, "line 1: the header must be"},
		{"sep= that is not so", "sep=;\n" + plain, "line 2: the header must be"},
		{"a separator that changes", stateHeader + strings.Repeat("a;k;5;1;0;0\n", 4), "line 2"},
		{"columns in another order", strings.Replace(plain, "orderId,paymentKey", "paymentKey,orderId", 1), "line 1: the header must be"},
		{"a column with a name more", style{separator: ",", end: "\n", before: []string{"store", "1", "1", "1"}}.write(), "line 1: the header must be"},
		{"a row that has more than the header", stateHeader + strings.Repeat("a,k,5,1,0,0,9\n", 4), "line 2: 4 of 4 rows cannot be read; the first: the row does not have 6 fields"},
		{"a column without a name that is no number", style{separator: ",", end: "\n", before: []string{"", "x", "y", "z"}}.write() + "w,a,b,5,1,0,0\n", "line 2"},
		{"row numbers that the header lacks and that do not rise", style{separator: ",", end: "\n", before: []string{"-", "1", "1", "1"}}.write() + "1,d,k4,1,1,0,0\n1,e,k5,1,1,0,0\n", "line 3"},
		{"no header", strings.SplitN(plain, "\n", 2)[1], "line 1: the header must be"},
		{"only empty lines", "\n\n,,,,,\n", "line 3: there is no header"},
		{"a mark alone", "\ufeff", "line 1: the file is empty"},
		{"a mark of UTF-16 alone", "\xff\xfe", "line 1: the file is empty"},
		{"UTF-16 without a mark", encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), plain), "NUL"},
		{"UTF-16 cut in a character", encoded(t, utf16LE, plain) + "a", "line 5: the file ends in the middle of a character"},
		{"UTF-16 with half a pair", encoded(t, utf16LE, stateHeader) + "\x3d\xd8a\x00\n\x00", "line 2: the file begins as UTF-16"},
		{"UTF-16 with a NUL", encoded(t, utf16BE, stateHeader+"a\x00,k,5,1,0,0\n"), "line 2: the file holds a NUL"},
		{"UTF-32", "\xff\xfe\x00\x00o\x00\x00\x00", "NUL"},
		{"trailing columns, the last line cut", style{separator: ",", end: "\n", after: ",,"}.write() + "d,k4,1,1,0,1", "line 5: the file ends in the middle of a row"},
		{"quoted fields, the last line cut", style{separator: ",", quoteAll: true, end: "\n"}.write() + `"d","k4","1","1","0","1`, "line 5: the file ends in the middle of a row"},
	}
	for _, test := range refused {
		t.Run("refused/"+test.program, func(t *testing.T) {
			t.Parallel()
			wantRejection(t, format, test.body, test.says)
		})
	}
	t.Run("an amount that may be less than it says is malformed", func(t *testing.T) {
		t.Parallel()
		for _, line := range []string{
			`a,k,"50,00",1,0,0`, `a,k,"5,0000",1,0,0`, `a,k,"0,500",1,0,0`, `a,k,"50,000.0",1,0,0`, `a,k,50.000,1,0,0`, `a,k,"1.250.000",1,0,0`,
			`a,k,"₩50,000",1,0,0`, `a,k,"50,000원",1,0,0`, `a,k,"-50,000",1,0,0`, `a,k,(50000),1,0,0`, `a,k,5E+04,1,0,0`, `a,k,"9,007,199,254,740,992",1,0,0`,
		} {
			rows := readRows(t, format, stateHeader+line+"\n")
			if len(rows) != 1 || !strings.Contains(rows[0].Malformed, "totalAmount") || rows[0].Line != 2 {
				t.Errorf("%s is read as %+v", line, rows)
			}
		}
		semicolons := strings.ReplaceAll(stateHeader, ",", ";")
		if rows := readRows(t, format, semicolons+"a;k;50,000;1;0;0\n"); rows[0].Malformed == "" {
			t.Errorf("50,000 where a comma may stand before decimals is read as %d", rows[0].Amount)
		}
		if rows := readRows(t, format, semicolons+"a;k;1,250,000;1;0;0\n"); rows[0].Amount != 1_250_000 {
			t.Errorf("1,250,000 is read as %+v", rows[0])
		}
	})
	t.Run("the line of a row is the one in the file", func(t *testing.T) {
		t.Parallel()
		for _, end := range []string{"\n", "\r\n", "\r"} {
			body := strings.ReplaceAll("sep=,\n\n"+stateHeader+"a,k,5,1,0,0\n\nb,k2,x,1,0,0\n", "\n", end)
			rows := readRows(t, format, body)
			if len(rows) != 2 || rows[0].Line != 4 || rows[1].Line != 6 || rows[1].Raw != "b,k2,x,1,0,0" {
				t.Errorf("%q: %+v", end, rows)
			}
		}
	})
}

// TestPaymentStateCSV_cuts cuts every variant at every byte: what is taken is rows of
// the whole file, but for the last field of a last line that has no end.
func TestPaymentStateCSV_cuts(t *testing.T) {
	t.Parallel()
	const format = shop.SettlementFormatPaymentStateCSV
	want := readRows(t, format, table)
	for i, s := range []style{
		{separator: ",", end: "\n"},
		{separator: ";", end: "\r\n", after: ";;"},
		{separator: "\t", end: "\r", quoteAll: true},
		{separator: ",", end: "\n", quoteText: true, before: []string{`""`, `"1"`, `"2"`, `"3"`}},
		{separator: ",", end: "\r\n", groupMoney: true},
	} {
		utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s.write())
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{s.write(), utf16} {
			for n := range body {
				rows, err := settlement.ReadAll(format, []byte(body[:n]))
				if err != nil && !settlement.IsRejection(err) {
					t.Fatal(err)
				}
				for j, row := range rows {
					whole := want[j]
					row.Line, row.Raw, row.InstallmentMonths = whole.Line, whole.Raw, whole.InstallmentMonths
					if diff := cmp.Diff(whole, row); diff != "" {
						t.Errorf("style %d cut at %d of %d (-want +got):\n%s", i, n, len(body), diff)
					}
				}
			}
		}
	}
}

// TestTotals_cuts cuts files that end, or have totals, at every byte.
func TestTotals_cuts(t *testing.T) {
	t.Parallel()
	utf16 := func(t *testing.T, text string) string {
		return encoded(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), text)
	}
	for name, format := range map[string]shop.SettlementFormat{
		"kakao_settlements.json": shop.SettlementFormatKakaoPaymentsJSON, "toss_settlements.json": shop.SettlementFormatTossSettlementsJSON,
	} {
		var document any
		if err := json.Unmarshal(settlementSample(t, name), &document); err != nil {
			t.Fatal(err)
		}
		narrow, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		wide, err := json.MarshalIndent(document, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		korean := encoded(t, korean.EUCKR, strings.Replace(string(narrow), "{", `{"상점":"한글",`, 1))
		for i, body := range []string{
			string(narrow), string(wide), "\ufeff" + strings.ReplaceAll(string(wide), "\n", "\r\n"), utf16(t, string(wide)), korean,
		} {
			t.Run(fmt.Sprint(name, " ", i), func(t *testing.T) {
				t.Parallel()
				readRows(t, format, body)
				for n := range body {
					if rows, err := settlement.ReadAll(format, []byte(body[:n])); !settlement.IsRejection(err) {
						t.Fatalf("cut at %d of %d: got %d rows and %v, want a rejection", n, len(body), len(rows), err)
					}
				}
			})
		}
	}
}
