// A consumer and a producer that live as long as their input, and tell what happens to them, a line each.
//
//   Member <bootstrap> <topic> <group>
//     Input: each line is sent as a record. Output: joined, lost, sent <offset>, record <value>.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Member {
    public static void main(String[] args) throws Exception {
        String topic = args[1];
        AtomicBoolean isOver = new AtomicBoolean();
        Thread consumer = new Thread(() -> consume(args[0], topic, args[2], isOver));
        consumer.start();
        Map<String, Object> config = Map.of("bootstrap.servers", args[0]);
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                say("sent " + producer.send(new ProducerRecord<>(topic, line)).get().offset());
            }
        }
        isOver.set(true);
        consumer.join();
    }

    private static void consume(String bootstrap, String topic, String group, AtomicBoolean isOver) {
        Map<String, Object> config = Map.of(
            "bootstrap.servers", bootstrap,
            "group.id", group,
            "auto.offset.reset", "earliest",
            "heartbeat.interval.ms", 200,
            "metadata.max.age.ms", 1_000);
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    say("joined");
                }

                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                }

                @Override
                public void onPartitionsLost(Collection<TopicPartition> partitions) {
                    say("lost");
                }
            });
            while (!isOver.get()) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    say("record " + record.value());
                }
            }
        }
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
