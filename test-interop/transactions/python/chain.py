"""One member of a read-process-write chain. What it did is told line by line; it leaves when its input ends.
Whatever a transaction dies of, it begins anew with a new producer and a new consumer."""

import os
import random
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

PARTITIONS = 3
OPTIONS = dict(each.split("=", 1) for each in sys.argv[1:])
leaving = threading.Event()
dice = random.Random(int(OPTIONS["seed"]))
attempts = 0


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
    try:
        producer = producer_of()
        again(lambda: producer.init_transactions(20))
        consumer.subscribe([OPTIONS["input"]])
        while not leaving.is_set():
            polled = consumer.consume(int(OPTIONS["batch"]), 0.1)
            records = [each for each in polled if not each.error()]
            if records:
                process(consumer, producer, records)
    finally:
        consumer.close()


def process(consumer, producer, records):
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
        again(lambda: producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 20))
        if commits:
            again(lambda: producer.commit_transaction(20))
    except KafkaException as failure:
        if not failure.args[0].txn_requires_abort():
            raise
        tell("NOTE aborts", attempt, failure.args[0])
        commits = False
    if not commits:
        again(lambda: producer.abort_transaction(20))
        rewind(consumer)
    tell("COMMITTED" if commits else "ABORTED", attempt, len(records))


def again(ask):
    """What can be asked for again has to be: it may have happened."""
    while True:
        try:
            return ask()
        except KafkaException as failure:
            if not failure.args[0].retriable():
                raise
            tell("NOTE asks again:", failure.args[0])


def rewind(consumer):
    assigned = consumer.assignment()
    for each in consumer.committed(assigned, 20) if assigned else []:
        offset = max(each.offset, 0)
        try:
            consumer.seek(TopicPartition(each.topic, each.partition, offset))
        except KafkaException as failure:
            tell("NOTE was taken:", failure.args[0])


threading.Thread(target=watch, daemon=True).start()
while not leaving.is_set():
    try:
        session()
    except KafkaException as failure:
        tell("NOTE begins anew:", failure.args[0])
        time.sleep(0.1)
# A client that hangs while it is destroyed may not keep the process alive.
os._exit(0)
