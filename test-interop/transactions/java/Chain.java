import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * One member of a read-process-write chain. What it did is told line by line; it leaves when its input ends.
 * Whatever a transaction dies of, it begins anew with a new producer and a new consumer.
 */
final class Chain {
    private static final int PARTITIONS = 3;

    private final Map<String, String> options;
    private final Random random;
    private int attempts;
    private volatile boolean leaving;

    private Chain(Map<String, String> options) {
        this.options = options;
        this.random = new Random(Long.parseLong(options.get("seed")));
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (var each : args) {
            var words = each.split("=", 2);
            options.put(words[0], words[1]);
        }
        var chain = new Chain(options);
        var watcher = new Thread(chain::awaitEndOfInput);
        watcher.setDaemon(true);
        watcher.start();
        while (!chain.leaving) chain.session();
        System.exit(0);
    }

    private void awaitEndOfInput() {
        try {
            while (System.in.read() >= 0) continue;
        } catch (java.io.IOException end) {
            System.err.println(end);
        }
        leaving = true;
    }

    private void session() throws InterruptedException {
        var reads = new StringDeserializer();
        var writes = new StringSerializer();
        try (var consumer = new KafkaConsumer<>(consumerConfig(), reads, reads);
            var producer = new KafkaProducer<>(producerConfig(), writes, writes)) {
            producer.initTransactions();
            consumer.subscribe(List.of(options.get("input")));
            while (!leaving) {
                List<ConsumerRecord<String, String>> records = new ArrayList<>();
                consumer.poll(Duration.ofMillis(100)).forEach(records::add);
                if (!records.isEmpty()) process(consumer, producer, records);
            }
        } catch (KafkaException failure) {
            System.out.println("NOTE begins anew: " + failure);
            Thread.sleep(100);
        }
    }

    private void process(KafkaConsumer<String, String> consumer, KafkaProducer<String, String> producer,
        List<ConsumerRecord<String, String>> records) {
        var attempt = options.get("attempts") + "." + attempts++;
        boolean commits = random.nextInt(100) >= Integer.parseInt(options.get("aborts"));
        try {
            producer.beginTransaction();
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (var each : records) {
                int input = Integer.parseInt(each.value());
                send(producer, input % PARTITIONS, "a " + input + " " + attempt);
                send(producer, (input + 1) % PARTITIONS, "b " + input + " " + attempt);
                var partition = new TopicPartition(each.topic(), each.partition());
                offsets.put(partition, new OffsetAndMetadata(each.offset() + 1));
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            if (commits) commit(producer);
        } catch (KafkaException failure) {
            System.out.println("NOTE aborts " + attempt + ": " + failure);
            commits = false;
        }
        if (!commits) {
            // Where aborting fails too, the session ends.
            producer.abortTransaction();
            rewind(consumer);
        }
        System.out.println((commits ? "COMMITTED " : "ABORTED ") + attempt + " " + records.size());
    }

    private void send(KafkaProducer<String, String> producer, int partition, String value) {
        producer.send(new ProducerRecord<>(options.get("output"), partition, null, value));
    }

    /** A commit that was not answered in time is to be asked for again: it may have happened. */
    private static void commit(KafkaProducer<String, String> producer) {
        for (;;) {
            try {
                producer.commitTransaction();
                return;
            } catch (TimeoutException late) {
                System.out.println("NOTE commits again: " + late);
            }
        }
    }

    private static void rewind(KafkaConsumer<String, String> consumer) {
        var assigned = consumer.assignment();
        consumer.committed(assigned).forEach((partition, offset) -> {
            consumer.seek(partition, offset == null ? 0 : offset.offset());
        });
    }

    private Map<String, Object> consumerConfig() {
        return Map.of(
            "bootstrap.servers", options.get("bootstrap"),
            "group.id", options.get("group"),
            "isolation.level", "read_committed",
            "enable.auto.commit", false,
            "auto.offset.reset", "earliest",
            "max.poll.records", options.get("batch"),
            "session.timeout.ms", options.get("session"),
            "heartbeat.interval.ms", 300,
            "reconnect.backoff.max.ms", 200,
            "retry.backoff.ms", 50);
    }

    private Map<String, Object> producerConfig() {
        return Map.of(
            "bootstrap.servers", options.get("bootstrap"),
            "transactional.id", options.get("transactional"),
            "transaction.timeout.ms", options.get("timeout"),
            "max.block.ms", 20_000,
            "reconnect.backoff.max.ms", 200,
            "retry.backoff.ms", 50);
    }
}
