package verify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"payment-system/shop"
)

// A sealedEvent is an event and the seal that is kept with it.
type sealedEvent struct {
	shop.Event
	kept shop.Seal
}

// A chainWalk is how far the walk along one aggregate's seals has come. The zero value stands
// before the first event.
type chainWalk struct {
	before  sealedEvent
	touched bool // the event before was touched, or is gone
}

// step returns what was done to events since they were recorded: to this one, or, as this one
// shows, to the one before. It is "" when both are untouched.
func (c *chainWalk) step(event sealedEvent) string {
	gap := event.Version != c.before.Version+1
	want := event.Seal(c.before.kept.Hash)
	found, touched := "", false
	switch {
	case event.kept.Equal(want):
	case gap:
		found = atVersion(event.Event, edits(event, want))
		touched = found != ""
	case bytes.Equal(event.kept.Hash, want.Hash):
		found, touched = atVersion(event.Event, "parts was edited"), true
	case edits(event, want) != "":
		found, touched = atVersion(event.Event, edits(event, want)), true
	case c.touched && !event.kept.Follows(want):
		// It followed the event before as that was.
	case event.kept.Follows(want) || event.Version == 1:
		found, touched = atVersion(event.Event, "hash was edited, or what it proves together with parts"), true
	default:
		found = atVersion(c.before.Event, fmt.Sprintf("was replaced: version %d was recorded after another", event.Version))
	}
	c.before, c.touched = event, touched
	return found
}

// edits tells which columns of an event do not fit its seal; want is the one they would have.
func edits(event sealedEvent, want shop.Seal) string {
	columns := event.kept.Differences(want)
	if of := func(name string) bool { return slices.Contains(columns, name) }; of("aggregate_id") && of("payload") &&
		of("at") {
		return "was put in later: its seal is of something else"
	}
	if was := event.kept.Version(); was != event.Version {
		return fmt.Sprintf("was recorded as version %d: %s", was, edited(columns))
	}
	return edited(columns)
}

func edited(columns []string) string {
	switch len(columns) {
	case 0:
		return ""
	case 1:
		return columns[0] + " was edited"
	default:
		return strings.Join(columns, ", ") + " were edited"
	}
}

func atVersion(event shop.Event, what string) string {
	if what == "" {
		return ""
	}
	return fmt.Sprintf("version %d (%s): %s", event.Version, event.Kind, what)
}

// removed names the versions over after and below next, which are gone.
func removed(after, next int) string {
	switch {
	case next <= after:
		return "versions count from 1"
	case next == after+2:
		return fmt.Sprintf("version %d was removed", after+1)
	default:
		return fmt.Sprintf("versions %d to %d were removed", after+1, next-1)
	}
}
