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
	// mostJoined is how many grams all candidates have.
	mostJoined = 4
	// mostHits is how many candidates are looked at, and sorted, at once.
	mostHits = 2_000
	// nearest is how many rows of the list are looked at where there are more.
	nearest = 3_000
	// mostSorted is how many candidates are sorted where those rows were not enough.
	mostSorted = 20_000
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

// narrow keeps the products that have all words. Where these are rare, it looks at those
// that the index names. Where they are common, it looks along the list first, for a page
// is soon full there, and no further than nearest rows: all that are found may be at the
// list's other end.
func (s search) narrow(ctx context.Context, db *sql.DB, part filter) (filter, error) {
	if len(s) == 0 {
		return part, nil
	}
	found, n, err := s.candidates(ctx, db)
	if err != nil {
		return part, err
	}
	if n <= mostHits {
		return found.from(s.within(part)), nil
	}
	all, along := part, s.within(filter{})
	part.near, part.nearArgs = along.where, along.args
	part.otherwise = func(ctx context.Context) (filter, error) {
		counts, err := countEach(ctx, db, []candidates{found}, mostSorted)
		if err != nil || counts[0] > mostSorted {
			return s.within(all), err
		}
		return found.from(s.within(all)), nil
	}
	return part, nil
}

// narrowCount keeps the products that have all words, to be counted: those that the index
// names, however many.
func (s search) narrowCount(ctx context.Context, db *sql.DB, part filter) (filter, error) {
	if len(s) == 0 {
		return part, nil
	}
	found, _, err := s.candidates(ctx, db)
	if err != nil {
		return part, err
	}
	return found.from(s.within(part)), nil
}

// within keeps those that have all words.
func (s search) within(part filter) filter {
	for _, word := range s {
		part = part.and("LOCATE(?, words) > 0", []byte(word))
	}
	return part
}

// candidates returns the fewest products that the index tells to be all that may be found,
// and how many these are at most; one more than mostHits where they may be more.
func (s search) candidates(ctx context.Context, db *sql.DB) (found candidates, most int, err error) {
	grams := s.grams()
	if len(grams) == 0 { // the words have one character each
		var probes []candidates
		for _, word := range s[:min(len(s), mostProbes)] {
			probes = append(probes, candidates{beginning: word})
		}
		counts, err := countEach(ctx, db, probes, mostHits)
		if err != nil {
			return candidates{}, 0, err
		}
		rarest := slices.Index(counts, slices.Min(counts))
		return probes[rarest], counts[rarest], nil
	}
	probes := make([]candidates, len(grams))
	for i, gram := range grams {
		probes[i].grams = []string{gram}
	}
	counts, err := countEach(ctx, db, probes, mostHits)
	if err != nil {
		return candidates{}, 0, err
	}
	count := make(map[string]int, len(grams))
	for i, gram := range grams {
		count[gram] = counts[i]
	}
	slices.SortStableFunc(grams, func(a, b string) int { return count[a] - count[b] })
	return candidates{grams: grams[:min(len(grams), mostJoined)]}, count[grams[0]], nil
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

// countEach counts candidates, each up to one more than most.
func countEach(ctx context.Context, db *sql.DB, all []candidates, most int) ([]int, error) {
	var queries []string
	var args []any
	for i, c := range all {
		query, of := c.selectIDs()
		queries = append(queries, fmt.Sprintf("SELECT %d, COUNT(*) FROM (%s LIMIT %d) c%[1]d", i, query, most+1))
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
