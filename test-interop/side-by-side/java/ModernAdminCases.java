import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.UnknownMemberIdException;

/** Consumer groups (KIP-848) in an administrator's hands, and groups that change protocol with live members. */
final class ModernAdminCases {
    static void addTo(Suite suite) {
        suite.add("consumer groups are listed by type", ModernAdminCases::lists);
        suite.add("describeConsumerGroups shows epochs, targets and the assignor", ModernAdminCases::describes);
        suite.add("describeClassicGroups does not find a consumer group", ModernAdminCases::describesClassic);
        suite.add("consumer groups are deleted when they are empty", ModernAdminCases::deletes);
        suite.add("offsets of a consumer group are altered and deleted by its rules",
            ModernAdminCases::offsets);
        suite.add("an administrator removes the members of a consumer group", ModernAdminCases::removes);
        suite.add("settings of a group are set within bounds", ModernAdminCases::configures);
        suite.add("a classic group is rolled to the consumer protocol and back, member by member",
            ModernAdminCases::rolls);
        suite.add("an empty classic group becomes a consumer group with its offsets",
            ModernAdminCases::becomes);
    }

    private static ConsumerGroupDescription described(Run run) throws Exception {
        return run.admin.describeConsumerGroups(List.of(run.group())).all().get().get(run.group());
    }

    private static Set<String> listed(Run run, ListGroupsOptions options) throws Exception {
        return run.admin.listGroups(options).all().get().stream().map(each -> each.groupId())
            .filter(each -> each.startsWith(run.name(""))).collect(Collectors.toSet());
    }

    private static void lists(Run run) throws Exception {
        var topic = run.topic(1);
        Run.share(List.of(1), run.subscribed(topic, ModernCases.modern("group.id", run.name("modern"))));
        Run.share(List.of(1), run.subscribed(topic, Map.of("group.id", run.name("classic"))));
        var gone = run.subscribed(topic, ModernCases.modern("group.id", run.name("gone")));
        Run.share(List.of(1), gone);
        gone.close();
        Run.same(Set.of(run.name("modern"), run.name("gone")), listed(run,
            new ListGroupsOptions().withTypes(Set.of(GroupType.CONSUMER))));
        Run.same(Set.of(run.name("classic")), listed(run,
            new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC))));
        Run.same(Set.of(run.name("gone")), listed(run,
            new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))));
        Run.same(Set.of(run.name("modern")), listed(run, new ListGroupsOptions()
            .withTypes(Set.of(GroupType.CONSUMER)).inGroupStates(Set.of(GroupState.STABLE))));
    }

    private static void describes(Run run) throws Exception {
        var topic = run.topic(2);
        var consumer = run.subscribed(topic, ModernCases.modern("client.id", "seen"));
        Run.share(List.of(2), consumer);
        var group = described(run);
        Run.same(List.of(GroupState.STABLE, GroupType.CONSUMER, "uniform", 1, false),
            List.of(group.groupState(), group.type(), group.partitionAssignor(), group.coordinator().id(),
                group.isSimpleConsumerGroup()));
        var member = group.members().iterator().next();
        var all = Set.copyOf(Run.partitions(topic, 2));
        Run.same(List.of(consumer.groupMetadata().memberId(), "seen", all, all),
            List.of(member.consumerId(), member.clientId(), member.assignment().topicPartitions(),
                member.targetAssignment().orElseThrow().topicPartitions()));
        Run.same(List.of(group.groupEpoch(), group.targetAssignmentEpoch(), member.upgraded()),
            List.of(member.memberEpoch(), member.memberEpoch(), Optional.of(true)));
    }

    private static void describesClassic(Run run) throws Exception {
        Run.share(List.of(1), run.subscribed(run.topic(1), ModernCases.modern()));
        Run.refused(GroupIdNotFoundException.class, () -> run.admin.describeClassicGroups(List.of(run.group()))
            .all());
    }

    private static void deletes(Run run) throws Exception {
        var topic = run.topic(1);
        var consumer = run.subscribed(topic, ModernCases.modern());
        Run.share(List.of(1), consumer);
        Run.refused(GroupNotEmptyException.class, () ->
            run.admin.deleteConsumerGroups(List.of(run.group())).all());
        consumer.close();
        Run.same(GroupState.EMPTY, described(run).groupState());
        run.admin.deleteConsumerGroups(List.of(run.group())).all().get();
        Run.refused(GroupIdNotFoundException.class, () -> run.admin
            .describeConsumerGroups(List.of(run.group())).all());
    }

    private static Map<TopicPartition, OffsetAndMetadata> at(String topic, long offset) {
        return Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(offset));
    }

    private static void offsets(Run run) throws Exception {
        var topic = run.topic(1);
        var old = run.topic(run.name("old"), 1, Map.of());
        run.admin.alterConsumerGroupOffsets(run.group(), at(old, 1)).all().get();
        var consumer = run.subscribed(topic, ModernCases.modern());
        Run.share(List.of(1), consumer);
        consumer.commitSync(at(topic, 2));
        Run.refused(UnknownMemberIdException.class, () -> run.admin.alterConsumerGroupOffsets(run.group(),
            at(topic, 0)).all());
        run.admin.deleteConsumerGroupOffsets(run.group(), Set.of(new TopicPartition(old, 0))).all().get();
        Run.refused(GroupSubscribedToTopicException.class, () -> run.admin.deleteConsumerGroupOffsets(run.group(),
            Set.of(new TopicPartition(topic, 0))).all());
        Run.same(Set.of(new TopicPartition(topic, 0)), run.admin.listConsumerGroupOffsets(run.group())
            .partitionsToOffsetAndMetadata().get().keySet());
        consumer.close();
        run.admin.alterConsumerGroupOffsets(run.group(), at(topic, 7)).all().get();
    }

    private static void removes(Run run) throws Exception {
        var topic = run.topic(2);
        var consumer = run.subscribed(topic, ModernCases.modern("group.instance.id", "i"));
        Run.share(List.of(2), consumer);
        consumer.close();
        Run.same(1, described(run).members().size());
        run.admin.removeMembersFromConsumerGroup(run.group(), new RemoveMembersFromConsumerGroupOptions())
            .all().get();
        Run.same(GroupState.EMPTY, described(run).groupState());
    }

    private static void configures(Run run) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.GROUP, run.group());
        set(run, resource, "consumer.heartbeat.interval.ms", "300");
        Run.until("the setting", () -> {
            try {
                var entry = run.admin.describeConfigs(List.of(resource)).all().get().get(resource)
                    .get("consumer.heartbeat.interval.ms");
                return entry.value().equals("300") && entry.source() == ConfigEntry.ConfigSource
                    .DYNAMIC_GROUP_CONFIG;
            } catch (Exception failure) {
                throw new AssertionError(failure);
            }
        });
        Run.refused(InvalidConfigurationException.class, () -> {
            set(run, resource, "consumer.session.timeout.ms", "1");
            return null;
        });
        Run.share(List.of(1), run.subscribed(run.topic(1), ModernCases.modern()));
    }

    private static void set(Run run, ConfigResource resource, String name, String value) throws Exception {
        Collection<AlterConfigOp> ops = List.of(new AlterConfigOp(new ConfigEntry(name, value),
            AlterConfigOp.OpType.SET));
        run.admin.incrementalAlterConfigs(Map.of(resource, ops)).all().get();
    }

    /** At no time two members own one partition; in the end everything is owned. */
    private static void rolls(Run run) throws Exception {
        var topic = run.topic(6);
        Map<String, Object> classic = Map.of("partition.assignment.strategy",
            List.of("org.apache.kafka.clients.consumer.CooperativeStickyAssignor"));
        var one = run.subscribed(topic, classic);
        var two = run.subscribed(topic, classic);
        Run.share(List.of(3, 3), one, two);
        var three = run.subscribed(topic, ModernCases.modern());
        apart(List.of(2, 2, 2), one, two, three);
        Run.same(GroupType.CONSUMER, described(run).type());
        one.close();
        apart(List.of(3, 3), two, three);
        two.close();
        var four = run.subscribed(topic, ModernCases.modern());
        apart(List.of(3, 3), three, four);
        var back = run.subscribed(topic, classic);
        apart(List.of(2, 2, 2), three, four, back);
        three.close();
        apart(List.of(3, 3), four, back);
        four.close();
        apart(List.of(6), back);
        Run.same(GroupType.CLASSIC, described(run).type());
        for (int i = 0; i < 6; i++) run.send(topic, i, List.of("p" + i));
        Run.same(6, Run.read(back, 6).size());
    }

    @SafeVarargs
    private static void apart(List<Integer> sizes, KafkaConsumer<String, String>... consumers) {
        Run.pollUntil("shares " + sizes, () -> {
            var owned = List.of(consumers).stream().map(KafkaConsumer::assignment).toList();
            var total = owned.stream().mapToInt(Set::size).sum();
            var distinct = owned.stream().flatMap(Set::stream).collect(Collectors.toSet()).size();
            Run.holds(total == distinct, owned);
            return owned.stream().map(Set::size).sorted().toList().equals(sizes);
        }, consumers);
    }

    private static void becomes(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(6));
        var classic = run.subscribed(topic, Map.of("max.poll.records", 2));
        Run.read(classic, 2);
        classic.commitSync();
        classic.close();
        var modern = run.subscribed(topic, ModernCases.modern());
        Run.same(Run.values(2, 4), ProducerCases.valuesOf(Run.read(modern, 4)));
        Run.same(GroupType.CONSUMER, described(run).type());
        modern.commitSync();
        modern.close();
        var again = run.subscribed(topic, Map.of());
        Run.share(List.of(1), again);
        Run.same(6L, again.position(new TopicPartition(topic, 0)));
    }
}
