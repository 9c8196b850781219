import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.errors.FencedInstanceIdException;

/** Static members, and what the broker says of members. */
final class MembershipCases {
    static void addTo(Suite suite) {
        suite.add("groupMetadata names group, generation, member and instance", MembershipCases::metadata);
        suite.add("a static member that restarts keeps its partitions without a rebalance",
            MembershipCases::restart);
        suite.add("a static member that closes stays in the group", MembershipCases::closes);
        suite.add("a static member may leave for good when it closes", MembershipCases::leaves);
        suite.add("a dynamic member may stay in the group when it closes", MembershipCases::remains);
        suite.add("of two members with one instance id the older is fenced", MembershipCases::fenced);
        suite.add("a static member that stays away is expelled at its session timeout",
            MembershipCases::expires);
        suite.add("an admin removes a static member", MembershipCases::removed);
        suite.add("an admin removes all members", MembershipCases::removedAll);
    }

    private static KafkaConsumer<String, String> member(Run run, String topic, String instance) {
        return run.subscribed(topic, Map.of("group.instance.id", instance));
    }

    private static void closeWith(KafkaConsumer<String, String> consumer,
        CloseOptions.GroupMembershipOperation operation) {
        consumer.close(CloseOptions.groupMembershipOperation(operation));
    }

    private static ConsumerGroupDescription described(Run run) throws Exception {
        return run.admin.describeConsumerGroups(List.of(run.group())).all().get().get(run.group());
    }

    private static void metadata(Run run) throws Exception {
        var consumer = run.subscribed(run.topic(1), Map.of("group.instance.id", "i1", "client.id", "named"));
        Run.share(List.of(1), consumer);
        var metadata = consumer.groupMetadata();
        Run.same(List.of(run.group(), 1, Optional.of("i1")), List.of(metadata.groupId(),
            metadata.generationId(), metadata.groupInstanceId()));
        Run.holds(metadata.memberId().matches("i1-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
            metadata.memberId());
        var member = described(run).members().iterator().next();
        Run.same(List.of(metadata.memberId(), "named", "/127.0.0.1", Optional.of("i1")),
            List.of(member.consumerId(), member.clientId(), member.host(), member.groupInstanceId()));
    }

    private static void restart(Run run) throws Exception {
        var topic = run.topic(4);
        var one = member(run, topic, "one");
        var two = member(run, topic, "two");
        Run.share(List.of(2, 2), one, two);
        int generation = two.groupMetadata().generationId();
        var owned = Set.copyOf(one.assignment());
        var memberId = one.groupMetadata().memberId();
        one.close();
        var again = member(run, topic, "one");
        Run.share(List.of(2, 2), again, two);
        Run.same(owned, again.assignment());
        Run.same(List.of(generation, generation), List.of(again.groupMetadata().generationId(),
            two.groupMetadata().generationId()));
        Run.holds(!again.groupMetadata().memberId().equals(memberId), "a new member id");
    }

    private static void closes(Run run) throws Exception {
        var consumer = member(run, run.topic(1), "stays");
        Run.share(List.of(1), consumer);
        consumer.close();
        Run.same(List.of(Optional.of("stays")), described(run).members().stream().map(each -> each
            .groupInstanceId()).toList());
        Run.same(GroupState.STABLE, described(run).groupState());
    }

    private static void leaves(Run run) throws Exception {
        var consumer = member(run, run.topic(1), "goes");
        Run.share(List.of(1), consumer);
        closeWith(consumer, CloseOptions.GroupMembershipOperation.LEAVE_GROUP);
        Run.same(GroupState.EMPTY, described(run).groupState());
    }

    private static void remains(Run run) throws Exception {
        var consumer = run.subscribed(run.topic(1), Map.of());
        Run.share(List.of(1), consumer);
        closeWith(consumer, CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP);
        Run.same(1, described(run).members().size());
    }

    private static void fenced(Run run) throws Exception {
        var topic = run.topic(1);
        var older = member(run, topic, "same");
        Run.share(List.of(1), older);
        var newer = member(run, topic, "same");
        Run.share(List.of(1), newer);
        Run.refused(FencedInstanceIdException.class, () -> {
            for (int i = 0; i < 200; i++) older.poll(Run.SHORT);
            return null;
        });
        newer.commitSync();
    }

    private static void expires(Run run) throws Exception {
        var topic = run.topic(2);
        var stays = member(run, topic, "stays");
        var goes = run.subscribed(topic, Map.of("group.instance.id", "goes", "session.timeout.ms", 1_500));
        Run.share(List.of(1, 1), stays, goes);
        goes.close();
        Run.share(List.of(2), stays);
        Run.same(1, described(run).members().size());
    }

    private static void removed(Run run) throws Exception {
        var topic = run.topic(2);
        var stays = member(run, topic, "stays");
        var goes = member(run, topic, "goes");
        Run.share(List.of(1, 1), stays, goes);
        goes.close();
        run.admin.removeMembersFromConsumerGroup(run.group(),
            new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("goes")))).all().get();
        Run.share(List.of(2), stays);
    }

    private static void removedAll(Run run) throws Exception {
        var topic = run.topic(2);
        var one = member(run, topic, "one");
        var two = member(run, topic, "two");
        Run.share(List.of(1, 1), one, two);
        one.close();
        two.close();
        run.admin.removeMembersFromConsumerGroup(run.group(), new RemoveMembersFromConsumerGroupOptions())
            .all().get();
        Run.same(GroupState.EMPTY, described(run).groupState());
    }
}
