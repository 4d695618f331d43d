package shop

import "cmp"

// A Caller is who sends a command: from the session, never from the client. The
// zero Caller is nobody.
type Caller struct {
	UserID UserID
	Actor  Actor
}

// MayActOn reports whether the caller may touch what the user named owns: a
// shopper only their own, nobody nothing, everybody else all.
func (c Caller) MayActOn(owner UserID) bool {
	switch c.Actor {
	case "":
		return false
	case ActorShopper:
		return c.UserID == owner && owner != ""
	default:
		return true
	}
}

// OperatorID names the caller if they are an operator, "" otherwise.
func (c Caller) OperatorID() UserID {
	if c.Actor != ActorOperator {
		return ""
	}
	return c.UserID
}

// Operator is the actor of a command that only operators send; the machine's
// own commands have no caller.
func (c Caller) Operator() Actor { return cmp.Or(c.Actor, ActorOperator) }
