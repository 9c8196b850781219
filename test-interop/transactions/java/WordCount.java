import java.util.Arrays;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Counts words with exactly_once_v2: lines are split, words are repartitioned by themselves and counted in a
 * store with a changelog, and each new count is put out. Ends in order when its input ends.
 */
final class WordCount {
    public static void main(String[] args) throws Exception {
        var builder = new StreamsBuilder();
        builder.stream("lines", Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with("words", Serdes.String(), Serdes.String()))
            .count(Materialized.as("counts-store"))
            .toStream()
            .mapValues(String::valueOf)
            .to("counts", Produced.with(Serdes.String(), Serdes.String()));

        var streams = new KafkaStreams(builder.build(), config(args[0], args[1], args[2]));
        streams.setUncaughtExceptionHandler(failure -> {
            System.out.println("NOTE a thread is replaced after " + failure);
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.setStateListener((now, before) -> System.out.println("STATE " + now));
        streams.start();
        while (System.in.read() >= 0) continue;
        streams.close();
        System.exit(0);
    }

    private static Properties config(String bootstrap, String state, String group) {
        var config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("application.id", group);
        config.put("state.dir", state);
        config.put("processing.guarantee", "exactly_once_v2");
        config.put("replication.factor", 1);
        config.put("num.stream.threads", 2);
        config.put("commit.interval.ms", 100);
        // Every update is put out, so that what is put out twice shows.
        config.put("statestore.cache.max.bytes", 0);
        config.put("default.key.serde", Serdes.String().getClass());
        config.put("default.value.serde", Serdes.String().getClass());
        config.put("consumer.auto.offset.reset", "earliest");
        config.put("consumer.session.timeout.ms", 4_000);
        config.put("consumer.heartbeat.interval.ms", 300);
        config.put("producer.transaction.timeout.ms", 10_000);
        config.put("reconnect.backoff.max.ms", 200);
        return config;
    }
}
