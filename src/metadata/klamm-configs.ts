/** Options that Kafka does not have. Their names say so. */
import { atLeast, int, long, type Option, oneOf, string } from './option.ts'

export const KLAMM_CONFIGS: readonly Option[] = [
  string(
    'klamm.durability',
    'default',
    'default: acknowledged is written, as in Kafka; fsync: is on the disk.',
    {
      check: oneOf('default', 'fsync'),
    },
  ),
  string('klamm.storage', 'disk', 'disk, or memory: nothing outlives the process.', {
    check: oneOf('disk', 'memory'),
  }),
  string(
    'klamm.record.validation',
    'full',
    'full: each record is checked, as in Kafka; header: only the batch.',
    {
      check: oneOf('full', 'header'),
    },
  ),
  string('klamm.log.level', 'info', "Which of the broker's own log lines are written.", {
    check: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  }),
  long(
    'klamm.request.memory.bytes',
    268_435_456,
    'Budget of requests in memory; over it, sockets are not read.',
    {
      check: atLeast(1_048_576),
    },
  ),
  long('klamm.fetch.memory.bytes', 268_435_456, 'Budget of fetched data on its way from disk to sockets.', {
    check: atLeast(1_048_576),
  }),
  long('klamm.tail.cache.bytes', 33_554_432, 'Recent batches kept in memory for consumers that keep up.', {
    check: atLeast(0),
  }),
  long('klamm.index.cache.bytes', 16_777_216, 'Index contents of closed segments kept in memory.', {
    check: atLeast(0),
  }),
  int('klamm.max.open.files', 512, 'Segment files kept open.', { check: atLeast(16) }),
  int('klamm.max.decompressed.bytes', 104_857_600, 'Most bytes that one compressed batch may unfold to.', {
    check: atLeast(1_024),
  }),
]
