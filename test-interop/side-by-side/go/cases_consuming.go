package main

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func addConsuming() {
	add("starts at the start, at an offset, counted from the end, and after a time", startCase)
	add("an offset out of range is reset to where the client says", resetCase)
	add("an offset out of range is an error where there is no reset", noResetCase)
	add("a paused partition brings nothing until it is resumed", pauseCase)
	add("a pattern subscribes to topics, also to one that is created later", patternCase)
	add("a limit smaller than any record still makes progress", limitCase)
	levels := map[string]kgo.IsolationLevel{"committed": kgo.ReadCommitted(), "uncommitted": kgo.ReadUncommitted()}
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		add("reads with isolation level "+name, func(r *run) {
			topic := r.topic(1)
			r.send(topic, 0, values(20, 0))
			same(values(20, 0), texts(r.read(r.from(topic, 0, kgo.NewOffset().AtStart(), kgo.FetchIsolationLevel(levels[name])), 20)))
		})
	}
	add("a record wakes a fetch that waits", wakeCase)
	add("fetches show high watermark, log start and last stable offset", watermarkCase)
	add("reads ten partitions, each in its order", manyCase)
	add("reads without a fetch session", sessionlessCase)
}

func startCase(r *run) {
	topic := r.topic(1)
	all := records(topic, 0, values(10, 0))
	for i, each := range all {
		each.Timestamp = time.UnixMilli(int64(1_000 * (i + 1)))
	}
	must(r.produce(all).FirstErr())
	at := kgo.NewOffset()
	same(values(10, 0), texts(r.read(r.from(topic, 0, at.AtStart()), 10)))
	same(values(3, 7), texts(r.read(r.from(topic, 0, at.At(7)), 3)))
	same(values(4, 6), texts(r.read(r.from(topic, 0, at.AtEnd().Relative(-4)), 4)))
	same(values(6, 4), texts(r.read(r.from(topic, 0, at.AfterMilli(4_500)), 6)))
}

func resetCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(5, 0))
	reset := kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())
	same(values(5, 0), texts(r.read(r.from(topic, 0, kgo.NewOffset().At(50), reset), 5)))
}

func noResetCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(5, 0))
	client := r.from(topic, 0, kgo.NewOffset().At(50), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	r.until("the error", func() bool { return errors.Is(client.PollFetches(r).Err(), kerr.OffsetOutOfRange) })
}

func pauseCase(r *run) {
	topic := r.topic(2)
	start := kgo.NewOffset().AtStart()
	client := r.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: start, 1: start}}))
	client.PauseFetchPartitions(map[string][]int32{topic: {0}})
	r.send(topic, 0, values(5, 0))
	r.send(topic, 1, values(5, 5))
	same(values(5, 5), texts(r.read(client, 5)))
	r.send(topic, 1, []string{"later"})
	same([]string{"later"}, texts(r.read(client, 1)))
	client.ResumeFetchPartitions(map[string][]int32{topic: {0}})
	same(values(5, 0), texts(r.read(client, 5)))
}

func patternCase(r *run) {
	for _, name := range []string{"red-1", "blue-1"} {
		r.send(r.topicWith(r.name(name), 1, nil), 0, []string{name})
	}
	client := r.client(kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+r.name("red")+"-.*"), kgo.MetadataMaxAge(200*time.Millisecond))
	same([]string{"red-1"}, texts(r.read(client, 1)))
	r.send(r.topicWith(r.name("red-2"), 1, nil), 0, []string{"red-2"})
	same([]string{"red-2"}, texts(r.read(client, 1)))
}

func limitCase(r *run) {
	topic := r.topic(1)
	for _, value := range values(10, 0) {
		r.send(topic, 0, []string{value})
	}
	client := r.from(topic, 0, kgo.NewOffset().AtStart(), kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1))
	same(values(10, 0), texts(r.read(client, 10)))
}

func wakeCase(r *run) {
	topic := r.topic(1)
	client := r.from(topic, 0, kgo.NewOffset().AtStart(), kgo.FetchMaxWait(25*time.Second))
	r.send(topic, 0, []string{"first"})
	r.read(client, 1)
	began := time.Now()
	r.send(topic, 0, []string{"second"})
	same([]string{"second"}, texts(r.read(client, 1)))
	same(true, time.Since(began) < 15*time.Second)
}

func watermarkCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(10, 0))
	_, err := r.admin.DeleteRecords(r, kadm.OffsetsFromRecords(kgo.Record{Topic: topic, Offset: 3}))
	must(err)
	// The helper commits behind a record, so the deletion is of everything before offset 4.
	fetches := r.from(topic, 0, kgo.NewOffset().AtStart()).PollFetches(r)
	must(fetches.Err())
	fetches.EachPartition(func(each kgo.FetchTopicPartition) {
		same([]int64{10, 4, 10}, []int64{each.HighWatermark, each.LogStartOffset, each.LastStableOffset})
	})
	same(values(6, 4), texts(fetches.Records()))
}

func manyCase(r *run) {
	topic := r.topic(10)
	all := records(topic, 0, values(500, 0))
	for i, each := range all {
		each.Partition = int32(i % 10)
	}
	must(r.produce(all).FirstErr())
	next := map[int32]int64{}
	for _, each := range r.read(r.client(kgo.ConsumeTopics(topic)), 500) {
		same(next[each.Partition], each.Offset)
		next[each.Partition]++
	}
	same(10, len(next))
}

func sessionlessCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(5, 0))
	client := r.from(topic, 0, kgo.NewOffset().AtStart(), kgo.DisableFetchSessions())
	same(values(5, 0), texts(r.read(client, 5)))
	r.send(topic, 0, values(5, 5))
	same(values(5, 5), texts(r.read(client, 5)))
}
