import { describe, expect, test } from 'vitest'
import type { Disk } from '../platform.ts'
import { World } from './world.ts'

async function write(disk: Disk, path: string, text: string, position = 0): Promise<void> {
  const file = await disk.open(path, 'write')
  await file.write([Buffer.from(text)], position).finally(() => file.close())
}

async function prepared(seed = 1): Promise<World> {
  const world = new World({ seed })
  await world.memory.makeDirectory('/d')
  world.memory.syncAll()
  return world
}

const text = async (world: World, path: string) => String(await world.memory.readFile(path))

describe('a process', () => {
  test('that is killed leaves what it wrote, and nothing of it goes on', async () => {
    const world = await prepared()
    const process = world.boot()
    await world.finish(write(process.platform.disk, '/d/f', 'abc'))
    const seen: string[] = []
    process.platform.clock.after(10, () => seen.push('timer'))
    world.faults.jitterMs = 100
    void write(process.platform.disk, '/d/f', 'xyz').then(() => seen.push('written'))
    process.kill()
    await world.run(1_000)
    expect(seen).toEqual([])
    expect(await text(world, '/d/f')).toBe('abc')
    expect(world.clock.pendingTimers).toBe(0)
  })

  test('gives back its locks and its room on the disk', async () => {
    const world = new World({ seed: 1, capacityBytes: 100 })
    await world.memory.makeDirectory('/d')
    const { disk } = world.boot().platform
    await world.finish(write(disk, '/d/f', 'x'.repeat(100)))
    await world.finish(disk.lock('/d'))
    await world.finish(disk.open('/d/f', 'read'))
    await world.finish(disk.remove('/d/f'))
    await expect(world.finish(write(disk, '/d/g', 'x'))).rejects.toMatchObject({ code: 'ENOSPC' })
    world.failPower('lost')
    const again = world.boot().platform.disk
    await world.memory.makeDirectory('/d')
    await world.finish(again.lock('/d'))
    await world.finish(write(again, '/d/g', 'x'.repeat(100)))
  })

  test('loses its connections when it is killed', async () => {
    const world = await prepared()
    const process = world.boot()
    await process.platform.network.listen({ host: '', port: 9092 }, socket =>
      socket.handle({ onData: () => {}, onDrain: () => {}, onClose: () => {} }),
    )
    const client = await world.network.connect('localhost', 9092)
    const closed = new Promise<void>(resolve =>
      client.handle({ onData: () => {}, onDrain: () => {}, onClose: () => resolve() }),
    )
    await world.run(1)
    process.kill()
    process.kill()
    for (let turn = 0; turn < 5; turn++) await world.run(1)
    await closed
    await expect(world.network.connect('localhost', 9092)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('faults', () => {
  test('fail chosen calls, and a failed write leaves a part of it', async () => {
    const world = await prepared(5)
    const { disk } = world.boot().platform
    world.faults.add({ calls: ['write'], under: '/d/f', code: 'EIO', times: 1 })
    await world.finish(write(disk, '/d/g', 'fine'))
    await expect(world.finish(write(disk, '/d/f', 'abcdef'))).rejects.toMatchObject({ code: 'EIO' })
    expect('abcdef'.startsWith(await text(world, '/d/f'))).toBe(true)
    await world.finish(write(disk, '/d/f', 'abcdef'))
    expect(await text(world, '/d/f')).toBe('abcdef')
  })

  test('of a sync cost bytes, and a second sync does not bring them back', async () => {
    const left = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      const world = await prepared(seed)
      const { disk } = world.boot().platform
      const file = await world.finish(disk.open('/d/f', 'write'))
      await world.finish(disk.syncDirectory('/d'))
      await world.finish(file.write([Buffer.from('abc')], 0))
      world.faults.add({ calls: ['sync'], code: 'EIO', times: 1 })
      await expect(world.finish(file.sync())).rejects.toMatchObject({ code: 'EIO' })
      await world.finish(file.sync())
      world.failPower('lost')
      left.add(await text(world, '/d/f'))
    }
    expect(left).toContain('')
    expect(left).toContain('abc')
  })

  test('make a disk slow by the clock of the simulation', async () => {
    const world = await prepared()
    world.faults.add({ calls: ['sync'], delayMs: 5_000 })
    const file = await world.finish(world.boot().platform.disk.open('/d/f', 'write'))
    const before = world.clock.elapsed()
    await world.finish(file.sync())
    expect(world.clock.elapsed() - before).toBeGreaterThanOrEqual(5_000)
  })
})

test('what never comes to an end is told', async () => {
  const world = await prepared()
  await expect(world.finish(new Promise(() => {}))).rejects.toThrow('nothing came of it')
})

test('one seed is one run', async () => {
  const story = async (seed: number) => {
    const world = await prepared(seed)
    const seen: string[] = []
    world.faults.add({ oneIn: 4, code: 'EIO' })
    world.faults.onFault = (call, path, code) => seen.push(`${call} ${path} ${code}`)
    for (let i = 0; i < 30; i++) {
      const { disk } = world.boot().platform
      const pending = write(disk, `/d/${world.random.below(3)}`, `text ${i}`).catch(() => {})
      if (world.random.below(5) === 0) world.failPower()
      else await world.finish(pending)
      seen.push(String(world.clock.elapsed()))
      for (const { name } of await world.memory.list('/d')) seen.push(await text(world, `/d/${name}`))
    }
    return seen.join('\n')
  }
  expect(await story(3)).toBe(await story(3))
  expect(await story(3)).not.toBe(await story(4))
})
