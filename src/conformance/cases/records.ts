/** What is in a batch comes out as it went in: keys, values, headers, times, gaps. */

import { EMPTY_BYTES } from '../../../protocol/wire.ts'
import { splitBatches } from '../../records/batch.ts'
import { type BatchOptions, buildBatch, type NewRecord } from '../../records/builder.ts'
import type { Case } from '../kit/case.ts'
import { BASE_TIME, batch, type DataTalk, FETCH, scripted } from './data-talk.ts'

const records = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'records', name, source }, script)

const record = (fields: Partial<NewRecord> = {}): NewRecord => ({
  timestamp: BASE_TIME,
  key: null,
  value: Buffer.from('value'),
  ...fields,
})

const header = (key: string, value: string | null) => ({
  key,
  value: value === null ? null : Buffer.from(value),
})

const kept: readonly (readonly [string, string, BatchOptions])[] = [
  ['A record without key and value', 'the protocol', { records: [record({ value: null })] }],
  [
    'A record with an empty key and an empty value',
    'the protocol',
    { records: [record({ key: Buffer.of(), value: Buffer.of() })] },
  ],
  [
    'A key and a value of bytes that are no text',
    'the protocol',
    { records: [record({ key: Buffer.of(0, 255), value: Buffer.of(128, 0, 10) })] },
  ],
  ['One header', 'KIP-82', { records: [record({ headers: [header('h', 'v')] })] }],
  [
    'Headers in their order, also of the same name',
    'KIP-82',
    { records: [record({ headers: [header('b', '1'), header('a', '2'), header('b', '3')] })] },
  ],
  ['A header without a value', 'KIP-82', { records: [record({ headers: [header('h', null)] })] }],
  ['A header with an empty name', 'KIP-82', { records: [record({ headers: [header('', 'v')] })] }],
  ['A header whose name is not ASCII', 'KIP-82', { records: [record({ headers: [header('größe', 'ü')] })] }],
  [
    'Fifty headers',
    'KIP-82',
    { records: [record({ headers: Array.from({ length: 50 }, (_, i) => header(`h${i}`, `${i}`)) })] },
  ],
  ['A record of 100,000 bytes', 'the protocol', { records: [record({ value: Buffer.alloc(100_000, 7) })] }],
  [
    'Times that go to and fro',
    'KIP-32',
    { records: [5n, 3n, 9n, 1n].map(it => record({ timestamp: BASE_TIME + it })) },
  ],
  ['Times that are all the same', 'KIP-32', { records: [record(), record(), record()] }],
  ['A time of 0', 'KIP-32', { records: [record({ timestamp: 0n })] }],
  ['No time at all', 'KIP-32', { records: [record({ timestamp: -1n })] }],
  [
    'A transactional producer id without a transaction',
    'KIP-98',
    { records: [record()], producerId: 77_777n, producerEpoch: 0, baseSequence: 0 },
  ],
]

const keeping: readonly Case[] = kept.flatMap(([what, source, options]) =>
  (['none', 'gzip'] as const).map(compression =>
    records(`${what} is kept${compression === 'none' ? '' : ', compressed too'}`, source, async talk => {
      const topic = await talk.topic()
      const { responses } = await talk.produce(topic, buildBatch({ ...options, compression }))
      talk.retell(responses[0]?.partitionResponses[0]?.errorCode)
      await talk.fetch(topic)
    }),
  ),
)

const order: readonly Case[] = [
  records('Records of many batches come back in their order, each once', 'the protocol', async talk => {
    const topic = await talk.topic()
    for (let at = 0; at < 20; at++) await talk.fill(topic, batch([`${at} a`, `${at} b`]))
    await talk.fetch(topic)
  }),
  records('A batch of one record and one of five hundred stand side by side', 'the protocol', async talk => {
    const topic = await talk.topic()
    await talk.fill(
      topic,
      batch(['one']),
      batch(Array.from({ length: 500 }, (_, at) => `${at}`)),
      batch(['one more']),
    )
    await talk.fetch(topic)
  }),
  records('The log of a topic of small segments reads as one', 'the protocol', async talk => {
    const topic = await talk.topic('', { configs: { 'segment.bytes': '1048576' } })
    for (let at = 0; at < 6; at++) await talk.fill(topic, batch([`${at}`.padEnd(400_000, '.')]))
    let from = 1
    while (from < 6) {
      const { responses } = await talk.ask(
        'reader',
        FETCH,
        12,
        talk.fetchBody([talk.fetchTopic(topic, { from })]),
      )
      const batches = [
        ...splitBatches((responses[0]?.partitions[0]?.records as Buffer | null) ?? EMPTY_BYTES),
      ]
      if (batches.length === 0) break
      from = Number(batches.at(-1)!.nextOffset)
    }
    talk.note('the end', from)
    await talk.offset(topic, -2)
    await talk.offset(topic, -1)
  }),
]

export const RECORD_CASES: readonly Case[] = [...keeping, ...order]
