import { describe, expect, test } from 'vitest'
import { MortalPlatform } from './mortal-platform.ts'
import { nodePlatform } from './node.ts'
import { localTimeOfDay, NodeClock, NodeRandom } from './node-clock.ts'
import type { Clock, Random } from './platform.ts'
import { ManualClock } from './simulated/manual-clock.ts'
import { SeededRandom } from './simulated/seeded-random.ts'

const clocks: readonly {
  readonly kind: string
  make(): { clock: Clock; pass(ms: number): Promise<void> }
}[] = [
  {
    kind: 'the real clock',
    make: () => ({ clock: new NodeClock(), pass: ms => new Promise(resolve => setTimeout(resolve, ms)) }),
  },
  {
    kind: 'a manual clock',
    make: () => {
      const clock = new ManualClock()
      return { clock, pass: async ms => clock.advance(ms) }
    },
  },
  {
    kind: 'a clock that can be taken away',
    make: () => {
      const clock = new ManualClock()
      const machine = { ...nodePlatform(), clock }
      const { platform } = new MortalPlatform(machine, machine.disk)
      return { clock: platform.clock, pass: async ms => clock.advance(ms) }
    },
  },
]

describe.each(clocks)('$kind', ({ make }) => {
  test('fires timers in order of time, and none that is cancelled', async () => {
    const { clock, pass } = make()
    const fired: string[] = []
    clock.after(12, () => fired.push('late'))
    clock.after(2, () => fired.push('early'))
    const cancelled = clock.after(4, () => fired.push('never'))
    cancelled.cancel()
    await pass(30)
    expect(fired).toEqual(['early', 'late'])
    cancelled.cancel()
  })

  test('never fires before its time, and both clocks move on', async () => {
    const { clock, pass } = make()
    const before = clock.elapsed()
    const wall = clock.now()
    let firedAt = 0
    clock.after(5, () => {
      firedAt = clock.elapsed()
    })
    await pass(30)
    expect(firedAt - before).toBeGreaterThanOrEqual(5)
    expect(clock.now()).toBeGreaterThanOrEqual(wall + 25)
    expect(Number.isInteger(clock.now())).toBe(true)
  })

  test('a delay longer than 31 bits does not fire at once', async () => {
    const { clock, pass } = make()
    let fired = false
    const timer = clock.after(2 ** 40, () => {
      fired = true
    })
    await pass(5)
    expect(fired).toBe(false)
    timer.cancel()
  })
})

describe('a manual clock', () => {
  test('fires timers of one time in order of setting', () => {
    const clock = new ManualClock()
    const fired: string[] = []
    for (const name of ['first', 'second', 'third']) clock.after(2, () => fired.push(name))
    clock.advance(2)
    expect(fired).toEqual(['first', 'second', 'third'])
  })

  test('a timer set by a timer fires in the same advance when it is due in it, and sees its own time', () => {
    const clock = new ManualClock(1_000)
    const seen: number[] = []
    clock.after(10, () => {
      seen.push(clock.now())
      clock.after(5, () => seen.push(clock.now()))
      clock.after(50, () => seen.push(clock.now()))
    })
    clock.advance(20)
    expect(seen).toEqual([1_010, 1_015])
    expect(clock.now()).toBe(1_020)
    expect(clock.pendingTimers).toBe(1)
    clock.advance(40)
    expect(seen).toEqual([1_010, 1_015, 1_060])
  })

  test('a step of the wall clock moves no timer', () => {
    const clock = new ManualClock(1_000)
    let fired = false
    clock.after(10, () => {
      fired = true
    })
    clock.stepWall(60_000)
    expect([clock.now(), clock.elapsed(), fired]).toEqual([61_000, 0, false])
    clock.advance(10)
    expect(fired).toBe(true)
  })

  test('running it lets promises settle between timers', async () => {
    const clock = new ManualClock()
    const order: string[] = []
    clock.after(1, () => {
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => order.push('first settled'))
    })
    clock.after(2, () => order.push('second'))
    await clock.run(5)
    expect(order).toEqual(['first settled', 'second'])
  })
})

const randoms: readonly { readonly kind: string; readonly random: Random }[] = [
  { kind: 'real chance', random: new NodeRandom() },
  { kind: 'seeded chance', random: new SeededRandom(42) },
]

describe.each(randoms)('$kind', ({ random }) => {
  test('gives bytes and numbers over the whole range', () => {
    const bytes = random.bytes(4_096)
    expect(bytes.length).toBe(4_096)
    expect(new Set(bytes).size).toBe(256)
    const numbers = Array.from({ length: 500 }, () => random.below(7))
    expect([...new Set(numbers)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(random.below(1)).toBe(0)
  })
})

test('seeded chance repeats itself, and differs by seed', () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed)
    return [random.below(1e9), random.below(1e9), random.bytes(4).toString('hex')]
  }
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
})

test('the time of day is shown to the millisecond', () => {
  expect(localTimeOfDay(Date.parse('2024-03-01T07:08:09.045'))).toBe('07:08:09.045')
})
