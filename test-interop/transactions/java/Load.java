import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Transactions as fast as they go: so many producers, each with 100 records a transaction over the partitions
 * of a topic. After each line of input (how many producers, for how many milliseconds) a line with how many
 * committed.
 */
final class Load {
    private static final int RECORDS = 100;
    private static final int PARTITIONS = 4;

    public static void main(String[] args) throws Exception {
        var input = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
        for (var line = input.readLine(); line != null; line = input.readLine()) {
            var words = line.split(" ");
            System.out.println(measure(args[0], Integer.parseInt(words[0]), Long.parseLong(words[1])));
        }
        System.exit(0);
    }

    private static long measure(String bootstrap, int count, long milliseconds) throws Exception {
        var pool = Executors.newFixedThreadPool(count);
        List<Callable<Long>> works = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            var producer = producer(bootstrap, "load-" + i);
            works.add(() -> {
                try (producer) {
                    return commits(producer, milliseconds);
                }
            });
        }
        long committed = 0;
        for (var each : pool.invokeAll(works)) committed += each.get();
        pool.shutdown();
        return committed;
    }

    private static long commits(KafkaProducer<byte[], byte[]> producer, long milliseconds) {
        byte[] value = new byte[100];
        long end = System.nanoTime() + milliseconds * 1_000_000;
        long commits = 0;
        while (System.nanoTime() < end) {
            producer.beginTransaction();
            for (int i = 0; i < RECORDS; i++) {
                producer.send(new ProducerRecord<>("load", i * PARTITIONS / RECORDS, null, value));
            }
            producer.commitTransaction();
            commits++;
        }
        return commits;
    }

    private static KafkaProducer<byte[], byte[]> producer(String bootstrap, String id) {
        var producer = new KafkaProducer<>(Map.of(
            "bootstrap.servers", bootstrap,
            "transactional.id", id), new ByteArraySerializer(), new ByteArraySerializer());
        producer.initTransactions();
        return producer;
    }
}
