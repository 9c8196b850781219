package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func addGroups() {
	balancers := map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
		"sticky": kgo.StickyBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer()}
	for _, name := range slices.Sorted(maps.Keys(balancers)) {
		add("two members share six partitions by "+name, func(r *run) { shareCase(r, name, balancers[name]) })
	}
	add("under cooperative rebalancing only what moves is revoked", cooperativeCase)
	add("what a leaving member owned is taken over at once", leaveCase)
	add("a group goes on where it committed", resumeCase)
	add("only marked records are committed on leaving", markCase)
	add("two groups read the same records", twoGroupsCase)
	add("a static member that restarts keeps its partitions without a rebalance", staticCase)
	add("a member that shares no balancer with the group is refused", inconsistentCase)
	add("a member that vanishes is expelled, and another takes over", silentCase)
}

// member is a client in the group of its case, polled in the background, and what it owns and read.
type member struct {
	*kgo.Client
	mutex   sync.Mutex
	owned   map[int32]bool
	revoked [][]int32
	read    []string
	errors  []error
}

func (r *run) member(topic string, options ...kgo.Opt) *member {
	m := &member{owned: map[int32]bool{}}
	change := func(add bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			for _, each := range parts[topic] {
				if add {
					m.owned[each] = true
				} else {
					delete(m.owned, each)
				}
			}
			if !add && len(parts[topic]) > 0 {
				slices.Sort(parts[topic])
				m.revoked = append(m.revoked, parts[topic])
			}
		}
	}
	m.Client = r.client(append([]kgo.Opt{
		kgo.ConsumerGroup(r.group()), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)),
	}, options...)...)
	go func() {
		for r.Err() == nil {
			fetches := m.PollFetches(r)
			if fetches.IsClientClosed() {
				return
			}
			m.mutex.Lock()
			fetches.EachError(func(_ string, _ int32, err error) { m.errors = append(m.errors, err) })
			m.read = append(m.read, texts(fetches.Records())...)
			m.mutex.Unlock()
		}
	}()
	return m
}

func (m *member) partitions() []int32 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var all []int32
	for each := range m.owned {
		all = append(all, each)
	}
	slices.Sort(all)
	return all
}

func (m *member) texts() []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.Clone(m.read)
}

// share waits until the members own all partitions between them, in shares of the given sizes.
func (r *run) share(sizes []int, members ...*member) {
	r.until(fmt.Sprintf("shares %v", sizes), func() bool {
		var got []int
		all, total := map[int32]bool{}, 0
		for _, each := range members {
			owned := each.partitions()
			got = append(got, len(owned))
			for _, partition := range owned {
				all[partition] = true
			}
		}
		for _, each := range sizes {
			total += each
		}
		slices.Sort(got)
		return slices.Equal(got, sizes) && len(all) == total
	})
}

func (r *run) untilRead(count int, members ...*member) []string {
	var all []string
	r.until(fmt.Sprintf("%d records", count), func() bool {
		all = nil
		for _, each := range members {
			all = append(all, each.texts()...)
		}
		return len(all) >= count
	})
	return all
}

func shareCase(r *run, name string, balancer kgo.GroupBalancer) {
	topic := r.topic(6)
	one, two := r.member(topic, kgo.Balancers(balancer)), r.member(topic, kgo.Balancers(balancer))
	r.share([]int{3, 3}, one, two)
	for partition := range int32(6) {
		r.send(topic, partition, values(5, int(partition)*5))
	}
	all, wanted := r.untilRead(30, one, two), values(30, 0)
	slices.Sort(all)
	slices.Sort(wanted)
	same(wanted, all)
	group, err := r.admin.DescribeGroups(r, r.group())
	must(err)
	same([]any{"Stable", name, 2}, []any{group[r.group()].State, group[r.group()].Protocol, len(group[r.group()].Members)})
}

func cooperativeCase(r *run) {
	topic := r.topic(4)
	one := r.member(topic)
	r.share([]int{4}, one)
	two := r.member(topic)
	r.share([]int{2, 2}, one, two)
	same([][]int32{two.partitions()}, one.revoked)
}

func leaveCase(r *run) {
	topic := r.topic(4)
	long := kgo.SessionTimeout(60 * time.Second)
	stays, leaves := r.member(topic, long), r.member(topic, long)
	r.share([]int{2, 2}, stays, leaves)
	leaves.Close()
	r.share([]int{4}, stays)
}

func resumeCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(10, 0))
	options := []kgo.Opt{kgo.ConsumerGroup(r.group()), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit()}
	first := r.client(options...)
	got := r.read(first, 10)
	must(first.CommitRecords(r, got[:6]...))
	first.Close()
	same(values(4, 6), texts(r.read(r.client(options...), 4)))
}

func markCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(10, 0))
	client := r.client(kgo.ConsumerGroup(r.group()), kgo.ConsumeTopics(topic), kgo.AutoCommitMarks())
	client.MarkCommitRecords(r.read(client, 10)[:3]...)
	client.Close()
	found, err := r.admin.FetchOffsets(r, r.group())
	must(err)
	offset, _ := found.Lookup(topic, 0)
	same(3, offset.At)
}

func twoGroupsCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(10, 0))
	for _, group := range []string{"a", "b"} {
		client := r.client(kgo.ConsumerGroup(r.name(group)), kgo.ConsumeTopics(topic))
		same(values(10, 0), texts(r.read(client, 10)))
	}
}

func staticCase(r *run) {
	topic := r.topic(4)
	one, two := r.member(topic, kgo.InstanceID("one")), r.member(topic, kgo.InstanceID("two"))
	r.share([]int{2, 2}, one, two)
	owned := one.partitions()
	_, generation := two.GroupMetadata()
	one.Close()
	again := r.member(topic, kgo.InstanceID("one"))
	r.share([]int{2, 2}, again, two)
	same(owned, again.partitions())
	_, later := two.GroupMetadata()
	same(generation, later)
}

func inconsistentCase(r *run) {
	topic := r.topic(1)
	r.share([]int{1}, r.member(topic, kgo.Balancers(kgo.RangeBalancer())))
	other := r.member(topic, kgo.Balancers(kgo.RoundRobinBalancer()))
	r.until("the refusal", func() bool {
		other.mutex.Lock()
		defer other.mutex.Unlock()
		return slices.ContainsFunc(other.errors, func(err error) bool { return kerr.ErrorForCode(23) == unwrapped(err) })
	})
}

func unwrapped(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = inner.Unwrap()
	}
}

func silentCase(r *run) {
	topic := r.topic(2)
	stays := r.member(topic)
	wire := &wire{}
	silent := r.member(topic, kgo.SessionTimeout(1500*time.Millisecond), kgo.Dialer(wire.dial), kgo.RequestRetries(0))
	r.share([]int{1, 1}, stays, silent)
	wire.cut()
	r.share([]int{2}, stays)
	group, err := r.admin.DescribeGroups(r, r.group())
	must(err)
	same(1, len(group[r.group()].Members))
}

// wire is a way to the broker that can be cut.
type wire struct {
	mutex sync.Mutex
	conns []net.Conn
	isCut bool
}

func (w *wire) dial(ctx context.Context, network, host string) (net.Conn, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.isCut {
		return nil, errors.New("the wire is cut")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, host)
	if err == nil {
		w.conns = append(w.conns, conn)
	}
	return conn, err
}

func (w *wire) cut() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.isCut = true
	for _, each := range w.conns {
		each.Close()
	}
}
