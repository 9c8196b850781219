"""Members of the consumer protocol (KIP-848)."""

from confluent_kafka import ConsumerGroupType, KafkaError, TopicPartition
from confluent_kafka.admin import NewPartitions
from suite import read, same, share, texts, until, values


def add_to(suite):
    add_sharing(suite)
    add_membership(suite)


def modern(run, topic, **config):
    return run.subscribed(topic, group_protocol="consumer", **config)


def described(run):
    return run.admin.describe_consumer_groups([run.group])[run.group].result()


def numbers(partitions):
    return sorted(each.partition for each in partitions)


def failed_with(consumer, *codes):
    message = consumer.poll(0.1)
    return message is not None and message.error() is not None and message.error().code() in codes


def add_sharing(suite):
    for assignor in ("uniform", "range"):

        @suite.case(f"consumer protocol: two members share six partitions by {assignor}, each record comes once")
        def _(run, assignor=assignor):
            topic = run.topic(6)
            members = [modern(run, topic, group_remote_assignor=assignor) for _ in range(2)]
            share([3, 3], *members)
            for partition in range(6):
                run.send(topic, values(5, partition * 5), partition=partition)
            got = [texts(read(each, 15)) for each in members]
            same(sorted(values(30)), sorted(got[0] + got[1]))
            group = described(run)
            same((assignor, ConsumerGroupType.CONSUMER), (group.partition_assignor, group.type))

    @suite.case("consumer protocol: callbacks tell only of what moves")
    def _(run):
        topic, told = run.topic(4), []
        one = run.consumer(group_protocol="consumer")
        one.subscribe(
            [topic],
            on_assign=lambda _, parts: told.append(("+", numbers(parts))),
            on_revoke=lambda _, parts: told.append(("-", numbers(parts))),
            on_lost=lambda _, parts: told.append(("!", numbers(parts))),
        )
        share([4], one)
        two = modern(run, topic)
        share([2, 2], one, two)
        moved = numbers(two.assignment())
        same([("+", [0, 1, 2, 3]), ("-", moved)], [each for each in told if each[1]])
        two.close()
        share([4], one)
        same(("+", moved), [each for each in told if each[1]][-1])

    @suite.case("consumer protocol: close hands partitions over at once")
    def _(run):
        topic = run.topic(4)
        stays, leaves = modern(run, topic), modern(run, topic)
        share([2, 2], stays, leaves)
        leaves.close()
        share([4], stays)
        same(1, len(described(run).members))

    @suite.case("consumer protocol: a pattern is matched by the broker")
    def _(run):
        for name in ("red-1", "red-2", "blue-1"):
            run.topic(name=run.name(name))
            run.send(run.name(name), [name])
        consumer = modern(run, "^" + run.name("red") + "-.*")
        same(["red-1", "red-2"], sorted(texts(read(consumer, 2))))

    @suite.case("consumer protocol: added partitions are assigned")
    def _(run):
        topic = run.topic(1)
        consumer = modern(run, topic, topic_metadata_refresh_interval_ms=200)
        share([1], consumer)
        run.admin.create_partitions([NewPartitions(topic, 3)])[topic].result()
        share([3], consumer)


def add_membership(suite):
    @suite.case("consumer protocol: a static member comes back to what it had")
    def _(run):
        topic = run.topic(4)
        one, two = (modern(run, topic, group_instance_id=each) for each in ("one", "two"))
        share([2, 2], one, two)
        owned = numbers(one.assignment())
        one.close()
        same(2, len(described(run).members))
        again = modern(run, topic, group_instance_id="one")
        share([2, 2], again, two)
        same(owned, numbers(again.assignment()))

    @suite.case("consumer protocol: an instance that is there is not released")
    def _(run):
        topic = run.topic()
        share([1], modern(run, topic, group_instance_id="same"))
        other = modern(run, topic, group_instance_id="same")
        until("the refusal", lambda: failed_with(other, KafkaError.UNRELEASED_INSTANCE_ID, KafkaError._FATAL))

    @suite.case("consumer protocol: an assignor that the broker does not have is refused")
    def _(run):
        consumer = modern(run, run.topic(), group_remote_assignor="nonsense")
        until("the refusal", lambda: failed_with(consumer, KafkaError.UNSUPPORTED_ASSIGNOR, KafkaError._FATAL))

    @suite.case("consumer protocol: reading goes on where it was committed")
    def _(run):
        topic = run.topic()
        run.send(topic, values(10))
        first = modern(run, topic)
        message = read(first, 4)[-1]
        first.commit(message, asynchronous=False)
        first.close()
        second = modern(run, topic)
        same(values(6, 4), texts(read(second, 6)))
        same([4], [each.offset for each in second.committed([TopicPartition(topic, 0)], 10)])
