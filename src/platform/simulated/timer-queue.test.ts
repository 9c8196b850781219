import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Pending, TimerQueue } from './timer-queue.ts'

const timer = (dueMs: number, order: number): Pending => ({
  dueMs,
  order,
  callback: () => {},
  isCancelled: false,
})

type Step = { readonly add: number } | { readonly cancel: number } | { readonly shift: true }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ add: fc.nat(20) }),
    fc.record({ cancel: fc.nat(200) }),
    fc.constant({ shift: true } as const),
  ),
  { maxLength: 400 },
)

test('timers come out by deadline and order, whatever is added and cancelled in between', () => {
  fc.assert(
    fc.property(steps, all => {
      const queue = new TimerQueue()
      const made: Pending[] = []
      let expected: Pending[] = []
      for (const step of all) {
        if ('add' in step) {
          const added = timer(step.add, made.length)
          made.push(added)
          expected.push(added)
          expected.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)
          queue.add(added)
        } else if ('cancel' in step) {
          const victim = made[step.cancel % Math.max(1, made.length)]
          if (!victim) continue
          queue.cancel(victim)
          expected = expected.filter(each => each !== victim)
        } else {
          expect(queue.shift()).toBe(expected.shift())
        }
        expect(queue.size).toBe(expected.length)
        expect(queue.first).toBe(expected[0])
      }
    }),
    { numRuns: 200 },
  )
})
