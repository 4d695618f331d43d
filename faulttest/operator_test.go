package faulttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"payment-system/internal/testclock"
)

// An operatorAtWork holds settlement files of today against the books while the shop is open, now
// and then, and carries out what is planned. Some money in them is such as only a file tells of.
type operatorAtWork struct {
	*visitor
	files  []*settlementFile
	left   []*settlementFile // of the files, those that may not be carried out
	strays []*purchase
}

// A settlementFile is one that was handed in, and what is known of it.
type settlementFile struct {
	pg, name string
	content  []byte
	booked   reconciliation
}

type reconciliation struct {
	ID, Status, PlanHash string
	Rows                 int
	Counts               []struct {
		Kind  string
		Count int
	}
}

// isOver tells whether nothing more comes of it by itself.
func (r reconciliation) isOver() bool { return r.Status == "APPLIED" || r.Status == "REJECTED" }

const (
	importDocument = `mutation($input: ImportSettlementInput!) { importSettlement(input: $input) { reconciliation { id status planHash rows counts { kind count } } } }`
	applyDocument  = `mutation($input: ApplyReconciliationInput!) { applyReconciliation(input: $input) { reconciliation { id status planHash rows counts { kind count } } } }`
)

func (h *house) newOperator() *operatorAtWork {
	return &operatorAtWork{visitor: h.visitor(h.operator, "operator")}
}

// operate works until done is closed. What could not be finished then is for finish.
func (o *operatorAtWork) operate(done <-chan struct{}) {
	shopper := o.house.visitor(o.house.shopper, "stray")
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-time.After(time.Duration(100+o.dice.IntN(400)) * time.Millisecond):
		}
		o.goOn()
		pg := "TOSS"
		if n%3 > 0 {
			pg = "KAKAO"
			p := shopper.newPurchase(n, 1)
			p.stray()
			o.strays = append(o.strays, p)
		}
		o.settle(pg, today())
	}
}

// settle hands in a day's file of a gateway as it is now.
func (o *operatorAtWork) settle(pg, day string) {
	if file := o.fetch(pg, day); file != nil {
		o.files, o.left = append(o.files, file), append(o.left, file)
		o.handIn(file)
	}
}

// goOn hands a file in again that was left: the one that was not tried for longest.
func (o *operatorAtWork) goOn() {
	o.left = slices.DeleteFunc(o.left, func(file *settlementFile) bool { return file.booked.isOver() })
	if len(o.left) == 0 {
		return
	}
	file := o.left[0]
	o.left = append(o.left[1:], file)
	o.handIn(file)
}

// stray pays at Kakao Pay in a way that the shop hears nothing of: only a settlement file tells.
// Half of these orders are given up before it does.
func (p *purchase) stray() {
	if !p.place() || !p.ready("KAKAO") {
		return
	}
	h, token := p.by.house, p.shop().Query().Get("pg_token")
	h.eventually("the gateway to take a payment that the shop hears nothing of", func() bool {
		e := h.entryOf(p)
		if e.Applied.Approve == 0 {
			h.approveAside(e, token)
		}
		return e.Applied.Approve > 0
	})
	if p.by.dice.IntN(2) == 0 {
		p.cancel()
	}
}

// approveAside has Kakao Pay take the money of a payment, without the shop.
func (h *house) approveAside(e entry, token string) {
	body, err := json.Marshal(object{
		"cid": "TC0ONETIME", "tid": e.PaymentKey, "partner_order_id": e.OrderID, "partner_user_id": h.shopper.id, "pg_token": token,
	})
	if err != nil {
		h.t.Error(err)
		return
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, h.sim+"/kakao/online/v1/payment/approve", bytes.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "SECRET_KEY "+kakaoKey)
	if response, err := browser.Do(request); err == nil { // the ledger tells what came of it
		response.Body.Close()
	}
}

// today is the business day.
func today() string { return dayOf(time.Now()) }

func dayOf(at time.Time) string { return at.In(testclock.Korea).Format(time.DateOnly) }

// days are the business days since the house was opened, today first: midnight may have passed.
func (h *house) days() (days []string) {
	for at := time.Now(); ; at = at.Add(-24 * time.Hour) {
		days = append(days, dayOf(at))
		if days[len(days)-1] <= dayOf(h.opened) {
			return days
		}
	}
}

// fetchWith gets the file that tells of a payment, or nil when no day's does.
func (o *operatorAtWork) fetchWith(pg string, p *purchase) *settlementFile {
	for _, day := range o.house.days() {
		file := o.fetch(pg, day)
		if file != nil && bytes.Contains(file.content, []byte(p.attempt.PaymentKey)) {
			return file
		}
	}
	return nil
}

// fetch gets a day's file of a gateway as it is now, or nil when the gateway does not give it.
func (o *operatorAtWork) fetch(pg, day string) *settlementFile {
	response, err := browser.Get(o.house.sim + "/sim/settlements?" + url.Values{"pg": {pg}, "date": {day}}.Encode())
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil
	}
	return &settlementFile{pg: pg, name: strings.ToLower(pg) + "-" + day + ".csv", content: content}
}

// handIn uploads a file to some replica, and has the plan carried out. What the replica does not
// live to answer is left for later.
func (o *operatorAtWork) handIn(file *settlementFile) {
	o.house.t.Helper()
	r := o.house.replicas[o.dice.IntN(len(o.house.replicas))]
	var imported struct {
		ImportSettlement struct{ Reconciliation reconciliation }
	}
	if o.told(o.upload(r, file, o.dice.IntN(2) == 0, &imported), file) {
		file.booked = imported.ImportSettlement.Reconciliation
	}
	if file.booked.PlanHash == "" || file.booked.isOver() {
		return
	}
	var applied struct {
		ApplyReconciliation struct{ Reconciliation reconciliation }
	}
	input := object{"id": file.booked.ID, "planHash": file.booked.PlanHash}
	if o.told(o.ask(r, applyDocument, input, &applied), file) {
		file.booked = applied.ApplyReconciliation.Reconciliation
	}
}

// told tells whether an answer came. That the plan has moved since is one to try again on.
func (o *operatorAtWork) told(err error, file *settlementFile) bool {
	o.house.t.Helper()
	switch code := codeOf(err); {
	case err == nil:
		return true
	case code == "INTERNAL":
		o.house.blame(fmt.Sprintf("%s: %v", file.name, err))
	case code != "CONFLICT" && !isPassing(err):
		o.house.t.Errorf("the settlement file %s: %v", file.name, err)
	}
	return false
}

// upload hands a file in, to be carried out at once or not.
func (o *operatorAtWork) upload(r *replica, file *settlementFile, autoApply bool, out any) error {
	operations, err := json.Marshal(object{"query": importDocument, "variables": object{"input": object{
		"pg": file.pg, "file": nil, "autoApply": autoApply,
	}}})
	if err != nil {
		return err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range [][2]string{{"operations", string(operations)}, {"map", `{"0": ["variables.input.file"]}`}} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("0", file.name)
	if err != nil {
		return err
	}
	if _, err := part.Write(file.content); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	return o.send(r, form.FormDataContentType(), body.Bytes(), out)
}

// finish hands in again what was left, until all is carried out: first what is of the wreck.
func (o *operatorAtWork) finish(w *wreck) {
	h := o.house
	h.t.Helper()
	for _, day := range h.days()[1:] { // Midnight has passed: what was paid before it is in that day's file.
		for _, pg := range gateways {
			o.settle(pg, day)
		}
	}
	ofWreck := func(file *settlementFile) bool { return w.has(file) }
	first, then := slices.Clone(o.files), slices.Clone(o.left)
	first = slices.DeleteFunc(first, func(file *settlementFile) bool { return !ofWreck(file) })
	then = slices.DeleteFunc(then, ofWreck)
	h.t.Logf("%d settlement files were handed in, %d are half done, %d others may be left; %d payments were known from them alone",
		len(o.files), len(first), len(then), len(o.strays))
	for _, files := range [][]*settlementFile{first, then} {
		for i, file := range files {
			h.eventually(fmt.Sprintf("the settlement file %s to be carried out", file.name), func() bool {
				o.handInAll(files[i:])
				time.Sleep(50 * time.Millisecond) // eases the wait for those that are held
				return file.booked.isOver()
			})
		}
	}
}

// handInAll hands in each file that is not carried out. Some may be held by the dead for a while.
func (o *operatorAtWork) handInAll(files []*settlementFile) {
	for _, file := range files {
		if !file.booked.isOver() {
			o.handIn(file)
		}
	}
}

// agree hands in a last file of each gateway, after a last purchase there: nothing may differ.
func (o *operatorAtWork) agree() (purchases []*purchase) {
	h := o.house
	h.t.Helper()
	for n, pg := range gateways {
		p := h.visitor(h.shopper, "last").newPurchase(n, 1)
		purchases = append(purchases, p)
		if !p.buy(pg) {
			h.t.Errorf("%s takes no payment at the end", pg)
		}
		last := o.fetchWith(pg, p)
		if last == nil {
			h.t.Errorf("%s has no settlement file of the last purchase", pg)
			continue
		}
		h.eventually("the last settlement file to be carried out", func() bool {
			o.handIn(last)
			return last.booked.isOver()
		})
		if last.booked.Rows == 0 || len(last.booked.Counts) > 0 || last.booked.Status != "APPLIED" {
			h.t.Errorf("the last file of %s came to %+v", pg, last.booked)
		}
	}
	return purchases
}
