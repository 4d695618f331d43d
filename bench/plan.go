package main

import "time"

// A plan bounds all works: in time, in operations, and in what they find in the database.
type plan struct {
	time      time.Duration // for how long clients begin operations
	floorTime time.Duration // the same for those of a floor
	limit     int           // operations of one line at most, whatever the time

	buyers    []int // how many clients purchase at once, a line each
	customers []int // how many order at once, a line each
	crowd     int   // how many want the hot product, and what is sold out
	readers   int   // how many read lists at once

	shoppers int // accounts that the clients share
	products int // in the catalogue
	orders   int // that are there before anything is measured
	backlog  int // orders that expire at once
	rows     int // of the settlement file, at least
	watchers int
	updates  int // that each watcher sees
}

// wholePlan is what is measured when nothing else is asked for.
func wholePlan() plan {
	return plan{
		time: 8 * time.Second, floorTime: 4 * time.Second, limit: 1_000_000,
		buyers: []int{1, 8, 64, 256}, customers: []int{8, 256}, crowd: 256, readers: 8,
		shoppers: 8, products: 500, orders: 5_000, backlog: 1_000, rows: 1_000, watchers: 200, updates: 20,
	}
}

// smallPlan tries everything and measures nothing well.
func smallPlan() plan {
	return plan{
		time: 150 * time.Millisecond, floorTime: 100 * time.Millisecond, limit: 24,
		buyers: []int{1, 4}, customers: []int{4}, crowd: 8, readers: 2,
		shoppers: 1, products: 40, orders: 40, backlog: 20, rows: 10, watchers: 6, updates: 3,
	}
}
