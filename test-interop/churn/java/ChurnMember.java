import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Kafka's own client as a member of the group, by the consumer protocol. SIGTERM asks it to leave. */
public final class ChurnMember {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final FileOutputStream OUT = new FileOutputStream(FileDescriptor.out);
    private static JsonNode options;
    private static volatile boolean isLeaving;

    public static void main(String[] args) throws Exception {
        options = JSON.readTree(args[0]);
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings());
        CountDownLatch hasLeft = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            isLeaving = true;
            consumer.wakeup();
            await(hasLeft);
            Runtime.getRuntime().halt(0);
        }));
        consumer.subscribe(List.of(options.get("topic").asText()));
        try {
            while (!isLeaving) {
                try {
                    deal(consumer, consumer.poll(Duration.ofMillis(100)));
                } catch (WakeupException woken) {
                    break;
                }
            }
            consumer.close();
        } catch (Exception unexpected) {
            tell("complaint", line -> line.put("text", "ended by " + unexpected));
        } finally {
            hasLeft.countDown();
        }
    }

    private static Map<String, Object> settings() {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", options.get("bootstrap").asText());
        settings.put("client.id", options.get("client").asText());
        settings.put("group.id", options.get("group").asText());
        settings.put("group.protocol", "consumer");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("max.poll.interval.ms", "60000");
        settings.put("fetch.max.wait.ms", "100");
        settings.put("reconnect.backoff.ms", "50");
        settings.put("reconnect.backoff.max.ms", "200");
        settings.put("retry.backoff.ms", "50");
        settings.put("retry.backoff.max.ms", "200");
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", ByteArrayDeserializer.class);
        return settings;
    }

    private static void deal(KafkaConsumer<byte[], byte[]> consumer, ConsumerRecords<byte[], byte[]> records) {
        Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
        for (TopicPartition partition : records.partitions()) {
            List<ConsumerRecord<byte[], byte[]>> some = records.records(partition);
            for (ConsumerRecord<byte[], byte[]> each : some) check(each);
            long from = some.get(0).offset();
            long to = some.get(some.size() - 1).offset() + 1;
            next.put(partition, new OffsetAndMetadata(to));
            tell("processed", line -> line.put("partition", partition.partition()).put("from", from).put("to", to));
        }
        if (next.isEmpty()) return;
        try {
            consumer.commitSync(next, Duration.ofSeconds(2));
        } catch (WakeupException woken) {
            isLeaving = true;
        } catch (KafkaException refused) {
            // Made up for by the next one, or by whoever takes over.
        }
    }

    /** Each record holds the number that its offset is. */
    private static void check(ConsumerRecord<byte[], byte[]> record) {
        String text = new String(record.value(), StandardCharsets.UTF_8);
        if (text.equals(String.valueOf(record.offset()))) return;
        String where = "offset " + record.offset() + " of partition " + record.partition();
        tell("complaint", line -> line.put("text", where + " holds " + text));
    }

    /** Unbuffered: what was told is told, whatever becomes of the process. */
    private static void tell(String kind, Consumer<ObjectNode> what) {
        ObjectNode line = JSON.createObjectNode();
        line.put("at", System.currentTimeMillis()).put("client", options.get("client").asText()).put("kind", kind);
        what.accept(line);
        try {
            OUT.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException gone) {
            throw new IllegalStateException(gone);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
