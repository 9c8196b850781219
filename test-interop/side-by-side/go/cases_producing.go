package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func values(count, first int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf("v%d", first+i)
	}
	return all
}

func records(topic string, partition int32, all []string) []*kgo.Record {
	out := make([]*kgo.Record, len(all))
	for i, value := range all {
		out[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}
	}
	return out
}

func (r *run) produce(all []*kgo.Record, options ...kgo.Opt) kgo.ProduceResults {
	options = append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)
	return r.client(options...).ProduceSync(r, all...)
}

func (r *run) send(topic string, partition int32, all []string) {
	must(r.produce(records(topic, partition, all)).FirstErr())
}

// read takes as many records as asked for, in the order in which they come.
func (r *run) read(client *kgo.Client, count int) []*kgo.Record {
	var got []*kgo.Record
	for len(got) < count {
		fetches := client.PollRecords(r, count-len(got))
		must(r.Err())
		must(fetches.Err())
		got = append(got, fetches.Records()...)
	}
	return got
}

func texts(all []*kgo.Record) []string {
	out := make([]string, len(all))
	for i, each := range all {
		out[i] = string(each.Value)
	}
	return out
}

func (r *run) from(topic string, partition int32, offset kgo.Offset, options ...kgo.Opt) *kgo.Client {
	options = append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: offset}}))
	return r.client(options...)
}

func (r *run) readAll(topic string, count int) []*kgo.Record {
	return r.read(r.from(topic, 0, kgo.NewOffset().AtStart()), count)
}

func addProducing() {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for _, name := range slices.Sorted(maps.Keys(codecs)) {
		add("produces and consumes 500 records compressed with "+name, func(r *run) { codecCase(r, codecs[name]) })
	}
	acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}
	for _, name := range slices.Sorted(maps.Keys(acks)) {
		add("stores every record under acks "+name, func(r *run) { acksCase(r, acks[name]) })
	}
	add("an idempotent producer keeps the order of 3,000 sends", orderCase)
	add("null and empty keys and values arrive as they were", nullCase)
	add("headers keep order, repeats, empty and null values", headerCase)
	add("keys choose partitions by murmur2, as with Java", partitionerCase)
	add("every partition gets its share of records without keys", spreadCase)
	add("LogAppendTime is shown to producer and consumer", appendTimeCase)
	add("a record over max.message.bytes is refused", tooLargeCase)
	add("a topic with a larger max.message.bytes takes three megabytes", largeCase)
	add("a compacted topic refuses a record without a key", compactedCase)
	add("a missing topic is created where the client asks so, and else unknown", missingCase)
	add("batches of two producers on one partition leave no gap", twoProducersCase)
}

func codecCase(r *run, codec kgo.CompressionCodec) {
	topic := r.topic(1)
	all := records(topic, 0, values(500, 0))
	for i, each := range all {
		each.Key = fmt.Appendf(nil, "k%d", i)
		each.Value = fmt.Appendf(nil, "%d %s", i, strings.Repeat("abcdefgh", i%50))
		each.Timestamp = time.UnixMilli(int64(1_000 + i))
		each.Headers = []kgo.RecordHeader{{Key: "i", Value: fmt.Append(nil, i)}}
	}
	must(r.produce(all, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(20*time.Millisecond)).FirstErr())
	for i, got := range r.readAll(topic, 500) {
		same([]any{int64(i), string(all[i].Key), string(all[i].Value), int64(1_000 + i), fmt.Sprint(i)},
			[]any{got.Offset, string(got.Key), string(got.Value), got.Timestamp.UnixMilli(), string(got.Headers[0].Value)})
	}
}

func acksCase(r *run, acks kgo.Acks) {
	topic := r.topic(1)
	must(r.produce(records(topic, 0, values(200, 0)), kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite()).FirstErr())
	same(values(200, 0), texts(r.readAll(topic, 200)))
}

func orderCase(r *run) {
	topic := r.topic(1)
	results := r.produce(records(topic, 0, values(3_000, 0)), kgo.ProducerBatchMaxBytes(2_000))
	must(results.FirstErr())
	for i, each := range r.readAll(topic, 3_000) {
		same(fmt.Sprintf("v%d", i), string(each.Value))
	}
}

func nullCase(r *run) {
	topic := r.topic(1)
	all := []*kgo.Record{{Topic: topic}, {Topic: topic, Key: []byte{}, Value: []byte{}}, {Topic: topic, Key: []byte("k")}}
	must(r.produce(all).FirstErr())
	for i, got := range r.readAll(topic, 3) {
		same([]any{all[i].Key == nil, all[i].Value == nil, string(all[i].Key)},
			[]any{got.Key == nil, got.Value == nil, string(got.Key)})
	}
}

func headerCase(r *run) {
	topic := r.topic(1)
	headers := []kgo.RecordHeader{{Key: "b", Value: []byte{0, 255}}, {Key: "a", Value: []byte{}}, {Key: "b"}, {Key: "", Value: []byte{7}}}
	must(r.produce([]*kgo.Record{{Topic: topic, Headers: headers}}).FirstErr())
	got := r.readAll(topic, 1)[0].Headers
	same(headers, got)
	same([]bool{false, false, true, false}, []bool{got[0].Value == nil, got[1].Value == nil, got[2].Value == nil, got[3].Value == nil})
}

func partitionerCase(r *run) {
	topic := r.topic(7)
	client := r.client(kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	homes := map[string]int32{}
	for _, key := range []string{"key-0", "key-1", "key-2", "key-3"} {
		record, err := client.ProduceSync(r, &kgo.Record{Topic: topic, Key: []byte(key)}).First()
		must(err)
		homes[key] = record.Partition
	}
	same(map[string]int32{"key-0": 0, "key-1": 5, "key-2": 4, "key-3": 4}, homes)
}

func spreadCase(r *run) {
	topic := r.topic(3)
	client := r.client(kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	must(client.ProduceSync(r, records(topic, 0, values(90, 0))...).FirstErr())
	ends, err := r.admin.ListEndOffsets(r, topic)
	must(err)
	for partition := range int32(3) {
		same(30, ends[topic][partition].Offset)
	}
}

func appendTimeCase(r *run) {
	topic := r.topicWith(r.name("topic"), 1, map[string]*string{"message.timestamp.type": text("LogAppendTime")})
	began := time.Now().Add(-time.Millisecond)
	must(r.produce([]*kgo.Record{{Topic: topic, Timestamp: time.UnixMilli(5)}}).FirstErr())
	got := r.readAll(topic, 1)[0]
	same([]any{int8(1), true}, []any{got.Attrs.TimestampType(), got.Timestamp.After(began)})
}

func tooLargeCase(r *run) {
	topic := r.topicWith(r.name("topic"), 1, map[string]*string{"max.message.bytes": text("1000")})
	err := r.produce(records(topic, 0, []string{strings.Repeat("x", 2_000)}), kgo.ProducerBatchCompression(kgo.NoCompression())).FirstErr()
	same(true, errors.Is(err, kerr.MessageTooLarge))
	r.send(topic, 0, []string{"small"})
	same([]string{"small"}, texts(r.readAll(topic, 1)))
}

func largeCase(r *run) {
	topic := r.topicWith(r.name("topic"), 1, map[string]*string{"max.message.bytes": text("4000000")})
	value := strings.Repeat("abc", 1_000_000)
	must(r.produce(records(topic, 0, []string{value}), kgo.ProducerBatchMaxBytes(4_000_000)).FirstErr())
	same(true, string(r.readAll(topic, 1)[0].Value) == value)
}

func compactedCase(r *run) {
	topic := r.topicWith(r.name("topic"), 1, map[string]*string{"cleanup.policy": text("compact")})
	same(true, errors.Is(r.produce([]*kgo.Record{{Topic: topic}}).FirstErr(), kerr.InvalidRecord))
	must(r.produce([]*kgo.Record{{Topic: topic, Key: []byte("k")}}).FirstErr())
}

func missingCase(r *run) {
	err := r.produce(records(r.name("none"), 0, values(1, 0)), kgo.UnknownTopicRetries(0)).FirstErr()
	same(true, errors.Is(err, kerr.UnknownTopicOrPartition))
	must(r.produce(records(r.name("made"), 0, values(1, 0)), kgo.AllowAutoTopicCreation()).FirstErr())
	same(values(1, 0), texts(r.readAll(r.name("made"), 1)))
}

func twoProducersCase(r *run) {
	topic := r.topic(1)
	one, two := r.client(), r.client()
	for round := range 20 {
		must(one.ProduceSync(r, records(topic, 0, values(5, round*10))...).FirstErr())
		must(two.ProduceSync(r, records(topic, 0, values(5, round*10+5))...).FirstErr())
	}
	got := r.readAll(topic, 200)
	same(values(200, 0), texts(got))
	same(int64(199), got[199].Offset)
}

func text(value string) *string { return &value }
