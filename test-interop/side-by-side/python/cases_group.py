from confluent_kafka import ConsumerGroupState, KafkaError
from suite import read, same, share, texts, until, values


def add_to(suite):
    add_sharing(suite)
    add_callbacks(suite)
    add_static(suite)


def described(run):
    return run.admin.describe_consumer_groups([run.group])[run.group].result()


def numbers(partitions):
    return sorted(each.partition for each in partitions)


def add_sharing(suite):
    for strategy in ("range", "roundrobin", "cooperative-sticky"):

        @suite.case(f"two members share six partitions by {strategy}, and each record comes once")
        def _(run, strategy=strategy):
            topic = run.topic(6)
            members = [run.subscribed(topic, partition_assignment_strategy=strategy) for _ in range(2)]
            share([3, 3], *members)
            for partition in range(6):
                run.send(topic, values(5, partition * 5), partition=partition)
            got = [texts(read(each, 15)) for each in members]
            same(sorted(values(30)), sorted(got[0] + got[1]))
            same(strategy, described(run).partition_assignor)

    @suite.case("close hands partitions over at once")
    def _(run):
        topic = run.topic(4)
        stays = run.subscribed(topic, session_timeout_ms=60_000)
        leaves = run.subscribed(topic, session_timeout_ms=60_000)
        share([2, 2], stays, leaves)
        leaves.close()
        share([4], stays)

    @suite.case("unsubscribe leaves the group")
    def _(run):
        topic = run.topic(2)
        one, two = run.subscribed(topic), run.subscribed(topic)
        share([1, 1], one, two)
        one.unsubscribe()
        share([0, 2], one, two)
        same(1, len(described(run).members))

    @suite.case("a pattern subscribes to the topics that match it")
    def _(run):
        for name in ("red-1", "red-2", "blue-1"):
            run.topic(name=run.name(name))
            run.send(run.name(name), [name])
        consumer = run.subscribed("^" + run.name("red") + "-.*")
        same(["red-1", "red-2"], sorted(texts(read(consumer, 2))))

    @suite.case("a pattern finds a topic that is created later")
    def _(run):
        run.topic(name=run.name("m-1"))
        consumer = run.subscribed("^" + run.name("m") + "-.*", topic_metadata_refresh_interval_ms=200)
        share([1], consumer)
        run.topic(name=run.name("m-2"))
        share([2], consumer)

    @suite.case("two groups read the same records")
    def _(run):
        topic = run.topic()
        run.send(topic, values(10))
        for group in ("a", "b"):
            same(values(10), texts(read(run.subscribed(topic, group_id=run.name(group)), 10)))

    @suite.case("a member that shares no assignor with the group is refused")
    def _(run):
        topic = run.topic()
        share([1], run.subscribed(topic, partition_assignment_strategy="range"))
        other = run.subscribed(topic, partition_assignment_strategy="roundrobin")
        until("the refusal", lambda: failed_with(other, KafkaError.INCONSISTENT_GROUP_PROTOCOL))


def failed_with(consumer, code):
    message = consumer.poll(0.1)
    return message is not None and message.error() is not None and message.error().code() == code


def add_callbacks(suite):
    def telling(run, topic, **config):
        told = []
        consumer = run.consumer(**config)
        consumer.subscribe(
            [topic],
            on_assign=lambda _, parts: told.append(("+", numbers(parts))),
            on_revoke=lambda _, parts: told.append(("-", numbers(parts))),
            on_lost=lambda _, parts: told.append(("!", numbers(parts))),
        )
        return consumer, told

    @suite.case("callbacks tell of partitions that come and go")
    def _(run):
        topic = run.topic(2)
        consumer, told = telling(run, topic)
        share([2], consumer)
        consumer.close()
        same([("+", [0, 1]), ("-", [0, 1])], told)

    @suite.case("under eager rebalancing everything is revoked first")
    def _(run):
        topic = run.topic(2)
        consumer, told = telling(run, topic)
        share([2], consumer)
        share([1, 1], consumer, run.subscribed(topic))
        same([("+", [0, 1]), ("-", [0, 1])], told[:2])
        same(("+", 1), (told[2][0], len(told[2][1])))

    @suite.case("under cooperative rebalancing only what moves is revoked")
    def _(run):
        topic = run.topic(4)
        config = {"partition_assignment_strategy": "cooperative-sticky"}
        consumer, told = telling(run, topic, **config)
        share([4], consumer)
        other = run.subscribed(topic, **config)
        share([2, 2], consumer, other)
        same([numbers(other.assignment())], [parts for kind, parts in told if kind == "-" and parts])
        same([], [kind for kind, _ in told if kind == "!"])

    @suite.case("a member that polls too rarely loses its partitions and joins again")
    def _(run):
        topic = run.topic()
        slow, told = telling(run, topic, max_poll_interval_ms=1000, session_timeout_ms=1000)
        share([1], slow)
        until("the expulsion", lambda: described(run).state == ConsumerGroupState.EMPTY)
        until("the event", lambda: failed_with(slow, KafkaError._MAX_POLL_EXCEEDED))
        until("the second assignment", lambda: slow.poll(0.05) is None and told.count(("+", [0])) == 2)
        same(("!", [0]), told[1])


def add_static(suite):
    @suite.case("a static member that restarts keeps its partitions without a rebalance")
    def _(run):
        topic = run.topic(4)
        one, two = (run.subscribed(topic, group_instance_id=each) for each in ("one", "two"))
        share([2, 2], one, two)
        owned, told = numbers(one.assignment()), []
        two.subscribe([topic], on_assign=lambda *_: told.append("assigned"))
        share([2, 2], one, two)
        told.clear()
        one.close()
        again = run.subscribed(topic, group_instance_id="one")
        share([2, 2], again, two)
        same((owned, []), (numbers(again.assignment()), told))

    @suite.case("of two members with one instance id the older is fenced")
    def _(run):
        topic = run.topic()
        older = run.subscribed(topic, group_instance_id="same")
        share([1], older)
        share([1], run.subscribed(topic, group_instance_id="same"))

        until("the fencing", lambda: failed_with(older, KafkaError._FATAL))

    @suite.case("a group describes its members, their hosts and their partitions")
    def _(run):
        topic = run.topic(2)
        share([2], run.subscribed(topic, client_id="seen", group_instance_id="inst"))
        group = described(run)
        (member,) = group.members
        same(
            (ConsumerGroupState.STABLE, "range", False, 1),
            (group.state, group.partition_assignor, group.is_simple_consumer_group, group.coordinator.id),
        )
        same(("seen", "/127.0.0.1", "inst"), (member.client_id, member.host, member.group_instance_id))
        same([0, 1], numbers(member.assignment.topic_partitions))

    @suite.case("the member id of a consumer is the one that the broker shows")
    def _(run):
        consumer = run.subscribed(run.topic(), client_id="with-a-name")
        share([1], consumer)
        same([consumer.memberid()], [each.member_id for each in described(run).members])
        same(True, consumer.memberid().startswith("with-a-name-"))
