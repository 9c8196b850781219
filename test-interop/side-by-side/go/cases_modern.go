package main

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Members of groups that the broker divides (KIP-848).
func addModern() {
	balancers := map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "uniform": kgo.CooperativeStickyBalancer()}
	for _, name := range []string{"range", "uniform"} {
		add("consumer protocol: two members share six partitions by "+name,
			func(r *run) { modernShareCase(r, balancers[name]) })
	}
	add("consumer protocol: what a leaving member owned is taken over at once", modernLeaveCase)
	add("consumer protocol: a group goes on where it committed", modernResumeCase)
	add("consumer protocol: a classic member and another share a topic", mixedCase)
}

func modernShareCase(r *run, balancer kgo.GroupBalancer) {
	topic := r.topic(6)
	options := []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(balancer)}
	one, two := r.member(topic, options...), r.member(topic, options...)
	r.share([]int{3, 3}, one, two)
	for partition := range int32(6) {
		r.send(topic, partition, values(5, int(partition)*5))
	}
	all, wanted := r.untilRead(30, one, two), values(30, 0)
	slices.Sort(all)
	slices.Sort(wanted)
	same(wanted, all)
}

func modernLeaveCase(r *run) {
	topic := r.topic(4)
	stays, leaves := r.member(topic, kgo.ServerSideBalancer()), r.member(topic, kgo.ServerSideBalancer())
	r.share([]int{2, 2}, stays, leaves)
	leaves.Close()
	r.share([]int{4}, stays)
}

func modernResumeCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(10, 0))
	options := []kgo.Opt{kgo.ConsumerGroup(r.group()), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.ServerSideBalancer()}
	first := r.client(options...)
	got := r.read(first, 10)
	must(first.CommitRecords(r, got[:6]...))
	first.Close()
	same(values(4, 6), texts(r.read(r.client(options...), 4)))
}

func mixedCase(r *run) {
	topic := r.topic(4)
	classic := r.member(topic)
	r.share([]int{4}, classic)
	r.share([]int{2, 2}, classic, r.member(topic, kgo.ServerSideBalancer()))
}
