package command

import (
	"context"
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

// saveRecord keeps what only the gateway knows of the attempt, and reports whether
// it reads differently from what was kept. It keeps nothing when the evidence
// carries no record, as a settlement row does. A record that the books have no
// room for must not keep the money out of them: it is left out.
func (e *evidence) saveRecord(ctx context.Context) (changed bool, err error) {
	if e.isOvertaken() {
		return false, nil
	}
	switch record := e.says.Record.(type) {
	case *shop.KakaoRecord:
		changed, err = e.saveKakaoRecord(ctx, *record)
	case *shop.TossRecord:
		changed, err = e.saveTossRecord(ctx, *record)
	}
	if books.HasNoRoom(err) {
		e.h.Logger.ErrorContext(ctx, "gateway's record not kept", "attempt_id", string(e.attempt.ID), "error", err)
		return false, nil
	}
	return changed, err
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

func (e *evidence) saveKakaoRecord(ctx context.Context, record shop.KakaoRecord) (bool, error) {
	was, err := books.KeptKakaoRecord(ctx, e.books.tx, e.attempt.ID)
	if err != nil {
		return false, err
	}
	if record.FetchedAt.Before(was.FetchedAt) {
		return false, nil // overtaken
	}
	record = keepKakaoDetails(record, was)
	if err := books.SaveKakaoRecord(ctx, e.books.tx, e.attempt.ID, record, e.says.Raw); err != nil {
		return false, err
	}
	was.FetchedAt = record.FetchedAt
	return !reflect.DeepEqual(was, record), nil
}

func (e *evidence) saveTossRecord(ctx context.Context, record shop.TossRecord) (bool, error) {
	was, err := books.KeptTossRecord(ctx, e.books.tx, e.attempt.ID)
	if err != nil {
		return false, err
	}
	if record.FetchedAt.Before(was.FetchedAt) {
		return false, nil // overtaken
	}
	if err := books.SaveTossRecord(ctx, e.books.tx, e.attempt.ID, record, e.says.Raw); err != nil {
		return false, err
	}
	was.FetchedAt = record.FetchedAt
	return !reflect.DeepEqual(was, record), nil
}
