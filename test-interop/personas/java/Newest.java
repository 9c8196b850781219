import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicCollection.TopicIdCollection;
import org.apache.kafka.common.serialization.StringDeserializer;

/** What only newer clients ask for, and how it comes out where the broker is older. */
final class Newest {
    private Newest() {
    }

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String topic = "newest";
        try (Admin admin = Admin.create(Plain.properties(bootstrap))) {
            Plain.tell("features", () -> {
                Map<String, Object> known = new TreeMap<>();
                admin.describeFeatures().featureMetadata().get().finalizedFeatures().forEach((name, range) -> {
                    if (name.matches("metadata.version|transaction.version|group.version")) {
                        known.put(name, range.maxVersionLevel());
                    }
                });
                return known;
            });
            Plain.tell("topic", () -> admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get());
            Plain.tell("topic by id", () -> {
                var id = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
                return admin.describeTopics(TopicIdCollection.ofTopicIds(List.of(id))).allTopicIds().get().size();
            });
            var partition = new org.apache.kafka.common.TopicPartition(topic, 0);
            Plain.tell("greatest timestamp", () -> admin.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp()))
                .all().get().get(partition).offset());
            Plain.tell("earliest local", () -> admin.listOffsets(Map.of(partition, OffsetSpec.earliestLocal()))
                .all().get().get(partition).offset());
            Plain.tell("producers", () -> admin.describeProducers(List.of(partition))
                .all().get().get(partition).activeProducers().size());
            Plain.tell("transactions", () -> admin.listTransactions().all().get().size());
            Plain.tell("scram users", () -> admin.describeUserScramCredentials().all().get().size());
            Plain.tell("log directories", () -> admin.describeLogDirs(List.of(1)).allDescriptions().get().size());
            Plain.tell("consumer protocol", () -> consumerProtocol(bootstrap, topic));
        }
    }

    static Object consumerProtocol(String bootstrap, String topic) {
        Properties properties = Plain.properties(bootstrap);
        properties.put("group.id", "next generation");
        properties.put("group.protocol", "consumer");
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            long end = System.currentTimeMillis() + 20_000;
            while (consumer.assignment().isEmpty() && System.currentTimeMillis() < end) {
                consumer.poll(Duration.ofMillis(100));
            }
            return consumer.assignment();
        }
    }
}
