import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { encodeMessage } from '../records/legacy.ts'
import type { Log } from './log.ts'
import { append, batchOf, CLIENT, contents, must, Rig, readBatches, TOPIC_ID } from './testing/rig.ts'

const SMALL = { segmentBytes: 600, indexIntervalBytes: 150 }
const name = (offset: number, suffix: string) => `/data/topic-0/${String(offset).padStart(20, '0')}${suffix}`

async function filled(rig: Rig, count = 30): Promise<Log> {
  const log = await rig.log()
  for (let i = 0; i < count; i++) {
    const options = { producerId: 5n, producerEpoch: 0, baseSequence: i }
    must(await log.append(batchOf([`value ${i}`], options), CLIENT))
  }
  return log
}

async function edit(rig: Rig, path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const isThere = (await rig.disk.status(path)) !== undefined
  const bytes = change(isThere ? Buffer.from(await rig.disk.readFile(path)) : Buffer.alloc(0))
  const file = await rig.disk.open(path, 'write')
  await file.truncate(0)
  await file.write([bytes], 0)
  await file.close()
}

const flip = (at: number) => (bytes: Buffer) => {
  bytes[at]! ^= 0x40
  return bytes
}

async function values(log: Log): Promise<string[]> {
  return [...(await contents(log)).values()]
}

const expected = (count: number) => Array.from({ length: count }, (_, i) => `value ${i}`)

describe('an unclean stop', () => {
  test('T181 the log is cut at the first damaged batch, and what follows is dropped', async () => {
    const rig = new Rig({ config: SMALL })
    const log = await filled(rig)
    expect(log.segments.length).toBeGreaterThan(4)
    const second = log.segments[1]!
    const kept = Number(second.baseOffset) + 1
    await edit(rig, second.path, flip((await readBatches(log, second.baseOffset))[0]!.sizeInBytes + 70))
    const again = await rig.crash()
    expect(await values(again)).toEqual(expected(kept))
    expect(again.segments).toHaveLength(2)
    expect(rig.lines.some(line => line.level === 'warn' && line.message.includes('cut'))).toBe(true)
    // The producer is where the log is, and goes on from there.
    const next = batchOf(['next'], { producerId: 5n, producerEpoch: 0, baseSequence: kept })
    expect(must(await again.append(next, CLIENT)).baseOffset).toBe(BigInt(kept))
    expect(await values(await rig.restart())).toEqual([...expected(kept), 'next'])
  })

  test('snapshots of producers behind the cut are gone for good', async () => {
    const rig = new Rig({ config: SMALL })
    const log = await filled(rig)
    await log.flush()
    const { baseOffset, path } = log.segments[1]!
    await edit(rig, path, flip((await readBatches(log, baseOffset))[0]!.sizeInBytes + 70))
    const { logEndOffset } = await rig.crash()
    rig.memory.crash('lost')
    const names = (await rig.disk.list('/data/topic-0')).map(entry => entry.name)
    const snapshots = names.filter(it => it.endsWith('.snapshot')).map(it => BigInt(it.slice(0, 20)))
    expect(snapshots.length).toBeGreaterThan(0)
    expect(snapshots.filter(offset => offset > logEndOffset)).toEqual([])
  })

  test('what lies below the recovery point is not looked at', async () => {
    const rig = new Rig({ config: SMALL })
    const log = await filled(rig)
    await log.flush()
    await log.home.saveRecoveryPoints()
    await append(log, 'behind')
    let bytesRead = 0
    rig.memory.crash('kept')
    rig.memory.intercept = ({ name: operation, path }) => {
      if (operation === 'read' && path.endsWith('.log')) bytesRead++
    }
    await rig.start()
    expect(await values(rig.manager.log('topic', 0)!)).toEqual([...expected(30), 'behind'])
    expect(bytesRead).toBeLessThan(40)
  })

  test('a batch of which all but the offset reached the disk takes nothing with it', async () => {
    const rig = new Rig()
    let log = await filled(rig, 6)
    log.updateHighWatermark(6n)
    must(await log.deleteRecordsTo(3n))
    await log.flush()
    await log.home.saveRecoveryPoints()
    const before = log.sizeBytes
    await append(log, 'torn')
    await edit(rig, log.activeSegment.path, bytes => bytes.fill(0, before, before + 8))
    log = await rig.crash()
    expect(log.logEndOffset).toBe(6n)
    expect(await values(log)).toEqual(expected(6).slice(3))
    expect(await append(log, 'next')).toBe(6n)
  })

  test('batches of a writer that died in between are cut off at every byte', async () => {
    const rig = new Rig()
    const log = await filled(rig, 3)
    const whole = await rig.disk.readFile(log.activeSegment.path)
    const ends = (await readBatches(log, 0n)).map(batch => batch.sizeInBytes)
    rig.memory.crash('kept')
    for (let size = 0; size <= whole.length; size++) {
      const torn = new Rig()
      await torn.disk.makeDirectory('/data/topic-0')
      await edit(torn, name(0, '.log'), () => whole.subarray(0, size))
      await torn.start()
      let complete = 0
      for (let at = ends[0]!; at <= size; at += ends[++complete] ?? Number.POSITIVE_INFINITY);
      const found = torn.manager.log('topic', 0)!
      expect(found.logEndOffset).toBe(BigInt(complete))
      expect(found.sizeBytes).toBe(ends.slice(0, complete).reduce((a, b) => a + b, 0))
    }
  })

  test('whatever bytes are damaged, a prefix is recovered and can be written on', async () => {
    for (let seed = 0; seed < 80; seed++) {
      const random = new SeededRandom(seed)
      const rig = new Rig({ config: SMALL })
      await filled(rig)
      rig.memory.crash('kept')
      const entries = (await rig.disk.list('/data/topic-0')).filter(entry => !entry.isDirectory)
      const damaged = []
      for (let i = random.below(3) + 1; i > 0; i--) {
        const { name: file } = entries[random.below(entries.length)]!
        damaged.push(file)
        await edit(rig, `/data/topic-0/${file}`, bytes => corrupt(bytes, random))
      }
      await rig.start()
      const log = rig.manager.log('topic', 0)
      expect(log, `seed ${seed}: ${damaged}`).toBeDefined()
      const found = await values(log!)
      expect(found).toEqual(expected(found.length))
      if (!damaged.some(file => file.endsWith('.log'))) expect(found).toHaveLength(30)
      expect(await append(log!, 'next')).toBe(BigInt(found.length))
      expect(await values(await rig.restart())).toEqual([...found, 'next'])
    }
  })

  function corrupt(bytes: Buffer, random: SeededRandom): Buffer {
    const at = random.below(bytes.length + 1)
    if (random.below(3) === 0) return bytes.subarray(0, at)
    if (random.below(3) === 0) return Buffer.concat([bytes, random.bytes(random.below(100))])
    if (at < bytes.length) random.bytes(random.below(8) + 1).copy(bytes, at)
    return bytes
  }

  test.each([0, 1] as const)('records of message format %d are left as they are', async magic => {
    const rig = new Rig()
    await append(await rig.log('topic', 1), 'serves on')
    rig.memory.crash('kept')
    await rig.disk.makeDirectory('/data/topic-0')
    const messages = ['a', 'b', 'c'].map((text, i) => oldMessage(magic, BigInt(i), text))
    // The last one is torn: what an old Kafka's own recovery would cut.
    const old = Buffer.concat(messages).subarray(0, -1)
    await edit(rig, name(0, '.log'), () => old)
    await edit(rig, name(0, '.index'), () => Buffer.from('as it was'))
    await rig.start()
    expect(rig.manager.log('topic', 0)).toBeUndefined()
    const spec = { topic: 'topic', topicId: TOPIC_ID, partition: 0, config: rig.config, isNew: false }
    const refused = await rig.manager.createLog(spec)
    expect(refused).toMatchObject({ error: ErrorCode.KAFKA_STORAGE_ERROR })
    expect((refused as { message: string }).message).toContain(`message format ${magic}`)
    expect(await rig.disk.readFile(name(0, '.log'))).toEqual(old)
    expect(await rig.text(name(0, '.index'))).toBe('as it was')
    expect(await values(rig.manager.log('topic', 1)!)).toEqual(['serves on'])
    // No later start takes them either, a clean one included.
    await rig.manager.shutdown()
    await rig.start()
    expect(rig.manager.log('topic', 0)).toBeUndefined()
    expect(await rig.disk.readFile(name(0, '.log'))).toEqual(old)
  })

  test('an old message behind batches is not cut, and what only looks like one is', async () => {
    const message = oldMessage(1, 3n, 'old')
    for (const [tail, isKept] of [
      [message, true],
      [message.subarray(0, -1), false],
      [flip(30)(Buffer.from(message)), false],
      [Buffer.alloc(100), false],
    ] as const) {
      const rig = new Rig()
      const log = await filled(rig, 3)
      const { sizeBytes } = log
      rig.memory.crash('kept')
      await edit(rig, name(0, '.log'), bytes => Buffer.concat([bytes, tail]))
      await rig.start()
      expect(rig.manager.log('topic', 0)?.logEndOffset).toBe(isKept ? undefined : 3n)
      const left = await rig.disk.readFile(name(0, '.log'))
      expect(left.length).toBe(sizeBytes + (isKept ? tail.length : 0))
    }
  })

  function oldMessage(magic: 0 | 1, offset: bigint, text: string): Buffer {
    const time = { timestampType: 'CreateTime', timestamp: 1_000n } as const
    return encodeMessage({ magic, offset, key: null, value: Buffer.from(text), compression: 'none', ...time })
  }

  test('in a long segment the producers are written down now and then', async () => {
    const rig = new Rig({ config: { segmentBytes: 2 ** 30 } })
    const log = await rig.log()
    const large = 'x'.repeat(1_000_000)
    const send = async (baseSequence: number) =>
      must(await log.append(batchOf([large], { producerId: 5n, producerEpoch: 0, baseSequence }), CLIENT))
    for (let i = 0; i < 70; i++) await send(i)
    await log.flush()
    for (let i = 70; i < 140; i++) await send(i)
    await log.flush()
    await log.home.saveRecoveryPoints()
    await send(140)
    const found = await rig.disk.list('/data/topic-0')
    expect(found.map(entry => entry.name).filter(entry => entry.endsWith('.snapshot'))).toEqual([
      '00000000000000000140.snapshot',
    ])
    const again = await rig.crash()
    expect(again.activeProducers()).toMatchObject([{ lastSequence: 140 }])
  })

  test('a snapshot behind the end is removed, and a damaged one is not used', async () => {
    const rig = new Rig({ config: SMALL })
    const log = await filled(rig)
    await log.flush()
    await log.home.saveRecoveryPoints()
    const base = Number(log.activeSegment.baseOffset)
    rig.memory.crash('kept')
    await edit(rig, name(base, '.snapshot'), flip(8))
    await edit(rig, name(99, '.snapshot'), () => Buffer.from('stray'))
    await rig.start()
    const again = rig.manager.log('topic', 0)!
    expect(again.activeProducers()).toMatchObject([{ producerId: 5n, lastSequence: 29 }])
    expect(await rig.disk.status(name(base, '.snapshot'))).toBeUndefined()
    expect(await rig.disk.status(name(99, '.snapshot'))).toBeUndefined()
  })
})

describe('index files', () => {
  test.each(['.index', '.timeindex'])('a %s that is missing, cut or nonsense is made anew', async suffix => {
    for (const damage of ['missing', 'cut', 'zeros', 'noise']) {
      const rig = new Rig({ config: SMALL, broker: { tailCacheBytes: 0 } })
      const log = await filled(rig)
      const base = Number(log.segments[1]!.baseOffset)
      await rig.manager.shutdown()
      const path = name(base, suffix)
      const original = await rig.disk.readFile(path)
      if (damage === 'missing') await rig.disk.remove(path)
      else {
        await edit(rig, path, bytes => {
          if (damage === 'cut') return bytes.subarray(0, bytes.length - 3)
          return damage === 'zeros' ? Buffer.alloc(96) : new SeededRandom(3).bytes(bytes.length)
        })
      }
      await rig.start()
      const again = rig.manager.log('topic', 0)!
      expect(await values(again)).toEqual(expected(30))
      await again.offsetForTimestamp(1_700_000_000_000n)
      expect(await rig.disk.readFile(path), damage).toEqual(original)
    }
  })

  test('those made anew survive a power failure, or are made anew again', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const rig = new Rig({ config: { segmentBytes: 600 } })
      let log = await rig.log()
      const at = (i: number) => 1_700_000_000_000 + i * 10
      for (let i = 0; i < 20; i++) must(await log.append(batchOf([`value ${i}`], { at: at(i) }), CLIENT))
      await log.flush()
      await log.home.saveRecoveryPoints()
      await rig.disk.remove(name(0, '.timeindex'))
      rig.memory.syncAll()
      log = await rig.crash()
      await log.offsetForTimestamp(BigInt(at(1)))
      log = await rig.crash({ tornBy: new SeededRandom(seed) })
      for (let i = 0; i < 8; i++) {
        expect((await log.offsetForTimestamp(BigInt(at(i))))?.offset, `seed ${seed}`).toBe(BigInt(i))
      }
    }
  })

  test('an index that points past its batches is noticed and made anew', async () => {
    const rig = new Rig({ config: SMALL, broker: { tailCacheBytes: 0 } })
    const log = await filled(rig)
    await rig.manager.shutdown()
    const { baseOffset } = log.segments[1]!
    const path = name(Number(baseOffset), '.index')
    const original = await rig.disk.readFile(path)
    // The offset of one entry with the position of a later batch: in order, and wrong.
    await edit(rig, path, bytes => {
      bytes.writeInt32BE(bytes.readInt32BE(0) - 1, 0)
      return bytes
    })
    await rig.start()
    const again = rig.manager.log('topic', 0)!
    const offset = baseOffset + BigInt(original.readInt32BE(0)) - 1n
    expect((await readBatches(again, offset))[0]!.baseOffset).toBe(offset)
    expect(await values(again)).toEqual(expected(30))
    expect(await rig.disk.readFile(path)).toEqual(original)
  })
})

describe('leftovers', () => {
  test('deleted, cleaned and temporary files and orphaned indexes are removed', async () => {
    const rig = new Rig({ config: SMALL })
    await filled(rig)
    await rig.manager.shutdown()
    const left = [
      name(0, '.log.deleted'),
      name(3, '.index.deleted'),
      name(5, '.log.cleaned'),
      name(7, '.snapshot.tmp'),
      name(900, '.timeindex'),
    ]
    for (const path of left) await edit(rig, path, () => Buffer.from('left over'))
    await rig.start()
    for (const path of left) expect(await rig.disk.status(path)).toBeUndefined()
    expect(await values(rig.manager.log('topic', 0)!)).toEqual(expected(30))
  })

  test('foreign files beside the segments stay as they are', async () => {
    const rig = new Rig({ config: SMALL })
    await filled(rig)
    await rig.manager.shutdown()
    const foreign = ['notes.tmp', 'notes.deleted', 'notes.cleaned', 'notes.swap', 'notes.index', 'notes.log']
    for (const file of foreign) await edit(rig, `/data/topic-0/${file}`, () => Buffer.from(file))
    await rig.start()
    for (const file of foreign) expect(await rig.text(`/data/topic-0/${file}`)).toBe(file)
    expect(await values(rig.manager.log('topic', 0)!)).toEqual(expected(30))
  })

  test.each([
    ['leader-epoch-checkpoint', '1\n0\n'],
    ['partition.metadata', 'version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\nmore: x\n'],
  ])('a newer %s stops its partition alone, and stays', async (file, text) => {
    const rig = new Rig()
    await append(await rig.log('topic', 1), 'serves on')
    await append(await rig.log('topic', 0), 'kept')
    await rig.manager.shutdown()
    await edit(rig, `/data/topic-0/${file}`, () => Buffer.from(text))
    await rig.start()
    const spec = { topic: 'topic', topicId: TOPIC_ID, partition: 0, config: rig.config, isNew: false }
    const refused = await rig.manager.createLog(spec)
    expect((refused as { message: string }).message).toMatch(/version 1, .*newer/)
    expect(await rig.text(`/data/topic-0/${file}`)).toBe(text)
    expect(await values(rig.manager.log('topic', 1)!)).toEqual(['serves on'])
  })

  test('no power failure brings back the name of an index that a cleaning left without its batches', async () => {
    const rig = new Rig({ config: SMALL })
    await filled(rig)
    await rig.manager.shutdown()
    for (const suffix of ['.log.cleaned', '.timeindex.swap'])
      await edit(rig, name(0, suffix), () => Buffer.alloc(12))
    await rig.disk.syncDirectory('/data/topic-0')
    const removing = new Promise<void>(resolve => {
      rig.memory.intercept = operation => {
        if (operation.name !== 'remove' || !operation.path.endsWith('.cleaned')) return
        resolve()
        return new Promise(() => {})
      }
    })
    void rig.start()
    await removing
    rig.memory.intercept = undefined
    rig.memory.crash('lost')
    const left = (await rig.disk.list('/data/topic-0')).map(entry => entry.name)
    expect(left.filter(file => /swap|cleaned/.test(file))).toEqual(['00000000000000000000.log.cleaned'])
  })

  test('a cleaning that had begun to swap is finished, and one that had not is forgotten', async () => {
    const rig = new Rig({ config: SMALL })
    const log = await filled(rig)
    const [first, second, third] = log.segments
    await rig.manager.shutdown()
    const merged = Buffer.concat([
      await rig.disk.readFile(first!.path),
      await rig.disk.readFile(second!.path),
    ])
    await edit(rig, name(0, '.log.swap'), () => merged)
    await rig.start()
    let again = rig.manager.log('topic', 0)!
    expect(again.segments.map(segment => segment.baseOffset).slice(0, 2)).toEqual([0n, third!.baseOffset])
    expect(await values(again)).toEqual(expected(30))

    await rig.manager.shutdown()
    await edit(rig, name(0, '.log.swap'), () => Buffer.from('half of it'))
    await edit(rig, name(0, '.log.cleaned'), () => Buffer.from('half of it'))
    await rig.start()
    again = rig.manager.log('topic', 0)!
    expect(await values(again)).toEqual(expected(30))
  })
})

describe('rolling', () => {
  test('by size: a segment never grows beyond segment.bytes', async () => {
    const rig = new Rig({ config: { segmentBytes: 300 } })
    const log = await filled(rig)
    expect(Math.max(...log.segments.map(segment => segment.sizeBytes))).toBeLessThanOrEqual(300)
    expect(log.segments.length).toBeGreaterThan(5)
  })

  test('by the time between the first record and the one that comes', async () => {
    const log = await new Rig({ config: { segmentMs: 1_000 } }).log()
    const at = async (ms: number) =>
      must(await log.append(batchOf(['x'], { at: 1_700_000_000_000 + ms }), CLIENT))
    await at(0)
    await at(1_000)
    expect(log.segments).toHaveLength(1)
    await at(1_001)
    expect(log.segments).toHaveLength(2)
  })

  test('by the age of the segment where records have no times', async () => {
    const rig = new Rig({ config: { segmentMs: 1_000 } })
    const log = await rig.log()
    const untimed = () => log.append(batchOf(['x'], { at: -1 }), CLIENT)
    await untimed()
    rig.clock.advance(1_000)
    await untimed()
    expect(log.segments).toHaveLength(1)
    rig.clock.advance(1)
    await untimed()
    expect(log.segments).toHaveLength(2)
  })

  test('when an index is full', async () => {
    const log = await new Rig({ config: { segmentIndexBytes: 48, indexIntervalBytes: 1 } }).log()
    for (let i = 0; i < 20; i++) await append(log, `${i}`)
    expect(log.segments).toHaveLength(3)
    for (const segment of log.segments) expect(segment.offsetIndex.file.count).toBeLessThanOrEqual(6)
  })

  test('when an offset does not fit the index', async () => {
    const log = await new Rig().log()
    await append(log, 'x')
    const far = batchOf(['y'], { baseOffset: 2n ** 31n })
    must(await log.append(far, { leaderEpoch: 0, origin: 'follower' }))
    expect(log.segments.map(segment => segment.baseOffset)).toEqual([0n, 2n ** 31n])
    expect((await contents(log)).size).toBe(2)
  })
})

test('durable records are known for those of their topic, whatever a power failure took', async () => {
  const rig = new Rig({ broker: { durability: 'fsync' } })
  await append(await rig.log(), 'one')
  const after = await rig.crash('lost')
  expect([after.logEndOffset, after.topicId]).toEqual([1n, TOPIC_ID])
})

describe('what follows from the batches and has rotted', () => {
  const ROTTEN = { segmentBytes: 2_000, indexIntervalBytes: 100 }
  const START = 1_700_000_000_000

  /** Several segments of records whose times rise by ten milliseconds. */
  async function timed(rig: Rig): Promise<Log> {
    const log = await rig.log()
    for (let i = 0; i < 60; i++)
      must(await log.append(batchOf([`value ${i}`], { at: START + i * 10 }), CLIENT))
    log.updateHighWatermark(60n)
    return log
  }

  test('whatever bit of an index it is, offsets and times lead to their records, and appends go on', async () => {
    const probe = new Rig({ config: ROTTEN })
    const { segments } = await timed(probe)
    const bases = [segments[1]!.baseOffset, segments.at(-1)!.baseOffset].map(Number)
    for (const [i, suffix] of ['.index', '.timeindex'].entries()) {
      for (let bit = i; bit < 8 * 36; bit += 61) {
        const rig = new Rig({ config: ROTTEN, broker: { tailCacheBytes: 0 } })
        await timed(rig)
        await rig.manager.shutdown()
        for (const base of bases) {
          await edit(rig, name(base, suffix), bytes => {
            bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7)
            return bytes
          })
        }
        await rig.start()
        const log = rig.manager.log('topic', 0)!
        for (let offset = bit % 5; offset < 60; offset += 5) {
          const [batch] = await readBatches(log, BigInt(offset))
          expect(batch?.baseOffset, `bit ${bit} of ${suffix}`).toBe(BigInt(offset))
          const found = await log.offsetForTimestamp(BigInt(START + offset * 10 - 3))
          expect(found?.offset, `bit ${bit} of ${suffix}`).toBe(BigInt(offset))
        }
        expect(await append(log, 'next')).toBe(60n)
        log.config = { ...log.config, retentionMs: 3_600_000 }
        await log.applyRetention()
        expect(log.logStartOffset, `bit ${bit} of ${suffix}`).toBe(0n)
        expect(rig.offline).toEqual([])
      }
    }
  })

  test('a log is cut, compacted and recovered by batches, not by an index that leads astray', async () => {
    const rig = new Rig({ config: ROTTEN, broker: { tailCacheBytes: 0 } })
    const log = await timed(rig)
    const second = log.segments[1]!.baseOffset
    const third = log.segments[2]!.baseOffset
    await rig.manager.shutdown()
    await edit(rig, name(Number(second), '.index'), flip(7))
    await rig.start()
    const again = rig.manager.log('topic', 0)!
    await again.truncateTo(third - 1n)
    expect(again.logEndOffset).toBe(third - 1n)
    expect((await contents(again)).size).toBe(Number(third) - 1)
    expect(rig.offline).toEqual([])
  })

  test('leader epochs that cannot be read are found in the batches, and written down again', async () => {
    const rig = new Rig({ config: ROTTEN })
    const log = await rig.log()
    for (let i = 0; i < 40; i++) {
      must(await log.append(batchOf([`value ${i}`]), { ...CLIENT, leaderEpoch: Math.floor(i / 9) }))
    }
    await rig.manager.shutdown()
    const path = '/data/topic-0/leader-epoch-checkpoint'
    const text = await rig.text(path)
    await edit(rig, path, bytes => {
      bytes[4]! ^= 0x80
      return bytes
    })
    await rig.start()
    const again = rig.manager.log('topic', 0)!
    for (let i = 0; i < 40; i++) expect(again.epochForOffset(BigInt(i))).toBe(Math.floor(i / 9))
    await again.flush()
    expect(await rig.text(path)).toBe(text)
  })
})
