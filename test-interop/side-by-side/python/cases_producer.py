import time

from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    KafkaError,
    KafkaException,
    SerializingProducer,
    TopicPartition,
)
from confluent_kafka.serialization import IntegerSerializer, StringSerializer
from suite import WAIT, read, refused, same, texts, until, values


def add_to(suite):
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        add_codec(suite, codec)
    for acks in ("0", "1", "all"):
        add_acks(suite, acks)
    add_contents(suite)
    add_reports(suite)
    add_refusals(suite)


def add_codec(suite, codec):
    @suite.case(f"produces and consumes 500 records compressed with {codec}")
    def _(run):
        topic = run.topic()
        producer = run.producer(compression_type=codec, linger_ms=20)
        sent = [(f"k{i}".encode(), f"{i} {'abcdefgh' * (i % 50)}".encode()) for i in range(500)]
        for i, (key, value) in enumerate(sent):
            producer.produce(topic, value, key, partition=0, timestamp=1000 + i, headers={"i": str(i)})
        same(0, producer.flush(WAIT))
        messages = read(run.assigned(topic), 500)
        same(sent, [(each.key(), each.value()) for each in messages])
        same(list(range(500)), [each.offset() for each in messages])
        same([[("i", str(i).encode())] for i in range(500)], [each.headers() for each in messages])
        same([(TIMESTAMP_CREATE_TIME, 1000 + i) for i in range(500)], [each.timestamp() for each in messages])


def add_acks(suite, acks):
    @suite.case(f"stores every record under acks {acks}")
    def _(run):
        topic = run.topic()
        run.send(topic, values(200), acks=acks)
        same(values(200), texts(read(run.assigned(topic), 200)))


def add_contents(suite):
    @suite.case("an idempotent producer keeps the order of 1,000 sends in small batches")
    def _(run):
        topic = run.topic()
        run.send(topic, values(1000), enable_idempotence=True, batch_num_messages=10)
        same(values(1000), texts(read(run.assigned(topic), 1000)))

    @suite.case("null and empty keys and values arrive as they were")
    def _(run):
        topic = run.topic()
        producer = run.producer()
        sent = [(None, None), (b"", b""), (b"k", None), (None, b"v")]
        for key, value in sent:
            producer.produce(topic, value, key, partition=0)
        same(0, producer.flush(WAIT))
        same(sent, [(each.key(), each.value()) for each in read(run.assigned(topic), 4)])

    @suite.case("headers keep order, repeats, empty and null values")
    def _(run):
        topic = run.topic()
        headers = [("b", b"\x00\xff"), ("a", b""), ("b", None), ("é", b"x")]
        producer = run.producer()
        producer.produce(topic, b"v", headers=headers)
        producer.produce(topic, b"w")
        same(0, producer.flush(WAIT))
        same([headers, None], [each.headers() for each in read(run.assigned(topic), 2)])

    @suite.case("keys choose partitions by murmur2, as with Java")
    def _(run):
        topic = run.topic(7)
        homes = {}
        producer = run.producer(partitioner="murmur2")
        for key in ("key-0", "key-1", "key-2", "key-3"):
            producer.produce(topic, b"v", key, callback=lambda _, each: homes.update({each.key(): each.partition()}))
        same(0, producer.flush(WAIT))
        same({b"key-0": 0, b"key-1": 5, b"key-2": 4, b"key-3": 4}, homes)

    @suite.case("serializers of the client are undone by its deserializers")
    def _(run):
        topic = run.topic()
        producer = SerializingProducer(
            {
                "bootstrap.servers": run.bootstrap,
                "key.serializer": StringSerializer(),
                "value.serializer": IntegerSerializer(),
            }
        )
        producer.produce(topic, "ключ", 123456)
        same(0, producer.flush(WAIT))
        (message,) = read(run.assigned(topic), 1)
        same(("ключ".encode(), (123456).to_bytes(4, "big")), (message.key(), message.value()))

    @suite.case("LogAppendTime is shown to consumers")
    def _(run):
        topic = run.topic(config={"message.timestamp.type": "LogAppendTime"})
        began = int(time.time() * 1000)
        producer = run.producer()
        producer.produce(topic, b"v", timestamp=5)
        same(0, producer.flush(WAIT))
        (message,) = read(run.assigned(topic), 1)
        kind, timestamp = message.timestamp()
        same((TIMESTAMP_LOG_APPEND_TIME, True), (kind, timestamp >= began - 1))

    @suite.case("a topic with a larger max.message.bytes takes three megabytes")
    def _(run):
        topic = run.topic(config={"max.message.bytes": "4000000"})
        value = "abc" * 1_000_000
        run.send(topic, [value], message_max_bytes=5_000_000)
        same([value], texts(read(run.assigned(topic), 1)))


def add_reports(suite):
    @suite.case("a delivery report names topic, partition, offset and timestamp")
    def _(run):
        topic = run.topic(3)
        reports = []
        producer = run.producer()
        for value in values(3):
            producer.produce(topic, value, partition=2, timestamp=77, callback=lambda *each: reports.append(each))
            same(0, producer.flush(WAIT))
        shown = [(error, each.topic(), each.partition(), each.offset(), each.timestamp()[1]) for error, each in reports]
        same([(None, topic, 2, offset, 77) for offset in range(3)], shown)

    @suite.case("every one of 10,000 records is reported once, at its own offset")
    def _(run):
        topic = run.topic()
        offsets = []
        producer = run.producer(linger_ms=5)
        for value in values(10_000):
            producer.produce(topic, value, partition=0, callback=lambda _, each: offsets.append(each.offset()))
            producer.poll(0)
        same(0, producer.flush(WAIT))
        same(list(range(10_000)), offsets)
        same([10_000], run.ends(topic))

    @suite.case("producing creates a missing topic")
    def _(run):
        run.send(run.name("missing"), ["first"], partition=0)
        same(["first"], texts(read(run.assigned(run.name("missing")), 1)))


def add_refusals(suite):
    def report_of(run, topic, value, partition=0, key=None, timestamp=0, **config):
        reports = []
        producer = run.producer(**config)
        producer.produce(topic, value, key, partition, lambda error, _: reports.append(error), timestamp=timestamp)
        until("the report", lambda: producer.poll(0.1) is not None and reports)
        return reports[0]

    @suite.case("a record over max.message.bytes is refused")
    def _(run):
        topic = run.topic(config={"max.message.bytes": "1000"})
        same(KafkaError.MSG_SIZE_TOO_LARGE, report_of(run, topic, b"x" * 2000).code())
        same(None, report_of(run, topic, b"x" * 500))

    @suite.case("a partition that does not exist is unknown")
    def _(run):
        topic = run.topic()
        same([0], run.ends(topic))
        try:
            code = report_of(run, topic, b"x", partition=9).code()
        except KafkaException as failure:
            code = failure.args[0].code()
        same(KafkaError._UNKNOWN_PARTITION, code)

    @suite.case("a compacted topic refuses a record without a key")
    def _(run):
        topic = run.topic(config={"cleanup.policy": "compact"})
        same(KafkaError.INVALID_RECORD, report_of(run, topic, b"x").code())
        same(None, report_of(run, topic, b"x", key=b"k"))

    @suite.case("a timestamp too old for the topic is refused")
    def _(run):
        topic = run.topic(config={"message.timestamp.before.max.ms": "60000"})
        same(KafkaError.INVALID_TIMESTAMP, report_of(run, topic, b"x", timestamp=1000).code())
        same(None, report_of(run, topic, b"x", timestamp=int(time.time() * 1000)))

    @suite.case("metadata shows brokers, partitions, leaders and replicas")
    def _(run):
        topic = run.topic(3)
        metadata = run.producer().list_topics(topic, WAIT)
        same([1], list(metadata.brokers))
        partitions = metadata.topics[topic].partitions
        same([(i, 1, [1], [1]) for i in range(3)], [(p.id, p.leader, p.replicas, p.isrs) for p in partitions.values()])
        same(22, len(metadata.cluster_id))

    @suite.case("watermarks of a partition that does not exist are an error")
    def _(run):
        consumer = run.consumer()
        topic = run.topic()
        same((0, 0), consumer.get_watermark_offsets(TopicPartition(topic, 0), WAIT))
        refused(KafkaError._UNKNOWN_PARTITION, lambda: consumer.get_watermark_offsets(TopicPartition(topic, 5), WAIT))
