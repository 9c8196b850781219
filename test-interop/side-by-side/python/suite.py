"""The cases, some of which run at the same time, since most of them wait for the broker."""

import concurrent.futures
import json
import threading
import time
import traceback

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

CASE_DEADLINE = 50
WAIT = 30
NOT_YET = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError._NOENT)


class Suite:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.cases = []
        self.output = threading.Lock()

    def case(self, name):
        """Registers the function below as the case of this name."""

        def register(body):
            self.cases.append((name, body))
            return body

        return register

    def run(self, threads):
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            list(pool.map(self._run, range(len(self.cases))))

    def _run(self, index):
        name, body = self.cases[index]
        run = Run(self.bootstrap, f"py-c{index}", self.admin)
        result = {"index": index, "name": name, "ok": False, "error": f"not done within {CASE_DEADLINE} s"}

        def work():
            try:
                body(run)
                result.update(ok=True, error=None)
            except BaseException as failure:  # whatever it is, it is the outcome of the case
                frames = [each for each in traceback.extract_tb(failure.__traceback__) if "cases_" in each.filename]
                where = f"line {frames[-1].lineno}: {frames[-1].line}" if frames else ""
                result["error"] = f"{type(failure).__name__}: {failure} at {where}"
            run.close()

        began = time.monotonic()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(CASE_DEADLINE)
        shown = {**result, "ms": round((time.monotonic() - began) * 1000)}
        line = json.dumps({key: value for key, value in shown.items() if value is not None})
        with self.output:
            print("CASE " + line, flush=True)


class Run:
    """One run of one case: names of its own, and clients that are closed behind it."""

    def __init__(self, bootstrap, prefix, admin):
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.admin = admin
        self.consumers = []

    def name(self, what="topic"):
        return f"{self.prefix}-{what}"

    @property
    def group(self):
        return self.name("group")

    def topic(self, partitions=1, name=None, config=None):
        """A topic that the broker leads already: Kafka shows a leader a moment before it leads."""
        name = name or self.name()
        new = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config or {})
        self.admin.create_topics([new])[name].result()
        until(f"{name} is led", lambda: self._ends(name, partitions) is not None)
        return name

    def _ends(self, topic, partitions):
        # What the client has once heard of leaders it believes for long, unless it is asked for all metadata.
        shown = self.admin.list_topics(topic, WAIT).topics[topic].partitions
        if sorted(each.id for each in shown.values() if each.leader == 1) != list(range(partitions)):
            return None
        try:
            return self.ends(topic, partitions)
        except KafkaException as failure:
            if failure.args[0].code() in NOT_YET:
                return None
            raise

    def ends(self, topic, partitions=1):
        asked = {TopicPartition(topic, each): OffsetSpec.latest() for each in range(partitions)}
        found = self.admin.list_offsets(asked)
        return [each.result().offset for each in found.values()]

    def producer(self, **config):
        return Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0, **dotted(config)})

    def send(self, topic, values, partition=0, **config):
        """Sends values to a partition and waits for all."""
        producer = self.producer(**config)
        for value in values:
            producer.produce(topic, value, partition=partition)
        same(0, producer.flush(WAIT))

    def consumer(self, **config):
        defaults = {
            "bootstrap.servers": self.bootstrap,
            "group.id": self.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
            "check.crcs": True,
        }
        # Of members of consumer groups the broker says how often and how long.
        if config.get("group_protocol") != "consumer":
            defaults.update({"heartbeat.interval.ms": 100, "session.timeout.ms": 10_000})
        consumer = Consumer({**defaults, **dotted(config)})
        self.consumers.append(consumer)
        return consumer

    def assigned(self, topic, offset=0, partition=0, **config):
        consumer = self.consumer(**config)
        consumer.assign([TopicPartition(topic, partition, offset)])
        return consumer

    def subscribed(self, topic, **config):
        consumer = self.consumer(**config)
        consumer.subscribe([topic])
        return consumer

    def close(self):
        for consumer in self.consumers:
            try:
                consumer.close()
            except RuntimeError:
                pass  # The case has closed it.


def dotted(config):
    return {key if key == "on_commit" else key.replace("_", "."): value for key, value in config.items()}


def until(what, holds):
    end = time.monotonic() + WAIT
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not in time")


def read(consumer, count):
    """As many messages as asked for; an error event is an error."""
    messages = []

    def enough():
        for each in consumer.consume(count - len(messages), 0.1):
            if each.error():
                raise KafkaException(each.error())
            messages.append(each)
        return len(messages) >= count

    until(f"{count} records", enough)
    return messages


def share(sizes, *consumers):
    """Polls until each owns as many partitions as given, in any order, and nobody else's."""

    def shared():
        for each in consumers:
            message = each.poll(0.05)
            if message is not None and message.error():
                raise KafkaException(message.error())
        owned = [{(part.topic, part.partition) for part in each.assignment()} for each in consumers]
        return sorted(map(len, owned)) == sorted(sizes) and len(set().union(*owned)) == sum(sizes)

    until(f"shares {sizes}", shared)


def values(count, first=0):
    return [f"v{each}" for each in range(first, first + count)]


def texts(messages):
    return [each.value().decode() for each in messages]


def same(expected, actual):
    if expected != actual:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def refused(code, attempt):
    """The attempt has to end with the error of this code."""
    try:
        result = attempt()
    except KafkaException as failure:
        same(code, failure.args[0].code())
        return failure.args[0]
    raise AssertionError(f"expected error {code}, got {result!r}")
