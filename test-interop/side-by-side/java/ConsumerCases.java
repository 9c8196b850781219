import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

/** Consumers with partitions assigned by hand: positions, resets, limits. */
final class ConsumerCases {
    static void addTo(Suite suite) {
        suite.add("seeks to the beginning, to the end and between", ConsumerCases::seeks);
        suite.add("beginningOffsets and endOffsets follow deletions and sends", ConsumerCases::bounds);
        suite.add("offsetsForTimes finds the first record at or after a time", ConsumerCases::times);
        suite.add("lag and position follow what was read", ConsumerCases::lag);
        suite.add("a paused partition brings nothing until it is resumed", ConsumerCases::pause);
        suite.add("auto.offset.reset earliest starts at the log start", run -> reset(run, "earliest",
            Run.values(3, 2)));
        suite.add("auto.offset.reset latest starts at the end", run -> reset(run, "latest", List.of()));
        suite.add("auto.offset.reset by_duration starts at a time", run -> reset(run,
            "by_duration:P10000D", Run.values(3, 2)));
        suite.add("auto.offset.reset none throws where there is no commit", ConsumerCases::noReset);
        suite.add("a position out of range throws under auto.offset.reset none", ConsumerCases::outOfRange);
        suite.add("a position out of range is reset under auto.offset.reset earliest",
            ConsumerCases::resetFromRange);
        for (var isolation : List.of("read_committed", "read_uncommitted")) {
            suite.add("isolation.level " + isolation + " reads what no transaction wrote", run ->
                isolation(run, isolation));
        }
        suite.add("max.poll.records bounds each poll", ConsumerCases::pollRecords);
        suite.add("a fetch limit smaller than a record still makes progress", ConsumerCases::smallFetches);
        suite.add("fetch.min.bytes is waited for no longer than fetch.max.wait.ms", ConsumerCases::minBytes);
        suite.add("a record wakes a fetch that waits", ConsumerCases::wakesFetch);
        suite.add("wakeup ends a poll", ConsumerCases::wakeup);
        suite.add("listTopics and partitionsFor show the same", ConsumerCases::metadata);
        suite.add("reads twenty partitions over one connection", ConsumerCases::many);
        suite.add("reads on over a rolled log", ConsumerCases::rolled);
    }

    private static void seeks(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(10));
        var partition = new TopicPartition(topic, 0);
        var consumer = run.assigned(topic, 1, Map.of());
        consumer.seekToEnd(List.of(partition));
        Run.same(10L, consumer.position(partition));
        consumer.seek(partition, 7);
        Run.same(Run.values(7, 3), ProducerCases.valuesOf(Run.read(consumer, 3)));
        consumer.seekToBeginning(List.of(partition));
        Run.same(Run.values(10), ProducerCases.valuesOf(Run.read(consumer, 10)));
        Run.same(10L, consumer.position(partition));
    }

    private static void bounds(Run run) throws Exception {
        var topic = run.topic(2);
        run.send(topic, 0, Run.values(6));
        var partitions = Run.partitions(topic, 2);
        var consumer = run.consumer(Map.of());
        Run.same(Map.of(partitions.get(0), 0L, partitions.get(1), 0L), consumer.beginningOffsets(partitions));
        run.admin.deleteRecords(Map.of(partitions.get(0), RecordsToDelete.beforeOffset(4))).all().get();
        Run.same(Map.of(partitions.get(0), 4L, partitions.get(1), 0L), consumer.beginningOffsets(partitions));
        Run.same(Map.of(partitions.get(0), 6L, partitions.get(1), 0L), consumer.endOffsets(partitions));
    }

    private static void times(Run run) throws Exception {
        var topic = run.topic(2);
        var producer = run.producer(Map.of());
        for (long time : List.of(100L, 300L, 200L, 400L)) producer.send(new ProducerRecord<>(topic, 0,
            time, "k", "v")).get();
        var consumer = run.consumer(Map.of());
        var partition = new TopicPartition(topic, 0);
        for (var each : Map.of(0L, 0L, 100L, 0L, 150L, 1L, 300L, 1L, 350L, 3L).entrySet()) {
            var found = consumer.offsetsForTimes(Map.of(partition, each.getKey())).get(partition);
            Run.same(each.getValue(), found.offset());
        }
        var none = consumer.offsetsForTimes(Map.of(partition, 500L, new TopicPartition(topic, 1), 0L));
        Run.holds(none.values().stream().allMatch(each -> each == null), none);
    }

    private static void lag(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(10));
        var partition = new TopicPartition(topic, 0);
        var consumer = run.assigned(topic, 1, Map.of("max.poll.records", 4));
        Run.until("a poll with records", () -> !consumer.poll(Run.SHORT).isEmpty());
        Run.same(4L, consumer.position(partition));
        Run.same(6L, consumer.currentLag(partition).getAsLong());
        Run.read(consumer, 6);
        Run.same(0L, consumer.currentLag(partition).getAsLong());
    }

    private static void pause(Run run) throws Exception {
        var topic = run.topic(2);
        var partitions = Run.partitions(topic, 2);
        var consumer = run.assigned(topic, 2, Map.of());
        consumer.pause(List.of(partitions.get(0)));
        Run.same(Set.of(partitions.get(0)), consumer.paused());
        run.send(topic, 0, Run.values(5));
        run.send(topic, 1, Run.values(5, 5));
        Run.same(Run.values(5, 5), ProducerCases.valuesOf(Run.read(consumer, 5)));
        run.send(topic, 1, List.of("later"));
        Run.same(List.of("later"), ProducerCases.valuesOf(Run.read(consumer, 1)));
        consumer.resume(partitions);
        Run.same(Run.values(5), ProducerCases.valuesOf(Run.read(consumer, 5)));
    }

    private static void reset(Run run, String policy, List<String> expected) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(5));
        run.admin.deleteRecords(Map.of(new TopicPartition(topic, 0), RecordsToDelete.beforeOffset(2)))
            .all().get();
        var consumer = run.assigned(topic, 1, Map.of("auto.offset.reset", policy));
        Run.same(expected.isEmpty() ? 5L : 2L, consumer.position(new TopicPartition(topic, 0)));
        run.send(topic, 0, List.of("new"));
        List<String> all = new ArrayList<>(expected.isEmpty() ? List.of() : Run.values(2, 3));
        all.add("new");
        Run.same(all, ProducerCases.valuesOf(Run.read(consumer, all.size())));
    }

    private static void noReset(Run run) throws Exception {
        var topic = run.topic(1);
        var consumer = run.assigned(topic, 1, Map.of("auto.offset.reset", "none"));
        var failure = Run.refused(NoOffsetForPartitionException.class, () ->
            consumer.poll(Duration.ofSeconds(20)));
        Run.same(Set.of(new TopicPartition(topic, 0)), failure.partitions());
    }

    private static void outOfRange(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(3));
        var partition = new TopicPartition(topic, 0);
        var consumer = run.assigned(topic, 1, Map.of("auto.offset.reset", "none"));
        consumer.seek(partition, 17);
        var failure = Run.refused(OffsetOutOfRangeException.class, () -> {
            for (int i = 0; i < 200; i++) consumer.poll(Run.SHORT);
            return null;
        });
        Run.same(Map.of(partition, 17L), failure.offsetOutOfRangePartitions());
    }

    private static void resetFromRange(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(3));
        var consumer = run.assigned(topic, 1, Map.of());
        consumer.seek(new TopicPartition(topic, 0), 17);
        Run.same(Run.values(3), ProducerCases.valuesOf(Run.read(consumer, 3)));
    }

    private static void isolation(Run run, String level) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(20));
        var consumer = run.assigned(topic, 1, Map.of("isolation.level", level));
        Run.same(Run.values(20), ProducerCases.valuesOf(Run.read(consumer, 20)));
        Run.same(20L, consumer.endOffsets(consumer.assignment()).get(new TopicPartition(topic, 0)));
    }

    private static void pollRecords(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(25));
        var consumer = run.assigned(topic, 1, Map.of("max.poll.records", 10));
        List<Integer> sizes = new ArrayList<>();
        Run.until("25 records", () -> {
            var polled = consumer.poll(Run.SHORT).count();
            if (polled > 0) sizes.add(polled);
            return sizes.stream().mapToInt(each -> each).sum() >= 25;
        });
        Run.same(List.of(), sizes.stream().filter(each -> each > 10).toList());
    }

    private static void smallFetches(Run run) throws Exception {
        var topic = run.topic(2);
        for (int partition = 0; partition < 2; partition++) {
            var producer = run.producer(Map.of());
            for (var value : Run.values(10)) producer.send(new ProducerRecord<>(topic, partition, "k",
                value.repeat(100))).get();
        }
        var records = Run.read(run.assigned(topic, 2, Map.of("fetch.max.bytes", 10,
            "max.partition.fetch.bytes", 10)), 20);
        for (var partition : List.of(0, 1)) {
            var own = records.stream().filter(each -> each.partition() == partition).map(each ->
                each.offset()).toList();
            Run.same(List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L), own);
        }
    }

    private static void minBytes(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(1));
        var consumer = run.assigned(topic, 1, Map.of("fetch.min.bytes", 1_000_000, "fetch.max.wait.ms", 600));
        long began = System.nanoTime();
        Run.same(Run.values(1), ProducerCases.valuesOf(Run.read(consumer, 1)));
        long ms = (System.nanoTime() - began) / 1_000_000;
        Run.holds(ms >= 590, ms);
    }

    private static void wakesFetch(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, List.of("first"));
        var consumer = run.assigned(topic, 1, Map.of("fetch.max.wait.ms", 25_000));
        Run.read(consumer, 1);
        // A fetch is under way from here, and would last until its deadline.
        consumer.poll(Run.SHORT);
        long began = System.nanoTime();
        run.send(topic, 0, List.of("second"));
        Run.same(List.of("second"), ProducerCases.valuesOf(Run.read(consumer, 1)));
        long ms = (System.nanoTime() - began) / 1_000_000;
        Run.holds(ms < 15_000, ms);
    }

    private static void wakeup(Run run) throws Exception {
        var topic = run.topic(1);
        var consumer = run.assigned(topic, 1, Map.of());
        consumer.poll(Run.SHORT);
        var polling = new CountDownLatch(1);
        var waker = new Thread(() -> {
            try {
                polling.await();
            } catch (InterruptedException end) {
                return;
            }
            consumer.wakeup();
        });
        waker.start();
        Run.refused(WakeupException.class, () -> {
            polling.countDown();
            return consumer.poll(Duration.ofSeconds(30));
        });
        waker.join();
        run.send(topic, 0, Run.values(2));
        Run.same(Run.values(2), ProducerCases.valuesOf(Run.read(consumer, 2)));
    }

    private static void metadata(Run run) throws Exception {
        var topic = run.topic(4);
        var consumer = run.consumer(Map.of());
        var listed = consumer.listTopics().get(topic);
        Run.same(4, listed.size());
        var numbers = consumer.partitionsFor(topic).stream().map(each -> each.partition()).sorted().toList();
        Run.same(List.of(0, 1, 2, 3), numbers);
        Run.same(Set.of(1), listed.stream().map(each -> each.leader().id()).collect(Collectors.toSet()));
    }

    private static void many(Run run) throws Exception {
        var topic = run.topic(20);
        var producer = run.producer(Map.of());
        for (int i = 0; i < 1_000; i++) producer.send(new ProducerRecord<>(topic, i % 20, "k", "v" + i));
        producer.flush();
        var records = Run.read(run.assigned(topic, 20, Map.of()), 1_000);
        for (int partition = 0; partition < 20; partition++) {
            int number = partition;
            var own = records.stream().filter(each -> each.partition() == number).map(each ->
                each.value()).toList();
            Run.same(Run.values(1_000).stream().filter(each ->
                Integer.parseInt(each.substring(1)) % 20 == number).toList(), own);
        }
    }

    private static void rolled(Run run) throws Exception {
        var topic = run.topic(run.name("topic"), 1, Map.of("segment.bytes", "1048576"));
        var producer = run.producer(Map.of("batch.size", 50_000));
        for (var value : Run.values(3_000)) producer.send(new ProducerRecord<>(topic, "k",
            (value + " ").repeat(200)));
        producer.flush();
        var consumer = run.assigned(topic, 1, Map.of());
        var records = Run.read(consumer, 3_000);
        for (int i = 0; i < 3_000; i++) Run.same(("v" + i + " ").repeat(200), records.get(i).value());
        consumer.seek(new TopicPartition(topic, 0), 2_500);
        Run.same(2_500L, Run.read(consumer, 1).get(0).offset());
    }
}
