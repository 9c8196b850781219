import { describe, expect, test } from 'vitest'
import { apis } from '../../../protocol/apis.ts'
import { ApiVersionsResponse } from '../../../protocol/messages/api-versions.ts'
import { MetadataResponse } from '../../../protocol/messages/metadata.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { MemoryNetwork } from '../../platform/simulated/memory-network.ts'
import { SeededRandom } from '../../platform/simulated/seeded-random.ts'
import { NotApplicable } from './case.ts'
import { reach, type Target, type TargetOptions } from './target.ts'
import { type Behaviour, FAKE_PORT, fakeBroker, fakeServer, responseTo } from './testing/fake-broker.ts'

const API_VERSIONS = 18
const METADATA = 3
const FIND_COORDINATOR = 10

async function reached(network: MemoryNetwork, options: Partial<TargetOptions> = {}): Promise<Target> {
  const clock = new ManualClock()
  const reaching = reach({
    network,
    clock,
    host: '127.0.0.1',
    port: FAKE_PORT,
    patienceMs: 5_000,
    prefix: 'p-',
    isEncrypted: false,
    ...options,
  })
  let isOver = false
  void reaching
    .catch(() => undefined)
    .finally(() => {
      isOver = true
    })
  while (!isOver) await clock.run(1_000)
  return reaching
}

/** Serves these APIs from version 0 to 13, but for coordinators, of which it says nothing. */
const serving = (names: readonly string[], metadata = MetadataResponse): Behaviour => {
  const keys = [...apis.values()].filter(it => names.includes(it.name)).map(({ apiKey }) => apiKey)
  const apiKeys = keys.map(apiKey => ({
    apiKey,
    minVersion: 0,
    maxVersion: apiKey === FIND_COORDINATOR ? 0 : 13,
  }))
  const brokers = [{ nodeId: 4, host: '127.0.0.1', port: FAKE_PORT, rack: null }]
  return asked => {
    if (asked.apiKey === API_VERSIONS)
      return [responseTo(asked, ApiVersionsResponse, { errorCode: 0, apiKeys })]
    if (asked.apiKey === METADATA) {
      return [responseTo(asked, metadata, { brokers, clusterId: 'c', topics: [], controllerId: 4 } as never)]
    }
    return undefined
  }
}

const ALL = ['ApiVersions', 'Metadata', 'CreateTopics', 'DeleteTopics', 'Produce', 'Fetch', 'ListOffsets']

test('a broker is described, and what it serves is known', async () => {
  const target = await reached(fakeBroker(serving(ALL)))
  expect(target.description).toBe('127.0.0.1:9092, cluster c')
  const { admit, versionsOf } = target.side()
  expect(versionsOf!(0)).toEqual({ first: 0, last: 13 })
  expect(() => admit!(0, 13)).not.toThrow()
  expect(() => admit!(0, 14)).toThrow(new NotApplicable('Produce v14 is not served: 0 to 13 are'))
  expect(() => admit!(11, 0)).toThrow(new NotApplicable('JoinGroup is not served'))
})

test('a persona narrows what applies', async () => {
  const target = await reached(fakeBroker(serving(ALL)), { persona: '3.9' })
  const { admit } = target.side()
  expect(() => admit!(0, 11)).not.toThrow()
  expect(() => admit!(0, 12)).toThrow(new NotApplicable('Kafka 3.9 does not serve Produce v12'))
})

describe('what cannot be examined is told, with what to do', () => {
  const http = () =>
    fakeServer({ onData: socket => void socket.write([Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]) })
  const tls = () => fakeServer({ onData: socket => void socket.write([Buffer.of(0x15, 3, 3, 0, 2, 2, 40)]) })
  const closing = () => fakeServer({ onOpen: socket => socket.destroy() })
  const wrong = () => fakeServer({ onData: socket => void socket.write([Buffer.from('220 smtp ready\r\n')]) })
  const secured: Behaviour = asked => (asked.apiKey === API_VERSIONS ? serving(ALL)(asked, 0) : undefined)
  const credentials = {
    user: 'alice',
    password: 'x',
    mechanism: 'PLAIN',
    random: new SeededRandom(1),
  } as const
  const cases: readonly (readonly [string, () => MemoryNetwork, Partial<TargetOptions>, RegExp])[] = [
    ['nobody', () => new MemoryNetwork(), {}, /nothing listens at 127.0.0.1:9092: start the broker/],
    [
      'silence',
      () => fakeServer(),
      {},
      /answers nothing within 5 s: is it Kafka\? If it expects TLS, add --tls/,
    ],
    ['an HTTP server', http, {}, /speaks HTTP \("HTTP\/1.1 400 Bad Request"\), not Kafka/],
    ['a TLS listener', tls, {}, /speaks TLS: add --tls, or --tls-ca/],
    ['who hangs up', closing, {}, /hung up when asked for its versions/],
    ['who speaks otherwise', wrong, {}, /does not speak Kafka's protocol: it answers 0x32323020/],
    ['a listener for SASL', () => fakeBroker(secured), {}, /Add --user name:password, and --mechanism/],
    [
      'one that takes no SASL',
      () => fakeBroker(secured),
      { credentials },
      /hung up on alice: is the listener one for SASL/,
    ],
    [
      'a broker without CreateTopics',
      () => fakeBroker(serving(ALL.filter(it => it !== 'CreateTopics'))),
      {},
      /does not serve CreateTopics: without it nothing can be examined/,
    ],
  ]
  test.each(cases)('%s', async (_, network, options, message) => {
    await expect(reached(network(), options)).rejects.toMatchObject({
      name: 'Unusable',
      message: expect.stringMatching(message),
    })
  })
})
