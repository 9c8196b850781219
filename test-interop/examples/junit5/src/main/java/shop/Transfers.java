package shop;

import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Books both sides of a transfer in one transaction, or neither. */
public final class Transfers implements AutoCloseable {
    private final KafkaProducer<String, String> producer;

    public Transfers(String bootstrapServers) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrapServers, "transactional.id", "transfers");
        producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
    }

    public void book(String from, String to, int amount) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("bookings", from, "-" + amount));
        producer.send(new ProducerRecord<>("bookings", to, "+" + amount));
        if (amount <= 0) {
            producer.flush();
            producer.abortTransaction();
            throw new IllegalArgumentException("an amount is positive");
        }
        producer.commitTransaction();
    }

    @Override
    public void close() {
        producer.close();
    }
}
