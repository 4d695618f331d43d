package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"payment-system/bench/measure"
)

// hearWithin is how long a watcher may take to hear of a change.
const hearWithin = 30 * time.Second

// fanOutTrials measure how a payment's changes reach those who watch it by paymentUpdated, beside messages of Redis to
// as many subscribers. An operation is one change that one watcher heard of; it takes from when the change was asked
// for, the shopper's new try to pay, until it was heard of.
func fanOutTrials(p plan) []trial {
	return []trial{{
		work: "update of a watcher", clients: p.watchers, floorIs: "Redis pub/sub",
		measured: func(ctx context.Context, r *rig) (measure.Sample, error) { return r.fanOut(ctx, p) },
		floor:    func(ctx context.Context, r *rig) (measure.Sample, error) { return r.publish(ctx, p) },
	}}
}

// An audience waits for each of its members to hear of a version.
type audience struct {
	heard chan int // a version, once for each member that hears of it
	size  int
}

// await returns how long it took each member, counted from began, to hear of version or a later one.
func (a audience) await(ctx context.Context, version int, began time.Time) (measure.Latencies, error) {
	timer := time.NewTimer(hearWithin)
	defer timer.Stop()
	var latencies measure.Latencies
	for len(latencies) < a.size {
		select {
		case heard := <-a.heard:
			if heard >= version {
				latencies = append(latencies, time.Since(began))
			}
		case <-timer.C:
			return nil, fmt.Errorf("only %d of %d heard of version %d", len(latencies), a.size, version)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return latencies, nil
}

// fanOut opens a payment, has everybody watch it, and lets the shopper begin anew again and again.
func (r *rig) fanOut(ctx context.Context, p plan) (measure.Sample, error) {
	orderID, err := r.place(ctx, 0, r.anyProduct())
	if err != nil {
		return measure.Sample{}, err
	}
	opened, err := r.ready(ctx, 0, orderID, "KAKAO")
	if err != nil {
		return measure.Sample{}, err
	}
	watching, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer stop()
	all := audience{heard: make(chan int, 16*p.watchers), size: p.watchers}
	for range p.watchers {
		watchers.Go(func() { _ = r.watch(watching, opened.ID, all.heard) }) // One that fails is missed below.
	}
	if _, err := all.await(ctx, opened.Version, time.Now()); err != nil {
		return measure.Sample{}, fmt.Errorf("watch a payment: %w", err)
	}
	return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
		return changes(p.updates, func(i int) (measure.Latencies, error) {
			began := time.Now()
			again, err := r.ready(ctx, 0, orderID, []string{"TOSS", "KAKAO"}[i%2])
			if err != nil {
				return nil, err
			}
			return all.await(ctx, again.Version, began)
		})
	})
}

// changes makes changes one after the other, each once everybody heard of the one before.
func changes(n int, change func(i int) (measure.Latencies, error)) (measure.Run, error) {
	var run measure.Run
	began := time.Now()
	for i := range n {
		latencies, err := change(i)
		if err != nil {
			return run, err
		}
		run.Latencies = append(run.Latencies, latencies...)
	}
	run.Operations, run.Elapsed = len(run.Latencies), time.Since(began)
	return run, nil
}

// watch tells heard the version of each state of a payment that the server sends, until ctx ends.
func (r *rig) watch(ctx context.Context, paymentID string, heard chan<- int) error {
	const document = `subscription($id: ID!) { paymentUpdated(paymentId: $id) { id version status } }`
	body, err := json.Marshal(object{"query": document, "variables": object{"id": paymentID}})
	if err != nil {
		return err
	}
	patient := r.shopper(0)
	client := *r.site.http
	client.Timeout = 0
	patient.site.http = &client
	response, err := patient.post(ctx, "application/json", "text/event-stream", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	events := bufio.NewScanner(response.Body)
	for events.Scan() {
		text, ok := strings.CutPrefix(events.Text(), "data: ")
		if !ok {
			continue
		}
		var event struct {
			Data struct{ PaymentUpdated struct{ Version int } }
		}
		if err := json.Unmarshal([]byte(text), &event); err != nil {
			return err
		}
		select {
		case heard <- event.Data.PaymentUpdated.Version:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.Join(events.Err(), ctx.Err())
}

// publish sends as many messages by Redis to as many subscribers, each with a connection of its own.
func (r *rig) publish(ctx context.Context, p plan) (measure.Sample, error) {
	const channel = "bench"
	listening, stop := context.WithCancel(ctx)
	var subscribers sync.WaitGroup
	defer subscribers.Wait()
	defer stop()
	all := audience{heard: make(chan int, 16*p.watchers), size: p.watchers}
	for range p.watchers {
		subscription := r.redis.Subscribe(ctx, channel)
		defer subscription.Close()
		if _, err := subscription.Receive(ctx); err != nil {
			return measure.Sample{}, fmt.Errorf("subscribe: %w", err)
		}
		messages := subscription.Channel()
		subscribers.Go(func() {
			for {
				select {
				case message, ok := <-messages:
					if !ok {
						return
					}
					all.heard <- len(message.Payload)
				case <-listening.Done():
					return
				}
			}
		})
	}
	return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
		return changes(p.updates, func(int) (measure.Latencies, error) {
			began := time.Now()
			if err := r.redis.Publish(ctx, channel, r.floor.payload).Err(); err != nil {
				return nil, err
			}
			return all.await(ctx, len(r.floor.payload), began)
		})
	})
}
