// What moving house has to take along, written and read by Kafka's own clients: several codecs, small segments, a compacted
// topic, idempotent producers, transactions, and a group that has read half. Run as a source file:
// java -cp … HouseLoad.java HOST:PORT write ROUND | HOST:PORT groups | HOST:PORT resume GROUP TOPIC

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class HouseLoad {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final String GROUP = "readers";

    private final String bootstrap;
    private final Random random = new Random(7);

    private HouseLoad(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] args) throws Exception {
        var load = new HouseLoad(args[0]);
        switch (args[1]) {
            case "write" -> load.write(Integer.parseInt(args[2]));
            case "groups" -> System.out.println(JSON.writeValueAsString(load.groups()));
            case "resume" -> System.out.println(JSON.writeValueAsString(load.resume(args[2], args[3])));
            default -> throw new IllegalArgumentException(args[1]);
        }
        System.exit(0);
    }

    private void write(int round) throws Exception {
        if (round == 1) createTopics();
        for (int partition = 0; partition < CODECS.size(); partition++) {
            Map<String, Object> config = Map.of("compression.type", CODECS.get(partition), "batch.size", "2000");
            produce("codecs", partition, 100, 50, config);
        }
        produce("idem", 0, 50, 20, Map.of("batch.size", "300"));
        produce("compacted", 0, 400, 200, Map.of("batch.size", "4000"));
        produce("rolled", 0, 300, 8_000, Map.of("batch.size", "30000"));
        readHalf(round);
        transactions(round);
    }

    private void createTopics() throws Exception {
        var small = Map.of("segment.bytes", "1048576", "retention.ms", "-1");
        var compact = Map.of(
            "cleanup.policy", "compact", "segment.bytes", "1048576", "min.cleanable.dirty.ratio", "0.01",
            "segment.ms", "100", "delete.retention.ms", "100");
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(
                new NewTopic("codecs", CODECS.size(), (short) 1).configs(Map.of("max.message.bytes", "2000000")),
                new NewTopic("idem", 1, (short) 1),
                new NewTopic("empty", 3, (short) 1),
                new NewTopic("txn", 2, (short) 1),
                new NewTopic("ledger", 1, (short) 1).configs(compact),
                new NewTopic("compacted", 1, (short) 1).configs(compact),
                new NewTopic("rolled", 1, (short) 1).configs(small))).all().get();
        }
    }

    private void produce(String topic, int partition, int count, int size, Map<String, Object> extra) {
        try (var producer = producer(extra)) {
            for (int i = 0; i < count; i++) producer.send(record(topic, partition, i % 20, size));
        }
    }

    private ProducerRecord<byte[], byte[]> record(String topic, int partition, int key, int size) {
        byte[] value = new byte[size];
        random.nextBytes(value);
        return new ProducerRecord<>(topic, partition, ("key-" + key).getBytes(), value);
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> extra) {
        var config = new HashMap<String, Object>(extra);
        config.put("bootstrap.servers", bootstrap);
        config.put("linger.ms", 5);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** The group commits where it stands, which is never at an end. */
    private void readHalf(int round) {
        try (var consumer = consumer(GROUP)) {
            var partitions = IntStream.range(0, CODECS.size()).mapToObj(p -> new TopicPartition("codecs", p)).toList();
            consumer.assign(partitions);
            var offsets = new HashMap<TopicPartition, OffsetAndMetadata>();
            for (var partition : partitions) {
                long offset = (round - 1) * 100L + 50 + partition.partition();
                offsets.put(partition, new OffsetAndMetadata(offset, "round " + round));
            }
            consumer.commitSync(offsets);
        }
    }

    private void transactions(int round) throws Exception {
        try (var producer = producer(Map.of("transactional.id", "house"))) {
            producer.initTransactions();
            for (int i = 0; i < 6; i++) {
                producer.beginTransaction();
                for (int partition = 0; partition < 2; partition++) producer.send(record("txn", partition, i, 100));
                for (int key = 0; key < 4; key++) producer.send(record("ledger", 0, key + i % 2, 100));
                // Long enough for a compacted topic to begin a new segment.
                Thread.sleep(120);
                if (i % 3 == 1) {
                    producer.flush();
                    producer.abortTransaction();
                    continue;
                }
                try (var consumer = consumer("transactional")) {
                    var offset = new OffsetAndMetadata(round * 10L + i);
                    producer.sendOffsetsToTransaction(Map.of(new TopicPartition("idem", 0), offset), consumer.groupMetadata());
                }
                producer.commitTransaction();
            }
        }
    }

    private KafkaConsumer<byte[], byte[]> consumer(String group) {
        Map<String, Object> config = Map.of(
            "bootstrap.servers", bootstrap, "group.id", group, "enable.auto.commit", "false", "auto.offset.reset", "none");
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** What each group has committed. */
    private ObjectNode groups() throws Exception {
        ObjectNode groups = JSON.createObjectNode();
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            for (var group : List.of(GROUP, "transactional")) {
                var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
                var sorted = new TreeMap<String, String>();
                offsets.forEach((partition, at) -> sorted.put(partition.toString(), at.offset() + " " + at.metadata()));
                groups.set(group, JSON.valueToTree(sorted));
            }
        }
        return groups;
    }

    /** The first offset that a member of the group gets of each partition, by itself and with a subscription. */
    private ObjectNode resume(String group, String topic) {
        var first = new TreeMap<String, Long>();
        try (var consumer = consumer(group)) {
            consumer.subscribe(List.of(topic));
            for (long end = System.currentTimeMillis() + 30_000; first.size() < CODECS.size();) {
                if (System.currentTimeMillis() > end) throw new IllegalStateException("only " + first);
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    first.putIfAbsent(record.topic() + "-" + record.partition(), record.offset());
                }
            }
        }
        return JSON.valueToTree(first);
    }
}
