"""One member of a read-process-write chain. What it did is told line by line; it leaves when its input ends.
Whatever a transaction dies of, it begins anew with a new producer and a new consumer.

The client's metadata of its group is that of the moment, not that under which records were consumed: asked for when
offsets are sent, it lets a member commit for partitions that it has lost. So it is asked for when partitions are
assigned. And once a member was expelled it is empty, and an empty one is not checked by any broker, unless the
member is a static one."""

import os
import random
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

PARTITIONS = 3
OPTIONS = dict(each.split("=", 1) for each in sys.argv[1:])
# Longer than any call is allowed to take.
HANGS_AFTER = 8
leaving = threading.Event()
alive = [time.monotonic()]
dice = random.Random(int(OPTIONS["seed"]))
attempts = 0


def guard():
    """The client can wait for ever for a coordinator that is back: that ends like a crash."""
    while time.monotonic() - alive[0] < HANGS_AFTER:
        time.sleep(1)
    tell("NOTE hangs, and is ended")
    os._exit(3)


def tell(*words):
    print(*words, flush=True)


def watch():
    sys.stdin.read()
    leaving.set()


def consumer_of():
    return Consumer(
        {
            "bootstrap.servers": OPTIONS["bootstrap"],
            "group.id": OPTIONS["group"],
            "group.instance.id": OPTIONS["transactional"],
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": int(OPTIONS["session"]),
            "heartbeat.interval.ms": 300,
            "reconnect.backoff.max.ms": 200,
            "fetch.wait.max.ms": 100,
        }
    )


def producer_of():
    return Producer(
        {
            "bootstrap.servers": OPTIONS["bootstrap"],
            "transactional.id": OPTIONS["transactional"],
            "transaction.timeout.ms": int(OPTIONS["timeout"]),
            "reconnect.backoff.max.ms": 200,
            "linger.ms": 1,
        }
    )


def session():
    consumer = consumer_of()
    membership = []

    def on_assign(*_):
        membership[:] = [consumer.consumer_group_metadata()]

    def on_loss(*_):
        membership.clear()

    try:
        producer = producer_of()
        again(lambda: producer.init_transactions(5))
        consumer.subscribe([OPTIONS["input"]], on_assign=on_assign, on_revoke=on_loss, on_lost=on_loss)
        while not leaving.is_set():
            alive[0] = time.monotonic()
            polled = consumer.consume(int(OPTIONS["batch"]), 0.1)
            for each in polled:
                # From then on it would read nothing, and not say so again.
                if each.error() and (each.error().fatal() or each.error().code() == KafkaError._FATAL):
                    raise KafkaException(each.error())
            records = [each for each in polled if not each.error()]
            if records and membership:
                process(consumer, producer, records, membership[0])
    finally:
        consumer.close()


def process(consumer, producer, records, membership):
    global attempts
    attempt = f"{OPTIONS['attempts']}.{attempts}"
    attempts += 1
    commits = dice.randrange(100) >= int(OPTIONS["aborts"])
    producer.begin_transaction()
    try:
        offsets = {}
        for each in records:
            number = int(each.value())
            producer.produce(OPTIONS["output"], f"a {number} {attempt}", partition=number % PARTITIONS)
            producer.produce(OPTIONS["output"], f"b {number} {attempt}", partition=(number + 1) % PARTITIONS)
            offsets[each.topic(), each.partition()] = each.offset() + 1
        positions = [TopicPartition(*place, offset) for place, offset in offsets.items()]
        again(lambda: producer.send_offsets_to_transaction(positions, membership, 5))
        if commits:
            again(lambda: producer.commit_transaction(5))
    except KafkaException as failure:
        if not failure.args[0].txn_requires_abort():
            raise
        tell("NOTE aborts", attempt, failure.args[0])
        commits = False
    if not commits:
        again(lambda: producer.abort_transaction(5))
        rewind(consumer)
    tell("COMMITTED" if commits else "ABORTED", attempt, len(records))


def again(ask):
    """What can be asked for again has to be: it may have happened."""
    while True:
        alive[0] = time.monotonic()
        try:
            return ask()
        except KafkaException as failure:
            if not failure.args[0].retriable():
                raise
            tell("NOTE asks again:", failure.args[0])


def rewind(consumer):
    """Where it fails, the session ends: to go on at another offset would leave inputs out, or take them twice."""
    assigned = consumer.assignment()
    for each in consumer.committed(assigned, 5) if assigned else []:
        if each.error:
            raise KafkaException(each.error)
        consumer.seek(TopicPartition(each.topic, each.partition, max(each.offset, 0)))


for work in (watch, guard):
    threading.Thread(target=work, daemon=True).start()
while not leaving.is_set():
    try:
        session()
    except KafkaException as failure:
        tell("NOTE begins anew:", failure.args[0])
        time.sleep(0.1)
# A client that hangs while it is destroyed may not keep the process alive.
os._exit(0)
