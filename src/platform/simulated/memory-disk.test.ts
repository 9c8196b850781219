import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from './manual-clock.ts'
import { MemoryDisk } from './memory-disk.ts'
import { SeededRandom } from './seeded-random.ts'

const clock = new ManualClock()
let disk: MemoryDisk

beforeEach(async () => {
  disk = new MemoryDisk({ clock, isCrashable: true })
  await disk.makeDirectory('/d')
  disk.syncAll()
})

async function write(path: string, text: string, position = 0): Promise<void> {
  const file = await disk.open(path, 'write')
  await file.write([Buffer.from(text)], position).finally(() => file.close())
}

async function syncFile(path: string): Promise<void> {
  const file = await disk.open(path, 'write')
  await file.sync().finally(() => file.close())
}

const text = async (path: string) => (await disk.readFile(path)).toString()

describe('a crash', () => {
  test('of the process alone loses nothing, and kills open files and locks', async () => {
    await write('/d/f', 'abc')
    const open = await disk.open('/d/f', 'read')
    await disk.lock('/d')
    disk.crash('kept')
    expect(await text('/d/f')).toBe('abc')
    await expect(open.read(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'EBADF' })
    await disk.lock('/d')
  })

  test('loses writes that were not synced', async () => {
    await write('/d/f', 'abc')
    await syncFile('/d/f')
    await disk.syncDirectory('/d')
    await write('/d/f', 'XYZdef')
    disk.crash('lost')
    expect(await text('/d/f')).toBe('abc')
  })

  test('loses a file whose directory was not synced, and brings back one whose removal was not', async () => {
    await write('/d/gone', 'abc')
    await write('/d/back', 'abc')
    await syncFile('/d/back')
    await disk.syncDirectory('/d')
    await disk.remove('/d/back')
    await write('/d/new', 'abc')
    await syncFile('/d/new')
    disk.crash('lost')
    expect((await disk.list('/d')).map(entry => entry.name)).toEqual(['back', 'gone'])
    expect(await text('/d/back')).toBe('abc')
    expect(await text('/d/gone')).toBe('')
  })

  test('undoes a rename whose directory was not synced', async () => {
    await write('/d/f', 'old')
    await syncFile('/d/f')
    await disk.syncDirectory('/d')
    await write('/d/f.tmp', 'new')
    await syncFile('/d/f.tmp')
    await disk.rename('/d/f.tmp', '/d/f')
    disk.crash('lost')
    expect(await text('/d/f')).toBe('old')
  })

  test('tears: any of the writes survive, in whole or in part, and what is missing reads as zeros', async () => {
    await write('/d/f', '')
    await disk.syncDirectory('/d')
    const seen = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      await write('/d/f', 'aaa')
      await write('/d/f', 'bbb', 3)
      disk.crash({ tornBy: new SeededRandom(seed) })
      const left = await text('/d/f')
      expect('aaabbb'.startsWith(left.replace(/\0+$/, ''))).toBe(true)
      seen.add(left)
      const file = await disk.open('/d/f', 'write')
      await file.truncate(0)
      await file.sync()
      await file.close()
    }
    expect([...seen].filter(left => !left.includes('\0'))).toHaveLength(7)
    expect(seen).toContain('aaa\0\0\0')
  })

  test('tears sectors of one file out of their order, and the files of a directory too', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 300; seed++) {
      const machine = new MemoryDisk({ clock, isCrashable: true })
      await machine.makeDirectory('/d')
      machine.syncAll()
      for (const name of ['first', 'second']) {
        const file = await machine.open(`/d/${name}`, 'write')
        await file.write([Buffer.alloc(512, 'a'), Buffer.alloc(512, 'b')], 0)
        await file.close()
      }
      await machine.rename('/d/first', '/d/third')
      machine.crash({ tornBy: new SeededRandom(seed) })
      for (const entry of await machine.list('/d')) {
        const bytes = await machine.readFile(`/d/${entry.name}`)
        seen.add(`${entry.name} ${bytes[0] ? 'a' : '-'}${bytes[512] ? 'b' : '-'}`)
      }
      seen.add((await machine.list('/d')).map(entry => entry.name).join())
    }
    expect([...seen]).toEqual(expect.arrayContaining(['second -b', 'second a-', 'second ab']))
    expect([...seen].filter(names => !names.includes(' ')).sort()).toEqual(
      ['', 'first', 'first,second', 'second', 'second,third', 'third'].sort(),
    )
  })

  test('forgets the bytes of a failed sync without the next one noticing', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 30; seed++) {
      await write('/d/f', 'old')
      await syncFile('/d/f')
      await disk.syncDirectory('/d')
      await write('/d/f', 'new')
      disk.loseUnsynced('/d/f', new SeededRandom(seed))
      expect(await text('/d/f')).toBe('new')
      await syncFile('/d/f')
      disk.crash('lost')
      seen.add(await text('/d/f'))
    }
    expect([...seen].sort()).toEqual(['ned', 'new', 'nld', 'old'])
  })
})

describe('faults', () => {
  test('a full disk takes what fits and then refuses, until there is room again', async () => {
    disk.capacityBytes = 5
    await write('/d/a', 'abc')
    await expect(write('/d/b', 'defg')).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await text('/d/b')).toBe('de')
    expect((await disk.space('/d')).usableBytes).toBe(0n)
    await write('/d/a', 'ABC')
    await disk.remove('/d/b')
    await write('/d/a', 'de', 3)
    expect(await text('/d/a')).toBe('ABCde')
  })

  test('a removed file keeps its room while it is open', async () => {
    disk.capacityBytes = 10
    await write('/d/a', '0123456789')
    const open = await disk.open('/d/a', 'read')
    await disk.remove('/d/a')
    await expect(write('/d/b', 'x')).rejects.toMatchObject({ code: 'ENOSPC' })
    await open.close()
    await write('/d/b', 'x')
  })

  test('a rule may fail or delay any call', async () => {
    disk.intercept = ({ name, path }) => {
      if (name === 'sync' && path === '/d/f') throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
    await write('/d/f', 'abc')
    await expect(syncFile('/d/f')).rejects.toMatchObject({ code: 'EIO' })
    let go = () => {}
    disk.intercept = ({ name }) =>
      name === 'write'
        ? new Promise(resolve => {
            go = resolve
          })
        : undefined
    const writing = write('/d/f', 'XYZ')
    await new Promise(setImmediate)
    disk.intercept = undefined
    expect(await text('/d/f')).toBe('abc')
    go()
    await writing
    expect(await text('/d/f')).toBe('XYZ')
  })
})

describe('a graft', () => {
  test('brings a directory from another disk, and both go their own ways', async () => {
    await disk.makeDirectory('/d/inner')
    await write('/d/inner/f', 'abc')
    const other = new MemoryDisk({ clock })
    other.graft(disk, '/d', '/deep/e')
    const file = await other.open('/deep/e/inner/f', 'write')
    await file.write([Buffer.from('X')], 1)
    await file.close()
    await write('/d/inner/f', 'Y', 2)
    await disk.remove('/d/inner')
    expect((await other.readFile('/deep/e/inner/f')).toString()).toBe('aXc')
    expect(await other.list('/deep/e')).toEqual([{ name: 'inner', isDirectory: true }])
  })

  test('is durable as it is, and takes the place of what was there', async () => {
    await write('/d/f', 'abc')
    const other = new MemoryDisk({ clock, isCrashable: true })
    await other.makeDirectory('/d')
    await other.makeDirectory('/d/old')
    other.graft(disk, '/d', '/d')
    other.crash('lost')
    expect(await other.list('/d')).toEqual([{ name: 'f', isDirectory: false }])
    expect((await other.readFile('/d/f')).toString()).toBe('abc')
    const { usableBytes, totalBytes } = await other.space('/d')
    expect(totalBytes - usableBytes).toBe(3n)
  })
})

test('a path is the same however it is written', async () => {
  const inside = `${process.cwd()}/in`
  await disk.makeDirectory(inside)
  await write(`${inside}/f`, 'abc')
  for (const path of ['in/f', './in/f', 'in//f', 'in/x/../f', `${inside}/./f`, `${inside}/f`]) {
    expect(await text(path), path).toBe('abc')
  }
})
