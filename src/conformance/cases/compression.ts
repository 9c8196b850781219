/** The codecs, from producers to readers. */
import { COMPRESSION_TYPES, type CompressionType } from '../../records/batch.ts'
import type { Case } from '../kit/case.ts'
import { tampered, withAttributes } from './bad-batches.ts'
import { batch, type DataTalk, scripted } from './data-talk.ts'

const compression = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'compression', name, source }, script)

const CODECS = COMPRESSION_TYPES.filter(codec => codec !== 'none')
const VALUES = ['one', 'two', 'two', 'two', 'x'.repeat(60)]

const passing: readonly Case[] = CODECS.flatMap(codec => [
  ...[7, 9, 12].map(v =>
    compression(`A ${codec} batch of Produce v${v} is kept as it came`, 'the protocol', async talk => {
      const topic = await talk.topic()
      await talk.produce(topic, batch(VALUES, { compression: codec }), { v })
      await talk.fetch(topic)
    }),
  ),
  compression(`Offsets go on behind a ${codec} batch`, 'T051', async talk => {
    const topic = await talk.topic()
    await talk.produce(topic, batch(VALUES, { compression: codec }))
    await talk.produce(topic, batch(['next'], { compression: codec }))
    await talk.fetch(topic, { from: VALUES.length })
    await talk.offset(topic, -1)
  }),
  compression(`A reader in the middle of a ${codec} batch gets the whole batch`, 'T068', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, batch(VALUES, { compression: codec }))
    await talk.fetch(topic, { from: 3 })
  }),
  compression(
    `A ${codec} batch whose bytes are none is refused, and nothing is written`,
    'T065',
    async talk => {
      const topic = await talk.topic()
      const number = COMPRESSION_TYPES.indexOf(codec)
      const { responses } = await talk.produce(
        topic,
        withAttributes(number, batch(['not compressed at all'])),
      )
      const isRefused = responses[0]?.partitionResponses[0]?.errorCode !== 0
      talk.retell({ isRefused })
      await talk.offset(topic, -1)
    },
  ),
  compression(`A topic of ${codec} compresses what comes without`, 'T065', async talk => {
    const topic = await talk.topic('', { configs: { 'compression.type': codec } })
    await talk.produce(topic, batch(VALUES))
    await talk.fetch(topic)
  }),
  compression(`A topic of ${codec} keeps what is compressed so already`, 'the protocol', async talk => {
    const topic = await talk.topic('', { configs: { 'compression.type': codec } })
    await talk.produce(topic, batch(VALUES, { compression: codec }))
    await talk.fetch(topic)
  }),
  compression(`A topic without compression unfolds ${codec}`, 'T065', async talk => {
    const topic = await talk.topic('', { configs: { 'compression.type': 'uncompressed' } })
    await talk.produce(topic, batch(VALUES, { compression: codec }))
    await talk.fetch(topic)
  }),
])

/** From one codec to another, as a topic wants it. */
const CHANGES: readonly (readonly [CompressionType, CompressionType])[] = [
  ['gzip', 'zstd'],
  ['snappy', 'lz4'],
  ['zstd', 'gzip'],
  ['lz4', 'snappy'],
]

const changing: readonly Case[] = CHANGES.map(([from, to]) =>
  compression(`A topic of ${to} makes ${to} of ${from}`, 'T065', async talk => {
    const topic = await talk.topic('', { configs: { 'compression.type': to } })
    await talk.produce(topic, batch(VALUES, { compression: from }))
    await talk.fetch(topic)
  }),
)

const limits: readonly Case[] = [
  ...[3, 6].map(v =>
    compression(`zstd is UNSUPPORTED_COMPRESSION_TYPE for Produce v${v}`, 'T065, KIP-110', async talk => {
      const topic = await talk.topic()
      await talk.produce(topic, batch(VALUES, { compression: 'zstd' }), { v })
      await talk.offset(topic, -1)
    }),
  ),
  compression('zstd is read from Fetch v10 on', 'T065, KIP-110', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, batch(VALUES, { compression: 'zstd' }))
    for (const v of [10, 11, 12]) await talk.fetch(topic, { v })
  }),
  compression('A codec that does not exist is refused, and nothing is written', 'T065', async talk => {
    const topic = await talk.topic()
    for (const number of [5, 6, 7]) {
      const { responses } = await talk.produce(topic, withAttributes(number))
      talk.retell({ isRefused: responses[0]?.partitionResponses[0]?.errorCode !== 0 })
    }
    await talk.offset(topic, -1)
  }),
  compression('A codec is per batch: one log may hold all of them', 'the protocol', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, ...COMPRESSION_TYPES.map(codec => batch([codec], { compression: codec })))
    await talk.fetch(topic)
  }),
  compression(
    'Records of a compressed batch are counted and checked as others',
    'the protocol',
    async talk => {
      const topic = await talk.topic()
      for (const codec of CODECS) {
        const wrong = tampered(batch(['a', 'b'], { compression: codec }), it => it.writeInt32BE(9, 57))
        const { responses } = await talk.produce(topic, wrong)
        talk.retell({ isRefused: responses[0]?.partitionResponses[0]?.errorCode !== 0 })
      }
      await talk.offset(topic, -1)
    },
  ),
  compression('Keys are asked for within compressed batches too', 'T059', async talk => {
    const topic = await talk.topic('', { configs: { 'cleanup.policy': 'compact' } })
    for (const codec of CODECS) await talk.produce(topic, batch(['no key'], { compression: codec }))
    await talk.offset(topic, -1)
  }),
  compression('Megabytes that compress well are taken and come back whole', 'the protocol', async talk => {
    const topic = await talk.topic()
    for (const codec of CODECS)
      await talk.produce(topic, batch(['x'.repeat(700_000)], { compression: codec }))
    await talk.fetch(topic)
  }),
]

export const COMPRESSION_CASES: readonly Case[] = [...passing, ...changing, ...limits]
