/**
 * Broker options of the coordinators: offsets, consumer, share and streams groups, transactions.
 * Names, types, defaults and ranges are Kafka's; a test compares them with what Apache Kafka 4.3 reports.
 */

import {
  atLeast,
  between,
  boolean,
  INT_MAX,
  int,
  list,
  long,
  type Option,
  oneOfAnyCase,
  short,
  someOf,
  string,
} from './option.ts'
import { NOT_EMPTY } from './option-checks.ts'

export const BROKER_GROUP_CONFIGS: readonly Option[] = [
  int(
    'group.initial.rebalance.delay.ms',
    3000,
    'How long an empty group waits for more members before its first rebalance.',
  ),
  int('group.min.session.timeout.ms', 6000, 'Shortest session that a member of a classic group may ask for.'),
  int(
    'group.max.session.timeout.ms',
    1_800_000,
    'Longest session that a member of a classic group may ask for.',
  ),
  int('group.max.size', INT_MAX, 'Most members of a classic group.', { check: atLeast(1) }),
  list(
    'group.coordinator.rebalance.protocols',
    'classic,consumer,streams',
    'The group protocols that are served.',
    { check: someOf('consumer', 'classic', 'share', 'streams') },
  ),
  int(
    'group.coordinator.append.linger.ms',
    -1,
    'How long the group coordinator gathers records before it appends them; -1 chooses by itself.',
    { check: atLeast(-1) },
  ),
  int(
    'group.coordinator.cached.buffer.max.bytes',
    1_048_588,
    "Kafka's limit of the buffer that is kept for the next batch; Klamm keeps none.",
    { check: atLeast(524_288), update: 'cluster-wide', effect: 'none' },
  ),
  int('group.coordinator.threads', 4, "Kafka's threads for group coordinators; Klamm has one event loop.", {
    check: atLeast(1),
    effect: 'none',
  }),
  int(
    'group.coordinator.background.threads',
    2,
    "Kafka's threads for the coordinator's background work; Klamm has one event loop.",
    { check: atLeast(1), effect: 'none' },
  ),
  list(
    'group.consumer.assignors',
    'uniform,range',
    'Server-side assignors of consumer groups, the default first.',
    { check: NOT_EMPTY },
  ),
  int(
    'group.consumer.assignment.interval.ms',
    1000,
    'Least time between two assignments of a consumer group.',
    { check: atLeast(0), update: 'cluster-wide' },
  ),
  int(
    'group.consumer.min.assignment.interval.ms',
    0,
    'Least value of the assignment interval that a consumer group may set.',
    { check: atLeast(0) },
  ),
  int(
    'group.consumer.max.assignment.interval.ms',
    15_000,
    'Greatest value of the assignment interval that a consumer group may set.',
    { check: atLeast(0) },
  ),
  int(
    'group.consumer.heartbeat.interval.ms',
    5000,
    'How often members of consumer groups are told to heartbeat.',
    { check: atLeast(1) },
  ),
  int(
    'group.consumer.min.heartbeat.interval.ms',
    5000,
    'Least heartbeat interval that a consumer group may set.',
    { check: atLeast(1) },
  ),
  int(
    'group.consumer.max.heartbeat.interval.ms',
    15_000,
    'Greatest heartbeat interval that a consumer group may set.',
    { check: atLeast(1) },
  ),
  int(
    'group.consumer.session.timeout.ms',
    45_000,
    'A member of a consumer group that has been silent this long is expelled.',
    { check: atLeast(1) },
  ),
  int(
    'group.consumer.min.session.timeout.ms',
    45_000,
    'Least session timeout that a consumer group may set.',
    { check: atLeast(1) },
  ),
  int(
    'group.consumer.max.session.timeout.ms',
    60_000,
    'Greatest session timeout that a consumer group may set.',
    { check: atLeast(1) },
  ),
  int('group.consumer.max.size', INT_MAX, 'Most members of a consumer group.', {
    check: atLeast(1),
  }),
  string(
    'group.consumer.migration.policy',
    'bidirectional',
    'Which classic groups become consumer groups and back when members change protocol.',
    { check: oneOfAnyCase('DISABLED', 'DOWNGRADE', 'UPGRADE', 'BIDIRECTIONAL') },
  ),
  int(
    'group.consumer.regex.refresh.interval.ms',
    600_000,
    'How often regular expressions of subscriptions are matched against the topics again.',
    { check: atLeast(10_000), isInternal: true },
  ),
  list('group.share.assignors', 'simple', 'The assignor of share groups.', {
    check: NOT_EMPTY,
    effect: 'later',
  }),
  int('group.share.assignment.interval.ms', 1000, 'Least time between two assignments of a share group.', {
    check: atLeast(0),
    update: 'cluster-wide',
    effect: 'later',
  }),
  int(
    'group.share.min.assignment.interval.ms',
    0,
    'Least value of the assignment interval that a share group may set.',
    { check: atLeast(0), effect: 'later' },
  ),
  int(
    'group.share.max.assignment.interval.ms',
    15_000,
    'Greatest value of the assignment interval that a share group may set.',
    { check: atLeast(0), effect: 'later' },
  ),
  int('group.share.heartbeat.interval.ms', 5000, 'How often members of share groups are told to heartbeat.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('group.share.min.heartbeat.interval.ms', 5000, 'Least heartbeat interval that a share group may set.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int(
    'group.share.max.heartbeat.interval.ms',
    15_000,
    'Greatest heartbeat interval that a share group may set.',
    { check: atLeast(1), effect: 'later' },
  ),
  int(
    'group.share.session.timeout.ms',
    45_000,
    'A member of a share group that has been silent this long is expelled.',
    { check: atLeast(1), effect: 'later' },
  ),
  int('group.share.min.session.timeout.ms', 45_000, 'Least session timeout that a share group may set.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('group.share.max.session.timeout.ms', 60_000, 'Greatest session timeout that a share group may set.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('group.share.max.size', 200, 'Most members of a share group.', {
    check: between(1, 1000),
    effect: 'later',
  }),
  int('group.share.max.share.sessions', 2000, 'Most share sessions of this broker.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int(
    'group.share.delivery.count.limit',
    5,
    'How often a record is delivered to a share group before it is given up.',
    { check: between(2, 10), effect: 'later' },
  ),
  int('group.share.min.delivery.count.limit', 2, 'Least delivery count that a share group may set.', {
    check: between(2, 5),
    effect: 'later',
  }),
  int('group.share.max.delivery.count.limit', 10, 'Greatest delivery count that a share group may set.', {
    check: between(5, 25),
    effect: 'later',
  }),
  int(
    'group.share.partition.max.record.locks',
    2000,
    'Records of one share partition that may be in flight.',
    { check: between(100, 10_000), effect: 'later' },
  ),
  int(
    'group.share.min.partition.max.record.locks',
    100,
    'Least number of records in flight that a share group may set.',
    { check: between(100, 2000), effect: 'later' },
  ),
  int(
    'group.share.max.partition.max.record.locks',
    4000,
    'Greatest number of records in flight that a share group may set.',
    { check: between(2000, 10_000), effect: 'later' },
  ),
  int(
    'group.share.record.lock.duration.ms',
    30_000,
    'How long a delivered record stays locked for its consumer.',
    { check: between(1000, 3_600_000), effect: 'later' },
  ),
  int('group.share.min.record.lock.duration.ms', 15_000, 'Least lock duration that a share group may set.', {
    check: between(1000, 30_000),
    effect: 'later',
  }),
  int(
    'group.share.max.record.lock.duration.ms',
    60_000,
    'Greatest lock duration that a share group may set.',
    { check: between(30_000, 3_600_000), effect: 'later' },
  ),
  int(
    'group.share.initialize.retry.interval.ms',
    30_000,
    'Pause before the state of a share partition is initialised again.',
    { check: atLeast(1), effect: 'later', isInternal: true },
  ),
  string(
    'group.share.persister.class.name',
    'org.apache.kafka.server.share.persister.DefaultStatePersister',
    'A Java class that keeps share state; Klamm keeps it in the share state topic.',
    { effect: 'none', isInternal: true },
  ),
  int(
    'group.streams.assignment.interval.ms',
    1000,
    'Least time between two assignments of a streams group.',
    { check: atLeast(0), update: 'cluster-wide', effect: 'later' },
  ),
  int(
    'group.streams.min.assignment.interval.ms',
    0,
    'Least value of the assignment interval that a streams group may set.',
    { check: atLeast(0), effect: 'later' },
  ),
  int(
    'group.streams.max.assignment.interval.ms',
    15_000,
    'Greatest value of the assignment interval that a streams group may set.',
    { check: atLeast(0), effect: 'later' },
  ),
  int(
    'group.streams.heartbeat.interval.ms',
    5000,
    'How often members of streams groups are told to heartbeat.',
    { check: atLeast(1), effect: 'later' },
  ),
  int(
    'group.streams.min.heartbeat.interval.ms',
    5000,
    'Least heartbeat interval that a streams group may set.',
    { check: atLeast(1), effect: 'later' },
  ),
  int(
    'group.streams.max.heartbeat.interval.ms',
    15_000,
    'Greatest heartbeat interval that a streams group may set.',
    { check: atLeast(1), effect: 'later' },
  ),
  int(
    'group.streams.session.timeout.ms',
    45_000,
    'A member of a streams group that has been silent this long is expelled.',
    { check: atLeast(1), effect: 'later' },
  ),
  int('group.streams.min.session.timeout.ms', 45_000, 'Least session timeout that a streams group may set.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int(
    'group.streams.max.session.timeout.ms',
    60_000,
    'Greatest session timeout that a streams group may set.',
    { check: atLeast(1), effect: 'later' },
  ),
  int(
    'group.streams.initial.rebalance.delay.ms',
    3000,
    'How long an empty streams group waits for more members before its first assignment.',
    { check: atLeast(0), effect: 'later' },
  ),
  int('group.streams.max.size', INT_MAX, 'Most members of a streams group.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('group.streams.num.standby.replicas', 0, 'Standby copies of each stateful task.', {
    check: atLeast(0),
    effect: 'later',
  }),
  int('group.streams.max.standby.replicas', 2, 'Most standby copies that a streams group may set.', {
    check: atLeast(0),
    effect: 'later',
  }),
  int('offset.metadata.max.bytes', 4096, 'Longest metadata text of a committed offset.'),
  int('offsets.commit.timeout.ms', 5000, 'How long an offset commit may wait for its replicas.', {
    check: atLeast(1),
  }),
  int(
    'offsets.load.buffer.size',
    5_242_880,
    'Bytes read at once when a coordinator loads committed offsets.',
    { check: atLeast(1) },
  ),
  int('offsets.retention.minutes', 10_080, 'Offsets of an empty group are forgotten after this time.', {
    check: atLeast(1),
  }),
  long('offsets.retention.check.interval.ms', 600_000, 'How often coordinators look for offsets to forget.', {
    check: atLeast(1),
  }),
  int(
    'offsets.topic.compression.codec',
    0,
    'Codec of what the group coordinator writes: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.',
  ),
  int('offsets.topic.num.partitions', 50, 'Partitions of the offsets topic.', {
    check: atLeast(1),
  }),
  short('offsets.topic.replication.factor', 3, 'Replicas of the offsets topic.', {
    check: atLeast(1),
  }),
  int('offsets.topic.segment.bytes', 104_857_600, 'Segment size of the offsets topic.', {
    check: atLeast(1),
  }),
  int(
    'share.coordinator.append.linger.ms',
    -1,
    'How long the share coordinator gathers records before it appends them; -1 chooses by itself.',
    { check: atLeast(-1), effect: 'later' },
  ),
  int(
    'share.coordinator.cached.buffer.max.bytes',
    1_048_588,
    'Largest buffer that the share coordinator keeps for the next batch.',
    { check: atLeast(524_288), update: 'cluster-wide', effect: 'later' },
  ),
  int(
    'share.coordinator.cold.partition.snapshot.interval.ms',
    300_000,
    'How often untouched share partitions are written again, so that old records can go.',
    { check: atLeast(1), effect: 'later', isInternal: true },
  ),
  int(
    'share.coordinator.load.buffer.size',
    5_242_880,
    'Bytes read at once when a coordinator loads share state.',
    { check: atLeast(1), effect: 'later' },
  ),
  int(
    'share.coordinator.snapshot.update.records.per.snapshot',
    500,
    'Changes of share state between two snapshots.',
    { check: between(0, 500), effect: 'later' },
  ),
  int('share.coordinator.state.topic.compression.codec', 0, 'Codec of the share state topic, by number.', {
    effect: 'later',
  }),
  short('share.coordinator.state.topic.min.isr', 2, 'In-sync replicas that the share state topic needs.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('share.coordinator.state.topic.num.partitions', 50, 'Partitions of the share state topic.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int(
    'share.coordinator.state.topic.prune.interval.ms',
    300_000,
    'How often superseded share state is deleted.',
    { check: atLeast(1), effect: 'later', isInternal: true },
  ),
  short('share.coordinator.state.topic.replication.factor', 3, 'Replicas of the share state topic.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('share.coordinator.state.topic.segment.bytes', 104_857_600, 'Segment size of the share state topic.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('share.coordinator.threads', 1, "Kafka's threads for share coordinators; Klamm has one event loop.", {
    check: atLeast(1),
    effect: 'none',
  }),
  int(
    'share.coordinator.write.timeout.ms',
    5000,
    'How long a write of share state may wait for its replicas.',
    { check: atLeast(1), effect: 'later' },
  ),
  int('transaction.max.timeout.ms', 900_000, 'Longest transaction timeout that a producer may ask for.', {
    check: atLeast(1),
  }),
  int(
    'transaction.abort.timed.out.transaction.cleanup.interval.ms',
    10_000,
    'How often coordinators look for transactions to abort.',
    { check: atLeast(1) },
  ),
  int(
    'transaction.remove.expired.transaction.cleanup.interval.ms',
    3_600_000,
    'How often coordinators look for transactional ids to forget.',
    { check: atLeast(1) },
  ),
  boolean(
    'transaction.partition.verification.enable',
    true,
    'Whether a write of a transaction is checked with its coordinator.',
    { update: 'cluster-wide' },
  ),
  int(
    'transaction.state.log.load.buffer.size',
    5_242_880,
    'Bytes read at once when a coordinator loads transactions.',
    { check: atLeast(1) },
  ),
  int('transaction.state.log.min.isr', 2, 'In-sync replicas that the transaction topic needs.', {
    check: atLeast(1),
  }),
  int('transaction.state.log.num.partitions', 50, 'Partitions of the transaction topic.', {
    check: atLeast(1),
  }),
  short('transaction.state.log.replication.factor', 3, 'Replicas of the transaction topic.', {
    check: atLeast(1),
  }),
  int('transaction.state.log.segment.bytes', 104_857_600, 'Segment size of the transaction topic.', {
    check: atLeast(1),
  }),
  boolean(
    'transaction.two.phase.commit.enable',
    false,
    'Whether producers may take part in two-phase commits of others.',
    { effect: 'later' },
  ),
  int(
    'transactional.id.expiration.ms',
    604_800_000,
    'A transactional id that has been unused this long is forgotten.',
    { check: atLeast(1) },
  ),
  int(
    'add.partitions.to.txn.retry.backoff.ms',
    20,
    'Pause before AddPartitionsToTxn is tried again while a transaction ends.',
    { check: atLeast(1) },
  ),
  int(
    'add.partitions.to.txn.retry.backoff.max.ms',
    100,
    'Longest wait of the broker for a transaction to end before the client must ask again.',
    { check: atLeast(0) },
  ),
]
