package projections_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/internal/mysqldb"
	"payment-system/internal/views"
	"payment-system/shop"
)

// spelled records an event that leaves a product with the texts given.
func (b outbox) spelled(t tester, n, version int, kind, name, description string) shop.Product {
	t.Helper()
	p := shop.Product{ID: shop.ProductID(outboxID("prd", n)), Name: name, Description: description, Version: version}
	b.happen(t, string(p.ID), version, kind, "", p)
	return p
}

// grams returns the grams that the index names a product by, in order.
func (b outbox) grams(t *testing.T, n int) []string {
	t.Helper()
	grams, err := mysqldb.Collect(t.Context(), b.db, func(rows *sql.Rows) (gram string, err error) {
		return gram, rows.Scan(&gram)
	}, "SELECT gram FROM product_grams WHERE product_id = ? ORDER BY gram", outboxID("prd", n))
	if err != nil {
		t.Fatal(err)
	}
	return grams
}

func (b outbox) wantWords(t *testing.T, n int, want string) {
	t.Helper()
	if diff := cmp.Diff(views.Grams(want), b.grams(t, n)); diff != "" {
		t.Errorf("grams of %d, -want +got:\n%s", n, diff)
	}
	if n := b.count(t, "SELECT COUNT(*) FROM product_views WHERE id = ? AND words = ?", outboxID("prd", n), []byte(want)); n != 1 {
		t.Errorf("the words are not %q", want)
	}
}

func TestProjector_words(t *testing.T) {
	t.Parallel()

	t.Run("a product is found by what it is called now", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		b.spelled(t, 1, 1, shop.KindProductCreated, "보성 녹차", "ＴＥＡ")
		b.spelled(t, 2, 1, shop.KindProductCreated, "보성 녹차", "")
		p.Project(t.Context(), outboxID("prd", 1), outboxID("prd", 2))
		b.wantWords(t, 1, "보성 녹차\ntea")
		b.wantWords(t, 2, "보성 녹차\n")
		b.spelled(t, 1, 2, shop.KindProductUpdated, "하동 녹차", "")
		p.Project(t.Context(), outboxID("prd", 1))
		b.wantWords(t, 1, "하동 녹차\n")
		b.wantWords(t, 2, "보성 녹차\n")
	})

	t.Run("whoever shows a later event first", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		b.spelled(t, 1, 1, shop.KindProductCreated, "보성", "")
		b.projector(t, "a").Project(t.Context(), outboxID("prd", 1))
		renamed := b.spelled(t, 1, 2, shop.KindProductUpdated, "하동", "")
		renamed.Version, renamed.Stock = 3, 7
		b.happen(t, string(renamed.ID), 3, shop.KindStockReserved, "", renamed)
		// The third is handed over to one replica, and the second to another, later.
		event := func(version int) shop.Committed {
			var e shop.Event
			err := b.db.QueryRowContext(t.Context(), "SELECT id, aggregate_id, version, kind, payload FROM events WHERE aggregate_id = ? AND version = ?",
				string(renamed.ID), version).Scan(&e.ID, &e.AggregateID, &e.Version, &e.Kind, &e.Payload)
			if err != nil {
				t.Fatal(err)
			}
			return shop.Committed{Events: []shop.Event{e}}
		}
		b.projector(t, "b").Hand(event(3))(t.Context())
		b.projector(t, "a").Hand(event(2))(t.Context())
		b.wantWords(t, 1, "하동\n")
		if version, _ := shown[shop.Product](t, b, "product_views", string(renamed.ID)); version != 3 {
			t.Errorf("the view has version %d", version)
		}
	})

	t.Run("a long description is found by its end", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		text := make([]rune, 10_000)
		for i := range text {
			text[i] = '가' + rune(i)
		}
		b.spelled(t, 1, 1, shop.KindProductCreated, "가", string(text))
		b.projector(t, "a").Project(t.Context(), outboxID("prd", 1))
		b.wantWords(t, 1, "가\n"+string(text))
	})

	t.Run("republishing writes what was lost, and removes what is of nobody", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		b.spelled(t, 1, 1, shop.KindProductCreated, "보성 녹차", "")
		p.Project(t.Context(), outboxID("prd", 1))
		b.exec(t, "DELETE FROM product_grams WHERE gram = ?", []byte("녹차"))
		b.exec(t, "INSERT INTO product_grams (gram, product_id) VALUES (?,?), (?,'prd_gone')", []byte("홍차"), outboxID("prd", 1), []byte("보성"))
		if err := p.RepublishNow(t.Context(), []shop.View{shop.ViewProducts}, nil); err != nil {
			t.Fatal(err)
		}
		b.wantWords(t, 1, "보성 녹차\n")
		if n := b.count(t, "SELECT COUNT(*) FROM product_grams"); n != len(views.Grams("보성 녹차")) {
			t.Errorf("there are %d grams", n)
		}
	})

	t.Run("what an earlier version wrote is found by and by", func(t *testing.T) {
		t.Parallel()
		b := newOutbox(t)
		p := b.projector(t, "a")
		const many = 100
		for n := range many {
			b.spelled(t, n, 1, shop.KindProductCreated, "보성 녹차", "")
			p.Project(t.Context(), outboxID("prd", n))
		}
		b.exec(t, "DELETE FROM product_grams")
		b.exec(t, "UPDATE product_views SET words = NULL")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		eventually(t, "all have words", func() bool { return b.count(t, "SELECT COUNT(*) FROM product_views WHERE words IS NULL") == 0 })
		b.wantWords(t, many-1, "보성 녹차\n")
	})
}

// TestProjector_words_budget holds that an event which moves stock costs no look at words.
func TestProjector_words_budget(t *testing.T) {
	t.Parallel()
	b := newCountedOutbox(t)
	p := b.projector(t)
	b.product(t, 1, 1)
	p.Project(t.Context(), outboxID("prd", 1))
	b.product(t, 1, 2)
	b.counts(t)
	p.Project(t.Context(), outboxID("prd", 1))
	stock := b.counts(t)
	b.spelled(t, 1, 3, shop.KindProductUpdated, "녹차", "")
	p.Project(t.Context(), outboxID("prd", 1))
	renamed := b.counts(t)
	for kind, more := range map[string]int{"select": 1, "insert": 1, "update": 1, "delete": 1} {
		if renamed[kind]-stock[kind] != more {
			t.Errorf("a name costs %d more of %s than stock, want %d", renamed[kind]-stock[kind], kind, more)
		}
	}
}
