package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
	"payment-system/internal/redistest"
	"payment-system/internal/shoptest"
)

// sound is a configuration that serve has nothing against, but for the database that is not there.
var sound = []string{
	"MYSQL_DSN=root:secret@tcp(127.0.0.1:1)/payment_system", "REDIS_ADDRS=127.0.0.1:1", "KAKAO_SECRET_KEY=DEV1", "TOSS_SECRET_KEY=test_sk_1",
	"SMTP_ADDR=127.0.0.1:1", "SMTP_FROM=shop@example.com", "HTTP_ADDR=127.0.0.1:0",
}

func TestServe_configuration(t *testing.T) {
	t.Parallel()

	t.Run("everything that is missing is said at once", func(t *testing.T) {
		t.Parallel()
		out, code := runProgram(t, nil, "serve")
		for _, name := range []string{"MYSQL_DSN", "REDIS_ADDRS", "KAKAO_SECRET_KEY", "TOSS_SECRET_KEY", "SMTP_ADDR", "SMTP_FROM"} {
			if !strings.Contains(out, "payment-system: set "+name+" to ") {
				t.Errorf("nothing says to set %s:\n%s", name, out)
			}
		}
		if code != 1 || strings.Count(out, "\n") != 6 {
			t.Errorf("exit %d:\n%s", code, out)
		}
	})

	for _, wrong := range []struct{ setting, says string }{
		{"MYSQL_DSN=mysql://root:secret@localhost/shop", "set MYSQL_DSN to a DSN"},
		{"MYSQL_DSN=root:secret@tcp(127.0.0.1:3306)/", "name the database at the end of MYSQL_DSN"},
		{"MYSQL_READ_DSN=nonsense", "set MYSQL_READ_DSN to a DSN"},
		{"REDIS_ADDRS=127.0.0.1", `set REDIS_ADDRS to host:port: "127.0.0.1" is not`},
		{"LOCK_REDIS_ADDRS=127.0.0.1:1,nowhere", `set LOCK_REDIS_ADDRS to host:port: "nowhere" is not`},
		{"REDIS_ADDRS=http://127.0.0.1:1", `set REDIS_ADDRS to host:port, or to a URL that begins with redis://`},
		{"REDIS_ADDRS=redis://app:secret@127.0.0.1:one", "set REDIS_ADDRS to host:port, or to a URL such as"},
		{"REDIS_ADDRS= , ", "set REDIS_ADDRS to the address of a Redis"},
		{"LOCK_REDIS_ADDRS=redis://:secret@127.0.0.1:1/x", "set LOCK_REDIS_ADDRS to host:port, or to a URL such as"},
		{"METRICS_ADDR=127.0.0.1:0 ", "MYSQL_DSN: connect to the database"},
		{"KAKAO_SECRET_KEY=DEV…", "set KAKAO_SECRET_KEY to the key alone"},
		{"TOSS_SECRET_KEY=test_sk_1 test_sk_2", "set TOSS_SECRET_KEY to the key alone"},
		{"PG_TIMEOUT=2m", "set PG_TIMEOUT (2m0s) to at most 50s"},
		{"HTTP_ADDR=8080", "set HTTP_ADDR to host:port"},
		{"METRICS_ADDR=here", "set METRICS_ADDR to host:port"},
		{"PUBLIC_URL=shop.example.com", "set PUBLIC_URL to a scheme and a host"},
		{"PUBLIC_URL=https://shop.example.com/path", "set PUBLIC_URL to a scheme and a host"},
		{"ALLOWED_ORIGINS=https://a.example.com,b", `set ALLOWED_ORIGINS to sites and apps, as in https://shop.example.com,capacitor://localhost: "b" is no origin`},
		{"ALLOWED_ORIGINS=capacitor://localhost, javascript:alert(1)", `"javascript:alert(1)" can never be allowed`},
		{"ALLOWED_HEADERS=X-Shop, X Y", `set ALLOWED_HEADERS to names of request headers, as in X-Shop-Version: "X Y" is not one`},
		{"ALLOWED_HEADERS=*,a\nb", `"a\nb" is not one`},
		{"TRUSTED_PROXIES=private,10.0.0.0/33", `set TRUSTED_PROXIES to addresses and networks: "10.0.0.0/33" is no address`},
		{"IDLE_TIMEOUT=0s", "set IDLE_TIMEOUT to 1s to 24h"},
		{"KAKAO_BASE_URL=open-api.kakaopay.com", "set KAKAO_BASE_URL to an address"},
		{"TOSS_BASE_URL=ftp://api.tosspayments.com", "set TOSS_BASE_URL to an address"},
		{"KAKAO_CID=", "set KAKAO_CID to the CID"},
		{"TOSS_SECRET_KEY=test_ck_1", "set TOSS_SECRET_KEY to the secret key: what it holds is a client key"},
		{"TOSS_CLIENT_KEY=live_ck_1", "set TOSS_CLIENT_KEY and TOSS_SECRET_KEY to keys of one pair"},
		{"PG_TIMEOUT=20m", "set PG_TIMEOUT (20m0s) below ORDER_HOLD (15m0s)"},
		{"PG_TIMEOUT=10", "expected duration but got \"10\""},
		{"SHUTDOWN_DELAY=-1s", "set SHUTDOWN_DELAY to a duration such as 5s"},
		{"ORDER_HOLD=-1m", "set ORDER_HOLD to a duration"},
		{"SESSION_IDLE=24h", "set SESSION_IDLE (24h0m0s) to at most SESSION_MAX (12h0m0s)"},
		{"RECONCILE_EVERY=0s", "set RECONCILE_EVERY to a duration"},
		{"AUTO_APPLY_CAP=-1", "set AUTO_APPLY_CAP to won between 0 and 9007199254740991"},
		{"SETTLEMENT_SOURCE=s3://bucket", "set file:///absolute/folder"},
		{"SETTLEMENT_SOURCE=file:///no/such/folder", "SETTLEMENT_SOURCE"},
		{"SMTP_ADDR=mail.example.com", "set SMTP_ADDR to host:port"},
		{"SMTP_FROM=shop", "set SMTP_FROM to the address"},
		{"SMTP_USER=shop", "set both SMTP_USER and SMTP_PASSWORD, or neither"},
		{"LOG_LEVEL=loud", "set LOG_LEVEL to debug, info, warn or error"},
		{"TOSS_METHOD=BITCOIN", "--toss-method must be one of"},
		{"SHOP_NAME=" + strings.Repeat("가", 61), "set SHOP_NAME to at most 60 printable characters"},
		{"SHOP_NAME=tea\ttea", "set SHOP_NAME to at most 60 printable characters"},
		{"SHOP_NOTICES=" + strings.Repeat("x\n", 21), "set SHOP_NOTICES to at most 20 lines: it has 21"},
		{"SHOP_NOTICES=a\\n" + strings.Repeat("나", 201), `set SHOP_NOTICES to lines of at most 200 printable characters: "나`},
		{"IMAGE_ORIGIN=https://images.example.com/tea", `set IMAGE_ORIGIN to a scheme and a host, as in https://images.example.com: "https://`},
		{"IMAGE_ORIGIN=https://images.example.com;script-src", "set IMAGE_ORIGIN to a scheme and a host"},
		{"IMAGE_ORIGIN=capacitor://localhost", "set IMAGE_ORIGIN to a scheme and a host"},
		{"LOG_FORMAT=xml", "set LOG_FORMAT to json or text"},
	} {
		t.Run(wrong.setting+" is refused", func(t *testing.T) {
			t.Parallel()
			out, code := runProgram(t, append(append([]string{}, sound...), wrong.setting), "serve")
			if code != 1 || !strings.Contains(out, wrong.says) {
				t.Errorf("exit %d, want %q:\n%s", code, wrong.says, out)
			}
			if strings.Contains(out, "secret@") || strings.Contains(out, "goroutine") {
				t.Errorf("said too much:\n%s", out)
			}
		})
	}

	t.Run("a database that is not there is named by its variable", func(t *testing.T) {
		t.Parallel()
		out, code := runProgram(t, sound, "serve")
		if code != 1 || !strings.Contains(out, "MYSQL_DSN: connect to the database") || strings.Contains(out, "secret@") {
			t.Errorf("exit %d:\n%s", code, out)
		}
	})

	t.Run("another schema is refused until migrate has run", func(t *testing.T) {
		t.Parallel()
		environment := append(append([]string{}, sound...), "MYSQL_DSN="+mysqltest.Empty(t))
		out, code := runProgram(t, environment, "serve")
		if code != 1 || !strings.Contains(out, "run payment-system migrate") {
			t.Errorf("serve: exit %d:\n%s", code, out)
		}
		if out, code = runProgram(t, environment, "migrate", "--status"); code != 0 || !strings.Contains(out, "pending") {
			t.Errorf("migrate --status: exit %d:\n%s", code, out)
		}
		if out, code = runProgram(t, environment, "migrate"); code != 0 || !strings.Contains(out, "went from version 0") {
			t.Errorf("migrate: exit %d:\n%s", code, out)
		}
		if out, code = runProgram(t, environment, "migrate"); code != 0 || !strings.Contains(out, "up to date") {
			t.Errorf("migrate again: exit %d:\n%s", code, out)
		}
		if out, code = runProgram(t, environment, "verify"); code != 0 {
			t.Errorf("verify of empty books: exit %d:\n%s", code, out)
		}
	})
}

func TestSeed(t *testing.T) {
	t.Parallel()
	var contents [2]string
	for i := range contents {
		dsn := mysqltest.DSN(t)
		environment := []string{"MYSQL_DSN=" + dsn, "REDIS_ADDRS=" + redistest.Addr(t), "SEED_PRODUCTS=30"}
		for range 2 { // once more adds nothing
			if out, code := runProgram(t, environment, "seed", "--orders=300"); code != 0 || !strings.Contains(out, "orders: 300 of 300 (100%)") {
				t.Fatalf("exit %d:\n%s", code, out)
			}
		}
		if out, code := runProgram(t, environment, "verify"); code != 0 {
			t.Errorf("verify: exit %d:\n%s", code, out)
		}
		db, err := mysqldb.Open(t.Context(), dsn, mysqldb.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		const query = `SELECT CONCAT(COUNT(*), ' ', MD5(GROUP_CONCAT(o.id, o.user_id, o.total, l.product_id, l.quantity, o.placed_at ORDER BY o.id, l.line)))
FROM orders o JOIN order_lines l ON l.order_id = o.id`
		if err := db.QueryRowContext(t.Context(), query).Scan(&contents[i]); err != nil {
			t.Fatal(err)
		}
	}
	if contents[0] != contents[1] {
		t.Errorf("two seeds differ: %s, %s", contents[0], contents[1])
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile(`(?m)^\s+(-., +)?--(\S+)`)
	for _, name := range []string{"dev", "serve", "pgsim", "migrate", "seed", "reconcile", "republish", "verify", "operator", "doctor", "healthcheck"} {
		t.Run(name+" explains itself, and names a variable for each flag", func(t *testing.T) {
			t.Parallel()
			out, code := runProgram(t, nil, name, "--help")
			if code != 0 {
				t.Fatalf("exit %d:\n%s", code, out)
			}
			flags, variables := flag.FindAllString(out, -1), strings.Count(out, "($")
			if len(flags) < 2 || variables != len(flags)-1 { // all but --help
				t.Errorf("%d flags, %d variables:\n%s", len(flags), variables, out)
			}
		})
	}
}

func TestDev(t *testing.T) {
	t.Parallel()

	t.Run("a port that is taken is said in a sentence", func(t *testing.T) {
		t.Parallel()
		d := sharedDev(t)
		_, port, _ := strings.Cut(strings.TrimPrefix(d.url, "http://"), ":")
		out, code := runProgram(t, []string{"HTTP_ADDR=127.0.0.1:" + port}, "dev")
		if code != 1 || !strings.Contains(out, "127.0.0.1:"+port+" is taken by another program: stop that, or set HTTP_ADDR to another address") {
			t.Errorf("exit %d:\n%s", code, out)
		}
	})

	t.Run("keeps its data, starts again soon, and leaves nothing when it is killed", func(t *testing.T) {
		t.Parallel()
		setting := "DATA_DIR=" + t.TempDir()
		first, err := startDev(setting)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Dir(strings.Trim(regexp.MustCompile(`\(.*\)`).FindString(first.said["MYSQL_DSN"]), "()"))
		shopper := newClient(t, first.url)
		shopper.signIn(t, "shopper@example.com", "correct horse battery staple")
		order := shopper.placeOrder(t, shopper.stock(t))
		if err := first.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		first.command.Wait()
		shoptest.Eventually(t, "the servers are gone", func() bool {
			_, err := os.Stat(folder)
			return os.IsNotExist(err) && !anyProcess(folder)
		})

		began := time.Now()
		second, err := startDev(setting)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("the second start took %s", took)
		}
		again := newClient(t, second.url)
		again.signIn(t, "shopper@example.com", "correct horse battery staple")
		if found := again.do(t, `query($id: ID!) { order(id: $id) { status } }`, object{"id": order.text("order", "id")}); found.text("status") != "PLACED" {
			t.Errorf("after the restart the order is %v", found)
		}
		if err := second.stop(); err != nil {
			t.Errorf("dev ended with %v:\n%s", err, second.log)
		}
	})
}

// anyProcess reports whether a process lives that was told of the text.
func anyProcess(text string) bool {
	out, err := exec.Command("ps", "-eo", "stat,args").Output()
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, text) && !strings.HasPrefix(line, "Z") {
			return true
		}
	}
	return false
}
