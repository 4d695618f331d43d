package shop

import "strings"

// A refund is told from others by the gateway's name of it, its transaction key. One
// that is done may be nameless: the gateway's answer was lost, or it does not say.
//
//	predicate   it is done, and …                               who asks
//	IsNamed     its name is this one                            evidence, corrections: is this leg in the books?
//	IsNameless  its name is not known                           corrections: a file has no other way to name it
//	AskedAgain  its name is not known, for a correction asked   evidence: its reason names it, so that its amount
//	            for it again and the answer is still open       alone must not

// IsNamed reports whether the refund is done and has the gateway's name given.
func (r Refund) IsNamed(key string) bool {
	return r.Status == RefundStatusDone && r.TransactionKey != nil && *r.TransactionKey == key
}

// IsNameless reports whether the refund is done, and the gateway's name of it was
// never learnt.
func (r Refund) IsNameless() bool {
	return r.Status == RefundStatusDone && r.TransactionKey == nil
}

// AskedAgain reports whether the books called the refund done, the gateway had not
// made it, and a correction has asked for it again since, whose answer is open: its
// idempotency key is then the discrepancy's.
func (r Refund) AskedAgain() bool {
	return r.IsNameless() && strings.HasPrefix(r.PGKey, PrefixDiscrepancy+"_")
}
