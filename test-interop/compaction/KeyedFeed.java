// A feed of keyed records and its model, both from a seed. Run with "feed" it writes the records, whatever happens to the
// broker meanwhile, and says how far it has come. Run with "check" it reads all partitions to their ends and compares with the
// model: every record at its offset, and the state by key exactly what the feed up to the last record makes of it.
//
// Lines of its input say "up to <records>": the feed waits there. With a transactional id the records go in transactions,
// and between them come others that are aborted, a third of all: over other keys, with numbers that no reader may see.
//
//   KeyedFeed feed <bootstrap> <topic> <partitions> <seed> <keys> <records> [transactional id]
//   KeyedFeed check <bootstrap> <topic> <partitions> <seed> <keys> <records> [transactional id]

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Scanner;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class KeyedFeed {
    private static final int TOMBSTONE = -2;
    private static final int MISSING = -1;
    private static final int RECORDS_OF_A_TRANSACTION = 500;
    private static final int ABORTED_ONE_IN = 3;
    /** Names the record's number in the feed. */
    private static final String NUMBER = "n";

    private final String bootstrap;
    private final String topic;
    private final int partitions;
    private final int seed;
    private final int keys;
    private final int records;
    private final String transactionalId;
    private final AtomicLong acknowledged = new AtomicLong();
    private final AtomicReference<Exception> failure = new AtomicReference<>();
    private final AtomicInteger limit = new AtomicInteger();
    private long toldAt = System.nanoTime();
    private int committed;
    private int aborted;

    private KeyedFeed(String[] args) {
        bootstrap = args[1];
        topic = args[2];
        partitions = Integer.parseInt(args[3]);
        seed = Integer.parseInt(args[4]);
        keys = Integer.parseInt(args[5]);
        records = Integer.parseInt(args[6]);
        transactionalId = args.length > 7 ? args[7] : null;
    }

    public static void main(String[] args) throws Exception {
        KeyedFeed feed = new KeyedFeed(args);
        if (args[0].equals("feed")) {
            feed.feed();
        } else {
            feed.check();
        }
    }

    // The model.

    /** A number that follows from the seed and a record's place in the feed. */
    private int mixed(int record) {
        int value = (record + 1) * 0x9e3779b9 + seed * 0x85ebca6b;
        value = (value ^ (value >>> 16)) * 0x85ebca6b;
        value = (value ^ (value >>> 13)) * 0xc2b2ae35;
        return value ^ (value >>> 16);
    }

    private int keyOf(int record) {
        return (mixed(record) >>> 1) % keys;
    }

    private boolean isTombstone(int record) {
        return Integer.remainderUnsigned(mixed(~record), 20) == 0;
    }

    private int partitionOf(int key) {
        return key % partitions;
    }

    private static byte[] keyBytes(int key) {
        return ("key-" + key).getBytes(StandardCharsets.UTF_8);
    }

    /** Begins with the record's number, and is padded to a length that varies. */
    private byte[] valueBytes(int record) {
        StringBuilder value = new StringBuilder().append(record).append(':');
        int length = 40 + Integer.remainderUnsigned(mixed(record), 120);
        while (value.length() < length) {
            value.append((char) ('a' + (record + value.length()) % 26));
        }
        return value.toString().getBytes(StandardCharsets.UTF_8);
    }

    // Writing.

    private void feed() throws Exception {
        Thread listener = new Thread(this::followLimit);
        listener.setDaemon(true);
        listener.start();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(producerConfig())) {
            if (transactionalId == null) {
                send(producer, 0, records);
                producer.flush();
            } else {
                producer.initTransactions();
                for (int from = 0; from < records; from += RECORDS_OF_A_TRANSACTION) {
                    transact(producer, from, Math.min(from + RECORDS_OF_A_TRANSACTION, records));
                }
                System.out.println("transactions: " + committed + " committed, " + aborted + " aborted");
            }
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        System.out.println("acknowledged " + records);
    }

    private void followLimit() {
        Scanner input = new Scanner(System.in, StandardCharsets.UTF_8);
        while (input.hasNextLine()) {
            limit.set(Integer.parseInt(input.nextLine().substring("up to ".length())));
        }
    }

    private void awaitLimit(KafkaProducer<byte[], byte[]> producer, int record) {
        if (record < limit.get()) {
            return;
        }
        producer.flush();
        System.out.println("acknowledged " + record);
        while (record >= limit.get()) {
            LockSupport.parkNanos(5_000_000);
        }
    }

    private void transact(KafkaProducer<byte[], byte[]> producer, int from, int to) throws Exception {
        // Half as many as there are committed ones make a third of all.
        boolean isToAbort = Integer.remainderUnsigned(mixed(from), ABORTED_ONE_IN - 1) == 0;
        awaitLimit(producer, from);
        for (boolean isDecoy = isToAbort;; isDecoy = false) {
            failure.set(null);
            producer.beginTransaction();
            try {
                if (isDecoy) {
                    sendDecoys(producer, from, to);
                } else {
                    send(producer, from, to);
                }
                producer.flush();
                if (failure.get() == null && !isDecoy) {
                    producer.commitTransaction();
                    committed++;
                    return;
                }
            } catch (AuthorizationException | ProducerFencedException error) {
                throw error;
            } catch (KafkaException error) {
                System.out.println("again after " + error);
            }
            producer.abortTransaction();
            aborted++;
        }
    }

    /** Were they to count, keys would be other than the model says, or gone. */
    private void sendDecoys(KafkaProducer<byte[], byte[]> producer, int from, int to) {
        for (int record = from; record < to && failure.get() == null; record++) {
            int key = keyOf(~record);
            byte[] value = isTombstone(~record) ? null : valueBytes(record);
            ProducerRecord<byte[], byte[]> next =
                new ProducerRecord<>(topic, partitionOf(key), keyBytes(key), value);
            next.headers().add(NUMBER, ByteBuffer.allocate(4).putInt(~record).array());
            producer.send(next, (sent, error) -> failure.compareAndSet(null, error));
        }
    }

    private void send(KafkaProducer<byte[], byte[]> producer, int from, int to) {
        for (int record = from; record < to && failure.get() == null; record++) {
            if (transactionalId == null) {
                awaitLimit(producer, record);
            }
            int key = keyOf(record);
            byte[] value = isTombstone(record) ? null : valueBytes(record);
            ProducerRecord<byte[], byte[]> next =
                new ProducerRecord<>(topic, partitionOf(key), keyBytes(key), value);
            next.headers().add(NUMBER, ByteBuffer.allocate(4).putInt(record).array());
            producer.send(next, (sent, error) -> {
                if (error == null) {
                    acknowledged.incrementAndGet();
                } else {
                    failure.compareAndSet(null, error);
                }
            });
            if (System.nanoTime() - toldAt > 50_000_000) {
                toldAt = System.nanoTime();
                System.out.println("acknowledged " + (transactionalId == null ? acknowledged.get() : from));
            }
        }
    }

    private Properties producerConfig() {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("key.serializer", ByteArraySerializer.class.getName());
        config.put("value.serializer", ByteArraySerializer.class.getName());
        config.put("acks", "all");
        config.put("enable.idempotence", "true");
        if (transactionalId != null) {
            config.put("transactional.id", transactionalId);
        }
        config.put("delivery.timeout.ms", "1200000");
        config.put("request.timeout.ms", "20000");
        config.put("max.block.ms", "600000");
        config.put("linger.ms", "10");
        config.put("batch.size", "65536");
        config.put("reconnect.backoff.ms", "50");
        config.put("reconnect.backoff.max.ms", "250");
        config.put("retry.backoff.ms", "50");
        config.put("retry.backoff.max.ms", "250");
        return config;
    }

    // Reading.

    private void check() {
        int[] state = new int[keys];
        Arrays.fill(state, MISSING);
        int[] offsets = offsetsOfRecords();
        int[] last = new int[partitions];
        Arrays.fill(last, -1);
        long read = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumerConfig())) {
            List<TopicPartition> all =
                IntStream.range(0, partitions).mapToObj(index -> new TopicPartition(topic, index)).toList();
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            consumer.assign(all);
            consumer.seekToBeginning(all);
            while (all.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    if (record.offset() >= ends.get(new TopicPartition(topic, record.partition()))) {
                        continue;
                    }
                    read++;
                    note(record, state, offsets, last);
                }
            }
        }
        compare(state, last);
        int live = (int) Arrays.stream(state).filter(value -> value >= 0).count();
        System.out.println("checked " + read + " records, " + live + " live keys, state "
            + Integer.toHexString(Arrays.hashCode(normalized(state))));
    }

    /** Where each record is: in the order of the feed, partition by partition. */
    private int[] offsetsOfRecords() {
        int[] next = new int[partitions];
        int[] offsets = new int[records];
        for (int record = 0; record < records; record++) {
            offsets[record] = next[partitionOf(keyOf(record))]++;
        }
        return offsets;
    }

    private void note(ConsumerRecord<byte[], byte[]> found, int[] state, int[] offsets, int[] last) {
        int key = Integer.parseInt(new String(found.key(), StandardCharsets.UTF_8).substring(4));
        int partition = found.partition();
        int record = ByteBuffer.wrap(found.headers().lastHeader(NUMBER).value()).getInt();
        boolean isTombstone = found.value() == null;
        boolean isInPlace = transactionalId != null || found.offset() == offsets[record];
        if (record <= last[partition] || partition != partitionOf(key) || !isInPlace) {
            throw new IllegalStateException("record " + record + " is at offset " + found.offset() + " of partition " + partition);
        }
        if (keyOf(record) != key || isTombstone(record) != isTombstone) {
            throw new IllegalStateException("offset " + found.offset() + " holds another key or kind than record " + record);
        }
        if (!isTombstone && !Arrays.equals(found.value(), valueBytes(record))) {
            throw new IllegalStateException("offset " + found.offset() + " does not hold the value of record " + record);
        }
        last[partition] = record;
        state[key] = isTombstone ? TOMBSTONE : record;
    }

    /** What the feed makes of each key up to the last record that is there, partition by partition. */
    private void compare(int[] state, int[] last) {
        int[] expected = new int[keys];
        Arrays.fill(expected, MISSING);
        for (int record = 0; record < records; record++) {
            int key = keyOf(record);
            if (record <= last[partitionOf(key)]) {
                expected[key] = isTombstone(record) ? TOMBSTONE : record;
            }
        }
        for (int key = 0; key < keys; key++) {
            boolean isGone = expected[key] == TOMBSTONE && state[key] == MISSING;
            if (expected[key] != state[key] && !isGone) {
                throw new IllegalStateException("key " + key + ": record " + state[key] + " instead of " + expected[key]);
            }
        }
    }

    /** A tombstone and a key that is not there are the same state. */
    private static int[] normalized(int[] state) {
        return Arrays.stream(state).map(value -> Math.max(value, MISSING)).toArray();
    }

    private Properties consumerConfig() {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("key.deserializer", ByteArrayDeserializer.class.getName());
        config.put("value.deserializer", ByteArrayDeserializer.class.getName());
        config.put("enable.auto.commit", "false");
        config.put("isolation.level", "read_committed");
        config.put("max.poll.records", "20000");
        config.put("fetch.min.bytes", "1");
        config.put("max.partition.fetch.bytes", "8388608");
        config.put("reconnect.backoff.ms", "50");
        config.put("reconnect.backoff.max.ms", "250");
        config.put("default.api.timeout.ms", "120000");
        return config;
    }
}
