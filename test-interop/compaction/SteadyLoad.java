// Loads for the latency of produce while something else goes on.
//
//   SteadyLoad steady <bootstrap> <topic> <records a second> <seconds>
//     Sends at the rate, whatever the answers, and tells how long they took, each from when its record was due.
//   SteadyLoad fill <bootstrap> <topic> <bytes> <keys>
//     Records of 1 KiB with random keys.

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class SteadyLoad {
    public static void main(String[] args) {
        if (args[0].equals("steady")) {
            steady(args[1], args[2], Integer.parseInt(args[3]), Integer.parseInt(args[4]));
        } else {
            fill(args[1], args[2], Long.parseLong(args[3]), Integer.parseInt(args[4]));
        }
    }

    private static void steady(String bootstrap, String topic, int rate, int seconds) {
        int count = rate * seconds;
        long[] micros = new long[count];
        AtomicInteger failed = new AtomicInteger();
        byte[] value = new byte[100];
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(config(bootstrap, 0, 16_384))) {
            // Connections, code and metadata are warm before anything counts.
            for (int i = 0; i < rate * 3; i++) {
                producer.send(new ProducerRecord<>(topic, value));
                LockSupport.parkNanos(1_000_000_000L / rate);
            }
            producer.flush();
            long start = System.nanoTime();
            for (int i = 0; i < count; i++) {
                long due = start + i * 1_000_000_000L / rate;
                for (long now = System.nanoTime(); now < due; now = System.nanoTime()) {
                    LockSupport.parkNanos(due - now);
                }
                int at = i;
                producer.send(new ProducerRecord<>(topic, value), (sent, error) -> {
                    micros[at] = (System.nanoTime() - due) / 1_000;
                    if (error != null) {
                        failed.incrementAndGet();
                    }
                });
            }
            producer.flush();
        }
        Arrays.sort(micros);
        System.out.printf("latency p50 %d p99 %d p999 %d max %d failed %d%n", micros[count / 2],
            micros[(int) (count * 0.99)], micros[(int) (count * 0.999)], micros[count - 1], failed.get());
    }

    private static void fill(String bootstrap, String topic, long bytes, int keys) {
        Random random = new Random(1);
        byte[] value = new byte[1_000];
        random.nextBytes(value);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(config(bootstrap, 20, 262_144))) {
            for (long sent = 0; sent < bytes; sent += 1_024) {
                byte[] key = ByteBuffer.allocate(16).putInt(random.nextInt(keys)).array();
                ByteBuffer.wrap(value).putLong(sent);
                producer.send(new ProducerRecord<>(topic, key, value.clone()));
            }
        }
    }

    private static Properties config(String bootstrap, int lingerMs, int batchBytes) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("key.serializer", ByteArraySerializer.class.getName());
        config.put("value.serializer", ByteArraySerializer.class.getName());
        config.put("acks", "all");
        config.put("linger.ms", String.valueOf(lingerMs));
        config.put("batch.size", String.valueOf(batchBytes));
        config.put("buffer.memory", "67108864");
        return config;
    }
}
