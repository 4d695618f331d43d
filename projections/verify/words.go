package verify

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"payment-system/internal/views"
)

// gramsAtOnce is about how many grams one statement asks for.
const gramsAtOnce = 2000

// A spelling is the words that a product is found by, and as its view's document has them.
type spelling struct{ id, words, want string }

// verifyWords holds the words of products whose ids are over after and up to to against
// their documents, and the index of grams against the words. Those that have no words yet
// are about to get them, and those with an event that is not shown others.
func verifyWords(ctx context.Context, tx *sql.Tx, after, to string, report func(Violation)) error {
	spellings, err := readSpellings(ctx, tx, after, to)
	if err != nil {
		return err
	}
	for len(spellings) > 0 {
		grams := map[string][]string{}
		n := 0
		for n < gramsAtOnce && len(spellings) > 0 {
			s := spellings[0]
			spellings = spellings[1:]
			if s.words != s.want {
				report(Violation{"views", s.id, "it is not found by what it is called"})
			}
			grams[s.id] = views.Grams(s.words)
			n += len(grams[s.id])
		}
		if err := verifyGrams(ctx, tx, grams, report); err != nil {
			return err
		}
	}
	return nil
}

func readSpellings(ctx context.Context, tx *sql.Tx, after, to string) (spellings []spelling, err error) {
	const query = `SELECT id, words, document FROM product_views WHERE id > ? AND id <= ? AND words IS NOT NULL
AND id NOT IN (SELECT aggregate_id FROM events WHERE published_at IS NULL) ORDER BY id`
	rows, err := tx.QueryContext(ctx, query, after, to)
	if err != nil {
		return nil, fmt.Errorf("read products' words: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s spelling
		var document []byte
		if err := rows.Scan(&s.id, &s.words, &document); err != nil {
			return nil, fmt.Errorf("read a product's words: %w", err)
		}
		fields, err := fieldsOf(document)
		if err != nil {
			continue // the document is a violation by itself
		}
		name, _ := fields["name"].(string)
		description, _ := fields["description"].(string)
		s.want = views.Words(name, description)
		spellings = append(spellings, s)
	}
	return spellings, rows.Err()
}

// verifyGrams reports the products that the index does not name by all of their grams.
func verifyGrams(ctx context.Context, tx *sql.Tx, grams map[string][]string, report func(Violation)) error {
	var conditions []string
	var args []any
	for _, id := range slices.Sorted(maps.Keys(grams)) {
		of := grams[id]
		if len(of) == 0 {
			continue
		}
		conditions = append(conditions, "product_id = ? AND gram IN (?"+strings.Repeat(",?", len(of)-1)+")")
		args = append(args, id)
		for _, gram := range of {
			args = append(args, []byte(gram))
		}
	}
	found := map[string]int{}
	if len(conditions) > 0 {
		query := "SELECT product_id, COUNT(*) FROM product_grams WHERE " + strings.Join(conditions, " OR ") +
			" GROUP BY product_id"
		err := queryPage(ctx, tx, query, func(rows *sql.Rows) error {
			var id string
			var n int
			err := rows.Scan(&id, &n)
			found[id] = n
			return err
		}, args...)
		if err != nil {
			return fmt.Errorf("read products' grams: %w", err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(grams)) {
		if missing := len(grams[id]) - found[id]; missing > 0 {
			report(Violation{
				"views", id, fmt.Sprintf("the index lacks %d of %d grams that it is found by", missing, len(grams[id])),
			})
		}
	}
	return nil
}
