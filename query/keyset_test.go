package query_test

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/query"
)

// Proves: a page goes on exactly where the one before it ended, by however many columns its list
// is sorted.
func TestPage_columns(t *testing.T) {
	t.Parallel()
	db := mysqltest.New(t)
	exec := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE places (a INT, b INT, c INT, PRIMARY KEY (a, b, c))`)
	type row [3]int
	var rows []row
	for i := range 27 {
		r := row{i / 9, i / 3 % 3, i % 3}
		rows = append(rows, r)
		exec(fmt.Sprintf(`INSERT INTO places VALUES (%d, %d, %d)`, r[0], r[1], r[2]))
	}
	for _, columns := range [][]string{{"a", "b", "c"}, {"-a", "b", "-c"}, {"-a", "-b", "-c"}} {
		order := func(x, y row) int {
			for i, name := range columns {
				if c := cmp.Compare(x[i], y[i]); c != 0 {
					if strings.HasPrefix(name, "-") {
						return -c
					}
					return c
				}
			}
			return 0
		}
		for _, place := range rows {
			for _, bound := range []struct{ after, inclusive bool }{{true, false}, {true, true}, {false, false}, {false, true}} {
				want := slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
					beyond := order(r, place) > 0
					if !bound.after {
						beyond = order(r, place) < 0
					}
					return !beyond && (!bound.inclusive || r != place)
				})
				condition, args := query.Beyond(columns, []any{place[0], place[1], place[2]}, bound.after, bound.inclusive)
				got, err := mysqldb.Collect(t.Context(), db, func(rows *sql.Rows) (r row, err error) {
					return r, rows.Scan(&r[0], &r[1], &r[2])
				}, `SELECT a, b, c FROM places WHERE `+condition+` ORDER BY a, b, c`, args...)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("in order of %v, %+v of %v are %v, want %v", columns, bound, place, got, want)
				}
			}
		}
	}
}
