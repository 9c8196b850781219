/**
 * All topic options.
 * Names, types, defaults and ranges are Kafka's; a test compares them with what Apache Kafka 4.3 reports.
 */

import {
  atLeast,
  between,
  boolean,
  double,
  eachOf,
  int,
  LONG_MAX,
  list,
  long,
  type Option,
  oneOf,
  string,
} from './option.ts'
import { GZIP_LEVEL, THROTTLED_REPLICAS } from './option-checks.ts'

export const TOPIC_CONFIGS: readonly Option[] = [
  list(
    'cleanup.policy',
    'delete',
    'What happens to old records: delete them, compact them by key, both, or (empty) neither.',
    { check: eachOf('compact', 'delete') },
  ),
  int('compression.gzip.level', -1, 'Level of gzip where the broker compresses.', { check: GZIP_LEVEL }),
  int('compression.lz4.level', 9, 'Level of lz4 where the broker compresses.', { check: between(1, 17) }),
  string(
    'compression.type',
    'producer',
    'The codec that the log is kept in; `producer` keeps what the producer chose.',
    { check: oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer') },
  ),
  int('compression.zstd.level', 3, 'Level of zstd where the broker compresses.', {
    check: between(-131_072, 22),
  }),
  long(
    'delete.retention.ms',
    86_400_000,
    'How long a compacted log keeps tombstones and transaction markers.',
    { check: atLeast(0) },
  ),
  long(
    'file.delete.delay.ms',
    60_000,
    'How long the files of a deleted segment stay on disk under another name.',
    { check: atLeast(0) },
  ),
  long(
    'flush.messages',
    LONG_MAX,
    'Records that may be unflushed before an append waits for the disk; 1 is every append.',
    { check: atLeast(1) },
  ),
  long('flush.ms', LONG_MAX, 'How long records may stay unflushed.', { check: atLeast(0) }),
  list(
    'follower.replication.throttled.replicas',
    '',
    'Replicas whose fetching is throttled, as partition:broker pairs, or * for all.',
    { check: THROTTLED_REPLICAS, effect: 'later' },
  ),
  int('index.interval.bytes', 4096, 'Bytes of records between two index entries.', { check: atLeast(0) }),
  int('internal.segment.bytes', null, 'A segment size below the ordinary bounds, for tests.', {
    isInternal: true,
  }),
  list(
    'leader.replication.throttled.replicas',
    '',
    'Replicas whose serving of followers is throttled, as partition:broker pairs, or * for all.',
    { check: THROTTLED_REPLICAS, effect: 'later' },
  ),
  long(
    'local.retention.bytes',
    -2,
    'Size bound of the local part of a tiered log; there is no tiered storage here.',
    { check: atLeast(-2), effect: 'none' },
  ),
  long(
    'local.retention.ms',
    -2,
    'Retention of the local part of a tiered log; there is no tiered storage here.',
    { check: atLeast(-2), effect: 'none' },
  ),
  long('max.compaction.lag.ms', LONG_MAX, 'A record is compacted at the latest after this time.', {
    check: atLeast(1),
  }),
  int('max.message.bytes', 1_048_588, 'Largest record batch that is accepted.', { check: atLeast(0) }),
  long(
    'message.timestamp.after.max.ms',
    3_600_000,
    "How far a producer's timestamp may lie after the broker's clock.",
    { check: atLeast(0) },
  ),
  long(
    'message.timestamp.before.max.ms',
    LONG_MAX,
    "How far a producer's timestamp may lie before the broker's clock.",
    { check: atLeast(0) },
  ),
  string(
    'message.timestamp.type',
    'CreateTime',
    "Whether records keep their producer's time or get the time of their append.",
    { check: oneOf('CreateTime', 'LogAppendTime') },
  ),
  double('min.cleanable.dirty.ratio', '0.5', 'Share of uncompacted bytes at which the log is compacted.', {
    check: between(0, 1),
  }),
  long('min.compaction.lag.ms', 0, 'A record is not compacted before this time.', {
    check: atLeast(0),
  }),
  int('min.insync.replicas', 1, 'In-sync replicas that a write with acks=all needs.', { check: atLeast(1) }),
  boolean(
    'preallocate',
    false,
    "Kafka reserves the space of new segments ahead; Klamm's files grow as they are written.",
    { effect: 'none' },
  ),
  boolean('remote.log.copy.disable', false, 'Part of tiered storage, which is not here.', { effect: 'none' }),
  boolean('remote.log.delete.on.disable', false, 'Part of tiered storage, which is not here.', {
    effect: 'none',
  }),
  boolean('remote.storage.enable', false, 'Tiered storage, which is not here: true is refused.', {
    effect: 'none',
  }),
  long(
    'retention.bytes',
    -1,
    'Oldest segments are deleted while a partition is larger than this; -1 for no bound.',
  ),
  long('retention.ms', 604_800_000, 'Segments older than this are deleted; -1 for never.', {
    check: atLeast(-1),
  }),
  int(
    'segment.bytes',
    1_073_741_824,
    'The log rolls to a new segment file before it would grow over this size.',
    { check: atLeast(1_048_576) },
  ),
  int('segment.index.bytes', 10_485_760, 'Size of an index file at which its segment rolls.', {
    check: atLeast(4),
  }),
  long('segment.jitter.ms', 0, 'Upper bound of what is taken off segment.ms by chance.', {
    check: atLeast(0),
  }),
  long('segment.ms', 604_800_000, 'The log rolls when its newest segment is this old.', {
    check: atLeast(1),
  }),
  boolean(
    'unclean.leader.election.enable',
    false,
    'Whether a replica that is not in sync may become leader, losing records.',
    { effect: 'later' },
  ),
]
