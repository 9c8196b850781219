import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidGroupIdException;
import org.apache.kafka.common.errors.OffsetMetadataTooLarge;

/** Committed offsets: by hand, by itself, seen by others. */
final class OffsetCases {
    static void addTo(Suite suite) {
        suite.add("commitSync is seen by committed, with metadata and leader epoch", OffsetCases::commitSync);
        suite.add("commitAsync calls back with what it committed", OffsetCases::commitAsync);
        suite.add("a consumer in a group starts at the commit", OffsetCases::resumes);
        suite.add("commits of one group are no other's", OffsetCases::groups);
        suite.add("committed has nothing for partitions without a commit", OffsetCases::nothing);
        suite.add("auto commit commits on close", OffsetCases::commitsOnClose);
        suite.add("auto commit commits at its interval", OffsetCases::commitsAtInterval);
        suite.add("metadata over the limit is refused, and the old commit stays", OffsetCases::metadataLimit);
        suite.add("a commit for an unknown topic is refused", OffsetCases::unknownTopic);
        suite.add("a member that stayed away too long may not commit", OffsetCases::stale);
        suite.add("a consumer without a group cannot commit", OffsetCases::noGroup);
        suite.add("commits for fifty partitions at once are all kept", OffsetCases::many);
        suite.add("a commit beyond the end is kept, and reset when it is read", OffsetCases::beyond);
    }

    private static Map<TopicPartition, OffsetAndMetadata> at(String topic, long offset, String metadata) {
        return Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(offset, metadata));
    }

    private static Map<TopicPartition, OffsetAndMetadata> listed(Run run, String group) throws Exception {
        return run.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    }

    private static OffsetAndMetadata committed(Run run, String topic) throws Exception {
        return listed(run, run.group()).get(new TopicPartition(topic, 0));
    }

    private static void commitSync(Run run) throws Exception {
        var topic = run.topic(1);
        var partition = new TopicPartition(topic, 0);
        var consumer = run.subscribed(topic, Map.of());
        Run.share(List.of(1), consumer);
        // The client answers committed from a request that is still under way; so that one has to be over.
        Run.same(0L, consumer.position(partition));
        consumer.commitSync(Map.of(partition, new OffsetAndMetadata(42, Optional.of(0), "a note")));
        var found = consumer.committed(Set.of(partition)).get(partition);
        Run.same(List.of(42L, "a note", Optional.of(0)), List.of(found.offset(), found.metadata(),
            found.leaderEpoch()));
        Run.same(found, committed(run, topic));
    }

    private static void commitAsync(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(5));
        var consumer = run.subscribed(topic, Map.of());
        Run.read(consumer, 5);
        var seen = new AtomicReference<Map<TopicPartition, OffsetAndMetadata>>();
        consumer.commitAsync((offsets, failure) -> seen.set(failure == null ? offsets : Map.of()));
        Run.pollUntil("the callback", () -> seen.get() != null, consumer);
        Run.same(5L, seen.get().get(new TopicPartition(topic, 0)).offset());
        Run.same(5L, committed(run, topic).offset());
    }

    private static void resumes(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(10));
        var first = run.subscribed(topic, Map.of("max.poll.records", 4));
        Run.read(first, 4);
        first.commitSync();
        first.close();
        Run.same(Run.values(4, 6), ProducerCases.valuesOf(Run.read(run.subscribed(topic, Map.of()), 6)));
    }

    private static void groups(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(10));
        for (var group : List.of("a", "b")) {
            var consumer = run.subscribed(topic, Map.of("group.id", run.name(group)));
            Run.same(Run.values(10), ProducerCases.valuesOf(Run.read(consumer, 10)));
            if (group.equals("a")) consumer.commitSync(at(topic, 3, ""));
        }
        Run.same(Map.of(), listed(run, run.name("b")));
        Run.same(at(topic, 3, ""), withoutEpochs(listed(run, run.name("a"))));
    }

    private static Map<TopicPartition, OffsetAndMetadata> withoutEpochs(Map<TopicPartition,
        OffsetAndMetadata> all) {
        Map<TopicPartition, OffsetAndMetadata> without = new HashMap<>();
        all.forEach((partition, each) -> without.put(partition, new OffsetAndMetadata(each.offset(),
            each.metadata())));
        return without;
    }

    private static void nothing(Run run) throws Exception {
        var topic = run.topic(2);
        var consumer = run.assigned(topic, 2, Map.of());
        consumer.commitSync(at(topic, 1, ""));
        var found = consumer.committed(Set.copyOf(Run.partitions(topic, 2)));
        Run.same(1L, found.get(new TopicPartition(topic, 0)).offset());
        Run.holds(found.get(new TopicPartition(topic, 1)) == null, found);
    }

    private static void commitsOnClose(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(7));
        var consumer = run.subscribed(topic, Map.of("enable.auto.commit", true, "auto.commit.interval.ms",
            600_000));
        Run.read(consumer, 7);
        consumer.close();
        Run.same(7L, committed(run, topic).offset());
    }

    private static void commitsAtInterval(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(7));
        var consumer = run.subscribed(topic, Map.of("enable.auto.commit", true, "auto.commit.interval.ms",
            50));
        Run.read(consumer, 7);
        var partition = new TopicPartition(topic, 0);
        Run.pollUntil("the commit", () -> {
            var found = consumer.committed(Set.of(partition)).get(partition);
            return found != null && found.offset() == 7;
        }, consumer);
    }

    private static void metadataLimit(Run run) throws Exception {
        var topic = run.topic(1);
        var consumer = run.assigned(topic, 1, Map.of());
        consumer.commitSync(at(topic, 1, "m".repeat(4_096)));
        Run.refused(OffsetMetadataTooLarge.class, () -> {
            consumer.commitSync(at(topic, 2, "m".repeat(4_097)));
            return null;
        });
        Run.same(1L, committed(run, topic).offset());
    }

    private static void unknownTopic(Run run) throws Exception {
        var consumer = run.assigned(run.topic(1), 1, Map.of("default.api.timeout.ms", 1_500));
        var failure = Run.refused(Exception.class, () -> {
            consumer.commitSync(at(run.name("nothing"), 1, ""));
            return null;
        });
        Run.holds(String.valueOf(failure).contains("Timeout"), failure);
    }

    private static void stale(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(3));
        var slow = run.subscribed(topic, Map.of("max.poll.interval.ms", 1_000, "session.timeout.ms", 6_000));
        Run.read(slow, 3);
        // Its heartbeat thread leaves the group for it, whereupon another gets the partition.
        var other = run.subscribed(topic, Map.of());
        Run.share(List.of(1), other);
        Run.refused(CommitFailedException.class, () -> {
            slow.commitSync();
            return null;
        });
        other.seekToBeginning(other.assignment());
        Run.same(Run.values(3), ProducerCases.valuesOf(Run.read(other, 3)));
    }

    private static void noGroup(Run run) throws Exception {
        var topic = run.topic(1);
        Map<String, Object> configs = new HashMap<>();
        configs.put("group.id", null);
        var consumer = run.assigned(topic, 1, configs);
        Run.refused(InvalidGroupIdException.class, () -> {
            consumer.commitSync(at(topic, 1, ""));
            return null;
        });
        run.send(topic, 0, Run.values(2));
        Run.same(Run.values(2), ProducerCases.valuesOf(Run.read(consumer, 2)));
    }

    private static void many(Run run) throws Exception {
        var topic = run.topic(50);
        var consumer = run.assigned(topic, 50, Map.of());
        Map<TopicPartition, OffsetAndMetadata> all = new HashMap<>();
        for (var each : Run.partitions(topic, 50)) all.put(each,
            new OffsetAndMetadata(each.partition() * 10L, "p" + each.partition()));
        consumer.commitSync(all);
        Run.same(all, withoutEpochs(consumer.committed(all.keySet())));
    }

    private static void beyond(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(3));
        run.assigned(topic, 1, Map.of()).commitSync(at(topic, 1_000, ""));
        Run.same(1_000L, committed(run, topic).offset());
        Run.same(Run.values(3), ProducerCases.valuesOf(Run.read(run.assigned(topic, 1, Map.of()), 3)));
    }
}
