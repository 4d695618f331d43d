package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Proves: whoever edits, removes, reorders or adds events is found out, and the event is named.
func TestVerifier_Verify_chain(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	payment, order, product := string(b.payment.ID), string(b.paid.ID), string(b.product.ID)
	last := b.payment.Version
	kind := func(id string, version int) (kind string) {
		t.Helper()
		err := b.DB.QueryRowContext(t.Context(), `SELECT kind FROM events WHERE aggregate_id = ? AND version = ?`, id, version).Scan(&kind)
		if err != nil {
			t.Fatal(err)
		}
		return kind
	}
	named := func(id string, version int, what string) string {
		return fmt.Sprintf("events %s version %d (%s): %s", id, version, kind(id, version), what)
	}
	if last < 5 {
		t.Fatalf("the payment has %d events, too few to lose some", last)
	}
	edit := func(column string) string {
		return `UPDATE events SET ` + column + ` WHERE aggregate_id = ? AND version = ?`
	}
	third := []any{payment, 3}
	for _, damage := range []struct {
		name       string
		statements []string
		args       []any    // of each statement
		want       []string // the lines about events, all of them, each cut to what is wanted
	}{
		{"a payload", []string{edit(`payload = REPLACE(payload, '30000', '30001')`)}, third, []string{named(payment, 3, "payload was edited")}},
		{"a blank in a payload", []string{edit(`payload = CONCAT(payload, ' ')`)}, third, []string{named(payment, 3, "payload was edited")}},
		{"the payload of the first", []string{edit(`payload = CONCAT(payload, ' ')`)}, []any{payment, 1}, []string{named(payment, 1, "payload was edited")}},
		{"the payload of the last", []string{edit(`payload = CONCAT(payload, ' ')`)}, []any{payment, last}, []string{named(payment, last, "payload was edited")}},
		{"a note", []string{edit(`note = 'on the telephone'`)}, third, []string{named(payment, 3, "note was edited")}},
		{"an actor", []string{edit(`actor = 'OPERATOR'`)}, third, []string{named(payment, 3, "actor was edited")}},
		{"an operator, who is sealed with the actor", []string{edit(`by_id = 'usr_00000000000000000000000009'`)}, third, []string{named(payment, 3, "actor was edited")}},
		{"a time, by a microsecond", []string{edit(`at = at + INTERVAL 1 MICROSECOND`)}, third, []string{named(payment, 3, "at was edited")}},
		{"a kind", []string{edit(`kind = 'stock.returned'`)}, []any{product, 2}, []string{"events " + product + " version 2 (stock.returned): kind was edited"}},
		{"a status", []string{edit(`status = 'SOLD'`)}, []any{product, 2}, []string{named(product, 2, "status was edited")}},
		{"several columns", []string{edit(`actor = 'OPERATOR', note = 'me'`)}, third, []string{named(payment, 3, "actor, note were edited")}},
		{"a version", []string{edit(`version = version + 100`)}, []any{product, 3}, []string{
			"events " + product + " version 4 follows version 2: version 3 was removed",
			"events " + product + " version 103 follows version ",
			"events " + product + " version 103 (" + kind(product, 3) + "): was recorded as version 3: version was edited",
			"events " + product + " version 103 was put in later",
			"events " + product + " ", // the latest event is not the books'
		}},
		{"an aggregate", []string{edit(`aggregate_id = 'pay_00000000000000000000000001', version = 1`)}, third, []string{
			"events pay_00000000000000000000000001 version 1 (" + kind(payment, 3) + "): was recorded as version 3: aggregate_id, version were edited",
			"events " + payment + " version 4 follows version 2: version 3 was removed",
			"events pay_00000000000000000000000001 version 1 tells of something that the books do not have",
		}},
		{"a hash", []string{edit(`hash = UNHEX(SHA2('x', 256))`)}, third, []string{named(payment, 3, "hash was edited")}},
		{"the hash of the last", []string{edit(`hash = UNHEX(SHA2('x', 256))`)}, []any{payment, last}, []string{named(payment, last, "hash was edited")}},
		{"the parts", []string{edit(`parts = UNHEX(SHA2('x', 256))`)}, third, []string{named(payment, 3, "parts was edited")}},
		{"the middle, removed", []string{`DELETE FROM events WHERE aggregate_id = ? AND version = ?`}, third, []string{"events " + payment + " version 4 follows version 2: version 3 was removed"}},
		{"two in the middle, removed", []string{`DELETE FROM events WHERE aggregate_id = ? AND version IN (?, 4)`}, third, []string{"events " + payment + " version 5 follows version 2: versions 3 to 4 were removed"}},
		{"the beginning, removed", []string{`DELETE FROM events WHERE aggregate_id = ? AND version = ?`}, []any{payment, 1}, []string{"events " + payment + " version 2 follows version 0: version 1 was removed"}},
		{"the end, removed", []string{`DELETE FROM events WHERE aggregate_id = ? AND version = ?`}, []any{payment, last}, []string{
			fmt.Sprintf("events %s the books are at version %d: version %d was removed", payment, last, last),
			"events " + payment + " ", // and the one before tells something else
		}},
		{"all, removed", []string{`DELETE FROM events WHERE aggregate_id = ? AND version >= ?`}, []any{order, 1}, []string{"events " + order + " no event tells of it: all were removed"}},
		{
			"one removed and the gap closed",
			[]string{`DELETE FROM events WHERE aggregate_id = ? AND version = 2`, `UPDATE events SET version = version - 1 WHERE aggregate_id = ? AND version > 2 ORDER BY version`},
			[]any{product},
			slices.Concat(shifted(product, 3, b.version(t, product), -1, kind), []string{
				fmt.Sprintf("events %s the books are at version %d: version %d was removed", product, b.version(t, product), b.version(t, product)),
			}),
		},
		{"two swapped", swap, []any{product, 2}, []string{
			"events " + product + " version 2 (" + kind(product, 3) + "): was recorded as version 3: version was edited",
			"events " + product + " version 3 (" + kind(product, 2) + "): was recorded as version 2: version was edited",
		}},
		{
			"one put in at the end",
			[]string{`INSERT INTO events (aggregate_id, version, kind, status, payload, actor, at, hash, parts, shard, published_at)
SELECT aggregate_id, ?, kind, status, payload, 'RESOLVER', at, '', '', shard, at FROM events WHERE aggregate_id = ? AND version = ?`},
			[]any{last + 1, payment, last},
			[]string{
				fmt.Sprintf("events %s version %d (%s): was put in later", payment, last+1, kind(payment, last)),
				fmt.Sprintf("events %s version %d was put in later: the books are at version %d", payment, last+1, last),
			},
		},
		{
			"one put in with the seal of another",
			[]string{`INSERT INTO events (aggregate_id, version, kind, status, payload, actor, at, hash, parts, shard, published_at)
SELECT aggregate_id, ?, kind, status, payload, actor, at, hash, parts, shard, at FROM events WHERE aggregate_id = ? AND version = ?`},
			[]any{last + 1, payment, last},
			[]string{
				fmt.Sprintf("events %s version %d (%s): was recorded as version %d: version", payment, last+1, kind(payment, last), last),
				fmt.Sprintf("events %s version %d was put in later: the books are at version %d", payment, last+1, last),
			},
		},
		{"two untouched, one edited and its seal made anew", []string{reseal}, []any{payment, 3}, []string{named(payment, 3, "was replaced: version 4 was recorded after another")}},
	} {
		t.Run("finds "+damage.name, func(t *testing.T) {
			found := aboutEvents(b.sabotageAll(t, damage.statements, damage.args))
			if !slices.EqualFunc(found, damage.want, strings.HasPrefix) {
				t.Errorf("found:\n%s\nwant lines that begin with:\n%s", strings.Join(found, "\n"), strings.Join(damage.want, "\n"))
			}
		})
	}
	if found := b.Violations(t, nil); len(found) > 0 {
		t.Errorf("violations after all was repaired:\n%s", strings.Join(found, "\n"))
	}
}

// swap makes the version given and the next change places.
var swap = []string{
	`UPDATE events SET version = -1 WHERE aggregate_id = ? AND version = ?`,
	`UPDATE events e JOIN (SELECT ? AS aggregate_id, ? AS version) s ON s.aggregate_id = e.aggregate_id AND e.version = s.version + 1 SET e.version = s.version`,
	`UPDATE events e JOIN (SELECT ? AS aggregate_id, ? AS version) s ON s.aggregate_id = e.aggregate_id AND e.version = -1 SET e.version = s.version + 1`,
}

// reseal edits an event's note and writes the seal that fits it, as the migration does.
const reseal = `UPDATE events e JOIN events p ON p.aggregate_id = e.aggregate_id AND p.version = e.version - 1
SET e.hash = UNHEX(SHA2(CONCAT('32:', p.hash, LENGTH(e.aggregate_id), ':', e.aggregate_id, LENGTH(e.version), ':', e.version,
  LENGTH(e.kind), ':', e.kind, LENGTH(e.status), ':', e.status, LENGTH(e.payload), ':', e.payload, LENGTH(e.actor), ':', e.actor, '4:edit',
  LENGTH(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', e.at)), ':', TIMESTAMPDIFF(MICROSECOND, '1970-01-01', e.at)), 256)),
e.parts = INSERT(e.parts, 29, 4, UNHEX(LPAD(HEX(CRC32('edit')), 8, '0'))), e.note = 'edit'
WHERE e.aggregate_id = ? AND e.version = ?`

// shifted is what is said of versions from and up to last that were moved by some.
func shifted(id string, from, last, by int, kind func(string, int) string) []string {
	var lines []string
	for version := from; version <= last; version++ {
		lines = append(lines, fmt.Sprintf("events %s version %d (%s): was recorded as version %d: version was edited", id, version+by, kind(id, version), version))
	}
	return lines
}

// version is that of the latest event.
func (b *books) version(t *testing.T, id string) (version int) {
	t.Helper()
	if err := b.DB.QueryRowContext(t.Context(), `SELECT MAX(version) FROM events WHERE aggregate_id = ?`, id).Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

// aboutEvents leaves the lines about events.
func aboutEvents(found []string) []string {
	return slices.DeleteFunc(found, func(line string) bool { return !strings.HasPrefix(line, "events ") })
}

// Proves: a chain broken by hand goes on from where it is, and only the break is told.
func TestVerifier_Verify_chainGoesOn(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	id := string(b.product.ID)
	last := b.version(t, id)
	if _, err := b.DB.ExecContext(t.Context(), `DELETE FROM events WHERE aggregate_id = ? AND version = ?`, id, last); err != nil {
		t.Fatal(err)
	}
	b.place(t, 1)
	b.place(t, 1)
	want := fmt.Sprintf("events %s version %d follows version %d: version %d was removed", id, last+1, last-1, last)
	if found := b.ViolationsLater(t, nil, 5*time.Second); len(found) != 1 || found[0] != want {
		t.Errorf("violations:\n%s\nwant %s", strings.Join(found, "\n"), want)
	}
}
