import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Java's clients on demand: each line of input is a command with options, each line of output something that a client
 * did, and "done" ends a command. What has no meaning here goes to the client as its configuration.
 */
final class Clients {
    private final Map<String, String> options = new HashMap<>();

    public static void main(String[] args) throws Exception {
        System.out.println("ready");
        var input = new BufferedReader(new InputStreamReader(System.in));
        for (var line = input.readLine(); line != null; line = input.readLine()) {
            new Clients().run(line);
            System.out.println("done");
        }
        System.exit(0);
    }

    private void run(String line) {
        var words = line.split(" ");
        for (int i = 1; i < words.length; i++) {
            var pair = words[i].split("=", 2);
            options.put(pair[0], pair[1]);
        }
        try {
            switch (words[0]) {
                case "produce" -> produce();
                case "consume" -> consume();
                case "transact" -> transact();
                default -> System.out.println("unknown " + words[0]);
            }
        } catch (KafkaException | InterruptedException error) {
            System.out.println("failed " + error.getClass().getSimpleName());
        }
    }

    private String take(String name) {
        return options.remove(name);
    }

    private Properties config() {
        var properties = new Properties();
        properties.putAll(options);
        return properties;
    }

    private void produce() throws InterruptedException {
        var topic = take("topic");
        int count = Integer.parseInt(take("count"));
        try (var producer = new KafkaProducer<>(config(), new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < count; i++) {
                try {
                    var sent = producer.send(new ProducerRecord<>(topic, 0, null, "record " + i)).get();
                    System.out.println("sent " + sent.offset());
                } catch (ExecutionException error) {
                    System.out.println("failed " + error.getCause().getClass().getSimpleName());
                }
            }
        }
    }

    private void consume() {
        var topic = take("topic");
        int count = Integer.parseInt(take("count"));
        long deadline = System.currentTimeMillis() + 20_000;
        try (var consumer = new KafkaConsumer<>(config(), new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    System.out.println("assigned " + partitions.size());
                }

                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                    System.out.println("revoked " + partitions.size());
                }

                @Override
                public void onPartitionsLost(Collection<TopicPartition> partitions) {
                    System.out.println("lost " + partitions.size());
                }
            });
            int read = 0;
            while (read < count && System.currentTimeMillis() < deadline) {
                try {
                    for (var record : consumer.poll(Duration.ofMillis(100))) {
                        System.out.println("record " + record.offset() + " " + record.value());
                        read++;
                    }
                } catch (KafkaException error) {
                    System.out.println("failed " + error.getClass().getSimpleName());
                    // Until then, each poll throws the same again; a seek to where it is changes nothing.
                    var first = new TopicPartition(topic, 0);
                    consumer.seek(first, consumer.position(first) + 1);
                }
            }
            consumer.commitSync();
        }
    }

    /** One record in one transaction, aborted and begun anew where the client says that this may help. */
    private void transact() {
        var topic = take("topic");
        try (var producer = new KafkaProducer<>(config(), new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            for (int attempt = 1; attempt <= 3; attempt++) {
                producer.beginTransaction();
                try {
                    producer.send(new ProducerRecord<>(topic, 0, null, "attempt " + attempt));
                    producer.commitTransaction();
                    System.out.println("committed " + attempt);
                    return;
                } catch (ProducerFencedException error) {
                    System.out.println("fenced " + attempt);
                    return;
                } catch (KafkaException error) {
                    System.out.println("aborting " + error.getClass().getSimpleName());
                    producer.abortTransaction();
                }
            }
        }
    }
}
