import { beforeEach, expect, test } from 'vitest'
import { inlineCompute } from './inline-compute.ts'
import { MortalPlatform } from './mortal-platform.ts'
import type { Platform } from './platform.ts'
import { ManualClock, settled } from './simulated/manual-clock.ts'
import { MemoryDisk } from './simulated/memory-disk.ts'
import { MemoryNetwork } from './simulated/memory-network.ts'
import { SeededRandom } from './simulated/seeded-random.ts'

let clock: ManualClock
let disk: MemoryDisk
let mortal: MortalPlatform

beforeEach(async () => {
  clock = new ManualClock()
  disk = new MemoryDisk({ clock })
  await disk.makeDirectory('/d')
  const machine: Platform = {
    clock,
    waitClock: clock,
    random: new SeededRandom(1),
    disk,
    network: new MemoryNetwork(),
    compute: inlineCompute,
  }
  mortal = new MortalPlatform(machine, disk)
})

const bytes = (text: string) => [Buffer.from(text)]

test('while it lives, everything is as on the machine', async () => {
  const file = await mortal.disk.open('/d/f', 'write')
  await file.write(bytes('abc'), 0)
  await file.close()
  expect((await mortal.disk.readFile('/d/f')).toString()).toBe('abc')
  let fired = 0
  mortal.platform.clock.after(10, () => fired++)
  mortal.platform.clock.after(10, () => fired++).cancel()
  clock.advance(10)
  expect(fired).toBe(1)
})

test('afterwards no timer fires, and no call comes back or does anything', async () => {
  const { clock: mortalClock, waitClock } = mortal.platform
  const file = await mortal.disk.open('/d/f', 'write')
  const lock = await mortal.disk.lock('/d')
  let fired = 0
  let returned = 0
  mortalClock.after(10, () => fired++)
  waitClock.after(10, () => fired++)
  await mortal.end()
  mortalClock.after(10, () => fired++)
  const calls = [file.write(bytes('late'), 0), mortal.disk.remove('/d/f'), lock.release(), file.close()]
  for (const call of calls) void call.then(() => returned++)
  clock.advance(100)
  await settled()
  expect({ fired, returned, pending: clock.pendingTimers }).toEqual({ fired: 0, returned: 0, pending: 0 })
  expect(await disk.status('/d/f')).toMatchObject({ sizeBytes: 0 })
})

test('files are closed and locks free when it has ended', async () => {
  await mortal.disk.open('/d/f', 'write')
  await mortal.disk.lock('/d')
  await mortal.end()
  await (await disk.lock('/d')).release()
  await disk.remove('/d/f')
  expect((await disk.space('/d')).usableBytes).toBe((await disk.space('/d')).totalBytes)
})

test('what was begun comes to its end first', async () => {
  let goOn = () => {}
  disk.intercept = ({ name }) => (name === 'write' ? new Promise(resolve => (goOn = resolve)) : undefined)
  const file = await mortal.disk.open('/d/f', 'write')
  const writing = file.write(bytes('abc'), 0)
  let hasEnded = false
  const ending = mortal.end().then(() => {
    hasEnded = true
  })
  await settled()
  expect(mortal.callsUnderWay).toBe(1)
  expect(hasEnded).toBe(false)
  goOn()
  await writing
  await ending
  disk.intercept = undefined
  expect((await disk.readFile('/d/f')).toString()).toBe('abc')
})
