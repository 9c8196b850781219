from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from suite import WAIT, dotted, read, refused, same, share, texts, values


def add_to(suite):
    add_visibility(suite)
    add_offsets(suite)
    add_lost_partitions(suite)
    add_fencing(suite)


class Transactions:
    """A producer of transactions; what it puts has arrived when put returns."""

    def __init__(self, run, name="id", **config):
        settings = {"bootstrap.servers": run.bootstrap, "transactional.id": run.name(name), "linger.ms": 0}
        self.producer = Producer({**settings, **dotted(config)})
        self.producer.init_transactions(WAIT)

    def begin(self):
        self.producer.begin_transaction()

    def put(self, topic, all_values, partition=0):
        for value in all_values:
            self.producer.produce(topic, value, partition=partition)
        same(0, self.producer.flush(WAIT))

    def offset(self, topic, offset, consumer):
        position = TopicPartition(topic, 0, offset)
        self.producer.send_offsets_to_transaction([position], consumer.consumer_group_metadata(), WAIT)

    def commit(self):
        self.producer.commit_transaction(WAIT)

    def abort(self):
        self.producer.abort_transaction(WAIT)


def seen(run, topic, count, isolation="read_committed", partition=0):
    return texts(read(run.assigned(topic, partition=partition, isolation_level=isolation), count))


def committed(consumer, topic):
    (found,) = consumer.committed([TopicPartition(topic, 0)], WAIT)
    return found.offset


def add_visibility(suite):
    @suite.case("a committed transaction shows in all its partitions")
    def _(run):
        topic = run.topic(3)
        transactions = Transactions(run)
        transactions.begin()
        for partition in range(3):
            transactions.put(topic, values(2, partition), partition)
        transactions.commit()
        for partition in range(3):
            same(values(2, partition), seen(run, topic, 2, partition=partition))

    @suite.case("an aborted transaction shows only to those who read uncommitted")
    def _(run):
        topic = run.topic()
        transactions = Transactions(run)
        for value, end in (("aborted", transactions.abort), ("committed", transactions.commit)):
            transactions.begin()
            transactions.put(topic, [value])
            end()
        same(["committed"], seen(run, topic, 1))
        same(["aborted", "committed"], seen(run, topic, 2, "read_uncommitted"))

    @suite.case("what comes behind an open transaction waits for its end")
    def _(run):
        topic = run.topic()
        transactions = Transactions(run)
        transactions.begin()
        transactions.put(topic, ["open"])
        run.send(topic, ["behind"])
        same(["open", "behind"], seen(run, topic, 2, "read_uncommitted"))
        consumer = run.assigned(topic, isolation_level="read_committed")
        same([], consumer.consume(1, 0.5))
        transactions.commit()
        same(["open", "behind"], texts(read(consumer, 2)))

    @suite.case("of thirty transactions in a row those that were committed show, in order")
    def _(run):
        topic = run.topic()
        transactions = Transactions(run)
        for value in range(30):
            transactions.begin()
            transactions.put(topic, values(2, value))
            (transactions.commit if value % 3 else transactions.abort)()
        kept = [each for value in range(30) if value % 3 for each in values(2, value)]
        same(kept, seen(run, topic, len(kept)))

    @suite.case("a transaction of 5,000 records over four partitions is committed as one")
    def _(run):
        topic = run.topic(4)
        transactions = Transactions(run)
        transactions.begin()
        for partition in range(4):
            transactions.put(topic, values(1250), partition)
        transactions.commit()
        for partition in range(4):
            same(values(1250), seen(run, topic, 1250, partition=partition))

    @suite.case("an empty transaction ends either way")
    def _(run):
        transactions = Transactions(run)
        for end in (transactions.commit, transactions.abort, transactions.commit):
            transactions.begin()
            end()


def add_offsets(suite):
    @suite.case("offsets of a committed transaction are committed, of an aborted one not")
    def _(run):
        topic = run.topic()
        transactions = Transactions(run)
        consumer = run.consumer()
        for offset, end in ((5, transactions.commit), (7, transactions.abort)):
            transactions.begin()
            transactions.offset(topic, offset, consumer)
            end()
        same(5, committed(run.consumer(isolation_level="read_committed"), topic))

    @suite.case("a member goes on behind what another's transaction committed")
    def _(run):
        topic = run.topic()
        run.send(topic, values(10))
        transactions = Transactions(run)
        consumer = run.subscribed(topic)
        same(values(10), texts(read(consumer, 10)))
        transactions.begin()
        transactions.offset(topic, 6, consumer)
        transactions.commit()
        consumer.close()
        same(values(4, 6), texts(read(run.subscribed(topic, isolation_level="read_committed"), 4)))

    @suite.case("offsets of a member of an older generation are refused, and the transaction can be aborted")
    def _(run):
        topic = run.topic()
        run.send(topic, values(1))
        transactions = Transactions(run)
        consumer = run.subscribed(topic)
        read(consumer, 1)
        old = consumer.consumer_group_metadata()
        consumer.close()
        other = run.subscribed(topic)
        read(other, 1)
        transactions.begin()
        position = TopicPartition(topic, 0, 1)
        sending = lambda: transactions.producer.send_offsets_to_transaction([position], old, WAIT)
        same(True, refused(KafkaError.UNKNOWN_MEMBER_ID, sending).txn_requires_abort())
        transactions.abort()
        same(-1001, committed(other, topic))


def add_lost_partitions(suite):
    """What a member read before a rebalance may not be committed after it: by then it is another's."""

    def lost_partition(run):
        topic = run.topic(2)
        for partition in range(2):
            run.send(topic, values(1), partition)
        consumer = run.subscribed(topic)
        read(consumer, 2)
        before = consumer.consumer_group_metadata()
        other = run.subscribed(topic)
        share([1, 1], consumer, other)
        return consumer, before, TopicPartition(topic, other.assignment()[0].partition, 1)

    @suite.case("offsets under the membership of the reading are refused after a rebalance")
    def _(run):
        _, before, position = lost_partition(run)
        transactions = Transactions(run)
        transactions.begin()
        sending = lambda: transactions.producer.send_offsets_to_transaction([position], before, WAIT)
        same(True, refused(KafkaError.ILLEGAL_GENERATION, sending).txn_requires_abort())
        transactions.abort()

    @suite.case("offsets under the membership of the moment are taken, also for a partition that was lost")
    def _(run):
        consumer, _, position = lost_partition(run)
        transactions = Transactions(run)
        transactions.begin()
        now = consumer.consumer_group_metadata()
        transactions.producer.send_offsets_to_transaction([position], now, WAIT)
        transactions.commit()
        (found,) = run.consumer(isolation_level="read_committed").committed([position], WAIT)
        same(1, found.offset)


def add_fencing(suite):
    @suite.case("a second producer of the same id aborts what the first left open, and fences it")
    def _(run):
        topic = run.topic()
        first = Transactions(run)
        first.begin()
        first.put(topic, ["abandoned"])
        second = Transactions(run)
        second.begin()
        second.put(topic, ["kept"])
        second.commit()
        same(True, refused(KafkaError._FENCED, first.commit).fatal())
        same(["kept"], seen(run, topic, 1))

    @suite.case("a transaction that took too long is aborted")
    def _(run):
        topic = run.topic()
        slow = Transactions(run, transaction_timeout_ms=1000)
        slow.begin()
        slow.put(topic, ["late"])
        run.send(topic, ["behind"])
        same(["behind"], seen(run, topic, 1))
        try:
            slow.commit()
        except KafkaException:
            return
        raise AssertionError("it was committed")

    @suite.case("a timeout over the maximum of the broker is refused")
    def _(run):
        refused(KafkaError.INVALID_TRANSACTION_TIMEOUT, lambda: Transactions(run, transaction_timeout_ms=2_000_000_000))
