from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_STORED,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from suite import WAIT, read, refused, same, texts, until, values


def add_to(suite):
    add_positions(suite)
    add_offsets(suite)
    add_commits(suite)


def at(topic, offset, partition=0, **more):
    return TopicPartition(topic, partition, offset, **more)


def error_of(consumer):
    """The next error event."""
    errors = []

    def failed():
        message = consumer.poll(0.1)
        if message is not None and message.error():
            errors.append(message.error())
        return bool(errors)

    until("an error", failed)
    return errors[0]


def add_positions(suite):
    @suite.case("starts at the beginning, at the end, at an offset, and counted from the end")
    def _(run):
        topic = run.topic()
        run.send(topic, values(10))
        same(values(10), texts(read(run.assigned(topic, OFFSET_BEGINNING), 10)))
        same(values(3, 7), texts(read(run.assigned(topic, 7), 3)))
        end = run.assigned(topic, OFFSET_END, enable_partition_eof=True)
        same(KafkaError._PARTITION_EOF, error_of(end).code())
        run.send(topic, ["new"])
        same(["new"], texts(read(end, 1)))

    @suite.case("seeks back, and position follows")
    def _(run):
        topic = run.topic()
        run.send(topic, values(10))
        consumer = run.assigned(topic)
        read(consumer, 10)
        same(10, consumer.position([at(topic, -1)])[0].offset)
        consumer.seek(at(topic, 4))
        same(values(6, 4), texts(read(consumer, 6)))

    @suite.case("a paused partition brings nothing until it is resumed")
    def _(run):
        topic = run.topic(2)
        consumer = run.consumer()
        consumer.assign([at(topic, 0), at(topic, 0, 1)])
        consumer.pause([at(topic, -1)])
        run.send(topic, values(5))
        run.send(topic, values(5, 5), partition=1)
        same(values(5, 5), texts(read(consumer, 5)))
        run.send(topic, ["later"], partition=1)
        same(["later"], texts(read(consumer, 1)))
        consumer.resume([at(topic, -1)])
        same(values(5), texts(read(consumer, 5)))

    @suite.case("the end of a partition is an event, with its offset")
    def _(run):
        topic = run.topic()
        run.send(topic, values(3))
        consumer = run.assigned(topic, enable_partition_eof=True)
        read(consumer, 3)
        message = None
        while message is None:
            message = consumer.poll(WAIT)
        same((KafkaError._PARTITION_EOF, 3), (message.error().code(), message.offset()))

    @suite.case("an offset out of range is reset to the earliest")
    def _(run):
        topic = run.topic()
        run.send(topic, values(3))
        same(values(3), texts(read(run.assigned(topic, 100), 3)))

    @suite.case("an offset out of range is an event where resets are errors")
    def _(run):
        topic = run.topic()
        run.send(topic, values(3))
        consumer = run.assigned(topic, 100, auto_offset_reset="error")
        same(KafkaError._AUTO_OFFSET_RESET, error_of(consumer).code())

    @suite.case("a limit smaller than any record still makes progress")
    def _(run):
        topic = run.topic()
        run.send(topic, [each * 300 for each in values(10)], batch_num_messages=1)
        consumer = run.assigned(topic, fetch_message_max_bytes=10)
        same([each * 300 for each in values(10)], texts(read(consumer, 10)))

    for isolation in ("read_committed", "read_uncommitted"):

        @suite.case(f"reads with isolation.level {isolation}")
        def _(run, isolation=isolation):
            topic = run.topic()
            run.send(topic, values(20))
            same(values(20), texts(read(run.assigned(topic, isolation_level=isolation), 20)))

    @suite.case("reads a partition that holds batches of every codec")
    def _(run):
        topic = run.topic()
        for i, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
            run.send(topic, values(50, i * 50), compression_type=codec, linger_ms=5)
        same(values(250), texts(read(run.assigned(topic), 250)))


def add_offsets(suite):
    @suite.case("watermarks follow sends and deletions")
    def _(run):
        topic = run.topic()
        consumer = run.consumer()
        run.send(topic, values(8))
        same((0, 8), consumer.get_watermark_offsets(at(topic, -1), WAIT))
        deleted = run.admin.delete_records([at(topic, 3)])
        same([3], [each.result().low_watermark for each in deleted.values()])
        same((3, 8), consumer.get_watermark_offsets(at(topic, -1), WAIT))

    @suite.case("offsets_for_times finds the first record at or after a time")
    def _(run):
        topic = run.topic()
        producer = run.producer()
        for time in (100, 300, 200, 400):
            producer.produce(topic, b"v", partition=0, timestamp=time)
            same(0, producer.flush(WAIT))
        consumer = run.consumer()
        found = [consumer.offsets_for_times([at(topic, time)], WAIT)[0].offset for time in (0, 100, 101, 300, 301, 401)]
        same([0, 0, 1, 1, 3, OFFSET_END], found)


def add_commits(suite):
    @suite.case("commits are seen by committed, with metadata")
    def _(run):
        topic = run.topic(2)
        consumer = run.consumer()
        consumer.commit(offsets=[at(topic, 42, metadata="a note")], asynchronous=False)
        found = consumer.committed([at(topic, -1), at(topic, -1, 1)], WAIT)
        same([(42, "a note"), (-1001, None)], [(each.offset, each.metadata) for each in found])

    @suite.case("a consumer starts at the stored offset of its group")
    def _(run):
        topic = run.topic()
        run.send(topic, values(10))
        run.consumer().commit(offsets=[at(topic, 6)], asynchronous=False)
        same(values(4, 6), texts(read(run.assigned(topic, OFFSET_STORED), 4)))

    @suite.case("only what is stored is committed where the application stores offsets itself")
    def _(run):
        topic = run.topic()
        run.send(topic, values(10))
        consumer = run.subscribed(topic, enable_auto_offset_store=False)
        messages = read(consumer, 10)
        refused(KafkaError._NO_OFFSET, lambda: consumer.commit(asynchronous=False))
        consumer.store_offsets(messages[4])
        same([5], [each.offset for each in consumer.commit(asynchronous=False)])
        same(5, consumer.committed([at(topic, -1)], WAIT)[0].offset)

    @suite.case("an asynchronous commit calls back")
    def _(run):
        topic = run.topic()
        run.send(topic, values(3))
        seen = []
        consumer = run.subscribed(topic, on_commit=lambda error, parts: seen.append((error, parts[0].offset)))
        read(consumer, 3)
        consumer.commit(asynchronous=True)
        until("the callback", lambda: consumer.poll(0.05) is None and seen)
        same([(None, 3)], seen)

    @suite.case("auto commit commits on close")
    def _(run):
        topic = run.topic()
        run.send(topic, values(7))
        consumer = run.subscribed(topic, enable_auto_commit=True, auto_commit_interval_ms=600_000)
        read(consumer, 7)
        consumer.close()
        same(7, run.consumer().committed([at(topic, -1)], WAIT)[0].offset)

    @suite.case("commits of one group are no other's")
    def _(run):
        topic = run.topic()
        run.consumer(group_id=run.name("a")).commit(offsets=[at(topic, 5)], asynchronous=False)
        same(-1001, run.consumer(group_id=run.name("b")).committed([at(topic, -1)], WAIT)[0].offset)

    @suite.case("metadata over the limit is refused")
    def _(run):
        topic = run.topic()
        consumer = run.consumer()
        consumer.commit(offsets=[at(topic, 1, metadata="m" * 4000)], asynchronous=False)
        try:
            parts = consumer.commit(offsets=[at(topic, 2, metadata="m" * 5000)], asynchronous=False)
            code = parts[0].error.code()
        except KafkaException as failure:
            code = failure.args[0].code()
        same(KafkaError.OFFSET_METADATA_TOO_LARGE, code)
        same(1, consumer.committed([at(topic, -1)], WAIT)[0].offset)
