// Runs every case against the broker of its only argument, and prints a line for each.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	caseDeadline = 50 * time.Second
	threads      = 6
)

type testCase struct {
	name string
	body func(*run)
}

var cases []testCase

func add(name string, body func(*run)) { cases = append(cases, testCase{name, body}) }

// run is one run of one case: names of its own, and clients that are closed behind it.
type run struct {
	context.Context
	bootstrap string
	id        string
	admin     *kadm.Client
	mutex     sync.Mutex
	clients   []*kgo.Client
}

func (r *run) name(what string) string { return r.id + "-" + what }
func (r *run) group() string           { return r.name("group") }

// client is closed after the case.
func (r *run) client(options ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{
		kgo.SeedBrokers(r.bootstrap),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.HeartbeatInterval(100 * time.Millisecond),
		kgo.SessionTimeout(10 * time.Second),
		kgo.ProducerLinger(0),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}, options...)
	client, err := kgo.NewClient(all...)
	must(err)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.clients = append(r.clients, client)
	return client
}

// topic creates a topic that the broker leads already: Kafka shows a leader a moment before it leads.
func (r *run) topic(partitions int32) string { return r.topicWith(r.name("topic"), partitions, nil) }

func (r *run) topicWith(name string, partitions int32, configs map[string]*string) string {
	_, err := r.admin.CreateTopic(r, partitions, 1, configs, name)
	must(err)
	r.until(name+" is led", func() bool {
		ends, err := r.admin.ListEndOffsets(r, name)
		return err == nil && ends.Error() == nil && len(ends[name]) == int(partitions)
	})
	return name
}

// until asks again and again, until the case's own deadline.
func (r *run) until(what string, holds func() bool) {
	for !holds() {
		select {
		case <-r.Done():
			panic(what + ": not in time")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(expected, actual any) {
	if want, got := fmt.Sprintf("%v", expected), fmt.Sprintf("%v", actual); want != got {
		panic(fmt.Sprintf("expected %s, got %s", want, got))
	}
}

func perform(each testCase, r *run) (failure string) {
	done := make(chan string, 1)
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				done <- fmt.Sprintf("%v at %s", reason, caller())
			}
		}()
		each.body(r)
		done <- ""
	}()
	select {
	case failure = <-done:
	case <-time.After(caseDeadline + 5*time.Second):
		failure = "not done in time"
	}
	for _, client := range r.clients {
		client.CloseAllowingRebalance()
	}
	return failure
}

// caller finds the line of the case in the stack of a panic.
func caller() string {
	counters := make([]uintptr, 40)
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters)])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.File, "cases_") {
			return fmt.Sprintf("%s:%d", frame.File[strings.LastIndex(frame.File, "/")+1:], frame.Line)
		}
		if !more {
			return "?"
		}
	}
}

func main() {
	addProducing()
	addConsuming()
	addGroups()
	addModern()
	addAdmin()
	addTransactions()
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Args[1]))
	must(err)
	var output, all sync.WaitGroup
	lines := make(chan string)
	output.Add(1)
	go func() {
		defer output.Done()
		for line := range lines {
			fmt.Println(line)
		}
	}()
	free := make(chan struct{}, threads)
	for index, each := range cases {
		free <- struct{}{}
		all.Add(1)
		go func() {
			defer func() { <-free; all.Done() }()
			ctx, cancel := context.WithTimeout(context.Background(), caseDeadline)
			defer cancel()
			r := &run{Context: ctx, bootstrap: os.Args[1], id: fmt.Sprintf("go-c%d", index), admin: kadm.NewClient(client)}
			began := time.Now()
			result := map[string]any{"index": index, "name": each.name, "ok": true}
			if failure := perform(each, r); failure != "" {
				result["ok"], result["error"] = false, failure
			}
			result["ms"] = time.Since(began).Milliseconds()
			line, _ := json.Marshal(result)
			lines <- "CASE " + string(line)
		}()
	}
	all.Wait()
	close(lines)
	output.Wait()
	fmt.Println("END")
}
