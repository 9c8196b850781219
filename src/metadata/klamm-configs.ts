/** Options that Kafka does not have. Their names say so. */
import { FEATURE_LEVELS } from './features.ts'
import {
  atLeast,
  type Check,
  int,
  list,
  long,
  type Option,
  oneOf,
  password,
  sentence,
  string,
} from './option.ts'
import { PERSONA_NAMES, WIDE } from './personas.ts'

/** Names, IPv4 addresses, and IPv6 addresses, which are in brackets where a port follows. */
const publishedAddress: Check = {
  allowed: 'host or host:port',
  refuse(value, name) {
    const text = String(value)
    const match = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?$/.exec(text)
    const port = Number(match?.[1] ?? 9092)
    const isRight = match ? port > 0 && port < 65_536 : text === '' || isIpv6(text)
    return isRight ? undefined : sentence(name, text, 'Not of the form host or host:port')
  },
}

function isIpv6(text: string): boolean {
  return /^[0-9A-Fa-f:.]+$/.test(text) && text.split(':').length > 2
}

const controlListener: Check = {
  allowed: 'host:port, port 0 for a free one',
  refuse(value, name) {
    const text = String(value)
    const match = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})$/.exec(text)
    const isRight = match ? Number(match[1]) < 65_536 : text === ''
    return isRight ? undefined : sentence(name, text, 'Not of the form host:port')
  },
}

const saslUsers: Check = {
  allowed: 'name:password, several with commas between them',
  refuse(value, name) {
    const entries = String(value ?? '').split(',')
    const isRight = value === null || entries.every(entry => /^\s*[^:,\s]+:[^,]+$/.test(entry))
    return isRight ? undefined : sentence(name, '[hidden]', 'Not of the form name:password')
  },
}

const clusterId: Check = {
  allowed: 'up to 100 letters, digits, _ and -',
  refuse(value, name) {
    const text = String(value)
    return /^[A-Za-z0-9_-]{0,100}$/.test(text) ? undefined : sentence(name, text, 'Not an id')
  },
}

export const KLAMM_CONFIGS: readonly Option[] = [
  string('klamm.format.cluster.id', '', 'The id of a new cluster; empty: one is made.', { check: clusterId }),
  list(
    'klamm.format.features',
    '',
    'Feature levels of a new cluster, name=level, where they are not those of Kafka 4.3.',
    { check: FEATURE_LEVELS },
  ),
  string(
    'klamm.persona',
    WIDE,
    'The Kafka whose API versions and feature levels are told and served, strictly; wide: all there are.',
    { check: oneOf(WIDE, ...PERSONA_NAMES) },
  ),
  string('klamm.clock', 'real', 'manual: time stands still until the control API lets it pass.', {
    check: oneOf('real', 'manual'),
  }),
  string(
    'klamm.control.listener',
    '',
    'Where the HTTP control API for test suites listens, which asks nobody for a password; empty: nowhere.',
    { check: controlListener },
  ),
  password('klamm.sasl.users', 'Users of SASL listeners, as name:password, for PLAIN and SCRAM alike.', {
    check: saslUsers,
  }),
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
    'Budget of requests in memory; over it, only small ones are read.',
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
  string(
    'klamm.published.address',
    '',
    'host or host:port that clients are told who come through address translation, as to a container.',
    { check: publishedAddress },
  ),
  int('klamm.max.open.files', 512, 'Segment files kept open.', { check: atLeast(16) }),
  int('klamm.max.decompressed.bytes', 104_857_600, 'Most bytes that one compressed batch may unfold to.', {
    check: atLeast(1_024),
  }),
]
