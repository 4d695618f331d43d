package shop

// Committed is what one transaction did to aggregates, as it is handed to the read models so that
// they need not read it back. It is a courtesy: whoever loses it finds the events by their flag.
type Committed struct {
	// Events are as they were written, payloads included; their IDs are unknown, and those of one
	// aggregate are in order of their versions.
	Events []Event
	// Records are the gateways' records, JSON, that the transaction wrote for attempts. The record
	// of an attempt that is not named is as it was.
	Records map[AttemptID][]byte
	// Touched are aggregates without an event here that whoever is answered may read all the same:
	// what another transaction did to them is to be shown too.
	Touched []string
	// Passing says that nobody is told of these events before their aggregates change again, which is about
	// to happen: read models may leave them out until then, for a moment. It has events alone.
	Passing bool
}
