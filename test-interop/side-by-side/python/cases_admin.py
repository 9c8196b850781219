from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    KafkaError,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)
from suite import read, refused, same, share, texts, until, values


def add_to(suite):
    add_topics(suite)
    add_configs(suite)
    add_groups(suite)


def add_topics(suite):
    @suite.case("creates, describes and deletes a topic")
    def _(run):
        topic = run.topic(3)
        shown = run.admin.describe_topics(TopicCollection([topic]))[topic].result()
        same((topic, False, [0, 1, 2]), (shown.name, shown.is_internal, [each.id for each in shown.partitions]))
        same([(1, [1], [1])] * 3, [(p.leader.id, [n.id for n in p.replicas], [n.id for n in p.isr]) for p in shown.partitions])
        run.admin.delete_topics([topic])[topic].result()

        def failure():
            return run.admin.describe_topics(TopicCollection([topic]))[topic].exception()

        until("the deletion", lambda: failure() is not None)
        same(KafkaError.UNKNOWN_TOPIC_OR_PART, failure().args[0].code())

    for what, new, code in (
        ("with a bad name", {"topic": "not/valid"}, KafkaError.TOPIC_EXCEPTION),
        ("with too many replicas", {"replication_factor": 3}, KafkaError.INVALID_REPLICATION_FACTOR),
        ("with a bad configuration", {"config": {"retention.ms": "soon"}}, KafkaError.INVALID_CONFIG),
        ("on an unknown broker", {"replica_assignment": [[9]]}, KafkaError.INVALID_REPLICA_ASSIGNMENT),
    ):

        @suite.case(f"is refused a topic {what}")
        def _(run, new=new, code=code):
            asked = {"topic": run.name(), "num_partitions": 1, **new}
            created = run.admin.create_topics([NewTopic(**asked)])
            refused(code, lambda: created[asked["topic"]].result())

    @suite.case("is refused a topic that exists")
    def _(run):
        topic = run.topic()
        new = NewTopic(topic, num_partitions=1, replication_factor=1)
        refused(KafkaError.TOPIC_ALREADY_EXISTS, lambda: run.admin.create_topics([new])[topic].result())

    @suite.case("adds partitions, and is refused fewer")
    def _(run):
        topic = run.topic(2)
        run.admin.create_partitions([NewPartitions(topic, 4)])[topic].result()
        until("four partitions", lambda: len(run.admin.list_topics(topic).topics[topic].partitions) == 4)
        fewer = run.admin.create_partitions([NewPartitions(topic, 3)])
        refused(KafkaError.INVALID_PARTITIONS, lambda: fewer[topic].result())

    @suite.case("deletes records, and not beyond the end")
    def _(run):
        topic = run.topic()
        run.send(topic, values(6))
        run.admin.delete_records([TopicPartition(topic, 0, 4)])
        until("the deletion", lambda: run.consumer().get_watermark_offsets(TopicPartition(topic, 0), 10) == (4, 6))
        beyond = run.admin.delete_records([TopicPartition(topic, 0, 9)])
        (result,) = beyond.values()
        refused(KafkaError.OFFSET_OUT_OF_RANGE, result.result)

    @suite.case("lists earliest and latest offsets, and those of a time and of the largest time")
    def _(run):
        topic = run.topic()
        producer = run.producer()
        for time in (100, 300, 200):
            producer.produce(topic, b"v", partition=0, timestamp=time)
            same(0, producer.flush(30))
        partition = TopicPartition(topic, 0)

        def listed(spec):
            result = run.admin.list_offsets({partition: spec})[partition].result()
            return result.offset, result.timestamp

        same((0, -1), listed(OffsetSpec.earliest()))
        same((3, -1), listed(OffsetSpec.latest()))
        same((1, 300), listed(OffsetSpec.max_timestamp()))
        same((1, 300), listed(OffsetSpec.for_timestamp(150)))

    @suite.case("describes the cluster")
    def _(run):
        cluster = run.admin.describe_cluster().result()
        same([(1, run.bootstrap)], [(each.id, f"{each.host}:{each.port}") for each in cluster.nodes])
        same((1, 22), (cluster.controller.id, len(cluster.cluster_id)))


def add_configs(suite):
    def config(run, topic):
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        return run.admin.describe_configs([resource])[resource].result()

    def alter(run, topic, name, value, kind):
        entry = ConfigEntry(name, value, incremental_operation=kind)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        return run.admin.incremental_alter_configs([resource])[resource].result()

    @suite.case("sets, appends and deletes entries of a topic's configuration")
    def _(run):
        topic = run.topic(config={"retention.ms": "5000"})
        same("5000", config(run, topic)["retention.ms"].value)
        alter(run, topic, "cleanup.policy", "compact", AlterConfigOpType.APPEND)
        until("both policies", lambda: config(run, topic)["cleanup.policy"].value == "delete,compact")
        alter(run, topic, "retention.ms", None, AlterConfigOpType.DELETE)
        until("the default", lambda: config(run, topic)["retention.ms"].value == "-1")

    @suite.case("is refused a bad value")
    def _(run):
        topic = run.topic()
        refused(KafkaError.INVALID_CONFIG, lambda: alter(run, topic, "segment.bytes", "many", AlterConfigOpType.SET))

    @suite.case("access lists are off without an authorizer")
    def _(run):
        literal = (ResourceType.TOPIC, run.name(), ResourcePatternType.LITERAL)
        binding = AclBinding(*literal, "User:somebody", "*", AclOperation.READ, AclPermissionType.ALLOW)
        refused(KafkaError.SECURITY_DISABLED, lambda: run.admin.create_acls([binding])[binding].result())


def add_groups(suite):
    def commit(run, group, topic, offset):
        run.consumer(group_id=group).commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)

    @suite.case("lists groups by state and type")
    def _(run):
        topic = run.topic()
        commit(run, run.name("empty"), topic, 1)
        share([1], run.subscribed(topic, group_id=run.name("stable")))

        def listed(**options):
            found = run.admin.list_consumer_groups(**options).result().valid
            return sorted(each.group_id for each in found if each.group_id.startswith(run.name("")))

        same([run.name("empty")], listed(states={ConsumerGroupState.EMPTY}))
        same([run.name("stable")], listed(states={ConsumerGroupState.STABLE}))
        same([run.name("empty"), run.name("stable")], listed(types={ConsumerGroupType.CLASSIC}))
        same([], listed(types={ConsumerGroupType.CONSUMER}))

    @suite.case("deletes an empty group, and not one with members")
    def _(run):
        topic = run.topic()
        commit(run, run.name("empty"), topic, 1)
        share([1], run.subscribed(topic))

        def delete(group):
            return run.admin.delete_consumer_groups([group])[group].result()

        delete(run.name("empty"))
        refused(KafkaError.GROUP_ID_NOT_FOUND, lambda: delete(run.name("empty")))
        refused(KafkaError.NON_EMPTY_GROUP, lambda: delete(run.group))

    @suite.case("lists and alters the offsets of a group, from which its members go on")
    def _(run):
        topic = run.topic()
        run.send(topic, values(10))
        moved = ConsumerGroupTopicPartitions(run.group, [TopicPartition(topic, 0, 7)])
        run.admin.alter_consumer_group_offsets([moved])[run.group].result()
        asked = [ConsumerGroupTopicPartitions(run.group)]
        found = run.admin.list_consumer_group_offsets(asked)[run.group].result()
        same([(topic, 0, 7)], [(each.topic, each.partition, each.offset) for each in found.topic_partitions])
        consumer = run.subscribed(topic)
        same(values(3, 7), texts(read(consumer, 3)))
        share([1], consumer)
        again = run.admin.alter_consumer_group_offsets([moved])[run.group].result()
        same([KafkaError.UNKNOWN_MEMBER_ID], [each.error.code() for each in again.topic_partitions])
