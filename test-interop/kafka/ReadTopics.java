// Everything that a client can see of the topics of a broker, as one JSON object: ids, overridden configurations, offsets,
// and all records as consumers of both isolation levels get them. Run as a source file: java -cp … ReadTopics.java HOST:PORT

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public final class ReadTopics {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String bootstrap;
    private final Admin admin;

    private ReadTopics(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] args) throws Exception {
        System.out.println(JSON.writeValueAsString(new ReadTopics(args[0]).topics()));
        System.exit(0);
    }

    private ObjectNode topics() throws Exception {
        ObjectNode topics = JSON.createObjectNode();
        var names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
        var descriptions = new TreeMap<>(admin.describeTopics(names).allTopicNames().get());
        for (var description : descriptions.values()) {
            ObjectNode topic = topics.putObject(description.name());
            topic.put("topicId", description.topicId().toString());
            topic.put("internal", description.isInternal());
            topic.set("overrides", overrides(description.name()));
            ArrayNode partitions = topic.putArray("partitions");
            for (var info : description.partitions()) {
                partitions.add(partition(new TopicPartition(description.name(), info.partition())));
            }
        }
        return topics;
    }

    private ObjectNode overrides(String topic) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        var overrides = new TreeMap<String, String>();
        for (var entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            if (entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) overrides.put(entry.name(), entry.value());
        }
        return JSON.valueToTree(overrides);
    }

    private ObjectNode partition(TopicPartition partition) throws Exception {
        ObjectNode node = JSON.createObjectNode().put("partition", partition.partition());
        node.set("earliest", offset(partition, OffsetSpec.earliest()));
        node.set("latest", offset(partition, OffsetSpec.latest()));
        node.set("maxTimestamp", offset(partition, OffsetSpec.maxTimestamp()));
        var committed = new ListOffsetsOptions(IsolationLevel.READ_COMMITTED);
        var stable = admin.listOffsets(Map.of(partition, OffsetSpec.latest()), committed).all().get();
        node.put("lastStableOffset", stable.get(partition).offset());
        ArrayNode records = node.putArray("records");
        for (var each : read(partition, "read_uncommitted")) records.add(shown(each));
        ArrayNode offsets = node.putArray("readCommittedOffsets");
        for (var each : read(partition, "read_committed")) offsets.add(each.offset());
        return node;
    }

    private ObjectNode offset(TopicPartition partition, OffsetSpec spec) throws ExecutionException, InterruptedException {
        var found = admin.listOffsets(Map.of(partition, spec)).all().get().get(partition);
        ObjectNode node = JSON.createObjectNode().put("offset", found.offset()).put("timestamp", found.timestamp());
        return node.put("leaderEpoch", found.leaderEpoch().orElse(-1));
    }

    private List<ConsumerRecord<byte[], byte[]>> read(TopicPartition partition, String isolation) {
        Map<String, Object> config = Map.of(
            "bootstrap.servers", bootstrap, "isolation.level", isolation, "enable.auto.commit", "false",
            "auto.offset.reset", "none", "fetch.max.wait.ms", "100");
        var bytes = new ByteArrayDeserializer();
        var records = new ArrayList<ConsumerRecord<byte[], byte[]>>();
        try (var consumer = new KafkaConsumer<>(config, bytes, bytes)) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end) consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        }
        return records;
    }

    private static ObjectNode shown(ConsumerRecord<byte[], byte[]> message) {
        ObjectNode node = JSON.createObjectNode();
        node.put("offset", message.offset());
        node.put("timestamp", message.timestamp());
        node.put("timestampType", message.timestampType().name);
        node.put("leaderEpoch", message.leaderEpoch().orElse(-1));
        node.put("key", hex(message.key()));
        node.put("value", hex(message.value()));
        if (message.headers().toArray().length > 0) {
            ArrayNode headers = node.putArray("headers");
            for (Header header : message.headers()) {
                headers.addObject().put("key", header.key()).put("value", hex(header.value()));
            }
        }
        return node;
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? null : HexFormat.of().formatHex(bytes);
    }
}
