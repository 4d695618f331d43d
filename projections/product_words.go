package projections

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

const (
	// gramsAtOnce is how many grams one statement writes.
	gramsAtOnce = 1000
	// strayGramChunk is how many grams are looked at for being strays at once.
	strayGramChunk = 10_000
	// spellEvery is how often Run looks for products that no search finds yet.
	spellEvery = time.Minute
)

// spell brings what products are found by in line with their views as they are now,
// whoever wrote them. The rows are those of a transaction that wrote them, or tried to.
func spell(ctx context.Context, packet *mysqldb.Packet, rows []row, pass gate) error {
	var ids []string
	for _, r := range rows {
		if r.view.name == shop.ViewProducts && r.moves {
			ids = append(ids, r.id)
		}
	}
	return spellAll(ctx, packet, ids, pass)
}

// spellAll does so for the products named. Those that are spelled anew get all of their
// grams, whatever is there.
func spellAll(ctx context.Context, packet *mysqldb.Packet, ids []string, pass gate) error {
	if len(ids) == 0 {
		return nil
	}
	found, err := mysqldb.Collect(ctx, packet, func(rows *sql.Rows) (s spelling, err error) {
		return s, rows.Scan(&s.id, &s.document, &s.words)
	}, "SELECT id, document, words FROM product_views WHERE id IN ("+list(len(ids))+") ORDER BY id FOR UPDATE", anys(ids)...)
	if err != nil {
		return fmt.Errorf("read products' words: %w", err)
	}
	var added []gramOf
	for _, s := range found {
		grams, err := s.write(ctx, packet, pass)
		if err != nil {
			return fmt.Errorf("write the words of %s: %w", s.id, err)
		}
		added = append(added, grams...)
	}
	return insertGrams(ctx, packet, added)
}

// A spelling is the view of a product, and the words that it is found by.
type spelling struct {
	id              string
	document, words []byte // nil words are not written yet
}

// A gramOf is one gram of a product.
type gramOf struct{ gram, id string }

// write writes the words that the view has now, and removes the grams that it has no more.
// It returns those that are to be added.
func (s spelling) write(ctx context.Context, packet *mysqldb.Packet, pass gate) ([]gramOf, error) {
	var p shop.Product
	if decode(s.document, &p) != nil {
		p = shop.Product{} // who cannot read it need not find it
	}
	words := []byte(views.Words(p.Name, p.Description))
	isThere := s.words != nil && bytes.Equal(words, s.words)
	if isThere && pass != anew {
		return nil, nil
	}
	before, after := views.Grams(string(s.words)), views.Grams(string(words))
	if err := deleteGrams(ctx, packet, s.id, without(before, after)); err != nil {
		return nil, err
	}
	if !isThere {
		if _, err := packet.ExecContext(ctx, "UPDATE product_views SET words = ? WHERE id = ?", words, s.id); err != nil {
			return nil, err
		}
	}
	if pass != anew {
		after = without(after, before)
	}
	added := make([]gramOf, len(after))
	for i, gram := range after {
		added[i] = gramOf{gram, s.id}
	}
	return added, nil
}

// without returns what of a sorted list is not in another.
func without(all, others []string) (rest []string) {
	for _, one := range all {
		if _, ok := slices.BinarySearch(others, one); !ok {
			rest = append(rest, one)
		}
	}
	return rest
}

func deleteGrams(ctx context.Context, packet *mysqldb.Packet, id string, grams []string) error {
	for some := range slices.Chunk(grams, gramsAtOnce) {
		args := []any{id}
		for _, gram := range some {
			args = append(args, []byte(gram))
		}
		_, err := packet.ExecContext(ctx, "DELETE FROM product_grams WHERE product_id = ? AND gram IN ("+list(len(some))+")",
			args...)
		if err != nil {
			return fmt.Errorf("remove grams: %w", err)
		}
	}
	return nil
}

func insertGrams(ctx context.Context, packet *mysqldb.Packet, grams []gramOf) error {
	for some := range slices.Chunk(grams, gramsAtOnce) {
		args := make([]any, 0, 2*len(some))
		for _, g := range some {
			args = append(args, []byte(g.gram), g.id)
		}
		_, err := packet.ExecContext(ctx, "INSERT INTO product_grams (gram, product_id) VALUES "+mysqldb.Tuples(len(some), 2)+
			" ON DUPLICATE KEY UPDATE product_id = VALUES(product_id)", args...)
		if err != nil {
			return fmt.Errorf("insert grams: %w", err)
		}
	}
	return nil
}

// spellRest writes the words of some products that have none yet: those that an earlier
// version of this program wrote. It reports whether there may be more.
func (p *Projector) spellRest(ctx context.Context) (more bool, err error) {
	ids, err := mysqldb.Collect(ctx, p.DB, func(rows *sql.Rows) (id string, err error) {
		return id, rows.Scan(&id)
	}, "SELECT id FROM product_views WHERE words IS NULL LIMIT ?", chunkSize)
	if err != nil {
		return false, fmt.Errorf("look for products without words: %w", err)
	}
	if len(ids) == 0 {
		return false, nil
	}
	slices.Sort(ids)
	err = mysqldb.InTx(ctx, p.DB, func(ctx context.Context, tx *sql.Tx) error {
		packet := mysqldb.NewPacket(tx, false)
		if err := spellAll(ctx, packet, ids, newerOnly); err != nil {
			return err
		}
		return packet.Send(ctx)
	})
	if err != nil {
		return false, fmt.Errorf("write words: %w", err)
	}
	p.tell(ctx, []views.Version{{ID: views.Products, Quiet: true}})
	return len(ids) == chunkSize, nil
}

// removeStrayGrams deletes grams of products that do not have them, or are not there. They
// do no harm but to take room.
func (p *Projector) removeStrayGrams(ctx context.Context) error {
	const query = `SELECT page.gram, page.product_id, v.words IS NULL OR LOCATE(page.gram, v.words) = 0 FROM (
  SELECT gram, product_id FROM product_grams WHERE gram >= ? AND (gram > ? OR product_id > ?)
  ORDER BY gram, product_id LIMIT ?
) page LEFT JOIN product_views v ON v.id = page.product_id ORDER BY page.gram, page.product_id`
	var after gramOf
	for {
		var strays []gramOf
		page, err := mysqldb.Collect(ctx, p.DB, func(rows *sql.Rows) (g gramOf, err error) {
			var isStray bool
			if err = rows.Scan(&g.gram, &g.id, &isStray); isStray {
				strays = append(strays, g)
			}
			return g, err
		}, query, []byte(after.gram), []byte(after.gram), after.id, strayGramChunk)
		if err != nil {
			return fmt.Errorf("look for stray grams: %w", err)
		}
		for _, g := range strays {
			_, err := mysqldb.Alone(p.DB).ExecContext(ctx, strayGram, []byte(g.gram), g.id)
			if err != nil {
				return fmt.Errorf("remove a stray gram: %w", err)
			}
		}
		if len(page) < strayGramChunk {
			return nil
		}
		after = page[len(page)-1]
	}
}

// strayGram deletes a gram of a product, unless the product has it by now.
const strayGram = `DELETE FROM product_grams WHERE gram = ? AND product_id = ? AND NOT EXISTS (
  SELECT 1 FROM product_views v WHERE v.id = product_id AND v.words IS NOT NULL AND LOCATE(gram, v.words) > 0
)`
