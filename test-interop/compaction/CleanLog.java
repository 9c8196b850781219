// Apache Kafka's own log cleaner, once over each log directory that a line of the input names, so that its work can be
// compared with ours byte for byte. A line is a JSON object; the answer is one line with where the cleaning ended.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Delayed;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.Scheduler;
import org.apache.kafka.storage.internals.log.Cleaner;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogToClean;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.SkimpyOffsetMap;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

public class CleanLog {
    public static void main(String[] args) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            System.out.println(answer(mapper.readTree(line)));
        }
    }

    /** What Kafka's cleaner fails on is an answer too, on one line. */
    private static String answer(JsonNode job) {
        try {
            return "cleaned to " + clean(job);
        } catch (Exception | Error failure) {
            StackTraceElement[] trace = failure.getStackTrace();
            return "failed with " + failure.toString().replace('\n', ' ') + (trace.length > 0 ? " at " + trace[0] : "");
        }
    }

    private static long clean(JsonNode job) throws Exception {
        Time time = new StandingTime(job.get("nowMs").asLong());
        UnifiedLog log = open(job, time);
        try {
            int mapBytes = job.get("mapBytes").asInt();
            Throttler throttler = new Throttler(Double.MAX_VALUE, 300, "cleaner-io", "bytes", time);
            Cleaner cleaner = new Cleaner(
                0, new SkimpyOffsetMap(mapBytes), 65536, 1 << 24, 0.9, throttler, time, partition -> { });
            LogToClean part = new LogToClean(
                log, job.get("firstDirtyOffset").asLong(), job.get("firstUncleanableOffset").asLong(), false);
            return cleaner.doClean(part, time.milliseconds()).getKey();
        } finally {
            log.close();
        }
    }

    private static UnifiedLog open(JsonNode job, Time time) throws Exception {
        Map<String, String> properties = new HashMap<>();
        job.get("config").properties().forEach(entry -> properties.put(entry.getKey(), entry.getValue().asText()));
        return UnifiedLog.create(
            new File(job.get("directory").asText()),
            new LogConfig(properties),
            job.get("logStartOffset").asLong(),
            job.get("logEndOffset").asLong(),
            new NoScheduler(),
            new BrokerTopicStats(),
            time,
            5 * 60 * 1000,
            new ProducerStateManagerConfig(Integer.MAX_VALUE, false),
            10 * 60 * 1000,
            new LogDirFailureChannel(1),
            true,
            Optional.empty());
    }

    /** Renamed files are left lying: they are removed by a task that never comes. */
    private static final class NoScheduler implements Scheduler {
        @Override
        public void startup() { }

        @Override
        public void shutdown() { }

        @Override
        public ScheduledFuture<?> schedule(String name, Runnable task, long delayMs, long periodMs) {
            return new Never();
        }

        @Override
        public void resizeThreadPool(int size) { }
    }

    private static final class Never extends CompletableFuture<Object> implements ScheduledFuture<Object> {
        @Override
        public long getDelay(TimeUnit unit) {
            return 0;
        }

        @Override
        public int compareTo(Delayed other) {
            return 0;
        }
    }

    private record StandingTime(long nowMs) implements Time {
        @Override
        public long milliseconds() {
            return nowMs;
        }

        @Override
        public long nanoseconds() {
            return nowMs * 1_000_000;
        }

        @Override
        public void sleep(long ms) { }

        @Override
        public void waitObject(Object object, Supplier<Boolean> condition, long deadlineMs) { }
    }
}
