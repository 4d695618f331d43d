package pgsim

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"
)

// Settlement file formats.
const (
	formatCSV   = "PAYMENT_STATE_CSV"
	formatToss  = "TOSS_SETTLEMENTS_JSON"
	formatKakao = "KAKAO_PAYMENTS_JSON"
)

// States of a payment in PAYMENT_STATE_CSV.
const (
	stateApproved = 1
	stateFailed   = 2
	stateCanceled = 3
)

// line is a row of a settlement file: a payment in the CSV, one of its legs in the
// JSON formats. Amounts are unsigned.
type line struct {
	order, key string
	state      int // of the payment, CSV only
	amount     int64
	taxFree    int64
	months     int

	leg        string
	cancel     bool
	last       bool // a cancel that used up the rest
	whole      bool // a cancel of the whole payment at once
	method     string
	at         time.Time
	approvedAt time.Time
	cid        string
	card       *tossCard
	account    *tossVirtualAccount
	easyPay    *tossEasyPay
	transfer   *tossTransfer
	canceled   *tossCancel

	touched   bool // a defect sits here
	malformed bool
}

// settlementFile is one file about to be written.
type settlementFile struct {
	format   string
	day      time.Time
	now      time.Time
	merchant string
	lines    []line
	defects  map[string]bool
}

func (s *Server) simSettlements(w http.ResponseWriter, r *http.Request) {
	pg := strings.ToUpper(r.URL.Query().Get("pg"))
	s.api(pg, "settlements", func(c *call) answer { return c.paused(s.settlement(c, pg)) })(w, r)
}

// settlement answers GET /sim/settlements.
func (s *Server) settlement(c *call, pg string) answer {
	q := c.URL.Query()
	f := settlementFile{format: strings.ToUpper(q.Get("format")), now: s.now(), merchant: s.merchant()}
	if f.format == "" {
		f.format = formatCSV
	}
	f.day = midnight(f.now)
	if date := q.Get("date"); date != "" {
		day, err := time.ParseInLocation(time.DateOnly, date, korea)
		if err != nil {
			return badField("date", "must be YYYY-MM-DD").answer()
		}
		f.day = day
	}
	if r := f.accept(pg, q.Get("defects")); r != nil {
		return r.answer()
	}
	f.lines = s.lines(pg, f.format, f.day)
	if r := f.plant(); r != nil {
		return r.answer()
	}
	return f.answer(pg)
}

func (r *refusal) answer() answer { return jsonAnswer(r.status, r) }

func midnight(t time.Time) time.Time {
	t = t.In(korea)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, korea)
}

// accept checks that the gateway has the format and the format the defects.
func (f *settlementFile) accept(pg, defects string) *refusal {
	switch {
	case pg != "KAKAO" && pg != "TOSS":
		return badField("pg", "must be KAKAO or TOSS")
	case f.format != formatCSV && f.format != formatToss && f.format != formatKakao:
		return badField("format", "must be "+formatCSV+", "+formatToss+" or "+formatKakao)
	case f.format == formatToss && pg != "TOSS", f.format == formatKakao && pg != "KAKAO":
		return badField("format", pg+" has no "+f.format)
	}
	f.defects = map[string]bool{}
	for name := range strings.SplitSeq(defects, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		formats, known := defectFormats[name]
		if !known {
			return badField("defects", name+": unknown")
		}
		if !slices.Contains(formats, f.format) {
			return badField("defects", name+": not in "+f.format)
		}
		f.defects[name] = true
	}
	return nil
}

func (s *Server) lines(pg, format string, day time.Time) []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireAll()
	switch format {
	case formatToss:
		return s.tossLines(day, day.AddDate(0, 0, 1))
	case formatKakao:
		return s.kakaoLines(day)
	}
	var lines []line
	for _, a := range s.accounts {
		if l, ok := s.stateLine(a, day); ok && a.pg == pg {
			lines = append(lines, l)
		}
	}
	return lines
}

// stateLine is the payment as it stood at the end of the day, if anything
// happened to it that day.
func (s *Server) stateLine(a *account, day time.Time) (line, bool) {
	end := day.AddDate(0, 0, 1)
	within := func(t time.Time) bool { return !t.Before(day) && t.Before(end) }
	active := within(a.failedAt)
	var balance int64
	for _, e := range a.entries {
		if e.at.Before(end) {
			balance += e.amount
		}
		active = active || within(e.at)
	}
	l := line{order: a.orderID, key: a.key, state: stateApproved}
	switch {
	case len(a.entries) == 0:
		l.state = stateFailed
	case balance == 0:
		l.state = stateCanceled
	}
	if p := s.kakao[a.key]; p != nil {
		l.amount, l.taxFree, l.months = p.amount.Total, p.amount.TaxFree, p.card.months
	} else {
		p := s.toss[a.key]
		l.amount, l.taxFree, l.months = *p.req.Amount, p.taxFree, p.card.months
	}
	return l, active
}

// answer renders the file. What is wrong with its text goes in last.
func (f *settlementFile) answer(pg string) answer {
	body, contentType, extension := f.csv(), "text/csv; charset=utf-8", "csv"
	if f.format != formatCSV {
		contentType, extension = "application/json; charset=utf-8", "json"
		body = f.json()
	}
	name := fmt.Sprintf("payment_%s_%s.%s", strings.ToLower(pg), f.day.Format(time.DateOnly), extension)
	return answer{
		status: http.StatusOK, body: f.spoil(body),
		header: http.Header{"Content-Type": {contentType}, "Content-Disposition": {`attachment; filename="` + name + `"`}},
	}
}

func (f *settlementFile) json() []byte {
	if f.format == formatKakao {
		return f.kakaoJSON()
	}
	rows := make([]any, 0, len(f.lines))
	for i := range f.lines {
		rows = append(rows, f.lines[i].settle())
	}
	if f.defects["header"] {
		return append(slices.Concat([]byte(`{"settlements":`), rowsJSON(rows)), "}\n"...)
	}
	return append(rowsJSON(rows), '\n')
}

// rowsJSON is an array with a row on each line.
func rowsJSON(rows []any) []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for i, row := range rows {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n")
		b.Write(encode(row))
	}
	b.WriteString("\n]")
	return b.Bytes()
}

func (f *settlementFile) csv() []byte {
	header := []string{"orderId", "paymentKey", "totalAmount", "paymentState", "taxFreeAmount", "installMonth"}
	if f.defects["header"] {
		header[2], header[3] = "paymentState", "amount"
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(header) // a buffer takes everything
	for _, l := range f.lines {
		amount := strconv.FormatInt(l.amount, 10)
		if l.malformed {
			amount = "5e4"
		}
		_ = w.Write([]string{
			l.order, l.key, amount, strconv.Itoa(l.state), strconv.FormatInt(l.taxFree, 10), strconv.Itoa(l.months),
		})
	}
	w.Flush()
	return b.Bytes()
}

// defectFormats are the kinds of defect and the formats that can have them.
var defectFormats = map[string][]string{
	"amount":           {formatCSV, formatToss, formatKakao},
	"tax_free":         {formatCSV},
	"installment":      {formatCSV, formatToss, formatKakao},
	"missing_row":      {formatCSV, formatToss, formatKakao},
	"duplicate_row":    {formatCSV, formatToss, formatKakao},
	"conflicting_rows": {formatCSV, formatToss, formatKakao},
	"unknown_row":      {formatCSV, formatToss, formatKakao},
	"malformed_row":    {formatCSV, formatToss, formatKakao},
	"state":            {formatCSV},
	"truncated":        {formatCSV, formatToss, formatKakao},
	"header":           {formatCSV, formatToss, formatKakao},
	"cp949":            {formatCSV, formatToss, formatKakao},
	"totals":           {formatKakao},
	"bom":              {formatCSV, formatToss, formatKakao},
	"crlf":             {formatCSV, formatToss, formatKakao},
}

// rowDefects change one row each, the first that has none yet, in this order. The
// control totals of the file agree with the changed rows.
var rowDefects = []struct {
	name string
	fits func(*line) bool
	do   func(f *settlementFile, i int)
}{
	{"amount", (*line).took, func(f *settlementFile, i int) { f.lines[i].amount += 10 }},
	{"tax_free", (*line).took, func(f *settlementFile, i int) { f.lines[i].taxFree += 10 }},
	{"installment", (*line).byCard, func(f *settlementFile, i int) { f.lines[i].months = otherMonths(f.lines[i].months) }},
	{"state", (*line).took, func(f *settlementFile, i int) { f.lines[i].state = stateFailed }},
	{"malformed_row", (*line).took, func(f *settlementFile, i int) { f.lines[i].malformed = true }},
	{"duplicate_row", (*line).took, func(f *settlementFile, i int) { f.repeat(i, 0) }},
	{"conflicting_rows", (*line).took, func(f *settlementFile, i int) { f.repeat(i, 1000) }},
	{"missing_row", (*line).took, func(f *settlementFile, i int) { f.lines = slices.Delete(f.lines, i, i+1) }},
}

// took reports whether the row says money was taken.
func (l *line) took() bool {
	return !l.touched && !l.cancel && l.state != stateFailed && l.state != stateCanceled
}

func (l *line) byCard() bool {
	return l.took() && (l.leg == "" || l.card != nil || l.method == "CARD")
}

func otherMonths(months int) int {
	if months == 3 {
		return 6
	}
	return 3
}

// repeat puts the row a second time below itself, with amount more.
func (f *settlementFile) repeat(i int, more int64) {
	again := f.lines[i]
	again.amount += more
	f.lines = slices.Insert(f.lines, i+1, again)
}

// plant puts the rows' defects in. It refuses if there are fewer rows than defects.
func (f *settlementFile) plant() *refusal {
	for _, d := range rowDefects {
		if !f.defects[d.name] {
			continue
		}
		i := slices.IndexFunc(f.lines, func(l line) bool { return d.fits(&l) })
		if i < 0 {
			return refuse(http.StatusConflict, "defects: "+d.name+": the day has no row left for it")
		}
		f.lines[i].touched = true
		d.do(f, i)
	}
	if f.defects["unknown_row"] {
		f.lines = append(f.lines, f.stranger("unknown-order-0001", stateApproved))
	}
	if f.defects["cp949"] && f.format == formatCSV { // a file without Hangul is the same in both encodings
		f.lines = append(f.lines, f.stranger("주문번호-0001", stateFailed))
	}
	return nil
}

// stranger is a row of a payment nobody made.
func (f *settlementFile) stranger(order string, state int) line {
	at := f.day.Add(12 * time.Hour)
	l := line{order: order, state: state, key: "T" + f.day.Format("20060102") + "00000000001", amount: 50000, at: at, approvedAt: at, touched: true}
	switch f.format {
	case formatKakao:
		l.leg, l.method, l.cid = "A"+l.key[1:], "MONEY", "TC0ONETIME"
	case formatToss:
		l.key, l.leg, l.method = tossMID[:5]+f.day.Format("20060102")+"120000XXXXX", "txrd_unknown", "간편결제"
		l.easyPay = &tossEasyPay{Provider: "토스페이", Amount: l.amount}
	}
	return l
}

// spoil does what defects do to the text of a file.
func (f *settlementFile) spoil(body []byte) []byte {
	if f.defects["crlf"] {
		body = bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))
	}
	if f.defects["truncated"] {
		body = cut(body)
	}
	if f.defects["cp949"] {
		encoded, err := encoding.ReplaceUnsupported(korean.EUCKR.NewEncoder()).Bytes(body)
		if err == nil {
			body = encoded
		}
	}
	if f.defects["bom"] {
		body = append([]byte("\ufeff"), body...)
	}
	return body
}

// cut ends the file in the middle of its last row.
func cut(body []byte) []byte {
	last := bytes.LastIndexByte(bytes.TrimRight(body, "\r\n]}"), '\n') + 1
	return body[:last+(len(body)-last)/2]
}
