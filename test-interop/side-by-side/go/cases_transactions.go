package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func addTransactions() {
	add("a committed transaction shows in all its partitions", committedCase)
	add("an aborted transaction shows only to those who read uncommitted", abortedCase)
	add("what comes behind an open transaction waits for its end", openCase)
	add("of thirty transactions in a row those that were committed show, in order", rowCase)
	add("a second producer of the same id aborts what the first left open, and fences it", fencingCase)
	add("a transaction that took too long is aborted", lateCase)
	add("a timeout over the maximum of the broker is refused", timeoutCase)
	add("a session of a group commits offsets with what it produced", sessionCase)
	add("a session that aborts reads the same records again", sessionAbortCase)
	add("a session aborts by itself when its partitions are revoked", sessionRevokedCase)
	add("transactions are listed and described while they are open", describeTransactionsCase)
	add("producers of a partition are described while their transaction is open", describeProducersCase)
}

func (r *run) transactional(options ...kgo.Opt) *kgo.Client {
	return r.client(append([]kgo.Opt{
		kgo.TransactionalID(r.name("id")), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, options...)...)
}

func (r *run) put(client *kgo.Client, topic string, partition int32, all []string) {
	must(client.ProduceSync(r, records(topic, partition, all)...).FirstErr())
}

func (r *run) end(client *kgo.Client, commit bool) {
	must(client.EndTransaction(r, kgo.TransactionEndTry(commit)))
}

func (r *run) seen(topic string, partition int32, count int, isolation kgo.IsolationLevel) []string {
	return texts(r.read(r.from(topic, partition, kgo.NewOffset().AtStart(), kgo.FetchIsolationLevel(isolation)), count))
}

func committedCase(r *run) {
	topic := r.topic(3)
	client := r.transactional()
	must(client.BeginTransaction())
	for partition := range int32(3) {
		r.put(client, topic, partition, values(2, int(partition)))
	}
	r.end(client, true)
	for partition := range int32(3) {
		same(values(2, int(partition)), r.seen(topic, partition, 2, kgo.ReadCommitted()))
	}
}

func abortedCase(r *run) {
	topic := r.topic(1)
	client := r.transactional()
	for _, value := range []string{"aborted", "committed"} {
		must(client.BeginTransaction())
		r.put(client, topic, 0, []string{value})
		r.end(client, value == "committed")
	}
	same([]string{"committed"}, r.seen(topic, 0, 1, kgo.ReadCommitted()))
	same([]string{"aborted", "committed"}, r.seen(topic, 0, 2, kgo.ReadUncommitted()))
}

func openCase(r *run) {
	topic := r.topic(1)
	client := r.transactional()
	must(client.BeginTransaction())
	r.put(client, topic, 0, []string{"open"})
	r.send(topic, 0, []string{"behind"})
	stable, err := r.admin.ListCommittedOffsets(r, topic)
	must(err)
	same(0, stable[topic][0].Offset)
	reader := r.from(topic, 0, kgo.NewOffset().AtStart(), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	short, cancel := context.WithTimeout(r, 300*time.Millisecond)
	defer cancel()
	same(0, len(reader.PollRecords(short, 1).Records()))
	r.end(client, true)
	same([]string{"open", "behind"}, texts(r.read(reader, 2)))
}

func rowCase(r *run) {
	topic := r.topic(1)
	client := r.transactional()
	var kept []string
	for i := range 30 {
		must(client.BeginTransaction())
		r.put(client, topic, 0, values(2, i))
		r.end(client, i%3 != 0)
		if i%3 != 0 {
			kept = append(kept, values(2, i)...)
		}
	}
	same(kept, r.seen(topic, 0, len(kept), kgo.ReadCommitted()))
}

func fencingCase(r *run) {
	topic := r.topic(1)
	first, second := r.transactional(), r.transactional()
	must(first.BeginTransaction())
	r.put(first, topic, 0, []string{"abandoned"})
	must(second.BeginTransaction())
	r.put(second, topic, 0, []string{"kept"})
	r.end(second, true)
	err := first.EndTransaction(r, kgo.TryCommit)
	same(true, errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.ProducerFenced))
	same([]string{"kept"}, r.seen(topic, 0, 1, kgo.ReadCommitted()))
}

func lateCase(r *run) {
	topic := r.topic(1)
	client := r.transactional(kgo.TransactionTimeout(time.Second))
	must(client.BeginTransaction())
	r.put(client, topic, 0, []string{"late"})
	r.send(topic, 0, []string{"behind"})
	same([]string{"behind"}, r.seen(topic, 0, 1, kgo.ReadCommitted()))
	same(true, client.EndTransaction(r, kgo.TryCommit) != nil)
}

func timeoutCase(r *run) {
	client := r.transactional(kgo.TransactionTimeout(2_000_000 * time.Second))
	_, _, err := client.ProducerID(r)
	same(true, errors.Is(err, kerr.InvalidTransactionTimeout))
}

func (r *run) session(topic, id string) *kgo.GroupTransactSession {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(r.bootstrap), kgo.TransactionalID(r.name(id)), kgo.ConsumerGroup(r.group()),
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.HeartbeatInterval(100*time.Millisecond), kgo.SessionTimeout(10*time.Second),
		kgo.MetadataMinAge(50*time.Millisecond))
	must(err)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.clients = append(r.clients, session.Client())
	return session
}

func (r *run) committedOffset(topic string) int64 {
	offsets, err := r.admin.FetchOffsets(r, r.group())
	must(err)
	found, ok := offsets.Lookup(topic, 0)
	if !ok {
		return -1
	}
	return found.At
}

// poll reads as many records as asked for within a session.
func (r *run) poll(session *kgo.GroupTransactSession, count int) []string {
	var all []string
	for len(all) < count {
		fetches := session.PollRecords(r, count-len(all))
		must(r.Err())
		must(fetches.Err())
		all = append(all, texts(fetches.Records())...)
	}
	return all
}

func sessionCase(r *run) {
	in, out := r.topic(1), r.topicWith(r.name("out"), 1, nil)
	r.send(in, 0, values(10, 0))
	session := r.session(in, "id")
	for range 2 {
		got := r.poll(session, 5)
		must(session.Begin())
		must(session.ProduceSync(r, records(out, 0, got)...).FirstErr())
		committed, err := session.End(r, kgo.TryCommit)
		must(err)
		same(true, committed)
	}
	same(values(10, 0), r.seen(out, 0, 10, kgo.ReadCommitted()))
	r.until("the offset", func() bool { return r.committedOffset(in) == 10 })
}

func sessionAbortCase(r *run) {
	in, out := r.topic(1), r.topicWith(r.name("out"), 1, nil)
	r.send(in, 0, values(5, 0))
	session := r.session(in, "id")
	for _, try := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		got := r.poll(session, 5)
		same(values(5, 0), got)
		must(session.Begin())
		must(session.ProduceSync(r, records(out, 0, got)...).FirstErr())
		committed, err := session.End(r, try)
		must(err)
		same(bool(try), committed)
	}
	same(values(5, 0), r.seen(out, 0, 5, kgo.ReadCommitted()))
	same(fmt.Sprint(append(values(5, 0), values(5, 0)...)), fmt.Sprint(r.seen(out, 0, 10, kgo.ReadUncommitted())))
}

func sessionRevokedCase(r *run) {
	in, out := r.topic(2), r.topicWith(r.name("out"), 1, nil)
	r.send(in, 0, values(2, 0))
	r.send(in, 1, values(2, 2))
	session := r.session(in, "one")
	got := r.poll(session, 4)
	must(session.Begin())
	must(session.ProduceSync(r, records(out, 0, got)...).FirstErr())
	other := r.session(in, "two")
	polled, stop := context.WithCancel(r)
	defer stop()
	go other.PollFetches(polled)
	r.until("two members", func() bool {
		groups, err := r.admin.DescribeGroups(r, r.group())
		return err == nil && groups[r.group()].State == "Stable" && len(groups[r.group()].Members) == 2
	})
	committed, err := session.End(r, kgo.TryCommit)
	must(err)
	same(false, committed)
	same(int64(-1), r.committedOffset(in))
}

func describeTransactionsCase(r *run) {
	topic := r.topic(1)
	client := r.transactional()
	must(client.BeginTransaction())
	r.put(client, topic, 0, values(1, 0))
	listed, err := r.admin.ListTransactions(r, nil, []string{"Ongoing"})
	must(err)
	same("Ongoing", listed[r.name("id")].State)
	described, err := r.admin.DescribeTransactions(r, r.name("id"))
	must(err)
	id, epoch, err := client.ProducerID(r)
	must(err)
	found := described[r.name("id")]
	same([]any{"Ongoing", id, epoch, true}, []any{found.State, found.ProducerID, found.ProducerEpoch, found.Topics.Lookup(topic, 0)})
	r.end(client, true)
	r.until("its end", func() bool {
		described, err := r.admin.DescribeTransactions(r, r.name("id"))
		return err == nil && described[r.name("id")].State == "CompleteCommit"
	})
}

func describeProducersCase(r *run) {
	topic := r.topic(1)
	client := r.transactional()
	must(client.BeginTransaction())
	r.put(client, topic, 0, values(3, 0))
	var set kadm.TopicsSet
	set.Add(topic, 0)
	described, err := r.admin.DescribeProducers(r, set)
	must(err)
	id, _, err := client.ProducerID(r)
	must(err)
	described[topic].Partitions.EachProducer(func(found kadm.DescribedProducer) {
		same([]any{id, 2, 0}, []any{found.ProducerID, found.LastSequence, found.CurrentTxnStartOffset})
	})
	same(1, len(described[topic].Partitions[0].ActiveProducers))
	r.end(client, false)
}
