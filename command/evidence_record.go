package command

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"payment-system/command/books"
	"payment-system/pg"
	"payment-system/shop"
)

// keepKakaoDetails carries over what only some of Kakao's answers say: the
// approval names the card in full, a look-up names the legs.
func keepKakaoDetails(now, was shop.KakaoRecord) shop.KakaoRecord {
	if was.Tid != now.Tid {
		return now
	}
	if now.Aid == nil {
		now.Aid = was.Aid
	}
	if now.Card == nil || (was.Card != nil && was.Card.ApprovalNumber != nil && now.Card.ApprovalNumber == nil) {
		now.Card = was.Card
	}
	if now.ApprovedCancelAmount == nil {
		now.ApprovedCancelAmount = was.ApprovedCancelAmount
	}
	now.Actions = mergeActions(was.Actions, now.Actions)
	return now
}

// mergeActions returns the legs known before, as they read now, and then those
// that are new: an approval and a cancel each tell only their own.
func mergeActions(was, now []shop.KakaoAction) []shop.KakaoAction {
	merged := slices.Clone(was)
	for _, action := range now {
		same := func(known shop.KakaoAction) bool { return known.Aid == action.Aid }
		if i := slices.IndexFunc(merged, same); i >= 0 {
			merged[i] = action
			continue
		}
		merged = append(merged, action)
	}
	return merged
}

// keepRecord keeps what only the gateway knows of the attempt, and reports whether it
// reads differently from what was kept. It keeps nothing when the evidence carries no
// record, as a settlement row does, nor when the books have no room for it: that must not
// keep the money out of them.
func (e *evidence) keepRecord() (changed bool, err error) {
	if e.isOvertaken() || e.books.decision.recordless {
		return false, nil
	}
	switch record := e.says.Record.(type) {
	case *shop.KakaoRecord:
		return e.keepKakaoRecord(*record)
	case *shop.TossRecord:
		return e.keepTossRecord(*record)
	}
	return false, nil
}

// isOvertaken reports whether the books know of money that moved since the gateway
// gave this evidence: whoever held it was stopped, and others went on. A payment
// that the gateway ended without money is news all the same.
func (e *evidence) isOvertaken() bool {
	if e.says.Status == pg.StatusFailed || e.says.Status == pg.StatusExpired {
		return false
	}
	return e.says.Captured < e.attempt.CapturedAmount || e.says.Refunded < e.attempt.RefundedAmount
}

func (e *evidence) keepKakaoRecord(record shop.KakaoRecord) (bool, error) {
	var was shop.KakaoRecord
	if err := e.keptRecord(&was); err != nil || record.FetchedAt.Before(was.FetchedAt) { // overtaken
		return false, err
	}
	record = keepKakaoDetails(record, was)
	was.FetchedAt = record.FetchedAt
	return !reflect.DeepEqual(was, record), e.keep(&record)
}

func (e *evidence) keepTossRecord(record shop.TossRecord) (bool, error) {
	var was shop.TossRecord
	if err := e.keptRecord(&was); err != nil || record.FetchedAt.Before(was.FetchedAt) { // overtaken
		return false, err
	}
	was.FetchedAt = record.FetchedAt
	return !reflect.DeepEqual(was, record), e.keep(&record)
}

// keptRecord decodes the record that was kept into out, and leaves it zero when there is
// none.
func (e *evidence) keptRecord(out any) error {
	if e.books.kept == nil {
		return nil
	}
	if err := json.Unmarshal(e.books.kept, out); err != nil {
		return fmt.Errorf("decode the record of attempt %s: %w", e.attempt.ID, err)
	}
	return nil
}

// keep has a record written with the change.
func (e *evidence) keep(record shop.GatewayRecord) error {
	body, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode the record of attempt %s: %w", e.attempt.ID, err)
	}
	e.books.record = &books.RecordChange{
		AttemptID: e.attempt.ID, IsNew: e.books.kept == nil, Record: record, Body: body, Raw: e.says.Raw,
	}
	return nil
}
