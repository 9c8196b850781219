import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What clients of every age do, one line each: that it went well and with what, or how it failed. */
final class Plain {
    interface Step {
        Object run() throws Exception;
    }

    static final String TOPIC = "personas";
    static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);

    private Plain() {
    }

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        try (Admin admin = Admin.create(properties(bootstrap))) {
            tell("cluster", () -> admin.describeCluster().nodes().get().size());
            tell("topic", () -> admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get());
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                tell("produce " + codec, () -> produce(bootstrap, codec));
            }
            tell("consume in a group", () -> consume(bootstrap, "group", "read_uncommitted").size());
            tell("commit", () -> transaction(bootstrap, true));
            tell("abort", () -> transaction(bootstrap, false));
            tell("read committed", () -> consume(bootstrap, "committed", "read_committed"));
            tell("offsets of a transaction", () -> admin.listConsumerGroupOffsets("staged")
                .partitionsToOffsetAndMetadata().get().get(PARTITION).offset());
            tell("delete records", () -> admin.deleteRecords(
                Collections.singletonMap(PARTITION, RecordsToDelete.beforeOffset(2))).all().get());
            tell("describe a group", () -> admin.describeConsumerGroups(List.of("group"))
                .all().get().get("group").state());
            tell("grow", () -> admin.createPartitions(
                Collections.singletonMap(TOPIC, NewPartitions.increaseTo(3))).all().get());
            tell("configs", () -> {
                ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
                return admin.describeConfigs(List.of(topic)).all().get().get(topic).get("cleanup.policy").value();
            });
            tell("delete a group", () -> admin.deleteConsumerGroups(List.of("group")).all().get());
            tell("delete a topic", () -> admin.deleteTopics(List.of(TOPIC)).all().get());
        }
    }

    static void tell(String what, Step step) {
        try {
            System.out.println(what + ": " + step.run());
        } catch (ExecutionException error) {
            System.out.println(what + ": " + error.getCause().getClass().getSimpleName());
        } catch (Exception error) {
            System.out.println(what + ": " + error.getClass().getSimpleName());
        }
    }

    static Properties properties(String bootstrap) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("default.api.timeout.ms", "20000");
        properties.put("request.timeout.ms", "10000");
        return properties;
    }

    static Object produce(String bootstrap, String codec) throws Exception {
        Properties properties = properties(bootstrap);
        properties.remove("default.api.timeout.ms");
        properties.put("compression.type", codec);
        properties.put("enable.idempotence", "true");
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            return producer.send(new ProducerRecord<>(TOPIC, codec)).get().offset();
        }
    }

    static List<String> consume(String bootstrap, String group, String isolation) {
        Properties properties = properties(bootstrap);
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("isolation.level", isolation);
        List<String> values = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(TOPIC));
            long end = System.currentTimeMillis() + 20_000;
            while (values.size() < 5 && System.currentTimeMillis() < end) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    values.add(record.value());
                }
            }
            consumer.commitSync();
        }
        return values;
    }

    static Object transaction(String bootstrap, boolean commits) throws Exception {
        Properties properties = properties(bootstrap);
        properties.remove("default.api.timeout.ms");
        properties.put("transactional.id", "t");
        Properties reading = properties(bootstrap);
        reading.put("group.id", "staged");
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
             KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            long offset = producer.send(new ProducerRecord<>(TOPIC, commits ? "committed" : "aborted")).get().offset();
            producer.sendOffsetsToTransaction(
                Map.of(PARTITION, new OffsetAndMetadata(commits ? 3 : 4)), consumer.groupMetadata());
            if (commits) producer.commitTransaction();
            else producer.abortTransaction();
            return offset;
        }
    }
}
