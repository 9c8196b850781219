import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

final class TransactionCases {
    static void addTo(Suite suite) {
        suite.add("a committed transaction shows in all its partitions", TransactionCases::committed);
        suite.add("an aborted transaction shows only to those who read uncommitted",
            TransactionCases::aborted);
        suite.add("what comes behind an open transaction waits for its end", TransactionCases::open);
        suite.add("the end of a partition under read_committed is its last stable offset",
            TransactionCases::ends);
        suite.add("of thirty transactions in a row those that were committed show, in order",
            TransactionCases::row);
        suite.add("a transaction of 5,000 compressed records is committed as one", TransactionCases::large);
        suite.add("an empty transaction ends either way", TransactionCases::empty);
        suite.add("offsets of a committed transaction are committed, of an aborted one not",
            TransactionCases::offsets);
        suite.add("a consumer that asks for stable offsets waits for the end of a transaction",
            TransactionCases::stable);
        suite.add("offsets of a member of an older generation are refused", TransactionCases::stale);
        suite.add("a second producer of the same id aborts what the first left open, and fences it",
            TransactionCases::fenced);
        suite.add("fenceProducers of the admin fences a producer", TransactionCases::adminFences);
        suite.add("a transaction that took too long is aborted, and its producer is told",
            TransactionCases::late);
        suite.add("a timeout over the maximum of the broker is refused", TransactionCases::timeout);
        suite.add("transactions are listed by state, by duration and by pattern", TransactionCases::lists);
        suite.add("a transaction is described with its partitions", TransactionCases::describes);
        suite.add("producers of a partition are described while their transaction is open",
            TransactionCases::producers);
        suite.add("abortTransaction of the admin ends a transaction", TransactionCases::adminAborts);
    }

    private static KafkaProducer<String, String> producer(Run run, Map<String, Object> configs) {
        Map<String, Object> all = new HashMap<>(configs);
        all.putIfAbsent("transactional.id", run.name("id"));
        all.put("linger.ms", configs.getOrDefault("linger.ms", 0));
        var producer = run.producer(all);
        producer.initTransactions();
        return producer;
    }

    private static void put(KafkaProducer<String, String> producer, String topic, int partition,
        Collection<String> values) {
        for (var value : values) producer.send(new ProducerRecord<>(topic, partition, null, value));
        producer.flush();
    }

    private static void transaction(KafkaProducer<String, String> producer, String topic, boolean commit,
        String... values) {
        producer.beginTransaction();
        put(producer, topic, 0, List.of(values));
        if (commit) producer.commitTransaction();
        else producer.abortTransaction();
    }

    private static List<String> seen(Run run, String topic, int partition, int count, String isolation) {
        var group = UUID.randomUUID().toString();
        var consumer = run.consumer(Map.of("isolation.level", isolation, "group.id", group));
        consumer.assign(List.of(new TopicPartition(topic, partition)));
        return ProducerCases.valuesOf(Run.read(consumer, count));
    }

    private static Map<TopicPartition, OffsetAndMetadata> at(String topic, long offset) {
        return Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(offset));
    }

    private static void committed(Run run) throws Exception {
        var topic = run.topic(3);
        var producer = producer(run, Map.of());
        producer.beginTransaction();
        for (int i = 0; i < 3; i++) put(producer, topic, i, Run.values(i, 2));
        producer.commitTransaction();
        for (int i = 0; i < 3; i++) Run.same(Run.values(i, 2), seen(run, topic, i, 2, "read_committed"));
    }

    private static void aborted(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        transaction(producer, topic, false, "aborted");
        transaction(producer, topic, true, "committed");
        Run.same(List.of("committed"), seen(run, topic, 0, 1, "read_committed"));
        Run.same(List.of("aborted", "committed"), seen(run, topic, 0, 2, "read_uncommitted"));
    }

    private static void open(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        producer.beginTransaction();
        put(producer, topic, 0, List.of("open"));
        run.send(topic, 0, List.of("behind"));
        var strict = run.assigned(topic, 1, Map.of("isolation.level", "read_committed"));
        Run.same(List.of("open", "behind"), seen(run, topic, 0, 2, "read_uncommitted"));
        Run.same(0, strict.poll(Duration.ofMillis(300)).count());
        producer.commitTransaction();
        Run.same(List.of("open", "behind"), ProducerCases.valuesOf(Run.read(strict, 2)));
    }

    private static long end(Run run, String topic, IsolationLevel isolation) throws Exception {
        var partition = new TopicPartition(topic, 0);
        var asked = Map.of(partition, OffsetSpec.latest());
        var found = run.admin.listOffsets(asked, new ListOffsetsOptions(isolation));
        return found.partitionResult(partition).get().offset();
    }

    private static void ends(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        transaction(producer, topic, true, "v0");
        stableEnd(run, topic, 2L);
        producer.beginTransaction();
        put(producer, topic, 0, Run.values(3));
        Run.same(2L, end(run, topic, IsolationLevel.READ_COMMITTED));
        Run.same(5L, end(run, topic, IsolationLevel.READ_UNCOMMITTED));
        var strict = run.assigned(topic, 1, Map.of("isolation.level", "read_committed"));
        Run.same(2L, strict.endOffsets(strict.assignment()).get(new TopicPartition(topic, 0)));
        producer.abortTransaction();
        stableEnd(run, topic, 6L);
    }

    /** A transaction has ended before its markers are written. */
    private static void stableEnd(Run run, String topic, long wanted) {
        Run.until("a stable end of " + wanted, () -> {
            try {
                return end(run, topic, IsolationLevel.READ_COMMITTED) == wanted;
            } catch (Exception failure) {
                throw new AssertionError(failure);
            }
        });
    }

    private static void row(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        for (int i = 0; i < 30; i++) transaction(producer, topic, i % 3 != 0, "v" + i, "w" + i);
        var kept = IntStream.range(0, 30).filter(i -> i % 3 != 0).boxed().flatMap(i ->
            List.of("v" + i, "w" + i).stream()).toList();
        Run.same(kept, seen(run, topic, 0, kept.size(), "read_committed"));
    }

    private static void large(Run run) throws Exception {
        var topic = run.topic(2);
        var producer = producer(run, Map.of("compression.type", "lz4", "linger.ms", 5, "batch.size", 1_000));
        producer.beginTransaction();
        for (int i = 0; i < 2; i++) put(producer, topic, i, Run.values(2_500));
        producer.commitTransaction();
        for (int i = 0; i < 2; i++) Run.same(Run.values(2_500), seen(run, topic, i, 2_500, "read_committed"));
    }

    private static void empty(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        transaction(producer, topic, true);
        transaction(producer, topic, false);
        transaction(producer, topic, true, "v0");
        Run.same(List.of("v0"), seen(run, topic, 0, 1, "read_committed"));
    }

    private static void offsets(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        var consumer = run.consumer(Map.of("isolation.level", "read_committed"));
        for (var each : Map.of(true, 5L, false, 7L).entrySet()) {
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(at(topic, each.getValue()), consumer.groupMetadata());
            if (each.getKey()) producer.commitTransaction();
            else producer.abortTransaction();
        }
        Run.same(at(topic, 5), consumer.committed(at(topic, 0).keySet()));
    }

    private static void stable(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        var consumer = run.consumer(Map.of("isolation.level", "read_committed"));
        producer.beginTransaction();
        producer.sendOffsetsToTransaction(at(topic, 5), consumer.groupMetadata());
        Run.refused(org.apache.kafka.common.errors.TimeoutException.class, () ->
            consumer.committed(at(topic, 0).keySet(), Duration.ofMillis(500)));
        producer.commitTransaction();
        Run.same(at(topic, 5), consumer.committed(at(topic, 0).keySet()));
    }

    private static void stale(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(1));
        var producer = producer(run, Map.of());
        var first = run.subscribed(topic, Map.of());
        Run.read(first, 1);
        var old = first.groupMetadata();
        first.close();
        var second = run.subscribed(topic, Map.of());
        Run.read(second, 1);
        producer.beginTransaction();
        Run.refused(CommitFailedException.class, () -> {
            producer.sendOffsetsToTransaction(at(topic, 1), old);
            producer.commitTransaction();
            return "committed";
        });
        producer.abortTransaction();
        var committed = second.committed(at(topic, 0).keySet()).values();
        Run.same(true, committed.stream().allMatch(each -> each == null));
    }

    private static void fenced(Run run) throws Exception {
        var topic = run.topic(1);
        var first = producer(run, Map.of());
        first.beginTransaction();
        put(first, topic, 0, List.of("abandoned"));
        transaction(producer(run, Map.of()), topic, true, "kept");
        Run.refused(KafkaException.class, () -> {
            first.commitTransaction();
            return "committed";
        });
        Run.same(List.of("kept"), seen(run, topic, 0, 1, "read_committed"));
    }

    private static void adminFences(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        producer.beginTransaction();
        put(producer, topic, 0, List.of("abandoned"));
        run.admin.fenceProducers(Set.of(run.name("id"))).all().get();
        try {
            producer.commitTransaction();
            throw new AssertionError("it was committed");
        } catch (ProducerFencedException | InvalidProducerEpochException told) {
            run.send(topic, 0, List.of("behind"));
        }
        Run.same(List.of("behind"), seen(run, topic, 0, 1, "read_committed"));
    }

    private static void late(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of("transaction.timeout.ms", 1_000));
        producer.beginTransaction();
        put(producer, topic, 0, List.of("late"));
        run.send(topic, 0, List.of("behind"));
        Run.same(List.of("behind"), seen(run, topic, 0, 1, "read_committed"));
        Run.refused(KafkaException.class, () -> {
            producer.commitTransaction();
            return "committed";
        });
    }

    private static void timeout(Run run) {
        try {
            int tooMuch = 2_000_000_000;
            producer(run, Map.of("transaction.timeout.ms", tooMuch, "delivery.timeout.ms", tooMuch));
        } catch (KafkaException told) {
            Run.holds(told.toString().contains("timeout"), told);
            return;
        }
        throw new AssertionError("it was taken");
    }

    private static List<String> listed(Run run, ListTransactionsOptions options) throws Exception {
        var all = run.admin.listTransactions(options).all().get();
        return all.stream().map(TransactionListing::transactionalId)
            .filter(each -> each.startsWith(run.name(""))).sorted().toList();
    }

    private static void lists(Run run) throws Exception {
        var topic = run.topic(1);
        var open = producer(run, Map.of("transactional.id", run.name("open")));
        transaction(producer(run, Map.of("transactional.id", run.name("done"))), topic, true, "v0");
        open.beginTransaction();
        put(open, topic, 0, List.of("v1"));
        var ongoing = new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING));
        Run.same(List.of(run.name("open")), listed(run, ongoing));
        Run.same(List.of(run.name("done"), run.name("open")), listed(run, new ListTransactionsOptions()));
        var pattern = new ListTransactionsOptions().filterOnTransactionalIdPattern(".*-do.e");
        Run.same(List.of(run.name("done")), listed(run, pattern));
        Run.same(List.of(), listed(run, new ListTransactionsOptions().filterOnDuration(3_600_000)));
        open.abortTransaction();
    }

    private static void describes(Run run) throws Exception {
        var topic = run.topic(2);
        var producer = producer(run, Map.of("transaction.timeout.ms", 40_000));
        producer.beginTransaction();
        for (int i = 0; i < 2; i++) put(producer, topic, i, List.of("v"));
        var found = run.admin.describeTransactions(Set.of(run.name("id"))).description(run.name("id")).get();
        Run.same(List.of(TransactionState.ONGOING, 40_000L, Set.copyOf(Run.partitions(topic, 2))),
            List.of(found.state(), found.transactionTimeoutMs(), found.topicPartitions()));
        Run.holds(found.transactionStartTimeMs().isPresent(), found);
        producer.commitTransaction();
    }

    private static void producers(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        run.send(topic, 0, Run.values(1));
        producer.beginTransaction();
        put(producer, topic, 0, Run.values(3));
        var partition = new TopicPartition(topic, 0);
        var described = run.admin.describeProducers(Set.of(partition)).partitionResult(partition);
        var all = described.get().activeProducers();
        var open = all.stream().filter(each -> each.currentTransactionStartOffset().isPresent()).toList();
        Run.same(1, open.size());
        Run.same(List.of(1L, 2), List.of(open.get(0).currentTransactionStartOffset().getAsLong(),
            open.get(0).lastSequence()));
        producer.abortTransaction();
    }

    private static void adminAborts(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = producer(run, Map.of());
        producer.beginTransaction();
        put(producer, topic, 0, List.of("hanging"));
        run.send(topic, 0, List.of("behind"));
        var partition = new TopicPartition(topic, 0);
        var described = run.admin.describeProducers(Set.of(partition)).partitionResult(partition);
        var all = described.get().activeProducers();
        var open = all.stream().filter(each -> each.currentTransactionStartOffset().isPresent()).findFirst()
            .orElseThrow();
        var spec = new AbortTransactionSpec(partition, open.producerId(), (short) open.producerEpoch(),
            open.coordinatorEpoch().orElse(0));
        run.admin.abortTransaction(spec).all().get();
        Run.same(List.of("behind"), seen(run, topic, 0, 1, "read_committed"));
    }
}
