/**
 * Broker options of the log: where it lives, segments, retention, flushing, compaction. Most are the defaults
 * of topic options. Names, types, defaults and ranges are Kafka's; a test compares them with what Apache
 * Kafka 4.3 reports.
 */

import {
  atLeast,
  between,
  boolean,
  double,
  eachOf,
  int,
  javaClass,
  LONG_MAX,
  list,
  long,
  type Option,
  oneOf,
  string,
} from './option.ts'
import { GZIP_LEVEL, NOT_EMPTY } from './option-checks.ts'

export const BROKER_LOG_CONFIGS: readonly Option[] = [
  list('log.dir', '/tmp/kafka-logs', 'The log directory where log.dirs is not given.', { check: NOT_EMPTY }),
  list('log.dirs', null, 'Directories that hold the logs, separated by commas.', { check: NOT_EMPTY }),
  int(
    'log.segment.bytes',
    1_073_741_824,
    'A log rolls to a new segment file before it would grow over this size.',
    { check: atLeast(1_048_576), update: 'cluster-wide' },
  ),
  long('log.roll.ms', null, 'A log rolls when its newest segment is this old; overrides log.roll.hours.', {
    update: 'cluster-wide',
  }),
  int('log.roll.hours', 168, 'A log rolls when its newest segment is this old.', { check: atLeast(1) }),
  long(
    'log.roll.jitter.ms',
    null,
    'Upper bound of what is taken off log.roll.ms by chance; overrides log.roll.jitter.hours.',
    { update: 'cluster-wide' },
  ),
  int('log.roll.jitter.hours', 0, 'Upper bound of what is taken off the rolling time by chance.', {
    check: atLeast(0),
  }),
  long(
    'log.retention.ms',
    null,
    'Segments older than this are deleted, -1 for never; overrides the minutes and the hours.',
    { update: 'cluster-wide' },
  ),
  int('log.retention.minutes', null, 'Segments older than this are deleted; overrides log.retention.hours.'),
  int('log.retention.hours', 168, 'Segments older than this are deleted.'),
  long(
    'log.retention.bytes',
    -1,
    'Oldest segments are deleted while a partition is larger than this; -1 for no bound.',
    { update: 'cluster-wide' },
  ),
  long('log.retention.check.interval.ms', 300_000, 'How often logs are looked over for segments to delete.', {
    check: atLeast(1),
  }),
  list(
    'log.cleanup.policy',
    'delete',
    'What happens to old records: delete them, compact them by key, both, or (empty) neither.',
    { check: eachOf('compact', 'delete'), update: 'cluster-wide' },
  ),
  int('log.index.size.max.bytes', 10_485_760, 'Size of an index file at which its segment rolls.', {
    check: atLeast(4),
    update: 'cluster-wide',
  }),
  int('log.index.interval.bytes', 4096, 'Bytes of records between two index entries.', {
    check: atLeast(0),
    update: 'cluster-wide',
  }),
  long(
    'log.flush.interval.messages',
    LONG_MAX,
    'Records of a partition that may be unflushed before an append waits for the disk.',
    { check: atLeast(1), update: 'cluster-wide' },
  ),
  long(
    'log.flush.interval.ms',
    null,
    'How long records may stay unflushed; log.flush.scheduler.interval.ms where not given.',
    { update: 'cluster-wide' },
  ),
  long(
    'log.flush.scheduler.interval.ms',
    LONG_MAX,
    'Stands in for log.flush.interval.ms; Klamm flushes a log just when its time is over.',
  ),
  int(
    'log.flush.offset.checkpoint.interval.ms',
    60_000,
    'How often Kafka writes its recovery points; Klamm writes them when it has flushed.',
    { check: atLeast(0), effect: 'none' },
  ),
  int(
    'log.flush.start.offset.checkpoint.interval.ms',
    60_000,
    'How often Kafka writes its log start offsets; Klamm writes them when they move.',
    { check: atLeast(0), effect: 'none' },
  ),
  boolean(
    'log.preallocate',
    false,
    "Kafka reserves the space of new segments ahead; Klamm's files grow as they are written.",
    { update: 'cluster-wide', effect: 'none' },
  ),
  string(
    'log.message.timestamp.type',
    'CreateTime',
    "Whether records keep their producer's time or get the time of their append.",
    { check: oneOf('CreateTime', 'LogAppendTime'), update: 'cluster-wide' },
  ),
  long(
    'log.message.timestamp.before.max.ms',
    LONG_MAX,
    "How far a producer's timestamp may lie before the broker's clock.",
    { check: atLeast(0), update: 'cluster-wide' },
  ),
  long(
    'log.message.timestamp.after.max.ms',
    3_600_000,
    "How far a producer's timestamp may lie after the broker's clock.",
    { check: atLeast(0), update: 'cluster-wide' },
  ),
  long(
    'log.segment.delete.delay.ms',
    60_000,
    'How long the files of a deleted segment or topic stay on disk under another name.',
    { check: atLeast(0), update: 'cluster-wide' },
  ),
  long(
    'log.dir.failure.timeout.ms',
    30_000,
    'In Kafka: when a broker gives up that cannot tell the controller of a failed log directory.',
    { check: atLeast(1), effect: 'none' },
  ),
  long('log.initial.task.delay.ms', 30_000, 'How long after a start the first check for retention waits.', {
    check: atLeast(0),
    isInternal: true,
  }),
  long(
    'log.local.retention.ms',
    -2,
    'Retention of the local part of a tiered log; there is no tiered storage here.',
    { check: atLeast(-2), update: 'cluster-wide', effect: 'none' },
  ),
  long(
    'log.local.retention.bytes',
    -2,
    'Size bound of the local part of a tiered log; there is no tiered storage here.',
    { check: atLeast(-2), update: 'cluster-wide', effect: 'none' },
  ),
  boolean('log.cleaner.enable', true, 'Whether compaction runs.'),
  int('log.cleaner.threads', 1, 'Compactions that may run at once.', {
    check: atLeast(0),
    update: 'cluster-wide',
  }),
  long('log.cleaner.backoff.ms', 15_000, 'Pause of the cleaner when there is nothing to compact.', {
    check: atLeast(0),
    update: 'cluster-wide',
  }),
  long('log.cleaner.dedupe.buffer.size', 134_217_728, 'Memory for the key tables of all cleaner threads.', {
    update: 'cluster-wide',
  }),
  long(
    'log.cleaner.delete.retention.ms',
    86_400_000,
    'How long a compacted log keeps tombstones and transaction markers.',
    { check: atLeast(0), update: 'cluster-wide' },
  ),
  double('log.cleaner.io.buffer.load.factor', '0.9', "How full the cleaner's key table may get.", {
    update: 'cluster-wide',
  }),
  int('log.cleaner.io.buffer.size', 524_288, "Memory for the cleaner's reads and writes.", {
    check: atLeast(0),
    update: 'cluster-wide',
  }),
  double(
    'log.cleaner.io.max.bytes.per.second',
    '1.7976931348623157E308',
    "Bound on the cleaner's reads and writes.",
    { update: 'cluster-wide' },
  ),
  long(
    'log.cleaner.max.compaction.lag.ms',
    LONG_MAX,
    'A record is compacted at the latest after this time.',
    { check: atLeast(1), update: 'cluster-wide' },
  ),
  double(
    'log.cleaner.min.cleanable.ratio',
    '0.5',
    'Share of uncompacted bytes at which a log is compacted.',
    { check: between(0, 1), update: 'cluster-wide' },
  ),
  long('log.cleaner.min.compaction.lag.ms', 0, 'A record is not compacted before this time.', {
    check: atLeast(0),
    update: 'cluster-wide',
  }),
  int('min.insync.replicas', 1, 'In-sync replicas that a write with acks=all needs.', {
    check: atLeast(1),
    update: 'cluster-wide',
  }),
  boolean(
    'unclean.leader.election.enable',
    false,
    'Whether a replica that is not in sync may become leader, losing records.',
    { update: 'cluster-wide', effect: 'later' },
  ),
  long(
    'unclean.leader.election.interval.ms',
    300_000,
    'How often partitions without a leader are looked at for an unclean election.',
    { check: atLeast(1), effect: 'later', isInternal: true },
  ),
  string(
    'compression.type',
    'producer',
    'The codec that logs are kept in; `producer` keeps what the producer chose.',
    { check: oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'), update: 'cluster-wide' },
  ),
  int('compression.gzip.level', -1, 'Level of gzip where the broker compresses.', {
    check: GZIP_LEVEL,
    update: 'cluster-wide',
  }),
  int('compression.lz4.level', 9, 'Level of lz4 where the broker compresses.', {
    check: between(1, 17),
    update: 'cluster-wide',
  }),
  int('compression.zstd.level', 3, 'Level of zstd where the broker compresses.', {
    check: between(-131_072, 22),
    update: 'cluster-wide',
  }),
  int('message.max.bytes', 1_048_588, 'Largest record batch that is accepted.', {
    check: atLeast(0),
    update: 'cluster-wide',
  }),
  int('num.partitions', 1, 'Partitions of a topic that is created without saying how many.', {
    check: atLeast(1),
  }),
  int('default.replication.factor', 1, 'Replicas of a topic that is created without saying how many.'),
  boolean(
    'auto.create.topics.enable',
    true,
    'Whether asking for the metadata of an unknown topic creates it.',
  ),
  boolean('delete.topic.enable', true, 'Whether topics can be deleted.'),
  javaClass(
    'create.topic.policy.class.name',
    null,
    'A Java class that judges new topics; cannot be loaded here.',
    { effect: 'none' },
  ),
  javaClass(
    'alter.config.policy.class.name',
    null,
    'A Java class that judges config changes; cannot be loaded here.',
    { effect: 'none' },
  ),
  int(
    'num.recovery.threads.per.data.dir',
    2,
    "Kafka's threads that open and flush logs; Klamm opens logs lazily.",
    { check: atLeast(1), update: 'cluster-wide', effect: 'none' },
  ),
  list('cordoned.log.dirs', '', 'Log directories that get no new replicas.', {
    update: 'per-broker',
    effect: 'later',
  }),
  int(
    'producer.id.expiration.ms',
    86_400_000,
    'A log forgets an idempotent producer that has been silent this long.',
    { check: atLeast(1), update: 'cluster-wide' },
  ),
  int('producer.id.expiration.check.interval.ms', 600_000, 'How often logs look for producers to forget.', {
    check: atLeast(1),
    isInternal: true,
  }),
]
