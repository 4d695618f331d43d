package pgsim

import (
	"net/http"
	"strings"
	"time"
)

// kakaoBucket is the bucket of the payments file.
const kakaoBucket = "B000000000"

// kakaoTicketLife is how long a download address lives.
const kakaoTicketLife = time.Hour

// kakaoFileTicket is a download address handed out.
type kakaoFileTicket struct {
	day     time.Time
	expires time.Time
}

type kakaoFileError struct {
	Message string `json:"msg"`
}

// kakaoFileURL answers where the payments file of a day is.
func (s *Server) kakaoFileURL(c *call) answer {
	if !c.pause() {
		return answer{cut: true}
	}
	key, ok := strings.CutPrefix(c.Header.Get("Authorization"), "PG_BIZAPI_KEY ")
	if !ok || key == "" || s.KakaoFileKey != "" && key != s.KakaoFileKey {
		return jsonAnswer(http.StatusUnauthorized, kakaoFileError{"invalid key"})
	}
	day, err := time.ParseInLocation("20060102", c.URL.Query().Get("target_date"), korea)
	if err != nil {
		return jsonAnswer(http.StatusBadRequest, kakaoFileError{"target_date must be yyyyMMdd"})
	}
	if c.URL.Query().Get("bucket_id") == "" {
		return jsonAnswer(http.StatusBadRequest, kakaoFileError{"bucket_id is required"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if day.After(s.clock()) {
		return jsonAnswer(http.StatusBadRequest, kakaoFileError{"the file of " + day.Format(time.DateOnly) + " does not exist yet"})
	}
	name := s.ids.hex(32)
	ticket := kakaoFileTicket{day: day, expires: s.clock().Add(kakaoTicketLife)}
	s.kakaoFiles[name] = ticket
	return jsonAnswer(http.StatusOK, map[string]string{
		"url": s.base(c.Request) + "/kakao/files/v1/download/" + name, "expires_at": kakaoTime(ticket.expires),
	})
}

// kakaoDownload answers the file behind an address, to whoever has it.
func (s *Server) kakaoDownload(c *call) answer {
	if !c.pause() {
		return answer{cut: true}
	}
	s.mu.Lock()
	ticket, ok := s.kakaoFiles[c.PathValue("ticket")]
	now := s.clock()
	s.mu.Unlock()
	if !ok || now.After(ticket.expires) {
		return jsonAnswer(http.StatusNotFound, kakaoFileError{"the address has expired"})
	}
	f := settlementFile{format: formatKakao, day: ticket.day, now: now, merchant: s.merchant()}
	f.lines = s.lines("KAKAO", formatKakao, ticket.day)
	return f.answer("KAKAO")
}

// kakaoLines are the legs of a day. The caller holds s.mu.
func (s *Server) kakaoLines(day time.Time) []line {
	end := day.AddDate(0, 0, 1)
	var lines []line
	for _, a := range s.accounts {
		p := s.kakao[a.key]
		if p == nil {
			continue
		}
		for _, leg := range p.legs {
			if !leg.at.Before(day) && leg.at.Before(end) {
				lines = append(lines, p.line(leg))
			}
		}
	}
	return lines
}

func (p *kakaoPayment) line(leg kakaoLeg) line {
	return line{
		order: p.orderID, key: p.key, leg: leg.aid, cancel: leg.kind == "CANCEL", amount: leg.amount.Total, taxFree: leg.amount.TaxFree,
		months: p.card.months, method: p.method, at: leg.at, cid: p.req.CID,
		last: leg.last, whole: leg.amount.Total == p.amount.Total,
	}
}

type kakaoFileCount struct {
	Count  int64 `json:"count"`
	Amount int64 `json:"amount"`
}

// kakaoFileRow is a leg in the payments file. Amounts are unsigned.
type kakaoFileRow struct {
	CID          string `json:"cid"`
	TID          string `json:"tid"`
	AID          string `json:"aid"`
	ApprovedAt   string `json:"approved_at"`
	OrderID      string `json:"partner_order_id"`
	Method       string `json:"payment_method_type"`
	Action       string `json:"payment_action_type"`
	Detail       string `json:"payment_detail_action_type"`
	Currency     string `json:"currency"`
	Amount       any    `json:"amount"`
	Point        int64  `json:"point_amount"`
	Discount     int64  `json:"discount_amount"`
	GreenDeposit int64  `json:"green_deposit"`
}

func (l line) kakaoRow() kakaoFileRow {
	row := kakaoFileRow{
		CID: l.cid, TID: l.key, AID: l.leg, ApprovedAt: kakaoTime(l.at), OrderID: l.order, Method: l.method,
		Action: "PAYMENT", Detail: l.detail(), Currency: "KRW", Amount: l.amount,
	}
	if l.cancel {
		row.Action = "CANCEL"
	}
	if l.malformed {
		row.Amount = "5e4원"
	}
	return row
}

// detail tells an installment from a lump sum, and a cancel of part from one of
// all, or of all that parts had left.
func (l line) detail() string {
	switch {
	case l.cancel && l.whole:
		return "ALL_CANCELED"
	case l.cancel && l.last:
		return "ALL_PART_CANCELED"
	case l.cancel:
		return "PART_CANCELED"
	case l.months > 0:
		return "PAYMENT_INSTALLMENT"
	}
	return "PAYMENT_LUMP_SUM"
}

// kakaoJSON is the per-day file with its control totals.
func (f *settlementFile) kakaoJSON() []byte {
	var paid, canceled kakaoFileCount
	rows := make([]any, 0, len(f.lines))
	for _, l := range f.lines {
		rows = append(rows, l.kakaoRow())
		sum := &paid
		if l.cancel {
			sum = &canceled
		}
		sum.Count++
		sum.Amount += l.amount
	}
	if f.defects["totals"] {
		paid.Count++
		paid.Amount += 10
	}
	kind := "payments"
	if f.defects["header"] {
		kind = "deposits"
	}
	head := encode(struct {
		Type       string                    `json:"type"`
		Bucket     string                    `json:"bucket_id"`
		Date       string                    `json:"target_date"`
		CreatedAt  string                    `json:"file_created_at"`
		Partner    string                    `json:"partner"`
		Statistics map[string]kakaoFileCount `json:"statistics"`
	}{
		kind, kakaoBucket, f.day.Format("20060102"), kakaoTime(f.now), f.merchant,
		map[string]kakaoFileCount{"payment": paid, "cancel": canceled},
	})
	data := append(append(head[:len(head)-1], `,"data":`...), rowsJSON(rows)...)
	return append(data, "}\n"...)
}
