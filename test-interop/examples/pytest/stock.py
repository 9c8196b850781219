"""Counts what is in stock: a consumer that adds up the movements of each article."""

from collections import Counter

from confluent_kafka import Consumer


class Stock:
    def __init__(self, bootstrap_servers):
        self.counts = Counter()
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "stock",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self.consumer.subscribe(["movements"])

    def take(self, count, timeout=20.0):
        """Takes so many movements into account and commits them."""
        for _ in range(count):
            message = self.consumer.poll(timeout)
            if message is None or message.error():
                raise RuntimeError(f"no movement: {message and message.error()}")
            self.counts[message.key().decode()] += int(message.value())
        self.consumer.commit(asynchronous=False)

    def close(self):
        self.consumer.close()
