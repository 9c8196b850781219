import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Utils;

final class ProducerCases {
    static void addTo(Suite suite) {
        for (var codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            suite.add("produces and consumes 500 records compressed with " + codec, run -> codec(run, codec));
        }
        for (var acks : List.of("0", "1", "all")) {
            suite.add("stores every record under acks " + acks, run -> acks(run, acks));
        }
        suite.add("an idempotent producer keeps the order of 5,000 sends with five requests in flight",
            ProducerCases::order);
        suite.add("a producer without idempotence and with one request in flight keeps the order",
            ProducerCases::plainOrder);
        suite.add("metadata of a record names partition, offset, timestamp and sizes",
            ProducerCases::metadata);
        suite.add("LogAppendTime is reported to the producer and to the consumer", ProducerCases::appendTime);
        suite.add("null and empty keys and values arrive as they were", ProducerCases::nulls);
        suite.add("headers keep order, repeats, empty and null values", ProducerCases::headers);
        suite.add("what an interceptor adds arrives", ProducerCases::interceptor);
        suite.add("keys choose partitions by murmur2", ProducerCases::partitioner);
        suite.add("records without keys stick to a partition for a batch, and all arrive",
            ProducerCases::sticky);
        suite.add("a record over max.message.bytes is refused", ProducerCases::tooLarge);
        suite.add("a topic with a larger max.message.bytes takes three megabytes", ProducerCases::large);
        suite.add("a compacted topic refuses a record without a key", ProducerCases::compacted);
        suite.add("a timestamp too old for the topic is refused", ProducerCases::tooOld);
        suite.add("an invalid topic name is refused", ProducerCases::invalidTopic);
        suite.add("partitionsFor shows leader, replicas and in-sync replicas", ProducerCases::partitionsFor);
        suite.add("sending creates a missing topic", ProducerCases::creates);
        suite.add("flush waits for all that was sent", ProducerCases::flush);
    }

    private static void codec(Run run, String codec) throws Exception {
        var topic = run.topic(1);
        var producer = run.producer(Map.of("compression.type", codec, "linger.ms", 20, "batch.size",
            100_000));
        for (int i = 0; i < 500; i++) {
            var record = new ProducerRecord<>(topic, 0, 1_000L + i, "k" + i, i + " abcdefgh".repeat(i % 50));
            record.headers().add("i", String.valueOf(i).getBytes(StandardCharsets.UTF_8));
            producer.send(record);
        }
        producer.flush();
        var records = Run.read(run.assigned(topic, 1, Map.of()), 500);
        for (int i = 0; i < 500; i++) {
            var record = records.get(i);
            Run.same(List.of((long) i, 1_000L + i, "k" + i, i + " abcdefgh".repeat(i % 50)),
                List.of(record.offset(), record.timestamp(), record.key(), record.value()));
            Run.same(String.valueOf(i), new String(record.headers().lastHeader("i").value(),
                StandardCharsets.UTF_8));
        }
    }

    private static void acks(Run run, String acks) throws Exception {
        var topic = run.topic(1);
        var producer = run.producer(Map.of("acks", acks, "enable.idempotence", false));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (var value : Run.values(100)) sent.add(producer.send(new ProducerRecord<>(topic, value)));
        for (int i = 0; i < 100; i++) Run.same(acks.equals("0") ? -1L : i, sent.get(i).get().offset());
        Run.same(Run.values(100), valuesOf(Run.read(run.assigned(topic, 1, Map.of()), 100)));
    }

    private static void order(Run run) throws Exception {
        ordered(run, 5_000, Map.of("enable.idempotence", true, "batch.size", 1_000));
    }

    private static void plainOrder(Run run) throws Exception {
        ordered(run, 500, Map.of("enable.idempotence", false, "max.in.flight.requests.per.connection", 1,
            "batch.size", 500));
    }

    private static void ordered(Run run, int count, Map<String, Object> configs) throws Exception {
        var topic = run.topic(1);
        var producer = run.producer(configs);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (var value : Run.values(count)) sent.add(producer.send(new ProducerRecord<>(topic, value)));
        for (int i = 0; i < count; i++) Run.same((long) i, sent.get(i).get().offset());
        Run.same(Run.values(count), valuesOf(Run.read(run.assigned(topic, 1, Map.of()), count)));
    }

    private static void metadata(Run run) throws Exception {
        var topic = run.topic(3);
        var producer = run.producer(Map.of());
        producer.send(new ProducerRecord<>(topic, 2, "k", "first")).get();
        var metadata = producer.send(new ProducerRecord<>(topic, 2, 123_456L, "key", "value")).get();
        Run.same(List.of(topic, 2, 1L, 123_456L, 3, 5), List.of(metadata.topic(), metadata.partition(),
            metadata.offset(),
            metadata.timestamp(), metadata.serializedKeySize(), metadata.serializedValueSize()));
    }

    private static void appendTime(Run run) throws Exception {
        var topic = run.topic(run.name("topic"), 1, Map.of("message.timestamp.type", "LogAppendTime"));
        long began = System.currentTimeMillis();
        var metadata = run.producer(Map.of()).send(new ProducerRecord<>(topic, 0, 5L, "k", "v")).get();
        Run.holds(metadata.timestamp() >= began - 1, metadata.timestamp());
        var record = Run.read(run.assigned(topic, 1, Map.of()), 1).get(0);
        Run.same(TimestampType.LOG_APPEND_TIME, record.timestampType());
        Run.same(metadata.timestamp(), record.timestamp());
    }

    private static void nulls(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = run.producer(Map.of());
        producer.send(new ProducerRecord<>(topic, null, null));
        producer.send(new ProducerRecord<>(topic, "", ""));
        producer.send(new ProducerRecord<>(topic, "k", null)).get();
        var records = Run.read(run.assigned(topic, 1, Map.of()), 3);
        var shown = records.stream().map(each ->
            each.key() + "=" + each.value() + "," + each.serializedKeySize() + ","
                + each.serializedValueSize());
        Run.same(List.of("null=null,-1,-1", "=,0,0", "k=null,1,-1"), shown.toList());
    }

    private static void headers(Run run) throws Exception {
        var topic = run.topic(1);
        List<Header> headers = List.of(new RecordHeader("b", new byte[] {0, -1}), new RecordHeader("a",
            new byte[0]),
            new RecordHeader("b", null), new RecordHeader("", new byte[] {7}));
        run.producer(Map.of()).send(new ProducerRecord<>(topic, 0, "k", "v", headers)).get();
        var record = Run.read(run.assigned(topic, 1, Map.of()), 1).get(0);
        Run.same(headers, List.of(record.headers().toArray()));
    }

    public static final class Stamp implements ProducerInterceptor<String, String> {
        @Override
        public ProducerRecord<String, String> onSend(ProducerRecord<String, String> record) {
            record.headers().add("stamp", record.value().toUpperCase().getBytes(StandardCharsets.UTF_8));
            return record;
        }

        @Override
        public void onAcknowledgement(RecordMetadata metadata, Exception failure) {}

        @Override
        public void close() {}

        @Override
        public void configure(Map<String, ?> configs) {}
    }

    private static void interceptor(Run run) throws Exception {
        var topic = run.topic(1);
        run.producer(Map.of("interceptor.classes", Stamp.class.getName())).send(new ProducerRecord<>(topic,
            "v")).get();
        var record = Run.read(run.assigned(topic, 1, Map.of()), 1).get(0);
        Run.same("V", new String(record.headers().lastHeader("stamp").value(), StandardCharsets.UTF_8));
    }

    private static void partitioner(Run run) throws Exception {
        var topic = run.topic(7);
        var producer = run.producer(Map.of());
        for (int i = 0; i < 100; i++) {
            var key = "key-" + i;
            int home = Utils.toPositive(Utils.murmur2(key.getBytes(StandardCharsets.UTF_8))) % 7;
            Run.same(home, producer.send(new ProducerRecord<>(topic, key, "v")).get().partition());
        }
    }

    private static void sticky(Run run) throws Exception {
        var topic = run.topic(4);
        var producer = run.producer(Map.of("batch.size", 200, "linger.ms", 5));
        for (var value : Run.values(1_000)) producer.send(new ProducerRecord<>(topic, value));
        producer.flush();
        Run.same(1_000L, run.ends(topic, 4).stream().mapToLong(each -> each).sum());
        var records = Run.read(run.assigned(topic, 4, Map.of()), 1_000);
        Run.same(1_000L, records.stream().map(ConsumerRecord::value).distinct().count());
    }

    private static void tooLarge(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = run.producer(Map.of("max.request.size", 10_000_000));
        Run.refused(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>(topic,
            "x".repeat(1_100_000))).get());
        Run.same(0L, producer.send(new ProducerRecord<>(topic, "x".repeat(1_000_000))).get().offset());
    }

    private static void large(Run run) throws Exception {
        var topic = run.topic(run.name("topic"), 1, Map.of("max.message.bytes", "4000000"));
        var value = "abc".repeat(1_000_000);
        run.producer(Map.of("max.request.size", 10_000_000)).send(new ProducerRecord<>(topic, value)).get();
        Run.same(value, Run.read(run.assigned(topic, 1, Map.of()), 1).get(0).value());
    }

    private static void compacted(Run run) throws Exception {
        var topic = run.topic(run.name("topic"), 1, Map.of("cleanup.policy", "compact"));
        var producer = run.producer(Map.of());
        Run.refused(InvalidRecordException.class, () -> producer.send(new ProducerRecord<>(topic, "v"))
            .get());
        Run.same(0L, producer.send(new ProducerRecord<>(topic, "k", "v")).get().offset());
    }

    private static void tooOld(Run run) throws Exception {
        var topic = run.topic(run.name("topic"), 1, Map.of("message.timestamp.before.max.ms", "60000"));
        var producer = run.producer(Map.of());
        Run.refused(InvalidTimestampException.class, () -> producer.send(new ProducerRecord<>(topic, 0,
            1_000L, "k", "v")).get());
        Run.same(0L, producer.send(new ProducerRecord<>(topic, "k", "v")).get().offset());
    }

    private static void invalidTopic(Run run) throws Exception {
        var producer = run.producer(Map.of("max.block.ms", 10_000));
        Run.refused(InvalidTopicException.class, () -> producer.send(new ProducerRecord<>("not/valid",
            "v")).get());
    }

    private static void partitionsFor(Run run) throws Exception {
        var topic = run.topic(3);
        var partitions = run.producer(Map.of()).partitionsFor(topic);
        Run.same(3, partitions.size());
        for (var each : partitions) {
            Run.same(1, each.leader().id());
            for (var nodes : List.of(each.replicas(), each.inSyncReplicas())) {
                Run.same(List.of(1), List.of(nodes).stream().map(Node::id).toList());
            }
            Run.same(0, each.offlineReplicas().length);
        }
        Run.same(IntStream.range(0, 3).boxed().toList(), partitions.stream().map(each -> each.partition())
            .sorted().toList());
    }

    private static void creates(Run run) throws Exception {
        var topic = run.name("missing");
        Run.same(0L, run.producer(Map.of()).send(new ProducerRecord<>(topic, "v")).get().offset());
        Run.same(1, run.admin.describeTopics(List.of(topic)).allTopicNames().get()
            .get(topic).partitions().size());
    }

    private static void flush(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = run.producer(Map.of("linger.ms", 60_000));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (var value : Run.values(50)) sent.add(producer.send(new ProducerRecord<>(topic, value)));
        producer.flush();
        Run.holds(sent.stream().allMatch(Future::isDone), "all are done");
        Run.same(List.of(50L), run.ends(topic, 1));
    }

    static List<String> valuesOf(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).toList();
    }
}
