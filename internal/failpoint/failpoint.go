// Package failpoint kills the process at named points and takes its locks away, for the tests that
// hold the program against what it promises. Only a program built with the tag "failpoint" can be
// told to; in every other build all of this does nothing and costs nothing.
//
// Such a program reads these settings: PAYMENT_CRASH_AT names the Point to die at,
// PAYMENT_CRASH_IN the flow ("" is any: order, ready, approve, cancel, reconcile, project, and
// what else In is told), PAYMENT_CRASH_AFTER how often the point is passed before. With
// PAYMENT_CRASH_BY=stop it does not die there but stops, once, until SIGCONT. PAYMENT_LOCKS=none
// makes locks do nothing; PAYMENT_LOCK_TTL makes them expire after that long, as 20ms.
package failpoint

// A Point is a place in a flow where the process can be made to die.
type Point string

// The points, in the order in which a payment passes them.
const (
	AfterIntent   Point = "after_intent"   // what is about to be asked of a gateway is committed
	BeforePG      Point = "before_pg"      // the gateway is about to be asked
	AfterPG       Point = "after_pg"       // the gateway has answered, and nobody knows
	BeforeCommit  Point = "before_commit"  // all is written but COMMIT
	AfterCommit   Point = "after_commit"   // COMMIT is answered, and nobody knows
	BeforePublish Point = "before_publish" // events are read, no view is written
	BeforeEvict   Point = "before_evict"   // views are written, the cache is as it was
	AfterPublish  Point = "after_publish"  // events are flagged
)

// Points are all points.
func Points() []Point {
	return []Point{AfterIntent, BeforePG, AfterPG, BeforeCommit, AfterCommit, BeforePublish, BeforeEvict, AfterPublish}
}
