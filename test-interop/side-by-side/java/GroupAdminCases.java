import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.UnknownMemberIdException;

final class GroupAdminCases {
    static void addTo(Suite suite) {
        suite.add("listGroups filters by state and type", GroupAdminCases::lists);
        suite.add("describeConsumerGroups shows members, assignment, assignor and coordinator",
            GroupAdminCases::describes);
        suite.add("describeClassicGroups shows the protocol", GroupAdminCases::describesClassic);
        suite.add("describeConsumerGroups does not find a group that is not there",
            GroupAdminCases::describesNothing);
        suite.add("deleteConsumerGroups deletes empty groups, and no others", GroupAdminCases::deletes);
        suite.add("listConsumerGroupOffsets answers for several groups at once", GroupAdminCases::offsets);
        suite.add("alterConsumerGroupOffsets moves an empty group, and not one with members",
            GroupAdminCases::alters);
        suite.add("deleteConsumerGroupOffsets forgets a partition that nobody subscribes to",
            GroupAdminCases::deletesOffsets);
    }

    private static Map<TopicPartition, OffsetAndMetadata> at(String topic, long offset) {
        return Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(offset));
    }

    private static void commit(Run run, String group, String topic, long offset) {
        run.assigned(topic, 1, Map.of("group.id", group)).commitSync(at(topic, offset));
    }

    private static void lists(Run run) throws Exception {
        var topic = run.topic(1);
        commit(run, run.name("empty"), topic, 1);
        Run.share(List.of(1), run.subscribed(topic, Map.of("group.id", run.name("stable"))));
        Run.same(Set.of(run.name("empty")), listed(run,
            new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))));
        Run.same(Set.of(run.name("stable")), listed(run,
            new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE))));
        Run.same(Set.of(run.name("empty"), run.name("stable")), listed(run,
            new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC))));
        Run.same(Set.of(), listed(run, new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE))));
        var all = run.admin.listGroups(new ListGroupsOptions()).all().get();
        var stable = all.stream().filter(each -> each.groupId().equals(run.name("stable"))).findFirst()
            .orElseThrow();
        Run.same(List.of("consumer", Optional.of(GroupState.STABLE), Optional.of(GroupType.CLASSIC)),
            List.of(stable.protocol(), stable.groupState(), stable.type()));
    }

    private static Set<String> listed(Run run, ListGroupsOptions options) throws Exception {
        var groups = run.admin.listGroups(options).all().get();
        return groups.stream().map(each -> each.groupId()).filter(each -> each.startsWith(run.name("")))
            .collect(Collectors.toSet());
    }

    private static void describes(Run run) throws Exception {
        var topic = run.topic(2);
        var consumer = run.subscribed(topic, Map.of("client.id", "seen"));
        Run.share(List.of(2), consumer);
        var group = run.admin.describeConsumerGroups(List.of(run.group())).all().get().get(run.group());
        Run.same(List.of(GroupState.STABLE, GroupType.CLASSIC, "range", 1, false),
            List.of(group.groupState(), group.type(), group.partitionAssignor(), group.coordinator().id(),
                group.isSimpleConsumerGroup()));
        var member = group.members().iterator().next();
        Run.same(List.of(consumer.groupMetadata().memberId(), "seen", Set.copyOf(Run.partitions(topic, 2))),
            List.of(member.consumerId(), member.clientId(), member.assignment().topicPartitions()));
    }

    private static void describesClassic(Run run) throws Exception {
        Run.share(List.of(1), run.subscribed(run.topic(1), Map.of()));
        var group = run.admin.describeClassicGroups(List.of(run.group())).all().get().get(run.group());
        Run.same(List.of("consumer", "range", 1), List.of(group.protocol(), group.protocolData(),
            group.members().size()));
    }

    private static void describesNothing(Run run) throws Exception {
        Run.refused(GroupIdNotFoundException.class, () -> run.admin
            .describeConsumerGroups(List.of(run.name("none"))).all());
    }

    private static void deletes(Run run) throws Exception {
        var topic = run.topic(1);
        commit(run, run.name("empty"), topic, 1);
        Run.share(List.of(1), run.subscribed(topic, Map.of()));
        run.admin.deleteConsumerGroups(List.of(run.name("empty"))).all().get();
        var left = run.admin.listConsumerGroupOffsets(run.name("empty")).partitionsToOffsetAndMetadata().get();
        Run.same(Map.of(), left);
        Run.refused(GroupNotEmptyException.class, () ->
            run.admin.deleteConsumerGroups(List.of(run.group())).all());
        Run.refused(GroupIdNotFoundException.class, () ->
            run.admin.deleteConsumerGroups(List.of(run.name("empty"))).all());
    }

    private static void offsets(Run run) throws Exception {
        var topic = run.topic(1);
        commit(run, run.name("a"), topic, 3);
        commit(run, run.name("b"), topic, 5);
        var partition = new TopicPartition(topic, 0);
        var asked = Map.of(run.name("a"), new ListConsumerGroupOffsetsSpec()
            .topicPartitions(List.of(partition)),
            run.name("b"), new ListConsumerGroupOffsetsSpec());
        var found = run.admin.listConsumerGroupOffsets(asked).all().get();
        Run.same(List.of(3L, 5L), List.of(found.get(run.name("a")).get(partition).offset(), found
            .get(run.name("b")).get(partition).offset()));
    }

    private static void alters(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(10));
        run.admin.alterConsumerGroupOffsets(run.group(), at(topic, 6)).all().get();
        var consumer = run.subscribed(topic, Map.of());
        Run.same(Run.values(6, 4), ProducerCases.valuesOf(Run.read(consumer, 4)));
        Run.refused(UnknownMemberIdException.class, () -> run.admin.alterConsumerGroupOffsets(run.group(),
            at(topic, 0)).all());
    }

    private static void deletesOffsets(Run run) throws Exception {
        var topic = run.topic(1);
        var old = run.topic(run.name("old"), 1, Map.of());
        commit(run, run.group(), old, 1);
        var consumer = run.subscribed(topic, Map.of());
        Run.share(List.of(1), consumer);
        consumer.commitSync(at(topic, 2));
        run.admin.deleteConsumerGroupOffsets(run.group(), Set.of(new TopicPartition(old, 0))).all().get();
        Run.refused(GroupSubscribedToTopicException.class,
            () -> run.admin.deleteConsumerGroupOffsets(run.group(), Set.of(new TopicPartition(topic, 0)))
                .all());
        var left = run.admin.listConsumerGroupOffsets(run.group()).partitionsToOffsetAndMetadata().get();
        Run.same(Set.of(new TopicPartition(topic, 0)), left.keySet());
    }
}
