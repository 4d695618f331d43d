package sql_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	migrations "payment-system/sql"
)

// firstHeld is the first migration that a running version must outlive.
const firstHeld = 6

// adding are the statements, and the clauses of ALTER TABLE, after which the version before still
// works: whatever it writes is taken, and whatever it reads is there.
var (
	adding = regexp.MustCompile(`^(CREATE (TABLE|INDEX)|CREATE OR REPLACE VIEW|INSERT|UPDATE|SET @|SELECT|DO) `)
	// A column that is not told is NULL, or has a default, or is computed.
	addingClause = regexp.MustCompile(`^ADD (COLUMN .*( NULL\b| DEFAULT |GENERATED ALWAYS| AS \().*|(KEY|INDEX) .*)$`)
	notNull      = regexp.MustCompile(`NOT NULL`)
	defaulted    = regexp.MustCompile(` DEFAULT |GENERATED ALWAYS| AS \(`)
	// takenAway excuses a migration that takes away what no version uses since an earlier one.
	takenAway = regexp.MustCompile(`(?m)^-- unused since migration (\d+): \S.*$`)
	comment   = regexp.MustCompile(`(?m)--.*$|/\*(?s:.*?)\*/`)
	spaces    = regexp.MustCompile(`\s+`)
)

// TestMigrations_add holds that migrations add before they take away: the version that runs while
// the schema is migrated goes on until it is replaced. What takes away comes a version later, and
// says since which migration nothing uses it.
func TestMigrations_add(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(migrations.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		number, err := strconv.Atoi(name[:5])
		if err != nil {
			t.Fatal(err)
		}
		if number < firstHeld {
			continue
		}
		for _, fault := range takesAway(number, string(text)) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

func TestTakesAway(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"CREATE TABLE a (id INT PRIMARY KEY)":                                                     false,
		"ALTER TABLE a ADD COLUMN b INT NULL, ADD KEY ix_b (b)":                                   false,
		"ALTER TABLE a ADD COLUMN b INT NOT NULL DEFAULT 0":                                       false,
		"ALTER TABLE a\n  ADD COLUMN b VARCHAR(10) GENERATED ALWAYS AS (CONCAT(c, ', ')) VIRTUAL": false,
		"UPDATE a SET b = 1":                                 false,
		"ALTER TABLE a ADD COLUMN b INT NOT NULL":            true,
		"ALTER TABLE a ADD COLUMN b INT NULL, DROP COLUMN c": true,
		"ALTER TABLE a ADD UNIQUE KEY uq_b (b)":              true,
		"ALTER TABLE a ADD CONSTRAINT ck_b CHECK (b > 0)":    true,
		"ALTER TABLE a MODIFY b BIGINT":                      true,
		"ALTER TABLE a RENAME COLUMN b TO c":                 true,
		"ALTER TABLE a DROP KEY ix_b":                        true,
		"DROP TABLE a":                                       true,
		"RENAME TABLE a TO b":                                true,
		"DELETE FROM a":                                      true,
		"CREATE UNIQUE INDEX uq_b ON a (b)":                  true,
		"-- unused since migration 6: column b, by no statement\nALTER TABLE a DROP COLUMN b":        false,
		"-- unused since migration 7: column b, added by this very one\nALTER TABLE a DROP COLUMN b": true,
	} {
		if got := takesAway(7, "-- +goose Up\n"+text+";\n-- +goose Down\nDROP TABLE a;"); len(got) > 0 != want {
			t.Errorf("%s\ntakes away: %q, want any: %t", text, got, want)
		}
	}
}

// takesAway tells the statements of a migration's way up that the version before may not outlive.
func takesAway(number int, text string) (faults []string) {
	for _, excuse := range takenAway.FindAllStringSubmatch(text, -1) {
		if since, err := strconv.Atoi(excuse[1]); err == nil && since < number {
			return nil
		}
	}
	up, _, _ := strings.Cut(text, "-- +goose Down")
	for statement := range strings.SplitSeq(comment.ReplaceAllString(up, ""), ";") {
		statement = strings.TrimSpace(spaces.ReplaceAllString(statement, " "))
		table, clauses, isAlter := strings.Cut(strings.TrimPrefix(statement, "ALTER TABLE "), " ")
		switch {
		case statement == "" || adding.MatchString(statement):
		case isAlter && strings.HasPrefix(statement, "ALTER TABLE "):
			for _, clause := range clausesOf(clauses) {
				if !adds(clause) {
					faults = append(faults, fmt.Sprintf("the version before does not outlive %q of %s", clause, table))
				}
			}
		default:
			faults = append(faults, fmt.Sprintf("the version before does not outlive %q", statement))
		}
	}
	return faults
}

func adds(clause string) bool {
	return addingClause.MatchString(clause) && (!notNull.MatchString(clause) || defaulted.MatchString(clause))
}

// clausesOf cuts at the commas that stand in no parentheses and no quotes.
func clausesOf(text string) (clauses []string) {
	depth, quoted, from := 0, false, 0
	for i, r := range text {
		switch {
		case r == '\'':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			clauses, from = append(clauses, strings.TrimSpace(text[from:i])), i+1
		}
	}
	return slices.Concat(clauses, []string{strings.TrimSpace(text[from:])})
}
