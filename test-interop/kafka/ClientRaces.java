import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * How often Kafka's own consumer loses a race within itself that some of Kafka's tests take for granted: run it on Kafka
 * and on Klamm, at the same time, and compare.
 *
 * <pre>java -cp "$JARS/*" ClientRaces.java BOOTSTRAP stall|close consumer|classic TIMES</pre>
 *
 * {@code stall}: with a record every half second, two polls of at most 5 s take more than 2 s together. {@code close}:
 * closing, right after the last record came, takes less than the 500 ms of a fetch that finds nothing.
 */
final class ClientRaces {
    private static final byte[] VALUE = new byte[64];

    private final String bootstrap;
    private final String protocol;

    private ClientRaces(String bootstrap, String protocol) {
        this.bootstrap = bootstrap;
        this.protocol = protocol;
    }

    public static void main(String[] args) throws Exception {
        var races = new ClientRaces(args[0], args[2]);
        int times = Integer.parseInt(args[3]);
        int lost = 0;
        try (var admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            for (int i = 0; i < times; i++) {
                boolean stall = args[1].equals("stall");
                var topic = "races-" + ProcessHandle.current().pid() + "-" + i;
                admin.createTopics(List.of(new NewTopic(topic, stall ? 6 : 2, (short) 1))).all().get();
                if (stall ? races.stalls(topic) : races.closesEarly(topic)) lost++;
            }
        }
        System.out.printf("%s: %d of %d%n", String.join(" ", args[0], args[1], args[2]), lost, times);
    }

    private boolean stalls(String topic) throws Exception {
        var trickle = Executors.newScheduledThreadPool(1);
        try (var producer = producer()) {
            trickle.scheduleWithFixedDelay(
                () -> producer.send(new ProducerRecord<>(topic, VALUE)), 0, 500, TimeUnit.MILLISECONDS);
            try (var consumer = consumer(topic)) {
                while (consumer.poll(Duration.ofSeconds(10)).isEmpty()) continue;
                long began = System.nanoTime();
                consumer.poll(Duration.ofSeconds(5));
                consumer.poll(Duration.ofSeconds(5));
                return millisecondsSince(began) > 2_000;
            } finally {
                trickle.shutdownNow();
                trickle.awaitTermination(5, TimeUnit.SECONDS);
            }
        }
    }

    private boolean closesEarly(String topic) {
        try (var producer = producer()) {
            for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, 0, null, VALUE));
        }
        var consumer = consumer(topic);
        for (int read = 0; read < 100; ) read += consumer.poll(Duration.ofMillis(100)).count();
        long began = System.nanoTime();
        consumer.close();
        return millisecondsSince(began) < 500;
    }

    private KafkaProducer<byte[], byte[]> producer() {
        return new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap), new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(String topic) {
        var consumer = new KafkaConsumer<>(Map.of(
            "bootstrap.servers", bootstrap,
            "group.id", "readers-of-" + topic,
            "group.protocol", protocol,
            "auto.offset.reset", "earliest"), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(Set.of(topic));
        return consumer;
    }

    private static long millisecondsSince(long nanoTime) {
        return (System.nanoTime() - nanoTime) / 1_000_000;
    }
}
