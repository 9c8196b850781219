/** Files that a real Kafka wrote are sound; every bit that is turned in them is found, with what it costs. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { startBroker } from '../../api/testing/memory-broker.ts'
import { putFiles } from '../../log/testing/kafka-directory.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../../platform/simulated/memory-disk.ts'
import { splitBatches } from '../../records/batch.ts'
import { encodeMessage } from '../../records/legacy.ts'
import { filesUnder, imported, kafkaNode } from '../house/testing/kafka-node.ts'
import { UsageError } from '../terminal.ts'
import type { Finding } from './findings.ts'
import { type VerifySummary, verifyPaths } from './verify.ts'
import { verifyPartition } from './verify-partition.ts'

/** More of them are a campaign of its own. */
const FLIPS = Number(process.env.FLIPS ?? 150)

interface Verdict {
  readonly summary: VerifySummary
  readonly findings: readonly Finding[]
  readonly repairs: readonly { readonly path: string; readonly message: string }[]
  readonly lines: readonly string[]
}

async function verdictOn(disk: MemoryDisk, paths: readonly string[], repair = false): Promise<Verdict> {
  const lines: string[] = []
  const options = {
    repair,
    json: true,
    print: (line: string) => lines.push(line),
    holder: async () => undefined,
  }
  const summary = await verifyPaths(disk, paths, options)
  const said = lines.map(line => JSON.parse(line) as { readonly type: string })
  const ofType = <T>(type: string) => said.filter(it => it.type === type) as unknown as T[]
  return { summary, findings: ofType('finding'), repairs: ofType('repair'), lines }
}

async function diskWith(files: ReadonlyMap<string, Buffer> = kafkaNode): Promise<MemoryDisk> {
  const disk = new MemoryDisk({ clock: new ManualClock() })
  await putFiles(disk, '/data', files)
  return disk
}

async function write(disk: MemoryDisk, path: string, bytes: Buffer | string, at = 0): Promise<void> {
  const file = await disk.open(path, 'write')
  if (at === 0) await file.truncate(0)
  await file.write([Buffer.from(bytes)], at)
  await file.close()
}

/** Turns one bit, tells what is then found in the partition, and turns it back. */
async function withFlippedBit(disk: MemoryDisk, path: string, bit: number): Promise<readonly Finding[]> {
  const bytes = await disk.readFile(path)
  const flipped = Buffer.from(bytes)
  flipped[bit >> 3]! ^= 1 << (bit & 7)
  await write(disk, path, flipped)
  const findings: Finding[] = []
  const directory = path.slice(0, path.lastIndexOf('/'))
  await verifyPartition({
    disk,
    path: directory,
    topicId: undefined,
    mayHaveGaps: /\/(compact|__)/.test(directory),
    recoveryPoint: undefined,
    isClean: true,
    logStartOffset: 0n,
    report: finding => findings.push(finding),
  })
  await write(disk, path, bytes)
  return findings
}

describe('the directory of a real Kafka', () => {
  test('is sound, and stays as it is', async () => {
    const disk = await diskWith()
    disk.intercept = ({ name, path }) => {
      if (['write', 'truncate', 'rename', 'remove', 'lock', 'makeDirectory'].includes(name))
        throw new Error(`${name} ${path}`)
    }
    const { summary, findings } = await verdictOn(disk, ['/data'])
    expect(findings).toEqual([])
    expect(summary).toMatchObject({ partitions: 22, damage: 0, notes: 0 })
    expect(summary.batches).toBeGreaterThan(500)
  })

  test('is sound in each of its partitions alone', async () => {
    const disk = await diskWith()
    for (const { name, isDirectory } of await disk.list('/data')) {
      if (isDirectory) expect((await verdictOn(disk, [`/data/${name}`])).findings).toEqual([])
    }
  })
})

test('a directory without partitions, most often the wrong one, is not called sound', async () => {
  const disk = await diskWith(new Map([['notes.txt', Buffer.from('mine')]]))
  const lines: string[] = []
  const options = { print: (line: string) => lines.push(line), holder: async () => undefined }
  await verifyPaths(disk, ['/data'], options)
  expect(lines.at(-1)).toMatch(/^No partitions found\. /)
})

/** The segments that have others behind them. */
const sealed = [...kafkaNode.keys()]
  .filter(name => name.endsWith('.log') && !name.startsWith('__cluster'))
  .filter(name => {
    const [directory, file] = name.split('/') as [string, string]
    const later = [...kafkaNode.keys()].filter(it => it.startsWith(`${directory}/`) && it.endsWith('.log'))
    return kafkaNode.get(name)!.length > 0 && later.some(it => it.split('/')[1]! > file)
  })

describe('a bit that is turned in a sealed segment', () => {
  test('is found wherever it is, and the records of its batch are named', async () => {
    expect(sealed.length).toBeGreaterThan(10)
    const disk = await diskWith()
    const bits = sealed.flatMap(name => {
      const batches = [...splitBatches(kafkaNode.get(name)!)]
      return batches.map(batch => ({ name, batch }))
    })
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), async (which, where) => {
        const { name, batch } = bits[which % bits.length]!
        const bit = batch.position * 8 + (where % (batch.sizeInBytes * 8))
        const findings = await withFlippedBit(disk, `/data/${name}`, bit)
        const damage = findings.filter(it => it.path === `/data/${name}` && it.severity === 'damage')
        const named = damage.map(it => it.offsets).filter(it => it !== undefined)
        const isNamed = named.some(
          ({ first, last }) => first <= batch.baseOffset && (last === undefined || last >= batch.lastOffset),
        )
        const place = `bit ${bit & 7} of byte ${(bit >> 3) - batch.position} of batch ${batch.baseOffset}`
        expect(isNamed, `${name}, ${place}`).toBe(true)
      }),
      { numRuns: FLIPS, seed: FLIPS },
    )
  })

  test('in each bit of a header is found, and the batches around it are whole', async () => {
    const disk = await diskWith()
    const name = 'segs-0/00000000000000000000.log'
    const batches = [...splitBatches(kafkaNode.get(name)!)]
    const batch = batches[1]!
    for (let bit = batch.position * 8; bit < (batch.position + 61) * 8; bit += 3) {
      const damage = await withFlippedBit(disk, `/data/${name}`, bit)
      const place = `byte ${(bit >> 3) - batch.position}`
      expect(
        damage.map(it => it.offsets),
        place,
      ).toEqual([{ first: batch.baseOffset, last: batch.lastOffset }])
    }
  })

  test('harms no other partition', async () => {
    const disk = await diskWith()
    const bytes = Buffer.from(await disk.readFile(`/data/${sealed[0]}`))
    bytes[70]! ^= 1
    await write(disk, `/data/${sealed[0]}`, bytes)
    const { findings } = await verdictOn(disk, ['/data'])
    const partition = sealed[0]!.split('/')[0]
    expect(findings.filter(it => !it.path.startsWith(`/data/${partition}/`))).toEqual([])
  })
})

describe('what else is found', () => {
  let disk: MemoryDisk
  beforeEach(async () => {
    disk = await diskWith()
  })

  const foundKinds = async (path = '/data') =>
    (await verdictOn(disk, [path])).findings.map(({ kind, severity, path: at, message }) => ({
      kind,
      severity,
      at,
      message,
    }))

  /** An offset in an index may name another batch of the same kind further on, and mislead nobody. */
  const isOffsetBit = (name: string, bit: number) =>
    name.endsWith('.timeindex') ? bit % 96 >= 64 : bit % 64 < 32

  test('bits of indexes that lead astray', async () => {
    const indexes = [...kafkaNode.keys()].filter(
      name => /^(segs|big|codecs|txn).*[^n]index$/.test(name) && kafkaNode.get(name)!.length > 0,
    )
    expect(indexes.length).toBeGreaterThan(5)
    let found = 0
    for (const name of indexes) {
      const bytes = kafkaNode.get(name)!
      for (let bit = 0; bit < Math.min(bytes.length, 24) * 8; bit += 19) {
        const findings = await withFlippedBit(disk, `/data/${name}`, bit)
        const isFound = findings.some(it => it.path === `/data/${name}`)
        if (isFound) found++
        expect(isFound || isOffsetBit(name, bit), `${name}, bit ${bit}`).toBe(true)
      }
    }
    expect(found).toBeGreaterThan(80)
  })

  test('bits of transaction indexes and of snapshots', async () => {
    const names = [...kafkaNode.keys()].filter(it => /^[a-z].*\.(txnindex|snapshot)$/.test(it))
    for (const name of names) {
      const bytes = kafkaNode.get(name)!
      for (let bit = 0; bit < bytes.length * 8; bit += 61) {
        const findings = await withFlippedBit(disk, `/data/${name}`, bit)
        expect(
          findings.map(it => it.path),
          `${name}, bit ${bit}`,
        ).toContain(`/data/${name}`)
      }
    }
  })

  test('a snapshot that is intact, and not what the log says', async () => {
    const name = 'idem-0/00000000000000000040.snapshot'
    const snapshots = [...kafkaNode.keys()].filter(it => it.startsWith('idem-0/') && it.endsWith('.snapshot'))
    const other = [...kafkaNode.keys()].find(it => it.startsWith('txn-0/') && it.endsWith('.snapshot'))!
    const target = snapshots.at(-1) ?? name
    await write(disk, `/data/${target}`, kafkaNode.get(other)!)
    expect(await foundKinds('/data/idem-0')).toEqual([
      {
        kind: 'snapshot',
        severity: 'damage',
        at: `/data/${target}`,
        message: expect.stringMatching(/^(it has producer|of producer)/),
      },
    ])
  })

  test('checkpoints beyond the end of a log, and ones that are none', async () => {
    await write(disk, '/data/replication-offset-checkpoint', '0\n1\nbig 0 999999\n')
    await write(disk, '/data/cleaner-offset-checkpoint', 'what')
    expect(await foundKinds()).toEqual([
      expect.objectContaining({ kind: 'checkpoint', at: '/data/cleaner-offset-checkpoint' }),
      expect.objectContaining({
        kind: 'checkpoint',
        message: expect.stringMatching(/says 999999 for big-0/),
      }),
    ])
  })

  test('leftovers and strangers, which are no damage', async () => {
    for (const name of ['00000000000000000000.log.deleted', '00000000000000000007.log.swap', 'notes.txt']) {
      await write(disk, `/data/big-0/${name}`, 'x')
    }
    await write(disk, '/data/README', 'x')
    await disk.makeDirectory('/data/old-0.0123456789abcdef0123456789abcdef-delete')
    await disk.makeDirectory('/data/lost+found')
    const found = await foundKinds()
    expect(found.map(it => it.severity)).toEqual(found.map(() => 'note'))
    expect(found.map(it => it.kind).sort()).toEqual([
      'foreign',
      'foreign',
      'foreign',
      'leftover',
      'leftover',
      'leftover',
    ])
  })

  test('the directory of another topic, and one of a topic that is not there', async () => {
    await write(disk, '/data/big-0/partition.metadata', `version: 0\ntopic_id: ${'A'.repeat(22)}`)
    await disk.makeDirectory('/data/gone-0')
    await write(disk, '/data/gone-0/00000000000000000000.log', '')
    expect(await foundKinds()).toEqual([
      expect.objectContaining({ severity: 'damage', kind: 'metadata', at: '/data/big-0/partition.metadata' }),
      expect.objectContaining({ severity: 'note', at: '/data/gone-0' }),
      expect.objectContaining({ severity: 'note', at: '/data/gone-0/partition.metadata' }),
    ])
  })

  test('a partition whose directory is missing, and a segment that is', async () => {
    await disk.remove('/data/empty-1')
    await disk.remove(`/data/${sealed.find(name => name.startsWith('segs-0') && !/0{20}/.test(name))}`)
    const found = await foundKinds()
    expect(found[0]!.message).toMatch(/empty-1 is in the metadata and has no directory here/)
    expect(found).toContainEqual(expect.objectContaining({ kind: 'gap', severity: 'damage' }))
  })

  test('what cannot be looked at', async () => {
    await expect(verdictOn(disk, ['/nowhere'])).rejects.toThrow(UsageError)
    await expect(verdictOn(disk, ['/data/meta.properties'])).rejects.toThrow(/is a file/)
  })
})

describe('a log that ends in half a batch', () => {
  const name = 'idem-0/00000000000000000000.log'
  const cut = async (files: ReadonlyMap<string, Buffer>) => {
    const disk = await diskWith(files)
    const bytes = kafkaNode.get(name)!
    const last = [...splitBatches(bytes)].at(-1)!
    await write(disk, `/data/${name}`, bytes.subarray(0, bytes.length - 10))
    return { disk, last }
  }

  test('after a clean stop has lost records', async () => {
    const { disk, last } = await cut(kafkaNode)
    const { findings } = await verdictOn(disk, ['/data/idem-0'])
    expect(findings[0]).toMatchObject({ severity: 'damage', kind: 'torn-end', position: last.position })
    expect(findings[0]!.offsets?.first).toBe(Number(last.baseOffset))
  })

  test('after a crash is what recovery expects', async () => {
    const clean = /cleanshutdown|recovery-point/
    const { disk } = await cut(new Map([...kafkaNode].filter(([file]) => !clean.test(file))))
    const { findings } = await verdictOn(disk, ['/data/idem-0'])
    expect(findings[0]).toMatchObject({ severity: 'note', kind: 'torn-end' })
    expect(findings[0]!.message).toMatch(/a crash left them/)
  })
})

describe('a segment of an old format', () => {
  const message = (offset: bigint) =>
    encodeMessage({
      magic: 1,
      offset,
      timestamp: 1_000n + offset,
      timestampType: 'CreateTime',
      key: null,
      value: Buffer.alloc(50, 'x'),
      compression: 'none',
    })
  const old = Buffer.concat(Array.from({ length: 20 }, (_, i) => message(BigInt(i))))

  test('is sound, and told of; and a bit that is turned in it is found', async () => {
    const files = new Map([['old-0/00000000000000000000.log', old]])
    files.set('old-0/00000000000000000020.log', Buffer.alloc(0))
    const disk = await diskWith(files)
    const { findings } = await verdictOn(disk, ['/data'])
    expect(findings.filter(it => it.severity === 'damage')).toEqual([])
    expect(findings.map(it => it.kind)).toContain('old-format')
    const size = old.length / 20
    for (let bit = 5 * size * 8; bit < 6 * size * 8; bit += 7) {
      const damage = await withFlippedBit(disk, '/data/old-0/00000000000000000000.log', bit)
      const named = damage.filter(it => it.severity === 'damage').map(it => it.offsets)
      expect(named, `byte ${(bit >> 3) - 5 * size}`).toEqual([{ first: 5n, last: 5n }])
    }
  })
})

describe('a repair', () => {
  let disk: MemoryDisk
  beforeEach(async () => {
    disk = await diskWith()
  })

  const flip = async (name: string, byte: number) => {
    const bytes = Buffer.from(await disk.readFile(`/data/${name}`))
    bytes[byte]! ^= 1
    await write(disk, `/data/${name}`, bytes)
  }

  test('of a directory that is sound changes nothing', async () => {
    const before = await filesUnder(disk, '/data')
    const { repairs, summary } = await verdictOn(disk, ['/data'], true)
    expect(repairs).toEqual([])
    expect(summary.damage).toBe(0)
    expect(await filesUnder(disk, '/data')).toEqual(before)
  })

  test('is refused while a broker has the directory', async () => {
    const lock = await disk.lock('/data')
    await expect(verdictOn(disk, ['/data'], true)).rejects.toThrow(/--repair: .*Stop the broker first/)
    await lock.release()
    const options = { repair: true, print: () => {}, holder: async () => 'process 7' }
    await expect(verifyPaths(disk, ['/data'], options)).rejects.toThrow(
      /in use by process 7; stop that Kafka/,
    )
  })

  test('takes away what follows from the log, and what a start makes anew', async () => {
    const snapshot = [...kafkaNode.keys()].filter(it => /^idem-0\/.*snapshot$/.test(it)).at(-1)!
    const names = ['segs-0/00000000000000000000.index', 'segs-0/00000000000000000000.timeindex', snapshot]
    for (const name of names) await flip(name, 7)
    await flip('txn-0/00000000000000000010.txnindex', 12)
    await write(disk, '/data/replication-offset-checkpoint', '0\n1\nbig 0 999999\n')
    const { repairs, summary } = await verdictOn(disk, ['/data'], true)
    expect(repairs.map(it => it.path).sort()).toEqual(
      [...names, 'txn-0/00000000000000000010.txnindex', 'replication-offset-checkpoint']
        .map(it => `/data/${it}`)
        .sort(),
    )
    expect(summary.damage).toBe(summary.mended)
    expect(await disk.readFile('/data/txn-0/00000000000000000010.txnindex')).toEqual(
      kafkaNode.get('txn-0/00000000000000000010.txnindex'),
    )
    expect((await verdictOn(disk, ['/data'])).summary.damage).toBe(0)
    expect(await disk.status('/data/.kafka_cleanshutdown')).toBeUndefined()
  })

  test('cuts the end of a log behind its last whole batch, and keeps what it cut', async () => {
    const name = 'idem-0/00000000000000000000.log'
    const whole = kafkaNode.get(name)!
    const last = [...splitBatches(whole)].at(-1)!
    await write(disk, `/data/${name}`, whole.subarray(0, whole.length - 10))
    const { repairs } = await verdictOn(disk, ['/data/idem-0'], true)
    expect(repairs[0]!.message).toContain(`cut at byte ${last.position}`)
    expect(await disk.readFile(`/data/${name}`)).toEqual(whole.subarray(0, last.position))
    expect(await disk.readFile(`/data/${name}.cut-at-${last.position}`)).toEqual(
      whole.subarray(last.position, whole.length - 10),
    )
    expect((await verdictOn(disk, ['/data/idem-0'])).findings.filter(it => it.severity === 'damage')).toEqual(
      [],
    )
  })

  test('is followed by a start that makes anew what is missing', async () => {
    await imported(disk, { from: ['/data'] })
    await flip('segs-0/00000000000000000000.index', 7)
    await disk.remove('/data/txn-0/00000000000000000010.txnindex')
    expect((await verdictOn(disk, ['/data'], true)).repairs).toHaveLength(2)
    const { broker } = await startBroker(disk, { 'log.dirs': '/data', 'log.retention.ms': '-1' })
    await broker.close()
    const { findings } = await verdictOn(disk, ['/data'])
    expect(findings.filter(it => it.severity === 'damage')).toEqual([])
  })

  test('leaves damage in the middle of a log as it is', async () => {
    await flip(sealed[0]!, 80)
    const before = await filesUnder(disk, '/data')
    const { repairs, summary } = await verdictOn(disk, ['/data'], true)
    expect({ repairs, mended: summary.mended }).toEqual({ repairs: [], mended: 0 })
    expect(await filesUnder(disk, '/data')).toEqual(before)
  })
})
