package query

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

const (
	// maxSearch is how many characters a search may have: as many as a name.
	maxSearch = 200
	// mostProbes is how many grams of a search are counted at most.
	mostProbes = 8
	// mostHits is how many products are looked at one by one. Where a search may find more,
	// the list is followed in its order until a page is full: one in so many is found soon.
	mostHits = 5_000
)

// A search is what words a product must have; nil is for everything.
type search []string

// searchFor reads the words of a search.
func searchFor(text *string) (search, error) {
	if text == nil {
		return nil, nil
	}
	if utf8.RuneCountInString(*text) > maxSearch {
		return nil, shop.InvalidField("search", fmt.Sprintf("A search has at most %d characters.", maxSearch))
	}
	return views.SearchWords(*text), nil
}

// narrow keeps the products that have all words, by the way that is quicker: it looks at
// those that have the rarest grams, or, where these are common, at all in the list's order.
func (s search) narrow(ctx context.Context, db *sql.DB, part filter) (filter, error) {
	if len(s) == 0 {
		return part, nil
	}
	found, err := s.candidates(ctx, db)
	if err != nil {
		return part, err
	}
	narrowed := found.from(part)
	for _, word := range s {
		narrowed = narrowed.and("LOCATE(?, words) > 0", []byte(word))
	}
	return narrowed, nil
}

// candidates returns the fewest products that the index tells to be all that may be found.
func (s search) candidates(ctx context.Context, db *sql.DB) (candidates, error) {
	probes := s.probes()
	counts, err := countEach(ctx, db, probes)
	if err != nil {
		return candidates{}, err
	}
	rarest := 0
	for i, n := range counts {
		if n < counts[rarest] {
			rarest = i
		}
	}
	if counts[rarest] <= mostHits {
		return probes[rarest], nil
	}
	if len(s.grams()) < 2 {
		return candidates{}, nil
	}
	// Each is common, and all of them together may still be rare.
	together := candidates{grams: s.grams()}
	if counts, err = countEach(ctx, db, []candidates{together}); err != nil || counts[0] > mostHits {
		return candidates{}, err
	}
	return together, nil
}

// grams returns grams that all products have that may be found, at most mostProbes, and as many
// of each word as there is room for.
func (s search) grams() (grams []string) {
	of := make([][]string, len(s))
	for i, word := range s {
		of[i] = views.WordGrams(word)
	}
	for nth := 0; len(grams) < mostProbes; nth++ {
		before := len(grams)
		for _, word := range of {
			if nth < len(word) && len(grams) < mostProbes && !slices.Contains(grams, word[nth]) {
				grams = append(grams, word[nth])
			}
		}
		if len(grams) == before {
			return grams
		}
	}
	return grams
}

// probes are the ways in which the index can be asked.
func (s search) probes() (probes []candidates) {
	for _, gram := range s.grams() {
		probes = append(probes, candidates{grams: []string{gram}})
	}
	if len(probes) == 0 { // the words have one character each
		for _, word := range s[:min(len(s), mostProbes)] {
			probes = append(probes, candidates{beginning: word})
		}
	}
	return probes
}

// Candidates are the products that have all of some grams, or one that begins with a
// character. The zero value is all products.
type candidates struct {
	grams     []string
	beginning string
}

// selectIDs selects the ids of the candidates, as product_id.
func (c candidates) selectIDs() (query string, args []any) {
	if c.beginning != "" {
		// No character of UTF-8 has this byte.
		return "SELECT DISTINCT product_id FROM product_grams WHERE gram >= ? AND gram < ?",
			[]any{[]byte(c.beginning), append([]byte(c.beginning), 0xff)}
	}
	query = "SELECT g0.product_id FROM product_grams g0"
	for i := range c.grams[1:] {
		query += fmt.Sprintf(" STRAIGHT_JOIN product_grams g%d ON g%[1]d.product_id = g0.product_id", i+1)
	}
	for i, gram := range c.grams {
		query += fmt.Sprintf("%s g%d.gram = ?", map[bool]string{true: " WHERE", false: " AND"}[i == 0], i)
		args = append(args, []byte(gram))
	}
	return query, args
}

// from has a part of a list read among the candidates alone.
func (c candidates) from(part filter) filter {
	if len(c.grams) == 0 && c.beginning == "" {
		return part
	}
	query, args := c.selectIDs()
	part.tables = "(" + query + ") found STRAIGHT_JOIN product_views ON product_views.id = found.product_id"
	part.args = slices.Concat(args, part.args)
	part.index = ""
	return part
}

// countEach counts candidates, each up to one more than mostHits.
func countEach(ctx context.Context, db *sql.DB, all []candidates) ([]int, error) {
	var queries []string
	var args []any
	for i, c := range all {
		query, of := c.selectIDs()
		queries = append(queries, fmt.Sprintf("SELECT %d, COUNT(*) FROM (%s LIMIT %d) c%[1]d", i, query, mostHits+1))
		args = append(args, of...)
	}
	counts := make([]int, len(all))
	_, err := mysqldb.Collect(ctx, db, func(rows *sql.Rows) (_ struct{}, err error) {
		var i, n int
		err = rows.Scan(&i, &n)
		counts[i] = n
		return struct{}{}, err
	}, strings.Join(queries, " UNION ALL "), args...)
	if err != nil {
		return nil, fmt.Errorf("count what may be found: %w", err)
	}
	return counts, nil
}
