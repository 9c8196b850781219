/** What a broker must bear: whatever one connection sends, nothing changes and everybody else is served. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { encodeRequestFrame } from '../../protocol/header.ts'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import { MetadataRequest } from '../../protocol/messages/metadata.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { joined, ZERO_UUID } from '../../protocol/wire.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { buildBatch } from '../records/builder.ts'
import { crc32c } from '../records/crc32c.ts'
import { createTopics, metadataOf, produceTo, WireBroker } from './testing/wire-broker.ts'

const MAX_REQUEST_BYTES = 200_000
const CRC_FROM = 21

let broker: WireBroker
let bystander: WireClient
let client: WireClient

beforeAll(async () => {
  broker = await WireBroker.start({
    'socket.request.max.bytes': MAX_REQUEST_BYTES,
    'klamm.max.decompressed.bytes': 100_000,
  })
  bystander = await broker.connect()
  await createTopics(bystander, ['target'])
})
afterAll(() => broker.close())
beforeEach(async () => {
  client = await broker.connect()
})

/** The other client is served as if nothing had happened, and the log is as long as it was. */
async function expectUnharmed(): Promise<void> {
  expect((await metadataOf(bystander, null)).topics.map(({ name }) => name)).toEqual(['target'])
  const { responses } = await bystander.call({
    request: FetchRequest,
    response: FetchResponse,
    version: 12,
    body: {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 0,
      sessionEpoch: -1,
      forgottenTopicsData: [],
      topics: [
        {
          topic: 'target',
          topicId: ZERO_UUID,
          partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000 }],
        },
      ],
    },
  })
  expect(responses[0]!.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 0n })
}

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function metadataFrame(): Buffer {
  const body = { topics: [{ topicId: ZERO_UUID, name: 'target' }], allowAutoTopicCreation: false }
  return joined(
    encodeRequestFrame(MetadataRequest, {
      version: 12,
      correlationId: 1,
      clientId: 'bad',
      body: { ...body, includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false },
    }),
  )
}

describe('bytes that are no request close their connection', () => {
  const cases: Readonly<Record<string, readonly Uint8Array[]>> = {
    'T018 a frame over socket.request.max.bytes': [int32(MAX_REQUEST_BYTES + 1)],
    'T018 a frame of two gigabytes': [int32(0x7fffffff)],
    'T018 a frame of negative size': [int32(-1)],
    'an empty frame': [int32(0)],
    'a frame too short for a header': [int32(3), Buffer.alloc(3)],
    'TLS on a plain port': [Buffer.from('16030100c8010000c40303', 'hex'), Buffer.alloc(100)],
    'HTTP on a plain port': [Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    'garbage in a frame': [int32(40), Buffer.alloc(40, 0xff)],
    'an unknown API': [int32(10), Buffer.from([0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff])],
    'a version that is not served': [int32(10), Buffer.from([0, 3, 0x7f, 0, 0, 0, 0, 1, 0xff, 0xff])],
    'T018 a client id of impossible length': [int32(10), Buffer.from([0, 3, 0, 0, 0, 0, 0, 1, 0x7f, 0xff])],
    'T018 a negative array length where there is no null': [
      int32(14),
      Buffer.from([0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x9c]),
    ],
    'T018 an array of two billion elements': [
      int32(14),
      Buffer.from([0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]),
    ],
  }
  for (const [name, chunks] of Object.entries(cases)) {
    test(name, async () => {
      client.sendBytes(...chunks)
      await expect(client.receiveFrame()).rejects.toThrow('hung up')
      await client.closed
      await expectUnharmed()
    })
  }

  test('a request cut short at every byte of its body', async () => {
    const whole = metadataFrame()
    const headerEnd = 4 + 8 + 2 + 3 + 1
    for (let length = headerEnd; length < whole.length; length++) {
      const other = await broker.connect()
      other.sendBytes(int32(length - 4), whole.subarray(4, length))
      await expect(other.receiveFrame(), `${length} bytes`).rejects.toThrow('hung up')
    }
    await expectUnharmed()
  })

  test('a frame that ends in the middle, and then the client', async () => {
    client.sendBytes(metadataFrame().subarray(0, 20))
    await client.close()
    await expectUnharmed()
  })
})

test('a request of more elements than any client needs closes its connection', async () => {
  // Each is two bytes here, and a few hundred once it is read.
  const elements = Buffer.alloc(2 * 100_001)
  const body = Buffer.concat([int32(100_001), elements])
  const header = Buffer.from([0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff])
  const large = await WireBroker.start()
  const other = await large.connect()
  other.sendBytes(int32(header.length + body.length), header, body)
  await expect(other.receiveFrame()).rejects.toThrow('hung up')
  await large.close()
})

test('bytes behind a request body are tolerated, as by Kafka', async () => {
  const frame = metadataFrame()
  client.sendBytes(int32(frame.length - 4 + 3), frame.subarray(4), Buffer.alloc(3))
  expect((await client.receiveFrame()).readInt32BE(0)).toBe(1)
})

describe('batches that are not as they say are refused, and the connection goes on', () => {
  const record = { timestamp: 1_700_000_000_000n, key: null, value: Buffer.from('hello') }
  const good = () => buildBatch({ records: [record, record] })

  /** A batch with a field changed and a right checksum over it. */
  function changed(change: (batch: Buffer) => void): Buffer {
    const batch = good()
    change(batch)
    batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)) >>> 0, 17)
    return batch
  }

  /** A gzip batch that unfolds to more than the bound, though it is small itself. */
  function bomb(): Buffer {
    const header = changed(batch => batch.writeInt16BE(1, 21)).subarray(0, 61)
    const batch = Buffer.concat([header, gzipSync(Buffer.alloc(50_000_000))])
    batch.writeInt32BE(batch.length - 12, 8)
    batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)) >>> 0, 17)
    return batch
  }

  const wrongCrc = good()
  wrongCrc[wrongCrc.length - 1]! ^= 1
  const cases: readonly (readonly [string, Buffer, readonly ErrorCode[]])[] = [
    ['T062 a wrong CRC', wrongCrc, [ErrorCode.CORRUPT_MESSAGE]],
    ['a count that is too high', changed(batch => batch.writeInt32BE(3, 57)), [ErrorCode.INVALID_RECORD]],
    ['a count that is too low', changed(batch => batch.writeInt32BE(1, 57)), [ErrorCode.INVALID_RECORD]],
    ['a negative count', changed(batch => batch.writeInt32BE(-1, 57)), [ErrorCode.INVALID_RECORD]],
    ['a last offset delta that is not right', changed(batch => batch.writeInt32BE(7, 23)), [87, 2]],
    ['an unknown magic', changed(batch => batch.writeInt8(9, 16)), [ErrorCode.CORRUPT_MESSAGE]],
    ['a length that is too great', changed(batch => batch.writeInt32BE(90_000, 8)), [2, 87]],
    ['a length that is negative', changed(batch => batch.writeInt32BE(-5, 8)), [2, 87]],
    ['T061 a control batch', changed(batch => batch.writeInt16BE(0x20, 21)), [ErrorCode.INVALID_RECORD]],
    ['an unknown codec', changed(batch => batch.writeInt16BE(7, 21)), [2, 87, 76]],
    ['a bomb', bomb(), [ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD]],
    ['garbage', Buffer.alloc(100, 0xab), [ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD]],
    ['nothing', Buffer.alloc(0), [ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD]],
    ['half a batch', good().subarray(0, 40), [2, 87]],
  ]
  for (const [name, records, codes] of cases) {
    test(name, async () => {
      const { responses } = await client.call({
        request: ProduceRequest,
        response: ProduceResponse,
        version: 9,
        body: {
          transactionalId: null,
          acks: -1,
          timeoutMs: 1_000,
          topicData: [{ name: 'target', topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }],
        },
      })
      const partition = responses[0]!.partitionResponses[0]!
      expect(codes, `${partition.errorCode} ${partition.errorMessage}`).toContain(partition.errorCode)
      expect(partition.baseOffset).toBe(-1n)
      expect((await metadataOf(client, ['target'])).topics[0]!.errorCode).toBe(0)
      await expectUnharmed()
    })
  }

  test('a topic name that would leave the data directory', async () => {
    for (const name of ['../target', '/etc/passwd', '..', '.', '', 'a/b', 'x'.repeat(250)]) {
      const { errorCode } = await produceTo(client, name)
      expect([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_TOPIC_EXCEPTION]).toContain(errorCode)
    }
    await expectUnharmed()
  })
})
