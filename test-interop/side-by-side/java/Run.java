import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** One run of one case: names of its own, and clients that are closed behind it. */
final class Run implements AutoCloseable {
    static final Duration SHORT = Duration.ofMillis(50);
    private static final long WAIT_NANOS = Duration.ofSeconds(30).toNanos();

    final String bootstrap;
    final Admin admin;
    private final String id;
    private final Deque<Runnable> cleanups = new ArrayDeque<>();

    Run(String bootstrap, String id, Admin admin) {
        this.bootstrap = bootstrap;
        this.id = id;
        this.admin = admin;
    }

    String name(String what) {
        return id + "-" + what;
    }

    String group() {
        return name("group");
    }

    String topic(int partitions) throws Exception {
        return topic(name("topic"), partitions, Map.of());
    }

    /** A topic that the broker leads already: Kafka shows a leader a moment before it leads. */
    String topic(String name, int partitions, Map<String, String> configs) throws Exception {
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(configs))).all().get();
        led(name, partitions);
        return name;
    }

    /** Waits until every partition of a topic is led. */
    void led(String topic, int partitions) {
        until(topic + " is led", () -> {
            try {
                return ends(topic, partitions).size() == partitions;
            } catch (ExecutionException failure) {
                if (failure.getCause() instanceof UnknownTopicOrPartitionException) return false;
                throw new AssertionError(failure);
            } catch (Exception failure) {
                throw new AssertionError(failure);
            }
        });
    }

    /** The next offset of every partition. */
    List<Long> ends(String topic, int partitions) throws Exception {
        var asked = partitions(topic, partitions).stream().collect(Collectors.toMap(each -> each, each ->
            OffsetSpec.latest()));
        var found = admin.listOffsets(asked).all().get();
        return partitions(topic, partitions).stream().map(each -> found.get(each).offset()).toList();
    }

    static List<TopicPartition> partitions(String topic, int count) {
        return IntStream.range(0, count).mapToObj(each -> new TopicPartition(topic, each)).toList();
    }

    KafkaProducer<String, String> producer(Map<String, Object> configs) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        all.putAll(configs);
        var producer = new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
        cleanups.push(() -> producer.close(Duration.ofSeconds(2)));
        return producer;
    }

    /** Sends values to a partition and waits for all; their metadata in order. */
    List<RecordMetadata> send(String topic, int partition, Collection<String> values) throws Exception {
        var producer = producer(Map.of("linger.ms", 0));
        var sent = values.stream().map(each -> producer.send(new ProducerRecord<>(topic, partition, null,
            each))).toList();
        List<RecordMetadata> metadata = new ArrayList<>();
        for (var each : sent) metadata.add(each.get());
        return metadata;
    }

    /** A consumer of quick habits, so that no case waits for a heartbeat or a fetch. */
    KafkaConsumer<String, String> consumer(Map<String, Object> configs) {
        Map<String, Object> all = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap,
            "group.id", group(),
            "group.protocol", "classic",
            "auto.offset.reset", "earliest",
            "enable.auto.commit", false,
            "heartbeat.interval.ms", 100,
            "session.timeout.ms", 10_000,
            "fetch.max.wait.ms", 100));
        all.putAll(configs);
        // Of members of consumer groups the broker says how often and how long.
        if (all.get("group.protocol").equals("consumer")) {
            all.keySet().removeAll(List.of("heartbeat.interval.ms", "session.timeout.ms"));
        }
        var consumer = new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
        cleanups.push(() -> consumer.close(CloseOptions.timeout(Duration.ofSeconds(2))));
        return consumer;
    }

    KafkaConsumer<String, String> subscribed(String topic, Map<String, Object> configs) {
        var consumer = consumer(configs);
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    KafkaConsumer<String, String> assigned(String topic, int partitions, Map<String, Object> configs) {
        var consumer = consumer(configs);
        consumer.assign(partitions(topic, partitions));
        return consumer;
    }

    static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        until(count + " records", () -> {
            consumer.poll(SHORT).forEach(records::add);
            return records.size() >= count;
        });
        return records;
    }

    /** Polls all consumers in turn until something holds. */
    @SafeVarargs
    static void pollUntil(String what, BooleanSupplier holds, KafkaConsumer<String, String>... consumers) {
        until(what, () -> {
            for (var each : consumers) each.poll(SHORT);
            return holds.getAsBoolean();
        });
    }

    /** Polls until each owns as many partitions as given, in any order, and nobody else's. */
    @SafeVarargs
    static void share(List<Integer> sizes, KafkaConsumer<String, String>... consumers) {
        int total = sizes.stream().mapToInt(each -> each).sum();
        pollUntil("shares " + sizes, () -> {
            var owned = List.of(consumers).stream().map(KafkaConsumer::assignment).toList();
            var all = owned.stream().flatMap(Set::stream).collect(Collectors.toSet());
            return owned.stream().map(Set::size).sorted().toList().equals(sizes) && all.size() == total;
        }, consumers);
    }

    static void until(String what, BooleanSupplier holds) {
        long began = System.nanoTime();
        while (!holds.getAsBoolean()) {
            if (System.nanoTime() - began > WAIT_NANOS) throw new AssertionError(what + ": not in time");
        }
    }

    static List<String> values(int count) {
        return values(0, count);
    }

    static List<String> values(int first, int count) {
        return IntStream.range(first, first + count).mapToObj(each -> "v" + each).toList();
    }

    static void same(Object expected, Object actual) {
        if (!expected.equals(actual)) throw new AssertionError("expected " + expected + ", got " + actual);
    }

    static void holds(boolean claim, Object about) {
        if (!claim) throw new AssertionError("not so: " + about);
    }

    interface Attempt {
        Object run() throws Exception;
    }

    /** The attempt has to end with this exception, alone or as the cause of a future's. */
    static <T extends Throwable> T refused(Class<T> type, Attempt attempt) throws Exception {
        Object result;
        try {
            result = attempt.run();
            if (result instanceof KafkaFuture<?> future) result = future.get();
        } catch (ExecutionException failure) {
            if (type.isInstance(failure.getCause())) return type.cast(failure.getCause());
            throw failure;
        } catch (Exception failure) {
            if (type.isInstance(failure)) return type.cast(failure);
            throw failure;
        }
        throw new AssertionError("expected " + type.getSimpleName() + ", got " + result);
    }

    @Override
    public void close() {
        while (!cleanups.isEmpty()) {
            try {
                cleanups.pop().run();
            } catch (RuntimeException failure) {
                // The case has its outcome already.
                System.err.println("close: " + failure);
            }
        }
    }
}
