import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.apache.kafka.common.errors.UnsupportedAssignorException;

/** Members of the consumer protocol (KIP-848): who owns what, and who is told what. */
final class ModernCases {
    static void addTo(Suite suite) {
        for (var assignor : List.of("uniform", "range")) {
            suite.add("consumer protocol: two members share six partitions by " + assignor,
                run -> shares(run, assignor));
        }
        suite.add("consumer protocol: callbacks tell only of what moves", ModernCases::callbacks);
        suite.add("consumer protocol: close hands partitions over at once", ModernCases::closes);
        suite.add("consumer protocol: unsubscribe leaves the group", ModernCases::unsubscribes);
        suite.add("consumer protocol: a changed subscription takes effect", ModernCases::changes);
        suite.add("consumer protocol: members of different subscriptions get only their topics",
            ModernCases::different);
        suite.add("consumer protocol: added partitions are assigned", ModernCases::grows);
        suite.add("consumer protocol: a topic that is created later is assigned", ModernCases::later);
        suite.add("consumer protocol: a pattern is matched by the broker", ModernCases::pattern);
        suite.add("consumer protocol: a pattern that is none is refused", ModernCases::badPattern);
        suite.add("consumer protocol: an assignor that the broker does not have is refused",
            ModernCases::unsupported);
        suite.add("consumer protocol: a static member comes back to what it had", ModernCases::comesBack);
        suite.add("consumer protocol: an instance that is there is not released", ModernCases::unreleased);
        suite.add("consumer protocol: offsets go on where they were committed", ModernCases::resumes);
        suite.add("consumer protocol: offsets are committed at close", ModernCases::commitsAtClose);
        suite.add("consumer protocol: offsets of a transaction", ModernCases::transaction);
        suite.add("consumer protocol: a group of one that stays away is expelled", ModernCases::expires);
        suite.add("consumer protocol: five members share ten partitions, and each record is read once",
            ModernCases::five);
    }

    static Map<String, Object> modern(Object... pairs) {
        Map<String, Object> configs = new HashMap<>(Map.of("group.protocol", "consumer"));
        for (int i = 0; i < pairs.length; i += 2) configs.put((String) pairs[i], pairs[i + 1]);
        return configs;
    }

    private static void shares(Run run, String assignor) throws Exception {
        var topic = run.topic(6);
        var configs = modern("group.remote.assignor", assignor);
        var one = run.subscribed(topic, configs);
        var two = run.subscribed(topic, configs);
        Run.share(List.of(3, 3), one, two);
        Run.same(assignor, described(run).partitionAssignor());
        for (int i = 0; i < 6; i++) run.send(topic, i, List.of("p" + i));
        List<ConsumerRecord<String, String>> read = new ArrayList<>();
        Run.until("six records", () -> {
            for (var each : List.of(one, two)) each.poll(Run.SHORT).forEach(read::add);
            return read.size() >= 6;
        });
        Run.same(6, read.stream().map(ConsumerRecord::value).collect(Collectors.toSet()).size());
        Run.same(GroupType.CONSUMER, described(run).type());
    }

    private static org.apache.kafka.clients.admin.ConsumerGroupDescription described(Run run)
        throws Exception {
        return run.admin.describeConsumerGroups(List.of(run.group())).all().get().get(run.group());
    }

    private static void callbacks(Run run) throws Exception {
        var topic = run.topic(4);
        var told = new GroupCases.Told();
        var one = run.consumer(modern());
        one.subscribe(List.of(topic), told);
        Run.share(List.of(4), one);
        var two = run.subscribed(topic, modern());
        Run.share(List.of(2, 2), one, two);
        var left = numbers(two);
        Run.same(List.of("+[0, 1, 2, 3]", "-" + left), told.events.stream().filter(each -> !each.endsWith("[]"))
            .toList());
        two.close();
        Run.share(List.of(4), one);
        Run.same("+" + left, told.events.get(told.events.size() - 1));
        one.close();
        Run.same("-[0, 1, 2, 3]", told.events.get(told.events.size() - 1));
    }

    private static List<Integer> numbers(KafkaConsumer<?, ?> consumer) {
        return consumer.assignment().stream().map(TopicPartition::partition).sorted().toList();
    }

    private static void closes(Run run) throws Exception {
        var topic = run.topic(4);
        var stays = run.subscribed(topic, modern());
        var leaves = run.subscribed(topic, modern());
        Run.share(List.of(2, 2), stays, leaves);
        leaves.close();
        Run.share(List.of(4), stays);
        Run.same(1, described(run).members().size());
    }

    private static void unsubscribes(Run run) throws Exception {
        var topic = run.topic(2);
        var one = run.subscribed(topic, modern());
        var two = run.subscribed(topic, modern());
        Run.share(List.of(1, 1), one, two);
        one.unsubscribe();
        Run.share(List.of(2), two);
        Run.same(Set.of(), one.assignment());
        one.subscribe(List.of(topic));
        Run.share(List.of(1, 1), one, two);
    }

    private static void changes(Run run) throws Exception {
        var first = run.topic(run.name("first"), 1, Map.of());
        var second = run.topic(run.name("second"), 2, Map.of());
        var consumer = run.subscribed(first, modern());
        Run.share(List.of(1), consumer);
        consumer.subscribe(List.of(second));
        Run.pollUntil("the other topic", () -> consumer.assignment()
            .equals(Set.copyOf(Run.partitions(second, 2))), consumer);
    }

    private static void different(Run run) throws Exception {
        var a = run.topic(run.name("a"), 2, Map.of());
        var b = run.topic(run.name("b"), 3, Map.of());
        var one = run.subscribed(a, modern());
        var two = run.subscribed(b, modern());
        Run.pollUntil("their own", () -> one.assignment().equals(Set.copyOf(Run.partitions(a, 2)))
            && two.assignment().equals(Set.copyOf(Run.partitions(b, 3))), one, two);
    }

    private static void grows(Run run) throws Exception {
        var topic = run.topic(1);
        var consumer = run.subscribed(topic, modern("metadata.max.age.ms", 200));
        Run.share(List.of(1), consumer);
        run.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
        Run.share(List.of(3), consumer);
        run.led(topic, 3);
        run.send(topic, 2, Run.values(2));
        Run.same(Run.values(2), ProducerCases.valuesOf(Run.read(consumer, 2)));
    }

    private static void later(Run run) throws Exception {
        var first = run.topic(run.name("first"), 1, Map.of());
        var consumer = run.consumer(modern("metadata.max.age.ms", 200, "allow.auto.create.topics", false));
        consumer.subscribe(List.of(first, run.name("later")));
        Run.share(List.of(1), consumer);
        run.topic(run.name("later"), 2, Map.of());
        Run.share(List.of(3), consumer);
    }

    private static void pattern(Run run) throws Exception {
        run.topic(run.name("match-1"), 1, Map.of());
        run.topic(run.name("match-2"), 2, Map.of());
        run.topic(run.name("other"), 1, Map.of());
        var consumer = run.consumer(modern());
        consumer.subscribe(new SubscriptionPattern(run.name("match-\\d")));
        Run.share(List.of(3), consumer);
        Run.same(Set.of(run.name("match-1"), run.name("match-2")), consumer.assignment().stream()
            .map(TopicPartition::topic).collect(Collectors.toSet()));
    }

    private static void badPattern(Run run) throws Exception {
        var consumer = run.consumer(modern());
        consumer.subscribe(new SubscriptionPattern("(?=look)ahead"));
        Run.refused(InvalidRegularExpression.class, () -> {
            Run.share(List.of(1), consumer);
            return null;
        });
    }

    private static void unsupported(Run run) throws Exception {
        var consumer = run.subscribed(run.topic(1), modern("group.remote.assignor", "nonsense"));
        Run.refused(UnsupportedAssignorException.class, () -> {
            Run.share(List.of(1), consumer);
            return null;
        });
    }

    private static void comesBack(Run run) throws Exception {
        var topic = run.topic(4);
        var one = run.subscribed(topic, modern("group.instance.id", "one"));
        var two = run.subscribed(topic, modern("group.instance.id", "two"));
        Run.share(List.of(2, 2), one, two);
        var owned = Set.copyOf(one.assignment());
        one.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.DEFAULT));
        Run.same(2, described(run).members().size());
        var again = run.subscribed(topic, modern("group.instance.id", "one"));
        Run.share(List.of(2, 2), again, two);
        Run.same(owned, again.assignment());
    }

    private static void unreleased(Run run) throws Exception {
        var topic = run.topic(1);
        Run.share(List.of(1), run.subscribed(topic, modern("group.instance.id", "same")));
        var other = run.subscribed(topic, modern("group.instance.id", "same"));
        Run.refused(UnreleasedInstanceIdException.class, () -> {
            Run.share(List.of(1), other);
            return null;
        });
    }

    private static void resumes(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(10));
        var first = run.subscribed(topic, modern("max.poll.records", 4));
        Run.same(Run.values(4), ProducerCases.valuesOf(Run.read(first, 4)));
        first.commitSync();
        first.close();
        var second = run.subscribed(topic, modern());
        Run.same(Run.values(4, 6), ProducerCases.valuesOf(Run.read(second, 6)));
    }

    private static void commitsAtClose(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(5));
        var consumer = run.subscribed(topic, modern("enable.auto.commit", true, "auto.commit.interval.ms", 60_000));
        Run.read(consumer, 5);
        consumer.close();
        var committed = run.admin.listConsumerGroupOffsets(run.group()).partitionsToOffsetAndMetadata().get();
        Run.same(5L, committed.get(new TopicPartition(topic, 0)).offset());
    }

    private static void transaction(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(3));
        var consumer = run.subscribed(topic, modern());
        Run.read(consumer, 3);
        var producer = run.producer(Map.of("transactional.id", run.name("tx")));
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(run.topic(run.name("out"), 1, Map.of()), "done")).get();
        producer.sendOffsetsToTransaction(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(3)),
            consumer.groupMetadata());
        producer.commitTransaction();
        Run.same(3L, consumer.committed(Set.of(new TopicPartition(topic, 0))).values().iterator().next()
            .offset());
    }

    private static void expires(Run run) throws Exception {
        var topic = run.topic(2);
        var one = run.subscribed(topic, modern("max.poll.interval.ms", 2_000));
        var two = run.subscribed(topic, modern());
        Run.share(List.of(1, 1), one, two);
        // The first is not polled any more, and leaves by itself.
        Run.share(List.of(2), two);
        Run.same(GroupState.STABLE, described(run).groupState());
        Run.share(List.of(1, 1), one, two);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static void five(Run run) throws Exception {
        var topic = run.topic(10);
        KafkaConsumer[] members = new KafkaConsumer[5];
        for (int i = 0; i < 5; i++) members[i] = run.subscribed(topic, modern());
        Run.share(List.of(2, 2, 2, 2, 2), members);
        for (int i = 0; i < 10; i++) run.send(topic, i, Run.values(i * 10, 10));
        List<String> read = new ArrayList<>();
        Run.until("100 records", () -> {
            for (KafkaConsumer<String, String> each : members) each.poll(Run.SHORT).forEach(record ->
                read.add(record.value()));
            return read.size() >= 100;
        });
        Run.same(100, read.size());
        Run.same(Set.copyOf(Run.values(100)), Set.copyOf(read));
    }
}
