package main_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"payment-system/internal/devservers"
	"payment-system/internal/mysqldb"
	"payment-system/internal/proof"
	"payment-system/internal/shoptest"
)

// smallDisk mounts a disk of so many bytes, or skips the test where nobody may.
func smallDisk(t *testing.T, bytes int) (path string) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	path = t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", fmt.Sprint("size=", bytes), "none", path).CombinedOutput(); err != nil {
		t.Skipf("no small disk can be mounted: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", path).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	return path
}

// writeAll writes to a file until its disk has no byte left.
func writeAll(file *os.File) {
	for block := make([]byte, 64<<10); ; {
		switch _, err := file.Write(block); {
		case err == nil:
		case errors.Is(err, syscall.ENOSPC) && len(block) > 1:
			block = block[:len(block)/2]
		default:
			return
		}
	}
}

// newFiller makes a file that leaves no byte on a disk.
func newFiller(t *testing.T, path string) *os.File {
	t.Helper()
	file := shoptest.Must(os.Create(filepath.Join(path, "filler")))(t)
	writeAll(file)
	return file
}

func removeFiller(t *testing.T, file *os.File) {
	t.Helper()
	if err := errors.Join(file.Truncate(0), file.Close(), os.Remove(file.Name())); err != nil {
		t.Error(err)
	}
}

// fillUp leaves no byte on a disk, and goes on taking what is freed, until free is called.
func fillUp(t *testing.T, path string) (free func()) {
	t.Helper()
	file := newFiller(t, path)
	done := make(chan struct{})
	var filling sync.WaitGroup
	filling.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
				writeAll(file)
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		filling.Wait()
		removeFiller(t, file)
	})
}

// TestMakeRoom_fullDisk has rows grow in a table of the size at which MariaDB takes its first
// extents, on a disk that fills up meanwhile. Proves: a row that was committed is there
// afterwards, also where the server died of it.
func TestMakeRoom_fullDisk(t *testing.T) {
	disk := smallDisk(t, 160<<20)
	servers := shoptest.Must(devservers.Start(t.Context(), devservers.Config{Dir: disk, SkipRedis: true}))(t)
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	db := shoptest.Must(mysqldb.Open(t.Context(), servers.MySQLDSN, mysqldb.Config{MaxConns: 8}))(t)
	defer db.Close()
	for range 15 {
		growOnFullDisk(t, disk, db, servers)
	}
}

// growOnFullDisk inserts rows and lengthens each, in transactions of their own, until it has failed
// for some time, and wants all rows that were committed.
func growOnFullDisk(t *testing.T, disk string, db *sql.DB, servers *devservers.Servers) {
	t.Helper()
	exec := func(statement string, args ...any) error {
		_, err := db.ExecContext(t.Context(), statement, args...)
		return err
	}
	if err := errors.Join(exec("DROP TABLE IF EXISTS grown"), exec(`CREATE TABLE grown (id VARCHAR(100) PRIMARY KEY, answer LONGTEXT)`),
		mysqldb.MakeRoom(t.Context(), db, []string{"grown"})); err != nil {
		t.Fatal(err)
	}
	var committed []string
	insert := func(id, answer any) error {
		err := exec("INSERT INTO grown VALUES (?, ?)", id, answer)
		if err == nil {
			committed = append(committed, fmt.Sprint(id))
		}
		return err
	}
	for i := range 280 + rand.N(120) {
		if err := insert(fmt.Sprint("first-", i), strings.Repeat("r", 950)); err != nil {
			t.Fatal(err)
		}
	}
	filler := newFiller(t, disk)
	if err := filler.Truncate(shoptest.Must(filler.Seek(0, io.SeekCurrent))(t) - int64(rand.N(12))*16<<10); err != nil {
		t.Fatal(err)
	}
	for i, failed := 0, 0; failed < 20; i++ {
		id := fmt.Sprint("then-", i)
		if err := errors.Join(insert(id, nil),
			exec("UPDATE grown SET answer = ? WHERE id = ?", strings.Repeat("z", 1200+rand.N(1500)), id)); err != nil {
			failed++
		}
	}
	removeFiller(t, filler)
	if exec("DO 1") != nil { // it dies when it finds no space to roll back in
		if err := errors.Join(servers.KillMySQL(), servers.StartMySQL(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range committed {
		var found string
		if err := db.QueryRowContext(t.Context(), "SELECT id FROM grown WHERE id = ?", id).Scan(&found); err != nil {
			t.Errorf("row %s was committed: %v", id, err)
		}
	}
}

// diskFullFor is how long there is no space; a torture run has it last half a minute.
func diskFullFor() time.Duration {
	if proof.Torture() {
		return 30 * time.Second
	}
	return 6 * time.Second
}

// TestDev_fullDisk has the disk of the database full during a sale. Proves: nobody is told that it is our fault, whoever was
// told that he has an order has it, the books and the gateways agree, and orders are placed within two seconds after there is
// space.
func TestDev_fullDisk(t *testing.T) {
	disk, folder := smallDisk(t, 256<<20), t.TempDir()
	setting := "DATA_DIR=" + folder
	d := shoptest.Must(startDev(setting))(t)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(disk, "mariadb")
	if out, err := exec.CommandContext(t.Context(), "mv", filepath.Join(folder, "mariadb"), moved).CombinedOutput(); err != nil {
		t.Fatalf("mv: %s", out)
	}
	if err := os.Symlink(moved, filepath.Join(folder, "mariadb")); err != nil {
		t.Fatal(err)
	}
	d = shoptest.Must(startDev(setting))(t)
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Errorf("dev ended with %v", err)
		}
	})
	operator := newClient(t, d.url)
	operator.signIn(t, "operator@example.com", "correct horse battery staple")
	product := operator.do(t, `mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id } } }`,
		object{"input": object{"idempotencyKey": unique(), "name": strings.Repeat("넓은 ", 30), "price": 1000, "stock": 1_000_000}}).text("product", "id")
	s := openSale(t, d, product)

	shoptest.Eventually(t, "the sale is on", func() bool { return s.placed.Load() > 100 })
	free := fillUp(t, disk)
	full := time.Now()
	shoptest.Eventually(t, "orders are refused", func() bool { return s.notNow.Load() > 0 })
	time.Sleep(diskFullFor() - time.Since(full))
	free()
	space, before := time.Now(), s.placed.Load()
	shoptest.Eventually(t, "orders are placed again", func() bool { return s.placed.Load() > before })
	again := time.Since(space)
	time.Sleep(time.Second)
	s.end(t)
	t.Logf("%d orders placed, %d answered UNAVAILABLE, again after %s", s.placed.Load(), s.notNow.Load(), again)
	if again > proof.Within(2*time.Second) {
		t.Errorf("orders were placed again after %s", again)
	}
	s.orders.Range(func(id, _ any) bool { // what could not be shown then is shown soon after
		shoptest.Eventually(t, fmt.Sprintf("order %s, which was acknowledged, is there", id), func() bool {
			found, refused := operator.try(t, `query($id: ID!) { order(id: $id) { id } }`, object{"id": id})
			return len(refused) == 0 && first(found).text("id") == id
		})
		return true
	})
	shoptest.Eventually(t, "verify finds nothing", func() bool {
		out, code := runProgram(t, d.environment(), "verify", "--gateway")
		if code != 0 {
			t.Log(out)
		}
		return code == 0
	})
}

// A saleDay is shoppers who order, pay and come back, one after the other each, until it ends.
type saleDay struct {
	placed, notNow, paid atomic.Int64
	orders               sync.Map // by id, that were acknowledged
	shopping             sync.WaitGroup
	stop                 func()
}

const saleShoppers = 6

func openSale(t *testing.T, d *dev, product string) *saleDay {
	t.Helper()
	done := make(chan struct{})
	s := &saleDay{stop: sync.OnceFunc(func() { close(done) })}
	for i := range saleShoppers {
		c := newClient(t, d.url)
		c.signIn(t, "shopper@example.com", "correct horse battery staple")
		s.shopping.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
					s.shop(t, d, c, product, fmt.Sprintf("sale-%d-%d", i, n))
				}
			}
		})
	}
	return s
}

// shop orders under a key, and pays one of four.
func (s *saleDay) shop(t *testing.T, d *dev, c *client, product, key string) {
	data, ok := s.ask(t, c, `mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }`,
		object{"idempotencyKey": key, "lines": []object{{"productId": product, "quantity": 1}}})
	if !ok {
		time.Sleep(20 * time.Millisecond)
		return
	}
	s.placed.Add(1)
	order := data.text("order", "id")
	s.orders.Store(order, true)
	if !strings.HasSuffix(key, "0") {
		return
	}
	data, ok = s.ask(t, c, `mutation($input: ReadyPaymentInput!) { readyPayment(input: $input) { payment { paymentKey } } }`,
		object{"idempotencyKey": key + "-pay", "orderId": order, "pg": "KAKAO", "returnUrl": "/orders"})
	if !ok {
		return
	}
	back := c.control(t, d.sim()+"/sim/shopper", object{"pg": "KAKAO", "paymentKey": data.text("payment", "paymentKey"), "act": "pay_card"})
	response, err := c.http.Get(back.text("redirectUrl"))
	if err != nil {
		t.Errorf("a shopper came back: %v", err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	switch {
	case response.StatusCode == 303:
		s.paid.Add(1)
	case response.StatusCode != 503 || response.Header.Get("Retry-After") == "" || response.Header.Get("Refresh") == "":
		t.Errorf("a shopper came back and was answered %s\n%.300s", response.Status, body)
	}
}

// ask reports whether it was done; else it wants to be told to come again.
func (s *saleDay) ask(t *testing.T, c *client, document string, input object) (object, bool) {
	data, refused := c.try(t, document, object{"input": input})
	if len(refused) == 0 {
		return first(data), true
	}
	s.notNow.Add(1)
	if after, _ := refused[0].Extensions.Details["retryAfter"].(interface{ String() string }); refused[0].Extensions.Code != "UNAVAILABLE" || after == nil {
		t.Errorf("refused: %v", refused)
	}
	return nil, false
}

func (s *saleDay) end(t *testing.T) {
	t.Helper()
	s.stop()
	s.shopping.Wait()
}
