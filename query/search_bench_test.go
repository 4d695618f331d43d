package query_test

import (
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"payment-system/internal/devservers"
	"payment-system/internal/mysqldb"
	"payment-system/internal/testclock"
	"payment-system/internal/views"
	"payment-system/query"
	"payment-system/shop"
	migrations "payment-system/sql"
)

// benchProducts is how many products the searches are measured among.
const benchProducts = 100_000

var (
	places = strings.Fields("제주 보성 하동 강릉 이천 담양 안성 영주 의성 완도 철원 서귀포 통영 나주 순창 문경")
	things = strings.Fields("한라봉 세작녹차 우전녹차 홍차 마늘 오대쌀 사과 다시마 한과 젓가락 머그 수저 행주 원두 이불 책상 그리들 독서등 키보드 헤드폰 텀블러 머플러 스티커 엽서")
	others = strings.Fields("곡우 뒤에 딴 두드려 만든 수저와 받침 자작나무 합판으로 저소음 적축 한글 각인 여섯 시간 보온 열두 보냉 메리노 울 순면 고밀도 무형광 옻칠로 마감한 가마에서 구운 주문 다음 날 볶는 농가에서 바로 보내는 올해 거둔 아삭한")
)

// benchProduct is the n-th product: the dearest tenth is 명품, half has 배송, and each has a number of its own.
func benchProduct(n int) shop.Product {
	chance := rand.New(rand.NewPCG(1, uint64(n)))
	pick := func(words []string) string { return words[chance.IntN(len(words))] }
	thing := pick(things)
	p := shop.Product{
		ID:   shop.ProductID(id("prd", n)),
		Name: fmt.Sprintf("%s %s %d0g 제%05d호", pick(places), thing, 1+chance.IntN(50), n), Price: shop.Won(100 * chance.IntN(2000)),
		CreatedAt: moment, UpdatedAt: moment, Version: 1, Stock: 10,
	}
	text := []string{pick(others), pick(others), pick(others), pick(others), pick(others), pick(places), "산"}
	if p.Price >= 180_000 {
		text = append(text, "명품")
	}
	if chance.IntN(2) == 0 {
		text = append(text, "무료배송")
	}
	p.Description = strings.Join(text, " ") + "."
	return p
}

// stockShelves fills the shelves, as the projector would.
func stockShelves(b *testing.B, db *sql.DB) {
	b.Helper()
	exec := func(statement string, args []any) {
		if _, err := db.ExecContext(b.Context(), statement, args...); err != nil {
			b.Fatal(err)
		}
	}
	for from := 0; from < benchProducts; from += 500 {
		var rows, grams []any
		for n := from; n < from+500; n++ {
			p := benchProduct(n)
			words := views.Words(p.Name, p.Description)
			rows = append(rows, string(p.ID), 1, views.NameKey(p.Name), int64(p.Price), p.Stock, document(b, p), []byte(words))
			for _, gram := range views.Grams(words) {
				grams = append(grams, []byte(gram), string(p.ID))
			}
		}
		exec("INSERT INTO product_views (id, version, name_key, price, stock, document, words) VALUES (?,?,?,?,?,?,?)"+strings.Repeat(",(?,?,?,?,?,?,?)", len(rows)/7-1), rows)
		for some := range slices.Chunk(grams, 20_000) {
			exec("INSERT INTO product_grams (gram, product_id) VALUES (?,?)"+strings.Repeat(",(?,?)", len(some)/2-1), some)
		}
	}
	exec("ANALYZE TABLE product_views, product_grams", nil)
}

// BenchmarkReader_Products reads pages of searches among 100,000 products, never from the cache. It
// says how many milliseconds of the database's processor time a page takes.
func BenchmarkReader_Products(b *testing.B) {
	servers, err := devservers.Start(b.Context(), devservers.Config{Progress: io.Discard, SkipRedis: true, BufferPoolMiB: 256})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { servers.Close() })
	db, err := mysqldb.Open(b.Context(), servers.MySQLDSN, mysqldb.Config{MaxConns: 2})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	if err := mysqldb.Migrate(b.Context(), db, migrations.Migrations()); err != nil {
		b.Fatal(err)
	}
	stockShelves(b, db)
	r := &query.Reader{DB: db, Now: testclock.Now}
	for _, search := range []string{"", "제00042호", "망고스틴", "명품", "녹차", "산", "한라봉 통영", "녹차 명품"} {
		for _, by := range []query.ProductOrder{query.ProductOrderNewest, query.ProductOrderPriceAsc, query.ProductOrderName} {
			first := query.Page{First: new(20)}
			b.Run(fmt.Sprintf("%q/%s/first", search, by), func(b *testing.B) { benchPage(b, r, db, search, by, first) })
			deep := deepPage(b, r, search, by)
			if deep.After != nil {
				b.Run(fmt.Sprintf("%q/%s/deep", search, by), func(b *testing.B) { benchPage(b, r, db, search, by, deep) })
			}
		}
	}
}

// deepPage is a page far down in what is found.
func deepPage(b *testing.B, r *query.Reader, search string, by query.ProductOrder) query.Page {
	b.Helper()
	page := query.Page{First: new(100)}
	for range 20 {
		c, err := r.Products(b.Context(), query.Viewer{}, page, query.ProductSearch{Search: &search, By: by})
		if err != nil {
			b.Fatal(err)
		}
		if !c.PageInfo.HasNextPage {
			break
		}
		page.After = c.PageInfo.EndCursor
	}
	page.First = new(20)
	return page
}

func benchPage(b *testing.B, r *query.Reader, db *sql.DB, search string, by query.ProductOrder, page query.Page) {
	b.Helper()
	var took []time.Duration
	before := processorTime(b, db)
	for b.Loop() {
		began := time.Now()
		if _, err := r.Products(b.Context(), query.Viewer{}, page, query.ProductSearch{Search: &search, By: by}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	used := (processorTime(b, db) - before) / time.Duration(len(took))
	b.ReportMetric(used.Seconds()*1000, "database-ms/op")
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
}

// processorTime is what the database's process has used, in steps of 10 ms.
func processorTime(b *testing.B, db *sql.DB) time.Duration {
	b.Helper()
	var file string
	if err := db.QueryRowContext(b.Context(), "SELECT @@pid_file").Scan(&file); err != nil {
		b.Fatal(err)
	}
	pid, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
