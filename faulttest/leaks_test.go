package faulttest_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
)

// TestLeaks holds a replica that went through bad days against what it was before them.
func TestLeaks(t *testing.T) {
	t.Parallel()
	t.Run("a minute after the faults no goroutine, connection, file or memory is left over", func(t *testing.T) {
		h := open(t, plan{replicas: 1, stock: 1_000_000})
		h.calm(h.stroll("before", 16, 3)) // what is opened once, and kept, is open
		before := h.collected()
		h.badDays()
		h.calm(h.stroll("during", 16, 5))
		var after load
		h.eventually("what the faults opened to be closed", func() bool {
			after = h.collected()
			return after.within(before)
		})
		t.Logf("before %+v, after %+v", before, after)
		h.checkBlames()
	})
}

// stroll has shoppers wander a number of times each.
func (h *house) stroll(name string, shoppers, times int) []*purchase {
	purchases := make([]*purchase, shoppers*times)
	var walking sync.WaitGroup
	for i := range shoppers {
		walking.Go(func() {
			v := h.visitor(h.shopper, fmt.Sprintf("%s-%d", name, i))
			for n := range times {
				p := v.newPurchase(n, 1+v.dice.IntN(3))
				p.wander()
				purchases[i*times+n] = p
			}
		})
	}
	walking.Wait()
	return purchases
}

// A load is what a replica holds.
type load struct {
	goroutines, files, connections int
	heap                           int // bytes
	collections                    int // of garbage, so far
}

// heapMore is by how many bytes the heap may be larger than before: pools and caches fill up.
const heapMore = 8 << 20

// within tells whether it is a tenth more than before at most, give or take what a scrape itself
// and the jobs of every second open.
func (l load) within(before load) bool {
	most := func(n int) int { return n + n/10 + 5 }
	return l.goroutines <= most(before.goroutines) && l.files <= most(before.files) && l.connections <= most(before.connections) && l.heap <= before.heap+heapMore
}

// collected reads the load while the replica collects garbage twice: the heap is the least that was
// seen. Being asked makes garbage, so that it need not be idle for long.
func (h *house) collected() (least load) {
	h.t.Helper()
	least = h.load()
	first := least.collections
	h.eventually("the garbage to be collected", func() bool {
		now := h.load()
		now.heap = min(now.heap, least.heap)
		least = now
		return now.collections >= first+2
	})
	return least
}

var loadLines = regexp.MustCompile(`(?m)^(go_goroutines|process_open_fds|go_sql_open_connections\{[^}]*\}|go_memstats_heap_inuse_bytes|go_gc_duration_seconds_count) ([0-9.e+]+)$`)

// load reads the metrics of the first replica, after the browser has hung up.
func (h *house) load() (l load) {
	browser.CloseIdleConnections()
	response, err := http.Get(h.replicas[0].url + "/metrics")
	if err != nil {
		h.t.Error(err)
		return l
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Error(err)
		return l
	}
	for _, line := range loadLines.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseFloat(line[2], 64) // no money
		if err != nil {
			h.t.Error(err)
		}
		switch line[1] {
		case "go_goroutines":
			l.goroutines = int(n)
		case "process_open_fds":
			l.files = int(n)
		case "go_memstats_heap_inuse_bytes":
			l.heap = int(n)
		case "go_gc_duration_seconds_count":
			l.collections = int(n)
		default:
			l.connections = int(n)
		}
	}
	return l
}
