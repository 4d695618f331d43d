package command_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"payment-system/command"
	"payment-system/shop"
)

func TestHandler_CreateProduct(t *testing.T) {
	t.Parallel()

	t.Run("a product is what was asked for, once per key", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		cmd := command.CreateProduct{By: s.operator, IdempotencyKey: "k", Name: "  초코파이 ", Description: "12개입\n상온 보관", Price: shop.MaxWon, TaxFree: true, Stock: shop.MaxStock}
		created, err := s.CreateProduct(t.Context(), cmd)
		s.must(err)
		p := created.Product
		want := shop.Product{ID: p.ID, Name: "초코파이", Description: "12개입\n상온 보관", Price: shop.MaxWon, TaxFree: true, Stock: shop.MaxStock, CreatedAt: p.CreatedAt, UpdatedAt: p.CreatedAt, Version: 1}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("product differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, s.product(p.ID)); diff != "" {
			t.Errorf("event differs (-want +got):\n%s", diff)
		}
		got := tally(10, func(int) error {
			again, err := s.CreateProduct(t.Context(), cmd)
			if again.Product.ID != p.ID {
				t.Errorf("the same key made %q", again.Product.ID)
			}
			return err
		})
		if got[""] != 10 {
			t.Errorf("outcomes %v, want ten answers", got)
		}
		s.refuses("another product under the key", shop.IdempotencyMismatch, "", func(ctx context.Context) error {
			other := cmd
			other.Price = 1
			_, err := s.CreateProduct(ctx, other)
			return err
		})
		if sum := s.count("SELECT SUM(quantity) FROM stock_adjustments WHERE product_id = ?", p.ID); sum != shop.MaxStock {
			t.Errorf("the adjustments sum up to %d, want the first stock", sum)
		}
	})

	t.Run("bad input is refused by name and changes nothing", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		good := command.CreateProduct{By: s.operator, IdempotencyKey: "k", Name: "초코파이", Price: 1}
		tests := map[string]func(*command.CreateProduct) (field string){
			"a key ending in space": func(c *command.CreateProduct) string { c.IdempotencyKey = "k "; return "idempotencyKey" },
			"a key of half a pair":  func(c *command.CreateProduct) string { c.IdempotencyKey = "k\ufffd"; return "idempotencyKey" },
			"a name of half a pair": func(c *command.CreateProduct) string { c.Name = "\ufffd"; return "name" },
			"a line separator":      func(c *command.CreateProduct) string { c.Name = "초코\u2028파이"; return "name" },
			"a text of half a pair": func(c *command.CreateProduct) string { c.Description = "\ufffd"; return "description" },
			"no key":                func(c *command.CreateProduct) string { c.IdempotencyKey = ""; return "idempotencyKey" },
			"no name":               func(c *command.CreateProduct) string { c.Name = " \t"; return "name" },
			"a long name":           func(c *command.CreateProduct) string { c.Name = strings.Repeat("가", 201); return "name" },
			"a name of two lines":   func(c *command.CreateProduct) string { c.Name = "a\nb"; return "name" },
			"a name that is bytes":  func(c *command.CreateProduct) string { c.Name = "a\xff"; return "name" },
			"a long description": func(c *command.CreateProduct) string {
				c.Description = strings.Repeat("가", 10_001)
				return "description"
			},
			"a NUL":                func(c *command.CreateProduct) string { c.Description = "a\x00"; return "description" },
			"a negative price":     func(c *command.CreateProduct) string { c.Price = -1; return "price" },
			"a price over the top": func(c *command.CreateProduct) string { c.Price = shop.MaxWon + 1; return "price" },
			"a negative stock":     func(c *command.CreateProduct) string { c.Stock = -1; return "stock" },
			"a stock over the top": func(c *command.CreateProduct) string { c.Stock = shop.MaxStock + 1; return "stock" },
			"a long category":      func(c *command.CreateProduct) string { c.Category = new(strings.Repeat("가", 101)); return "category" },
			"a category of lines":  func(c *command.CreateProduct) string { c.Category = new("a\nb"); return "category" },
			"an image elsewhere":   func(c *command.CreateProduct) string { c.ImageURL = new("javascript:alert(1)"); return "imageUrl" },
		}
		for name, spoil := range tests {
			cmd := good
			field := spoil(&cmd)
			s.refuses(name, shop.Invalid, field, func(ctx context.Context) error {
				_, err := s.CreateProduct(ctx, cmd)
				return err
			})
		}
		good.Name, good.Description = strings.Repeat("가", 200), strings.Repeat("😀", 10_000)
		if _, err := s.CreateProduct(t.Context(), good); err != nil {
			t.Errorf("the longest texts: %v", err)
		}
	})
}

func TestHandler_UpdateProduct(t *testing.T) {
	t.Parallel()
	s := openShopfloor(t)
	p := s.sells(1000, 5)
	name, price := "몽쉘", shop.Won(0)
	for range 2 { // The second changes nothing more.
		updated, err := s.UpdateProduct(t.Context(), command.UpdateProduct{By: s.operator, ProductID: p.ID, Name: &name, Price: &price})
		s.must(err)
		want := p
		want.Name, want.Price, want.Version, want.UpdatedAt = name, 0, 2, updated.Product.UpdatedAt
		if diff := cmp.Diff(want, updated.Product); diff != "" {
			t.Errorf("product differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, s.product(p.ID)); diff != "" {
			t.Errorf("event differs (-want +got):\n%s", diff)
		}
	}
	long, text, cheap := strings.Repeat("가", 201), strings.Repeat("가", 10_001), shop.Won(-1)
	tests := map[string]struct {
		cmd   command.UpdateProduct
		code  shop.Code
		field string
	}{
		"nothing":       {command.UpdateProduct{ProductID: p.ID}, shop.Invalid, "input"},
		"a name":        {command.UpdateProduct{ProductID: p.ID, Name: &long}, shop.Invalid, "name"},
		"a description": {command.UpdateProduct{ProductID: p.ID, Description: &text}, shop.Invalid, "description"},
		"a price":       {command.UpdateProduct{ProductID: p.ID, Price: &cheap}, shop.Invalid, "price"},
		"unknown":       {command.UpdateProduct{ProductID: shop.ProductID(makeID(shop.PrefixProduct)), Name: &name}, shop.NotFound, ""},
		"not an id":     {command.UpdateProduct{ProductID: "한글", Name: &name}, shop.NotFound, ""},
		"an order's id": {command.UpdateProduct{ProductID: shop.ProductID(makeID(shop.PrefixOrder)), Name: &name}, shop.NotFound, ""},
	}
	for what, test := range tests {
		s.refuses(what, test.code, test.field, func(ctx context.Context) error {
			_, err := s.UpdateProduct(ctx, test.cmd)
			return err
		})
	}
}

func TestHandler_UpdateProduct_asSeen(t *testing.T) {
	t.Parallel()
	s := openShopfloor(t)
	p := s.sells(1000, 5)
	price := shop.Won(2000)
	update := func(seen time.Time) (shop.Product, error) {
		updated, err := s.UpdateProduct(t.Context(), command.UpdateProduct{By: s.operator, ProductID: p.ID, Price: &price, ExpectedUpdatedAt: &seen})
		return updated.Product, err
	}
	first, err := update(p.UpdatedAt.In(time.FixedZone("KST", 9*60*60)))
	s.must(err)
	price = 3000
	s.refuses("a price over one that was not seen", shop.Conflict, "", func(context.Context) error { _, err := update(p.UpdatedAt); return err })
	price = 2000
	s.refuses("the same price as is there", shop.Conflict, "", func(context.Context) error { _, err := update(p.UpdatedAt); return err })
	s.must(func() error { _, err := s.PlaceOrder(t.Context(), wish("k", one(p))); return err }())
	price = 4000
	second, err := update(first.UpdatedAt) // An order is no change of the product.
	s.must(err)
	if got := s.product(p.ID); got.Price != 4000 || !got.UpdatedAt.Equal(second.UpdatedAt) || got.Stock != 4 {
		t.Errorf("the product is %+v", got)
	}
}

func TestHandler_CreateProduct_image(t *testing.T) {
	t.Parallel()
	s := openShopfloor(t)
	create := func(url string) (string, error) {
		created, err := s.CreateProduct(t.Context(), command.CreateProduct{By: s.operator, IdempotencyKey: makeID("key"), Name: "차", ImageURL: &url})
		return created.Product.ImageURL, err
	}
	for url, want := range map[string]string{
		"": "", " https://img.example/tea.jpg\n": "https://img.example/tea.jpg", "http://img.example:8080/a?b=c#d": "http://img.example:8080/a?b=c#d",
		"https://img.example/녹차.jpg":                       "https://img.example/%EB%85%B9%EC%B0%A8.jpg",
		"https://img.example/" + strings.Repeat("a", 1980): "https://img.example/" + strings.Repeat("a", 1980),
	} {
		if got, err := create(url); err != nil || got != want {
			t.Errorf("%q is kept as %q, %v; want %q", url, got, err, want)
		}
	}
	for _, url := range []string{
		"javascript:alert(1)", "data:image/png;base64,AA", "//img.example/a", "/a.png", "ftp://img.example/a", "https://", "https:///a",
		"https://a:b@img.example/a", "https://img.example\\@evil.example/", "https://img.example/a b", "https://img.example/\x00",
		"https://img.example/\ufffd", "https://img.example/" + strings.Repeat("a", 1981), "https://img.example/" + strings.Repeat("가", 221), "img.example",
	} {
		s.refuses(url, shop.Invalid, "imageUrl", func(context.Context) error { _, err := create(url); return err })
	}

	s.ImageOrigin = "https://img.example"
	if _, err := create("https://IMG.example/tea.jpg"); err != nil {
		t.Error(err)
	}
	for _, url := range []string{"http://img.example/a", "https://img.example.evil.example/a", "https://img.example:8443/a", "https://evil.example/img.example"} {
		s.refuses(url, shop.Invalid, "imageUrl", func(context.Context) error { _, err := create(url); return err })
	}
	p := s.sells(1, 1)
	s.refuses("a change to one elsewhere", shop.Invalid, "imageUrl", func(ctx context.Context) error {
		_, err := s.UpdateProduct(ctx, command.UpdateProduct{ProductID: p.ID, ImageURL: new("https://evil.example/a")})
		return err
	})
}

func TestHandler_products_off_the_shelves(t *testing.T) {
	t.Parallel()
	s := openShopfloor(t)
	created, err := s.CreateProduct(t.Context(), command.CreateProduct{
		By: s.operator, IdempotencyKey: "k", Name: "초코파이", Price: 1000, Stock: 10, Category: new(" 과자 "), ImageURL: new("https://img.example/a.jpg"), Listed: new(false),
	})
	s.must(err)
	p := created.Product
	if p.Listed() || p.Category != "과자" || p.ImageURL != "https://img.example/a.jpg" {
		t.Errorf("the product is %+v", p)
	}
	if diff := cmp.Diff(p, s.product(p.ID)); diff != "" {
		t.Errorf("event differs (-want +got):\n%s", diff)
	}
	listed := s.sells(1000, 10)
	s.refuses("an order of what is not listed", shop.Invalid, "lines.1.productId", func(ctx context.Context) error {
		_, err := s.PlaceOrder(ctx, wish("o", one(listed), one(p)))
		return err
	})
	update := func(cmd command.UpdateProduct) shop.Product {
		t.Helper()
		cmd.By, cmd.ProductID = s.operator, p.ID
		updated, err := s.UpdateProduct(t.Context(), cmd)
		s.must(err)
		if diff := cmp.Diff(updated.Product, s.product(p.ID)); diff != "" {
			t.Errorf("event differs (-want +got):\n%s", diff)
		}
		return updated.Product
	}
	if got := update(command.UpdateProduct{Listed: new(true)}); !got.Listed() || got.Category != p.Category || got.Version != 2 {
		t.Errorf("the listed product is %+v", got)
	}
	order, err := s.PlaceOrder(t.Context(), wish("o", one(listed), one(p))) // The refusal left no key.
	s.must(err)
	if got := update(command.UpdateProduct{Listed: new(false), Category: new(""), ImageURL: new(" ")}); got.Listed() || got.Category+got.ImageURL != "" || got.Reserved != 1 {
		t.Errorf("the hidden product is %+v", got)
	}
	again, err := s.PlaceOrder(t.Context(), wish("o", one(listed), one(p)))
	s.must(err)
	if again.Order.ID != order.Order.ID {
		t.Error("the key of an order from before does not name it any more")
	}
}

func TestHandler_AdjustStock(t *testing.T) {
	t.Parallel()

	t.Run("units come and go once per key", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		p := s.sells(1000, 5)
		adjust := func(key string, quantity int) (shop.Product, error) {
			adjusted, err := s.AdjustStock(t.Context(), command.AdjustStock{By: s.operator, IdempotencyKey: key, ProductID: p.ID, Quantity: quantity, Reason: "실사"})
			return adjusted.Product, err
		}
		got := tally(10, func(int) error { _, err := adjust("k", 10); return err })
		if got[""] != 10 || s.product(p.ID).Stock != 15 {
			t.Errorf("outcomes %v and %d on hand, want ten answers and 15", got, s.product(p.ID).Stock)
		}
		gone, err := adjust("k2", -15)
		s.must(err)
		if gone.Stock != 0 || s.product(p.ID).Stock != 0 || gone.Version != 3 {
			t.Errorf("%d on hand in version %d, want none in 3", gone.Stock, gone.Version)
		}
		s.refuses("below zero", shop.Invalid, "quantity", func(context.Context) error { _, err := adjust("k3", -1); return err })
		s.refuses("another quantity under the key", shop.IdempotencyMismatch, "", func(context.Context) error { _, err := adjust("k", 11); return err })
		_, err = adjust("k4", shop.MaxStock)
		s.must(err)
		s.refuses("over the top", shop.Invalid, "quantity", func(context.Context) error { _, err := adjust("k5", 1); return err })
	})

	t.Run("adjusting and buying at once lose nothing", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		for range 4 { // those of one round might not meet
			p := s.sells(1000, 50)
			got := tally(60, func(i int) error {
				if i%2 == 0 {
					_, err := s.PlaceOrder(t.Context(), wish(makeID("key"), one(p)))
					return err
				}
				_, err := s.AdjustStock(t.Context(), command.AdjustStock{By: s.operator, IdempotencyKey: makeID("key"), ProductID: p.ID, Quantity: 2, Reason: "입고"})
				return err
			})
			if p := s.product(p.ID); got[""] != 60 || p.Stock != 50-30+60 || p.Reserved != 30 {
				t.Errorf("outcomes %v, %d on hand and %d reserved; want 60 answers, 80 and 30", got, p.Stock, p.Reserved)
			}
		}
	})

	t.Run("bad input is refused by name and changes nothing", func(t *testing.T) {
		t.Parallel()
		s := openShopfloor(t)
		p := s.sells(1000, 5)
		tests := map[string]struct {
			cmd   command.AdjustStock
			code  shop.Code
			field string
		}{
			"no key":      {command.AdjustStock{ProductID: p.ID, Quantity: 1, Reason: "r"}, shop.Invalid, "idempotencyKey"},
			"nothing":     {command.AdjustStock{IdempotencyKey: "k", ProductID: p.ID, Reason: "r"}, shop.Invalid, "quantity"},
			"too much":    {command.AdjustStock{IdempotencyKey: "k", ProductID: p.ID, Quantity: shop.MaxStock + 1, Reason: "r"}, shop.Invalid, "quantity"},
			"too little":  {command.AdjustStock{IdempotencyKey: "k", ProductID: p.ID, Quantity: -shop.MaxStock - 1, Reason: "r"}, shop.Invalid, "quantity"},
			"no reason":   {command.AdjustStock{IdempotencyKey: "k", ProductID: p.ID, Quantity: 1, Reason: " "}, shop.Invalid, "reason"},
			"much reason": {command.AdjustStock{IdempotencyKey: "k", ProductID: p.ID, Quantity: 1, Reason: strings.Repeat("가", 201)}, shop.Invalid, "reason"},
			"unknown":     {command.AdjustStock{IdempotencyKey: "k", ProductID: shop.ProductID(makeID(shop.PrefixProduct)), Quantity: 1, Reason: "r"}, shop.NotFound, ""},
			"not an id":   {command.AdjustStock{IdempotencyKey: "k", ProductID: "한글", Quantity: 1, Reason: "r"}, shop.NotFound, ""},
		}
		for name, test := range tests {
			s.refuses(name, test.code, test.field, func(ctx context.Context) error {
				_, err := s.AdjustStock(ctx, test.cmd)
				return err
			})
		}
	})
}
