import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { MortalPlatform } from './mortal-platform.ts'
import { nodePlatform } from './node.ts'
import { NodeDisk } from './node-disk.ts'
import type { Disk } from './platform.ts'
import { ManualClock } from './simulated/manual-clock.ts'
import { MemoryDisk } from './simulated/memory-disk.ts'
import { MirroredDisk } from './simulated/mirrored-disk.ts'

const scratch = await mkdtemp(join(tmpdir(), 'klamm-disk-'))
afterAll(() => rm(scratch, { recursive: true, force: true }))
let rooms = 0

const kinds: readonly { readonly kind: string; make(): Disk }[] = [
  { kind: 'the real disk', make: () => new NodeDisk() },
  { kind: 'a disk in memory', make: () => new MemoryDisk({ clock: new ManualClock() }) },
  {
    kind: 'a disk in memory that can crash',
    make: () => new MemoryDisk({ clock: new ManualClock(), isCrashable: true }),
  },
  {
    kind: 'a disk that a mirror keeps account of',
    make: () => {
      const mirror = new MemoryDisk({ clock: new ManualClock(), isCrashable: true })
      return new MirroredDisk(new NodeDisk(), mirror)
    },
  },
  {
    kind: 'a disk that can be taken away',
    make: () => new MortalPlatform(nodePlatform(), new NodeDisk()).disk,
  },
]

describe.each(kinds)('$kind', ({ make }) => {
  let disk: Disk
  let room: string

  beforeEach(async () => {
    disk = make()
    room = join(scratch, `${rooms++}`)
    await disk.makeDirectory(room)
  })

  const put = async (name: string, text: string): Promise<string> => {
    const path = join(room, name)
    const file = await disk.open(path, 'write')
    await file.write([Buffer.from(text)], 0)
    await file.close()
    return path
  }

  const text = async (name: string) => (await disk.readFile(join(room, name))).toString()

  test('reads back what was written, at any position', async () => {
    const file = await disk.open(join(room, 'f'), 'write')
    await file.write([Buffer.from('hello'), Buffer.from(' '), Buffer.from('world')], 0)
    await file.write([Buffer.from('W')], 6)
    const target = Buffer.alloc(5)
    expect(await file.read(target, 6)).toBe(5)
    expect(target.toString()).toBe('World')
    expect(await file.sizeBytes()).toBe(11)
    await file.sync()
    await file.close()
    expect(await text('f')).toBe('hello World')
  })

  test('a file that was opened for reading takes no writes', async () => {
    await put('f', 'abc')
    const file = await disk.open(join(room, 'f'), 'read')
    await expect(file.write([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'EBADF' })
    await expect(file.truncate(0)).rejects.toMatchObject({ code: 'EINVAL' })
    await file.close()
    expect(await text('f')).toBe('abc')
  })

  test('a read that meets the end of the file gives what there is', async () => {
    await put('f', 'abc')
    const file = await disk.open(join(room, 'f'), 'read')
    const target = Buffer.alloc(10, '.')
    expect(await file.read(target, 1)).toBe(2)
    expect(target.toString()).toBe('bc........')
    expect(await file.read(target, 3)).toBe(0)
    expect(await file.read(target, 99)).toBe(0)
    await file.close()
  })

  test('writes more chunks than one system call takes, empty ones among them', async () => {
    const chunks = Array.from({ length: 3_000 }, (_, i) => Buffer.alloc(i % 7, i % 251))
    const file = await disk.open(join(room, 'f'), 'write')
    await file.write(chunks, 0)
    await file.write([], 0)
    await file.write([Buffer.alloc(0)], 0)
    await file.close()
    expect((await disk.readFile(join(room, 'f'))).equals(Buffer.concat(chunks))).toBe(true)
  })

  test('keeps large files and the zeros of bytes that nobody wrote', async () => {
    const file = await disk.open(join(room, 'f'), 'write')
    const block = Buffer.alloc(700_000, 'x')
    await file.write([block], 300_000)
    const all = await disk.readFile(join(room, 'f'))
    expect(all.length).toBe(1_000_000)
    expect(all.subarray(0, 300_000).equals(Buffer.alloc(300_000))).toBe(true)
    expect(all.subarray(300_000).equals(block)).toBe(true)
    await file.close()
  })

  test('truncates to shorter and to longer, and what comes back reads as zero', async () => {
    await put('f', 'abcdef')
    const file = await disk.open(join(room, 'f'), 'write')
    await file.truncate(2)
    expect(await text('f')).toBe('ab')
    await file.truncate(4)
    expect(await text('f')).toBe('ab\0\0')
    await file.write([Buffer.from('z')], 5)
    expect(await text('f')).toBe('ab\0\0\0z')
    await file.close()
  })

  test('opening for writing never truncates; opening for reading never creates', async () => {
    await put('f', 'kept')
    await (await disk.open(join(room, 'f'), 'write')).close()
    expect(await text('f')).toBe('kept')
    await expect(disk.open(join(room, 'none'), 'read')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(disk.open(join(room, 'no', 'f'), 'write')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(disk.open(room, 'write')).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(disk.readFile(join(room, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a closed file refuses every call', async () => {
    const file = await disk.open(join(room, 'f'), 'write')
    await file.close()
    const closed = { code: 'EBADF' }
    await expect(file.read(Buffer.alloc(1), 0)).rejects.toMatchObject(closed)
    await expect(file.write([Buffer.from('x')], 0)).rejects.toMatchObject(closed)
    await expect(file.sync()).rejects.toMatchObject(closed)
    await expect(file.truncate(0)).rejects.toMatchObject(closed)
    await expect(file.close()).rejects.toMatchObject(closed)
  })

  test('tells what is at a path', async () => {
    await put('f', 'abc')
    expect(await disk.status(join(room, 'f'))).toMatchObject({ isDirectory: false, sizeBytes: 3 })
    expect(await disk.status(room)).toMatchObject({ isDirectory: true })
    expect(await disk.status(join(room, 'none'))).toBeUndefined()
    expect(await disk.status(join(room, 'f', 'below'))).toBeUndefined()
  })

  test('lists by name', async () => {
    await put('b', '')
    await put('a', '')
    await disk.makeDirectory(join(room, 'c', 'd'))
    expect(await disk.list(room)).toEqual([
      { name: 'a', isDirectory: false },
      { name: 'b', isDirectory: false },
      { name: 'c', isDirectory: true },
    ])
    await expect(disk.list(join(room, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(disk.list(join(room, 'a'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  test('making a directory that is there is harmless; over a file it fails', async () => {
    await put('f', 'abc')
    await disk.makeDirectory(room)
    await expect(disk.makeDirectory(join(room, 'f'))).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await text('f')).toBe('abc')
  })

  test('renaming replaces a file, moves a directory, and an open file stays itself', async () => {
    await put('old', 'old')
    await put('new', 'new')
    const open = await disk.open(join(room, 'new'), 'read')
    await disk.rename(join(room, 'old'), join(room, 'new'))
    expect(await text('new')).toBe('old')
    expect(await disk.status(join(room, 'old'))).toBeUndefined()
    const target = Buffer.alloc(3)
    await open.read(target, 0)
    expect(target.toString()).toBe('new')
    await open.close()

    await disk.makeDirectory(join(room, 'from'))
    await put('from/f', 'inside')
    await disk.rename(join(room, 'from'), join(room, 'to'))
    expect(await text('to/f')).toBe('inside')
    await expect(disk.rename(join(room, 'none'), join(room, 'x'))).rejects.toMatchObject({ code: 'ENOENT' })
    await disk.makeDirectory(join(room, 'other'))
    await expect(disk.rename(join(room, 'other'), join(room, 'to'))).rejects.toMatchObject({
      code: 'ENOTEMPTY',
    })
  })

  test('removes files and whole directories, and nothing when nothing is there', async () => {
    await put('f', 'abc')
    await disk.makeDirectory(join(room, 'd', 'e'))
    await put('d/e/f', 'abc')
    const open = await disk.open(join(room, 'f'), 'read')
    await disk.remove(join(room, 'f'))
    await disk.remove(join(room, 'd'))
    await disk.remove(join(room, 'none'))
    expect(await disk.list(room)).toEqual([])
    const target = Buffer.alloc(3)
    expect(await open.read(target, 0)).toBe(3)
    await open.close()
  })

  test('syncs many files at once and directories', async () => {
    const files = await Promise.all([1, 2, 3, 4, 5, 6].map(i => disk.open(join(room, `${i}`), 'write')))
    await Promise.all(files.map(file => file.write([Buffer.from('x')], 0)))
    await Promise.all([...files.map(file => file.sync()), disk.syncDirectory(room)])
    await Promise.all(files.map(file => file.close()))
    await expect(disk.syncDirectory(join(room, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('says how much room there is', async () => {
    const { usableBytes, totalBytes } = await disk.space(room)
    expect(usableBytes).toBeGreaterThan(0n)
    expect(totalBytes).toBeGreaterThanOrEqual(usableBytes)
  })

  test('locks a directory for one holder at a time', async () => {
    const lock = await disk.lock(room)
    await expect(disk.lock(room)).rejects.toMatchObject({ code: 'ELOCKED' })
    await lock.release()
    await (await disk.lock(room)).release()
    await expect(disk.lock(join(room, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('the real disk makes no directory where none can be', async () => {
  const disk = new NodeDisk()
  await expect(disk.makeDirectory('/proc/klamm/data')).rejects.toThrow()
  await expect(disk.makeDirectory('/dev/null/data')).rejects.toMatchObject({ code: 'ENOTDIR' })
})

test('the real disk lists a link to a directory as one', async () => {
  const room = join(scratch, 'links')
  const disk = new NodeDisk()
  await disk.makeDirectory(join(room, 'real'))
  await writeFile(join(room, 'file'), '')
  await symlink(join(room, 'real'), join(room, 'to-real'))
  await symlink(join(room, 'file'), join(room, 'to-file'))
  await symlink(join(room, 'none'), join(room, 'to-none'))
  const directories = (await disk.list(room)).filter(entry => entry.isDirectory).map(entry => entry.name)
  expect(directories).toEqual(['real', 'to-real'])
})

test('the real disk does not read a device, which has no end', async () => {
  const link = join(scratch, 'endless')
  await symlink('/dev/zero', link)
  await expect(new NodeDisk().readFile(link)).rejects.toMatchObject({ code: 'EFTYPE' })
})
