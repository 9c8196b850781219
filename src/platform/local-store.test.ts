import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LOG_FILE, LocalStore, SNAPSHOT_FILE } from './local-store.ts'
import { ManualClock } from './simulated/manual-clock.ts'
import { MemoryDisk } from './simulated/memory-disk.ts'
import { SeededRandom } from './simulated/seeded-random.ts'

const DIRECTORY = '/data'
const LOG = join(DIRECTORY, LOG_FILE)
const SNAPSHOT = join(DIRECTORY, SNAPSHOT_FILE)

const memoryDisk = () => new MemoryDisk({ clock: new ManualClock(), isCrashable: true })
const changes = (entries: Record<string, string | null>) =>
  new Map(Object.entries(entries).map(([key, value]) => [key, value === null ? null : Buffer.from(value)]))

async function opened(disk: MemoryDisk, snapshotBytes?: number) {
  const store = new LocalStore({ disk, directory: DIRECTORY, ...(snapshotBytes && { snapshotBytes }) })
  const { version, records } = await store.load()
  const texts = Object.fromEntries([...records].map(([key, value]) => [key, Buffer.from(value).toString()]))
  return { store, version, texts }
}

async function overwrite(disk: MemoryDisk, path: string, bytes: Buffer): Promise<void> {
  const file = await disk.open(path, 'write')
  await file.truncate(0)
  await file.write([bytes], 0)
  await file.sync()
  await file.close()
}

/** Three commits, and where the log ended after each. */
async function threeCommits(disk: MemoryDisk) {
  const { store } = await opened(disk)
  const ends = [(await disk.readFile(LOG)).length]
  for (const [version, entry] of [
    { a: '1' },
    { a: '2', b: 'x' },
    { a: null, c: 'long'.repeat(40) },
  ].entries()) {
    await store.commit(BigInt(version), changes(entry))
    ends.push((await disk.readFile(LOG)).length)
  }
  await store.close()
  return ends
}

const STATES = [{}, { a: '1' }, { a: '2', b: 'x' }, { b: 'x', c: 'long'.repeat(40) }]

describe('the local metadata store', () => {
  test('is empty at version 0 where there is nothing', async () => {
    const { version, texts } = await opened(memoryDisk())
    expect([version, texts]).toEqual([0n, {}])
  })

  test('remembers what was committed, puts and deletes alike', async () => {
    const disk = memoryDisk()
    await threeCommits(disk)
    const { version, texts } = await opened(disk)
    expect([version, texts]).toEqual([3n, STATES[3]])
  })

  test('keeps every answered commit when power fails at once', async () => {
    const disk = memoryDisk()
    for (let version = 0n; version < 5n; version++) {
      const { store } = await opened(disk)
      await store.commit(version, changes({ n: String(version) }))
      disk.crash('lost')
      const found = await opened(disk)
      expect([found.version, found.texts]).toEqual([version + 1n, { n: String(version) }])
    }
  })

  test('refuses a commit that another writer came before', async () => {
    const { store } = await opened(memoryDisk())
    await store.commit(0n, changes({ a: '1' }))
    await expect(store.commit(0n, changes({ a: '2' }))).rejects.toThrow('another writer came first')
    expect(await store.commit(1n, changes({ a: '3' }))).toBe(2n)
  })

  test('drops an entry that is torn at any byte, and goes on from there', async () => {
    const disk = memoryDisk()
    const ends = await threeCommits(disk)
    const whole = await disk.readFile(LOG)
    for (let length = 0; length <= whole.length; length++) {
      await overwrite(disk, LOG, whole.subarray(0, length))
      const { store, version, texts } = await opened(disk)
      const entries = ends.slice(1).filter(end => end <= length).length
      expect([length, version, texts]).toEqual([length, BigInt(entries), STATES[entries]])
      await store.commit(version, changes({ d: 'next' }))
      await store.close()
      const after = await opened(disk)
      expect(after.texts).toEqual({ ...STATES[entries], d: 'next' })
      await after.store.close()
    }
  })

  test('drops a last entry whose bytes are wrong, or blank as far as the file was extended', async () => {
    const disk = memoryDisk()
    const ends = await threeCommits(disk)
    const whole = await disk.readFile(LOG)
    for (let position = ends[2]!; position < whole.length; position++) {
      const flipped = Buffer.from(whole)
      flipped[position]! ^= 0x40
      await overwrite(disk, LOG, flipped)
      expect((await opened(disk)).version).toBe(2n)
      const blank = Buffer.from(whole).fill(0, position)
      await overwrite(disk, LOG, blank)
      // The very last byte of the entry may have been blank already.
      expect((await opened(disk)).version).toBe(blank.equals(whole) ? 3n : 2n)
    }
  })

  test('reports damage before the last entry, whichever byte it hits', async () => {
    const disk = memoryDisk()
    const ends = await threeCommits(disk)
    const whole = await disk.readFile(LOG)
    for (let position = ends[0]!; position < ends[2]!; position++) {
      const flipped = Buffer.from(whole)
      flipped[position]! ^= 0x40
      await overwrite(disk, LOG, flipped)
      await expect(opened(disk)).rejects.toThrow(/is damaged at byte/)
    }
  })

  test('refuses a file of a newer format, and one that is none of its own', async () => {
    const disk = memoryDisk()
    await threeCommits(disk)
    const newer = await disk.readFile(LOG)
    newer[7] = 9
    await overwrite(disk, LOG, newer)
    await expect(opened(disk)).rejects.toThrow('was written by a newer Klamm')
    await overwrite(disk, LOG, Buffer.from('something else'))
    await expect(opened(disk)).rejects.toThrow('is not a metadata file of Klamm')
  })

  test('writes a snapshot when the log has grown, and clears the log', async () => {
    const disk = memoryDisk()
    const { store } = await opened(disk, 1_000)
    for (let n = 0; n < 100; n++) await store.commit(BigInt(n), changes({ [`k${n % 10}`]: 'v'.repeat(n) }))
    await store.close()
    expect((await disk.readFile(LOG)).length).toBeLessThan(4_000)
    expect(await disk.status(SNAPSHOT)).toBeDefined()
    const { version, texts } = await opened(disk, 1_000)
    expect(version).toBe(100n)
    expect(texts).toEqual(
      Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`k${n}`, 'v'.repeat(90 + n)])),
    )
  })

  test('passes over entries that the snapshot already holds', async () => {
    const disk = memoryDisk()
    const { store } = await opened(disk, 200)
    let before: Buffer = Buffer.alloc(0)
    let version = 0n
    while (!(await disk.status(SNAPSHOT))) {
      before = await disk.readFile(LOG)
      version = await store.commit(version, changes({ [`k${version}`]: 'v'.repeat(30) }))
    }
    await store.close()
    await overwrite(disk, LOG, before)
    const found = await opened(disk, 200)
    expect(found.version).toBe(version)
    expect(await found.store.commit(version, changes({ more: '1' }))).toBe(version + 1n)
    await found.store.close()
    expect((await opened(disk, 200)).version).toBe(version + 1n)
  })

  test('loses no answered commit, whenever power fails and however writes are torn', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const disk = memoryDisk()
      const random = new SeededRandom(seed)
      const { store } = await opened(disk, 300)
      const calls = random.below(60)
      let count = 0
      disk.intercept = () => {
        if (++count > calls) throw Object.assign(new Error('power'), { code: 'EIO' })
      }
      let answered = 0n
      try {
        while (true)
          answered = await store.commit(answered, changes({ [`k${answered % 7n}`]: `v${answered}` }))
      } catch {
        disk.intercept = undefined
        disk.crash({ tornBy: random })
      }
      const { version, texts } = await opened(disk, 300)
      expect([seed, version === answered || version === answered + 1n]).toEqual([seed, true])
      const expected: Record<string, string> = {}
      for (let n = 0n; n < version; n++) expected[`k${n % 7n}`] = `v${n}`
      expect(texts).toEqual(expected)
    }
  })

  test('a full disk refuses commits and takes them again when there is room', async () => {
    const disk = memoryDisk()
    const { store } = await opened(disk)
    await store.commit(0n, changes({ a: '1' }))
    disk.intercept = ({ name }) => {
      if (name === 'write') throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    }
    await expect(store.commit(1n, changes({ b: '2' }))).rejects.toThrow('no space left')
    disk.intercept = undefined
    expect(await store.commit(1n, changes({ c: '3' }))).toBe(2n)
    await store.close()
    expect((await opened(disk)).texts).toEqual({ a: '1', c: '3' })
  })

  test('after a failed sync nothing more is written, since what is on the disk is unknown', async () => {
    const disk = memoryDisk()
    const { store } = await opened(disk)
    disk.intercept = ({ name }) => {
      if (name === 'sync') throw Object.assign(new Error('bad disk'), { code: 'EIO' })
    }
    await expect(store.commit(0n, changes({ a: '1' }))).rejects.toThrow('could not be synced')
    disk.intercept = undefined
    await expect(store.commit(0n, changes({ b: '2' }))).rejects.toThrow('could not be synced')
  })

  test('what a failed sync may have lost is made durable before anything follows on it', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const disk = memoryDisk()
      const before = await opened(disk)
      await before.store.commit(0n, changes({ a: '1' }))
      disk.intercept = ({ name }) => {
        if (name === 'sync') throw Object.assign(new Error('bad disk'), { code: 'EIO' })
      }
      await expect(before.store.commit(1n, changes({ b: '2' }))).rejects.toThrow('could not be synced')
      disk.intercept = undefined
      disk.loseUnsynced(LOG, new SeededRandom(seed))
      disk.crash('kept')

      const { store, version } = await opened(disk)
      await store.commit(version, changes({ c: '3' }))
      disk.crash('lost')
      expect((await opened(disk)).texts).toEqual({ a: '1', ...(version === 2n && { b: '2' }), c: '3' })
    }
  })
})
