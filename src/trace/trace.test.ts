import { beforeEach, describe, expect, test } from 'vitest'
import { apis } from '../../protocol/apis.ts'
import { encodeRequestFrame, encodeResponseFrame } from '../../protocol/header.ts'
import { defaultOf } from '../../protocol/schema.ts'
import { type DeferredBytes, type EncodedMessage, joined } from '../../protocol/wire.ts'
import { jsonReplacer } from '../observe/logger.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { buildBatch } from '../records/builder.ts'
import { exchangesIn } from './capture-exchanges.ts'
import { captureOf } from './capture-file.ts'
import { readCapture } from './capture-reader.ts'
import type { Exchange } from './exchange.ts'
import { Trace } from './trace.ts'

const PEER = {
  connectionId: '127.0.0.1:9092-10.1.2.3:40000-0',
  listener: 'PLAINTEXT',
  clientAddress: '10.1.2.3',
}

let clock: ManualClock
let disk: MemoryDisk
let trace: Trace

beforeEach(() => {
  clock = new ManualClock()
  disk = new MemoryDisk({ clock })
  trace = new Trace({ clock, disk, isOn: true })
})

function apiOf(name: string) {
  return [...apis.values()].find(each => each.name === name)!
}

function requestOf(name: string, version: number, body: object, correlationId = 1): Buffer {
  const { request } = apiOf(name)
  const defaults = Object.entries(request.fields).map(([field, type]) => [field, defaultOf(type)])
  const whole = { ...Object.fromEntries(defaults), ...body } as never
  const frame = encodeRequestFrame(request, { version, correlationId, clientId: 'me', body: whole })
  return joined(frame).subarray(4)
}

function responseOf(name: string, version: number, body: object, correlationId = 1): EncodedMessage {
  const { response } = apiOf(name)
  const defaults = Object.entries(response.fields).map(([field, type]) => [field, defaultOf(type)])
  const whole = { ...Object.fromEntries(defaults), ...body } as never
  return encodeResponseFrame(response, version, correlationId, whole)
}

const batch = buildBatch({
  records: [{ timestamp: 1n, key: null, value: Buffer.from('hello'), headers: [] }],
})

const producing = (correlationId = 1) =>
  requestOf(
    'Produce',
    9,
    { acks: -1, topicData: [{ name: 'orders', partitionData: [{ index: 2, records: batch }] }] },
    correlationId,
  )

const produced = (errorCode: number, correlationId = 1) => {
  const partitionResponses = [{ index: 2, errorCode, baseOffset: 17n, recordErrors: [] }]
  return responseOf('Produce', 9, { responses: [{ name: 'orders', partitionResponses }] }, correlationId)
}

async function beat(correlationId: number): Promise<void> {
  const open = trace.request(PEER, requestOf('Heartbeat', 4, { groupId: 'g' }, correlationId))
  await clock.advance(3)
  open.answered(responseOf('Heartbeat', 4, { errorCode: 27 }, correlationId))
}

describe('an exchange', () => {
  test('is decoded when somebody looks, with records summarised', async () => {
    const open = trace.request(PEER, producing())
    await clock.advance(5)
    open.answered(produced(0))
    const [request] = trace.requests('Produce')
    expect(request).toMatchObject({ api: 'Produce', version: 9, correlationId: 1, client: 'me' })
    expect(request!.body).toMatchObject({
      topicData: [
        {
          name: 'orders',
          partitionData: [
            {
              index: 2,
              records: { bytes: batch.length, batches: [{ records: 1, magic: 2, compression: 'none' }] },
            },
          ],
        },
      ],
    })
    const [exchange] = trace.exchanges()
    expect(exchange).toMatchObject({ outcome: 'answered', durationMs: 5, topics: ['orders'] })
    expect(exchange!.requestBytes).toBe(producing().length + 4)
    expect(exchange!.text()).toMatch(
      /^#1 \d\d:\d\d:\d\d\.\d{3} me Produce v9 \(1\) orders-2\[1 record, \d+ B\] => 5\.0 ms ok orders-2@17$/,
    )
  })

  test('tells errors by name and by what they are about', () => {
    trace.request(PEER, producing()).answered(produced(6))
    expect(trace.text()).toContain('=> 0.0 ms orders-2: NOT_LEADER_OR_FOLLOWER')
    expect(trace.text({ isDetailed: true })).toContain('errorCode: 6 NOT_LEADER_OR_FOLLOWER')
    expect(
      JSON.parse(JSON.stringify(trace.exchanges()[0], (_, v) => (typeof v === 'bigint' ? `${v}` : v))),
    ).toMatchObject({ api: 'Produce', outcome: 'answered', response: { responses: [{ name: 'orders' }] } })
  })

  test('of an unknown API, of rubbish, or of an unknown version is told as far as it can be read', () => {
    const unknown = Buffer.from('03e7000000000007 0001 63'.replaceAll(' ', ''), 'hex')
    trace.request(PEER, unknown).unanswered('lost')
    trace.request(PEER, Buffer.alloc(1)).unanswered('lost')
    trace.request(PEER, Buffer.from('0000006400000007ffff', 'hex')).unanswered('lost')
    expect(trace.exchanges().map(each => [each.api, each.request.body])).toEqual([
      ['API 999', { undecoded: 'this API is not known' }],
      ['API -1', { undecoded: expect.any(String) }],
      ['Produce', { undecoded: expect.any(String) }],
    ])
    expect(trace.text()).toContain('connection lost')
  })

  test('that reads file ranges is whole when they were sent', async () => {
    const bytes = Buffer.from('0123456789')
    let releases = 0
    const range: DeferredBytes = {
      byteLength: 10,
      read: async (position, length) => bytes.subarray(position, position + Math.min(length, 4)),
      release: () => {
        releases++
      },
    }
    const header = Buffer.from('0000000e00000001', 'hex')
    const seen = trace.request(PEER, producing()).answered({ byteLength: 18, chunks: [header, range] })
    expect(trace.exchanges()[0]!.outcome).toBe('waiting')
    const wrapped = seen.chunks[1] as DeferredBytes
    for (let at = 0; at < 10; ) at += (await wrapped.read(at, 10 - at)).length
    wrapped.release()
    expect(trace.exchanges()[0]).toMatchObject({ outcome: 'answered', responseBytes: 18 })
    expect(releases).toBe(1)
  })

  test('names the topics behind ids that Metadata told, or the broker knows', () => {
    const id = 'b3JkZXJzLW9yZGVycy0wMQ'
    const topics = [{ errorCode: 0, name: 'orders', topicId: id, partitions: [] }]
    trace
      .request(PEER, requestOf('Metadata', 12, { topics: null }))
      .answered(responseOf('Metadata', 12, { topics }))
    const partitionData = [{ index: 0, records: null }]
    trace.request(PEER, requestOf('Produce', 13, { acks: 1, topicData: [{ topicId: id, partitionData }] }))
    expect(trace.exchanges('Produce')[0]!.topics).toEqual(['orders'])
    trace.bindNames(() => 'renamed')
    expect(trace.exchanges('Produce')[0]!.topics).toEqual(['renamed'])
  })
})

test('queries select by API, client and topic', async () => {
  await beat(1)
  trace.request(PEER, producing(2)).answered(produced(0, 2))
  expect(trace.requests()).toHaveLength(2)
  expect(trace.responses('Heartbeat')[0]!.body.errorCode).toBe(27)
  expect(trace.exchanges(undefined, { topic: 'orders' }).map(each => each.api)).toEqual(['Produce'])
  expect(trace.exchanges('Produce', { client: 'other' })).toEqual([])
})

test('memory is bounded: the oldest go first, and what is too large is cut', async () => {
  trace = new Trace({ clock, disk, maxBytes: 4_000, isOn: true })
  for (let i = 1; i <= 20; i++) await beat(i)
  const left = trace.exchanges()
  expect(left.length).toBeLessThan(8)
  expect(left.at(-1)!.number).toBe(20)
  trace.request(PEER, Buffer.concat([producing(), Buffer.alloc(10_000)])).unanswered('lost')
  expect(trace.exchanges('Produce')[0]!.request.body.undecoded).toMatch(/ bytes were kept$/)
})

test('while it is off nothing is kept, and asking says how to begin', async () => {
  trace = new Trace({ clock, disk })
  expect(trace.isOn).toBe(false)
  expect(() => trace.requests('Produce')).toThrow(
    /^Nothing is traced: start with Klamm.start\(\{ trace: true \}\)/,
  )
  trace.start()
  await beat(1)
  trace.stop()
  expect(trace.exchanges()).toHaveLength(1)
  trace.clear()
  expect(trace.exchanges()).toEqual([])
})

test('iteration gives what is kept, then each exchange as it ends, until the trace ends', async () => {
  await beat(1)
  const seen: Exchange[] = []
  const reading = (async () => {
    for await (const exchange of trace) {
      seen.push(exchange)
      if (seen.length === 2) break
    }
  })()
  const toTheEnd = (async () => {
    let count = 0
    for await (const _ of trace) count++
    return count
  })()
  await beat(2)
  await reading
  await beat(3)
  trace.end()
  expect(seen.map(each => each.correlationId)).toEqual([1, 2])
  expect(await toTheEnd).toBe(3)
})

describe('a capture', () => {
  const saved = async () => {
    await trace.save('/run.pcapng')
    return disk.readFile('/run.pcapng')
  }

  test('holds all that the trace has, faults and lost answers too', async () => {
    await beat(1)
    const open = trace.request(PEER, producing(2))
    trace.annotate({ connection: PEER.connectionId, correlationId: 2, text: 'rule 1: drop' })
    open.unanswered('lost')
    const other = { ...PEER, connectionId: '127.0.0.1:9092-::1:40001-1', clientAddress: '::1' }
    trace.request(other, requestOf('Produce', 9, { acks: 0 })).unanswered('no response')
    trace
      .request(other, requestOf('Heartbeat', 4, { groupId: 'h' }, 3))
      .answered(responseOf('Heartbeat', 4, {}, 3))
    const read = exchangesIn(await saved())
    const byNumber = (list: readonly Exchange[]) => list.map(each => each.text())
    expect(byNumber(read)).toEqual(byNumber(trace.exchanges()))
    expect(read.map(each => each.clientAddress)).toEqual(['10.1.2.3', '10.1.2.3', '::1', '::1'])
    expect(read[1]!.faults).toEqual(['rule 1: drop'])
  })

  test('holds frames that are larger than a packet can be', async () => {
    const records = buildBatch({
      records: [{ timestamp: 1n, key: null, value: Buffer.alloc(200_000), headers: [] }],
    })
    const topicData = [{ name: 'orders', partitionData: [{ index: 0, records }] }]
    trace.request(PEER, requestOf('Produce', 9, { acks: 1, topicData })).answered(produced(0))
    const [read] = exchangesIn(await saved())
    expect(read!.text()).toBe(trace.exchanges()[0]!.text())
  })

  test('that ends in the middle is read as far as it goes', async () => {
    for (let i = 1; i <= 3; i++) await beat(i)
    const file = await saved()
    expect(exchangesIn(file.subarray(0, file.length - 5)).map(each => each.outcome)).toEqual([
      'answered',
      'answered',
      'lost',
    ])
  })

  test('is refused where it is none, or newer than this Klamm', async () => {
    await beat(1)
    expect(() => readCapture(Buffer.from('hello, I am a text'))).toThrow(
      /^this is no capture in pcapng; Klamm/,
    )
    const newer = Buffer.from(
      (await saved()).toString('latin1').replaceAll('"klamm":1', '"klamm":9'),
      'latin1',
    )
    expect(() => exchangesIn(newer)).toThrow(/^this capture has version 9, and 1 is the last known/)
  })
})

describe('secrets', () => {
  const leaks = async (secret: string) => {
    await trace.save('/run.pcapng')
    const file = (await disk.readFile('/run.pcapng')).toString('latin1')
    return file.includes(secret) || trace.text({ isDetailed: true }).includes(secret)
  }

  test('of SASL are neither shown nor saved', async () => {
    const proof = Buffer.from('\0alice\0open sesame')
    trace
      .request(PEER, requestOf('SaslAuthenticate', 2, { authBytes: proof }))
      .answered(responseOf('SaslAuthenticate', 2, { authBytes: Buffer.from('v=server proof') }))
    expect(trace.requests('SaslAuthenticate')[0]!.body.authBytes).toEqual(Buffer.alloc(proof.length))
    expect([await leaks('sesame'), await leaks('proof')]).toEqual([false, false])
  })

  test('of SCRAM users and of settings are not either', async () => {
    const scram = {
      name: 'bob',
      mechanism: 1,
      iterations: 4096,
      salt: Buffer.from('saltsalt'),
      saltedPassword: Buffer.from('pepper'),
    }
    trace.request(PEER, requestOf('AlterUserScramCredentials', 0, { upsertions: [scram] })).unanswered('lost')
    const configs = [
      { name: 'ssl.keystore.password', configOperation: 0, value: 'changeit' },
      { name: 'retention.ms', configOperation: 0, value: '77' },
    ]
    const resources = [{ resourceType: 4, resourceName: '1', configs }]
    trace.request(PEER, requestOf('IncrementalAlterConfigs', 1, { resources })).unanswered('lost')
    for (const secret of ['pepper', 'saltsalt', 'changeit']) expect(await leaks(secret)).toBe(false)
    expect(await leaks('77')).toBe(true)
  })

  test('in a capture that somebody else has made are not shown', () => {
    const proof = Buffer.from('open sesame')
    const peer = { connection: PEER.connectionId, listener: '', clientAddress: PEER.clientAddress }
    const answer = joined(responseOf('SaslAuthenticate', 2, { authBytes: proof })).subarray(4)
    const file = captureOf([
      { ...peer, isRequest: true, at: 1, frame: requestOf('SaslAuthenticate', 2, { authBytes: proof }) },
      { ...peer, isRequest: false, at: 2, frame: answer },
    ])
    expect(Buffer.concat(file).includes('sesame')).toBe(true)
    const [read] = exchangesIn(Buffer.concat(file))
    const shown = JSON.stringify(read, jsonReplacer) + read!.text({ isDetailed: true })
    expect(shown).not.toContain('sesame')
    expect(shown).not.toContain(proof.toString('hex'))
    expect(shown).not.toContain(proof.toString('base64'))
  })

  test('in a request that cannot be read are not kept at all', async () => {
    const broken = requestOf('SaslAuthenticate', 2, { authBytes: Buffer.from('open sesame') }).subarray(0, -3)
    trace.request(PEER, broken).unanswered('lost')
    expect(await leaks('open')).toBe(false)
    expect(trace.exchanges('SaslAuthenticate')).toHaveLength(1)
  })
})
