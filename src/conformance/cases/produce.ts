/** What becomes of records that are sent: accepted, refused, stamped. */
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { buildBatch } from '../../records/builder.ts'
import type { Case } from '../kit/case.ts'
import {
  message,
  tampered,
  withAttributes,
  withBaseOffset,
  withCount,
  withLastOffsetDelta,
  withLength,
  withMagic,
  wrongChecksum,
} from './bad-batches.ts'
import { BASE_TIME, batch, type DataTalk, NO_TOPIC_ID, PRODUCE, scripted, type Topic } from './data-talk.ts'

const produce = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'produce', name, source }, script)

/** Some brokers tell the start of a log that a batch never came to. */
const refusing = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'produce', name, source, varies: ['logStartOffset'] }, script)

/** Versions that every Kafka since 4.0 serves. */
const VERSIONS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]

const missing = (talk: DataTalk): Topic => ({ name: `${talk.id}-missing`, topicId: NO_TOPIC_ID })

const versions: readonly Case[] = [
  ...VERSIONS.flatMap(v => [
    produce(`Produce v${v} is answered with the offset of its first record`, 'T051', async talk => {
      const topic = await talk.topic()
      await talk.produce(topic, batch(['a', 'b', 'c']), { v })
      await talk.produce(topic, batch(['d']), { v })
      await talk.fetch(topic)
    }),
    produce(
      `Produce v${v} with a wrong checksum is CORRUPT_MESSAGE, and nothing is written`,
      'T062',
      async talk => {
        const topic = await talk.topic()
        await talk.produce(topic, wrongChecksum(), { v })
        await talk.offset(topic, -1)
      },
    ),
  ]),
  ...[3, 8, 9, 12].map(v =>
    produce(
      `Produce v${v} to what is not there is UNKNOWN_TOPIC_OR_PARTITION`,
      'the protocol',
      async talk => {
        const topic = await talk.topic()
        await talk.produce(missing(talk), batch(['a']), { v })
        for (const index of [1, 7, -1]) await talk.produce(topic, batch(['a']), { v, index })
      },
    ),
  ),
  produce(
    'Produce v13 goes by ids, and an unknown one is UNKNOWN_TOPIC_ID and comes back',
    'T027, KIP-516',
    async talk => {
      const topic = await talk.topic()
      for (const topicId of [topic.topicId, NO_TOPIC_ID, ZERO_UUID]) {
        const { responses } = await talk.produce({ name: '', topicId }, batch(['a']), { v: 13 })
        const isEchoed = responses[0]?.topicId === topicId
        talk.note('the id of the answer', isEchoed ? 'as asked' : 'another')
      }
    },
  ),
  produce('The leader is not told where there is nothing wrong with it', 'T085, KIP-951', async talk => {
    const topic = await talk.topic()
    await talk.produce(topic, batch(['a']), { v: 10 })
    await talk.produce(topic, wrongChecksum(), { v: 10 })
  }),
]

const acks: readonly Case[] = [
  ...[1, -1].map(it =>
    produce(`A produce with acks=${it} is acknowledged`, 'the protocol', async talk => {
      const topic = await talk.topic()
      for (const v of [3, 9, 12]) await talk.produce(topic, batch(['a']), { v, acks: it })
    }),
  ),
  ...[2, -2, 99, -32_768].map(it =>
    produce(
      `A produce with acks=${it} is INVALID_REQUIRED_ACKS, and nothing is written`,
      'T060',
      async talk => {
        const topic = await talk.topic()
        for (const v of [7, 9]) await talk.produce(topic, batch(['a']), { v, acks: it })
        await talk.offset(topic, -1)
      },
    ),
  ),
  produce(
    'The time-out of a produce may be 0 where nobody else is waited for',
    'the protocol',
    async talk => {
      const topic = await talk.topic()
      const body = { ...talk.produceBody(topic, batch(['a'])), timeoutMs: 0 }
      await talk.call('producer', PRODUCE, 9, body)
    },
  ),
  produce('More min.insync.replicas than a topic has replicas are as many as it has', 'T060', async talk => {
    const topic = await talk.topic('', { configs: { 'min.insync.replicas': '2' } })
    for (const it of [-1, 1]) await talk.produce(topic, batch(['a']), { acks: it })
  }),
]

const several: readonly Case[] = [
  produce('Each partition of a produce has its own answer', 'the protocol', async talk => {
    const topic = await talk.topic('', { partitions: 2 })
    const part = (index: number, records: Buffer) => ({ index, records })
    await talk.call('producer', PRODUCE, 9, {
      ...talk.produceBody(topic, null),
      topicData: [
        {
          ...topic,
          partitionData: [part(1, batch(['a'])), part(0, wrongChecksum()), part(5, batch(['b']))],
        },
        { ...missing(talk), partitionData: [part(0, batch(['c']))] },
      ],
    })
    for (const index of [0, 1]) await talk.fetch(topic, { index })
  }),
  produce('Two topics of a produce are both written', 'the protocol', async talk => {
    const one = await talk.topic('-one')
    const other = await talk.topic('-other')
    const topicData = [one, other].map(topic => ({
      ...topic,
      partitionData: [{ index: 0, records: batch(['a']) }],
    }))
    await talk.call('producer', PRODUCE, 9, { ...talk.produceBody(one, null), topicData })
    for (const topic of [one, other]) await talk.fetch(topic)
  }),
  produce('A produce of nothing is answered with nothing', 'the protocol', async talk => {
    const topic = await talk.topic()
    for (const v of [3, 9, 12]) {
      await talk.call('producer', PRODUCE, v, { ...talk.produceBody(topic, null), topicData: [] })
    }
  }),
  produce('Records of two connections are written one after the other', 'the protocol', async talk => {
    const topic = await talk.topic()
    for (const who of ['a', 'b', 'a']) await talk.produce(topic, batch([`of ${who}`]), { who })
    await talk.fetch(topic)
  }),
]

/** What is wrong, and how Kafka finds it: the batch is refused, and the log stays as it was. */
const bad: readonly (readonly [string, string, () => Buffer])[] = [
  ['with fewer records than it says', 'the protocol', () => withCount(7)],
  ['with a count of records below zero', 'the protocol', () => withCount(-1)],
  ['with a count that does not fit its last offset', 'the protocol', () => withCount(1)],
  ['with a last offset that does not fit its records', 'the protocol', () => withLastOffsetDelta(5)],
  ['that says to be of format 3', 'the protocol', () => withMagic(3)],
  ['that says to be of format -1', 'the protocol', () => withMagic(-1)],
  ['that is shorter than it says', 'the protocol', () => withLength(5_000)],
  ['that says to be shorter than a header', 'the protocol', () => withLength(20)],
  ['that is cut off in its records', 'the protocol', () => batch(['a']).subarray(0, 64)],
  ['that has another behind it', 'KIP-98', () => Buffer.concat([batch(['a']), batch(['b'])])],
  [
    'that is a control batch',
    'T061',
    () => withAttributes(0x20, batch(['a'], { producerId: 1n, producerEpoch: 0, baseSequence: 0 })),
  ],
  ['of format 1, in a version for format 2', 'T062, KIP-98', () => message('old', 1)],
  ['of format 0, in a version for format 2', 'T062, KIP-98', () => message('older', 0)],
]

const badBatches: readonly Case[] = bad.map(([what, source, make]) =>
  refusing(`A batch ${what} is refused, and nothing is written`, source, async talk => {
    const topic = await talk.topic()
    await talk.produce(topic, make())
    await talk.offset(topic, -1)
    await talk.produce(topic, batch(['good']))
  }),
)

const tolerated: readonly Case[] = [
  produce('A batch whose base offset is not 0 is INVALID_RECORD', 'the protocol', async talk => {
    const topic = await talk.topic()
    await talk.produce(topic, batch(['first']))
    for (const offset of [0n, 1n]) await talk.produce(topic, withBaseOffset(offset))
    await talk.fetch(topic)
  }),
  produce('The leader epoch that a producer writes is overwritten', 'T057', async talk => {
    const topic = await talk.topic()
    for (const partitionLeaderEpoch of [-1, 0, 77])
      await talk.produce(topic, batch(['a'], { partitionLeaderEpoch }))
    await talk.fetch(topic)
  }),
  produce('Attribute bits that nobody uses are of no matter', 'the protocol', async talk => {
    const topic = await talk.topic()
    await talk.produce(topic, withAttributes(0x0100))
    await talk.offset(topic, -1)
  }),
]

const sizes: readonly Case[] = [
  produce('A batch larger than max.message.bytes is MESSAGE_TOO_LARGE', 'T058', async talk => {
    const topic = await talk.topic('', { configs: { 'max.message.bytes': '200' } })
    await talk.produce(topic, batch(['x'.repeat(200)]))
    await talk.produce(topic, batch(['x'.repeat(20)]))
    await talk.offset(topic, -1)
  }),
  produce('A batch of exactly max.message.bytes is taken, one byte more is not', 'T058', async talk => {
    const exact = batch(['x'.repeat(100)])
    const configs = { 'max.message.bytes': String(exact.length) }
    const topic = await talk.topic('', { configs })
    await talk.produce(topic, exact)
    await talk.produce(topic, batch(['x'.repeat(101)]))
  }),
  produce('max.message.bytes is for the compressed batch', 'T058', async talk => {
    const topic = await talk.topic('', { configs: { 'max.message.bytes': '1000' } })
    await talk.produce(topic, batch(['x'.repeat(20_000)], { compression: 'gzip' }))
    await talk.produce(topic, batch(['x'.repeat(20_000)]))
  }),
  produce('A thousand records in one batch have a thousand offsets', 'T051', async talk => {
    const topic = await talk.topic()
    const values = Array.from({ length: 1_000 }, (_, i) => `${i}`)
    await talk.produce(topic, batch(values))
    await talk.produce(topic, batch(['last']))
    await talk.offset(topic, -1)
  }),
]

const compacted = { configs: { 'cleanup.policy': 'compact' } }

const keys: readonly Case[] = [
  ...[8, 9, 12].map(v =>
    produce(
      `Records without a key are refused by a compacted topic, and Produce v${v} names them`,
      'T059, KIP-467',
      async talk => {
        const topic = await talk.topic('', compacted)
        const records = [null, Buffer.from('k'), null].map(key => ({
          timestamp: BASE_TIME,
          key,
          value: Buffer.from('v'),
        }))
        await talk.produce(topic, buildBatch({ records }), { v })
        await talk.offset(topic, -1)
      },
    ),
  ),
  produce(
    'Records without a key are refused by a compacted topic, before that could be told',
    'T059',
    async talk => {
      const topic = await talk.topic('', compacted)
      await talk.produce(topic, batch(['v']), { v: 7 })
      await talk.produce(topic, batch(['v'], { key: 'k' }), { v: 7 })
    },
  ),
  produce(
    'A compacted topic takes a key without a value, which is a tombstone',
    'the protocol',
    async talk => {
      const topic = await talk.topic('', compacted)
      await talk.produce(topic, batch([null], { key: 'k' }))
      await talk.fetch(topic)
    },
  ),
  produce('An empty key is a key', 'T059', async talk => {
    const topic = await talk.topic('', compacted)
    await talk.produce(topic, batch(['v'], { key: '' }))
    await talk.fetch(topic)
  }),
]

const STAMPED = { configs: { 'message.timestamp.type': 'LogAppendTime' } }

/** The answer of a topic whose time is the broker's. */
async function produceStamped(talk: DataTalk, topic: Topic, v: number): Promise<void> {
  const { responses } = await talk.produce(topic, batch(['a', 'b']), { v })
  const { errorCode, logAppendTimeMs = -1n } = responses[0]?.partitionResponses[0] ?? {}
  talk.retell({ errorCode, hasTime: logAppendTimeMs > BASE_TIME })
}

const times: readonly Case[] = [
  ...[3, 9, 12].map(v =>
    produce(
      `Produce v${v} is told the time of the broker where that is what records get`,
      'T063, KIP-32',
      async talk => {
        const topic = await talk.topic('', STAMPED)
        await produceStamped(talk, topic, v)
        await talk.fetch(topic)
      },
    ),
  ),
  produce('The time of the broker makes a new checksum', 'T063', async talk => {
    const topic = await talk.topic('', STAMPED)
    await produceStamped(talk, topic, 9)
    await talk.fetch(topic)
    await talk.offset(topic, -1)
  }),
  produce('A time too far ahead is INVALID_TIMESTAMP, and the record is named', 'KIP-937', async talk => {
    const configs = { 'message.timestamp.after.max.ms': '60000' }
    const topic = await talk.topic('', { configs })
    const ahead = BigInt(talk.now() + 3_600_000)
    const records = [BASE_TIME, ahead].map(timestamp => ({ timestamp, key: null, value: Buffer.from('v') }))
    for (const v of [7, 8, 12]) await talk.produce(topic, buildBatch({ records }), { v })
    await talk.offset(topic, -1)
  }),
  produce('A time too long ago is INVALID_TIMESTAMP, and the record is named', 'KIP-937', async talk => {
    const topic = await talk.topic('', { configs: { 'message.timestamp.before.max.ms': '60000' } })
    await talk.produce(topic, batch(['a', 'b']), { v: 8 })
    await talk.offset(topic, -1)
  }),
  produce('Records without a time are taken', 'KIP-32', async talk => {
    const topic = await talk.topic()
    const records = [{ timestamp: -1n, key: null, value: Buffer.from('v') }]
    await talk.produce(topic, buildBatch({ records }))
    await talk.fetch(topic)
  }),
  produce('A greatest time that the records do not have is mended', 'the protocol', async talk => {
    const topic = await talk.topic()
    await talk.produce(
      topic,
      tampered(batch(['a', 'b']), it => it.writeBigInt64BE(BASE_TIME + 50n, 35)),
    )
    await talk.offset(topic, -3)
  }),
]

const internal: readonly Case[] = [
  produce('Nobody may write to the topics of the coordinators', 'the protocol', async talk => {
    // With a wrong checksum, so that no broker is harmed that lets us.
    for (const name of ['__consumer_offsets', '__transaction_state']) {
      const { responses } = await talk.produce({ name, topicId: ZERO_UUID }, wrongChecksum())
      talk.retell(responses[0]?.partitionResponses.map(({ index, errorCode }) => ({ index, errorCode })))
    }
  }),
  produce('A topic name that cannot exist is as one that does not', 'T018', async talk => {
    for (const name of [`${talk.id}/x`, '', '..']) {
      await talk.produce({ name, topicId: ZERO_UUID }, batch(['x']))
    }
  }),
]

export const PRODUCE_CASES: readonly Case[] = [
  ...versions,
  ...acks,
  ...several,
  ...badBatches,
  ...tolerated,
  ...sizes,
  ...keys,
  ...times,
  ...internal,
]
