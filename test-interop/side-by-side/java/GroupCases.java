import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InconsistentGroupProtocolException;
import org.apache.kafka.common.errors.InvalidSessionTimeoutException;

/** Who owns what, when members come, go and change their minds. */
final class GroupCases {
    static void addTo(Suite suite) {
        for (var assignor : List.of(RangeAssignor.class, RoundRobinAssignor.class, StickyAssignor.class,
            CooperativeStickyAssignor.class)) {
            suite.add("two members share six partitions by " + assignor.getSimpleName(), run -> shares(run,
                assignor));
        }
        suite.add("callbacks tell of partitions that come and go", GroupCases::callbacks);
        suite.add("under eager rebalancing everything is revoked first", GroupCases::eager);
        suite.add("under cooperative rebalancing only what moves is revoked", GroupCases::cooperative);
        suite.add("a group goes from eager to cooperative by a rolling restart", GroupCases::upgrade);
        suite.add("close hands partitions over at once", GroupCases::closes);
        suite.add("unsubscribe leaves the group", GroupCases::unsubscribes);
        suite.add("a pattern follows topics that are created later", GroupCases::pattern);
        suite.add("a changed subscription rebalances", GroupCases::changes);
        suite.add("enforceRebalance starts a new generation", GroupCases::enforces);
        suite.add("members of different subscriptions get only their topics", GroupCases::different);
        suite.add("a member without an assignor of the group is refused", GroupCases::inconsistent);
        suite.add("a session timeout out of range is refused", GroupCases::sessionTimeout);
        suite.add("added partitions are assigned", GroupCases::grows);
        suite.add("five members share ten partitions, and each record is read once", GroupCases::five);
        suite.add("a consumer may read by hand beside a group of its name", GroupCases::byHand);
    }

    private static Map<String, Object> by(Class<?> assignor) {
        return Map.of("partition.assignment.strategy", List.of(assignor.getName()));
    }

    private static void shares(Run run, Class<?> assignor) throws Exception {
        var topic = run.topic(6);
        var one = run.subscribed(topic, by(assignor));
        var two = run.subscribed(topic, by(assignor));
        Run.share(List.of(3, 3), one, two);
        for (int i = 0; i < 6; i++) run.send(topic, i, List.of("p" + i));
        Set<String> read = new HashSet<>();
        Run.until("six records", () -> {
            for (var each : List.of(one, two)) {
                each.poll(Run.SHORT).forEach(record -> {
                    Run.holds(each.assignment().contains(new TopicPartition(topic, record.partition())),
                        record);
                    Run.holds(read.add(record.value()), record);
                });
            }
            return read.size() == 6;
        });
        Run.same(one.groupMetadata().generationId(), two.groupMetadata().generationId());
    }

    /** What the callbacks of one member said, as +0 +1 -0. */
    static final class Told implements ConsumerRebalanceListener {
        final List<String> events = new ArrayList<>();

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            events.add("+" + numbers(partitions));
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            events.add("-" + numbers(partitions));
        }

        @Override
        public void onPartitionsLost(Collection<TopicPartition> partitions) {
            events.add("!" + numbers(partitions));
        }

        private static List<Integer> numbers(Collection<TopicPartition> partitions) {
            return partitions.stream().map(TopicPartition::partition).sorted().toList();
        }
    }

    private static void callbacks(Run run) throws Exception {
        var topic = run.topic(2);
        var told = new Told();
        var consumer = run.consumer(Map.of());
        consumer.subscribe(List.of(topic), told);
        Run.share(List.of(2), consumer);
        Run.same(List.of("+[0, 1]"), told.events);
        consumer.close();
        Run.same(List.of("+[0, 1]", "-[0, 1]"), told.events);
    }

    private static void eager(Run run) throws Exception {
        var topic = run.topic(2);
        var told = new Told();
        var one = run.consumer(by(RangeAssignor.class));
        one.subscribe(List.of(topic), told);
        Run.share(List.of(2), one);
        Run.share(List.of(1, 1), one, run.subscribed(topic, by(RangeAssignor.class)));
        Run.same(List.of("+[0, 1]", "-[0, 1]"), told.events.subList(0, 2));
        Run.holds(told.events.get(2).matches("\\+\\[[01]\\]"), told.events);
    }

    private static void cooperative(Run run) throws Exception {
        var topic = run.topic(4);
        var told = new Told();
        var one = run.consumer(by(CooperativeStickyAssignor.class));
        one.subscribe(List.of(topic), told);
        Run.share(List.of(4), one);
        var two = run.subscribed(topic, by(CooperativeStickyAssignor.class));
        Run.share(List.of(2, 2), one, two);
        var revoked = told.events.stream().filter(each -> each.startsWith("-[") && !each.equals("-[]"))
            .toList();
        Run.same(1, revoked.size());
        Run.same(two.assignment().stream().map(TopicPartition::partition).sorted().toList().toString(),
            revoked.get(0).substring(1));
        Run.holds(told.events.stream().noneMatch(each -> each.startsWith("!")), told.events);
    }

    private static void upgrade(Run run) throws Exception {
        var topic = run.topic(4);
        var both = Map.<String, Object>of("partition.assignment.strategy",
            List.of(CooperativeStickyAssignor.class.getName(), RangeAssignor.class.getName()));
        var old = run.subscribed(topic, by(RangeAssignor.class));
        var bridge = run.subscribed(topic, both);
        Run.share(List.of(2, 2), old, bridge);
        Run.same("range", assignor(run));
        old.close();
        var second = run.subscribed(topic, both);
        Run.share(List.of(2, 2), bridge, second);
        Run.same("cooperative-sticky", assignor(run));
    }

    private static String assignor(Run run) throws Exception {
        return run.admin.describeConsumerGroups(List.of(run.group())).all().get()
            .get(run.group()).partitionAssignor();
    }

    private static void closes(Run run) throws Exception {
        var topic = run.topic(4);
        var stays = run.subscribed(topic, Map.of("session.timeout.ms", 60_000));
        var leaves = run.subscribed(topic, Map.of("session.timeout.ms", 60_000));
        Run.share(List.of(2, 2), stays, leaves);
        leaves.close();
        Run.share(List.of(4), stays);
    }

    private static void unsubscribes(Run run) throws Exception {
        var topic = run.topic(2);
        var one = run.subscribed(topic, Map.of());
        var two = run.subscribed(topic, Map.of());
        Run.share(List.of(1, 1), one, two);
        one.unsubscribe();
        Run.share(List.of(2), two);
        Run.same(Set.of(), one.assignment());
        Run.same(1, run.admin.describeConsumerGroups(List.of(run.group())).all().get()
            .get(run.group()).members().size());
    }

    private static void pattern(Run run) throws Exception {
        run.topic(run.name("match-1"), 1, Map.of());
        run.topic(run.name("other"), 1, Map.of());
        var consumer = run.consumer(Map.of("metadata.max.age.ms", 200));
        consumer.subscribe(Pattern.compile(run.name("match-\\d")));
        Run.share(List.of(1), consumer);
        run.topic(run.name("match-2"), 1, Map.of());
        Run.share(List.of(2), consumer);
        Run.same(Set.of(run.name("match-1"), run.name("match-2")), consumer.subscription());
    }

    private static void changes(Run run) throws Exception {
        var first = run.topic(run.name("first"), 1, Map.of());
        var second = run.topic(run.name("second"), 2, Map.of());
        var consumer = run.subscribed(first, Map.of());
        Run.share(List.of(1), consumer);
        consumer.subscribe(List.of(second));
        Run.pollUntil("the other topic", () -> consumer.assignment()
            .equals(Set.copyOf(Run.partitions(second, 2))), consumer);
    }

    private static void enforces(Run run) throws Exception {
        var consumer = run.subscribed(run.topic(1), Map.of());
        Run.share(List.of(1), consumer);
        int generation = consumer.groupMetadata().generationId();
        consumer.enforceRebalance("the case asks so");
        Run.pollUntil("a new generation", () -> consumer.groupMetadata().generationId() > generation,
            consumer);
        Run.share(List.of(1), consumer);
        Run.same(generation + 1, consumer.groupMetadata().generationId());
    }

    private static void different(Run run) throws Exception {
        var a = run.topic(run.name("a"), 2, Map.of());
        var b = run.topic(run.name("b"), 3, Map.of());
        var one = run.subscribed(a, Map.of());
        var two = run.subscribed(b, Map.of());
        Run.pollUntil("their own", () -> one.assignment().equals(Set.copyOf(Run.partitions(a, 2)))
            && two.assignment().equals(Set.copyOf(Run.partitions(b, 3))), one, two);
    }

    private static void inconsistent(Run run) throws Exception {
        var topic = run.topic(1);
        Run.share(List.of(1), run.subscribed(topic, by(RangeAssignor.class)));
        var other = run.subscribed(topic, by(RoundRobinAssignor.class));
        Run.refused(InconsistentGroupProtocolException.class, () -> {
            Run.share(List.of(1), other);
            return null;
        });
    }

    private static void sessionTimeout(Run run) throws Exception {
        var consumer = run.subscribed(run.topic(1), Map.of("session.timeout.ms", 900,
            "heartbeat.interval.ms", 100));
        Run.refused(InvalidSessionTimeoutException.class, () -> {
            Run.share(List.of(1), consumer);
            return null;
        });
    }

    private static void grows(Run run) throws Exception {
        var topic = run.topic(1);
        var consumer = run.subscribed(topic, Map.of("metadata.max.age.ms", 200));
        Run.share(List.of(1), consumer);
        run.admin.createPartitions(Map.of(topic,
            org.apache.kafka.clients.admin.NewPartitions.increaseTo(3))).all().get();
        Run.share(List.of(3), consumer);
        run.led(topic, 3);
        run.send(topic, 2, Run.values(2));
        Run.same(Run.values(2), ProducerCases.valuesOf(Run.read(consumer, 2)));
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static void five(Run run) throws Exception {
        var topic = run.topic(10);
        KafkaConsumer[] members = new KafkaConsumer[5];
        for (int i = 0; i < 5; i++) members[i] = run.subscribed(topic, Map.of());
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

    private static void byHand(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(3));
        var member = run.subscribed(topic, Map.of());
        Run.same(Run.values(3), ProducerCases.valuesOf(Run.read(member, 3)));
        Run.same(Run.values(3), ProducerCases.valuesOf(Run.read(run.assigned(topic, 1, Map.of()), 3)));
        member.commitSync();
        Run.same(1, run.admin.describeConsumerGroups(List.of(run.group())).all().get()
            .get(run.group()).members().size());
    }
}
