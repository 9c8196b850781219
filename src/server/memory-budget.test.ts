import { expect, test } from 'vitest'
import { type PausedReader, ReadBudget, RequestMemory } from './memory-budget.ts'

class FakeReader implements PausedReader {
  isMidFrame = false
  heldBytes = 64 * 1024
  timesTold = 0
  readOn(): void {
    this.timesTold++
  }
}

test('readers wait at the limit and are told when there is room', () => {
  const memory = new RequestMemory(100)
  const [a, b] = [new FakeReader(), new FakeReader()]
  memory.add(99)
  expect(memory.mayRead(a)).toBe(true)
  memory.add(1)
  expect([memory.mayRead(a), memory.mayRead(b)]).toEqual([false, false])
  memory.release(50)
  expect([a.timesTold, b.timesTold]).toEqual([1, 0])
  memory.release(1)
  expect([a.timesTold, b.timesTold]).toEqual([1, 1])
})

test('one reader in the middle of a frame goes on over the limit, and the right passes on', () => {
  const memory = new RequestMemory(100)
  const [a, b] = [new FakeReader(), new FakeReader()]
  a.isMidFrame = true
  b.isMidFrame = true
  memory.add(200)
  expect([memory.mayRead(a), memory.mayRead(b), memory.mayRead(a)]).toEqual([true, false, true])
  a.isMidFrame = false
  expect(memory.mayRead(a)).toBe(false)
  memory.release(10)
  expect([a.timesTold, b.timesTold]).toEqual([0, 1])
  expect(memory.mayRead(b)).toBe(true)
})

test('large requests that wait fill the memory, and nobody goes on over the limit but who holds little', () => {
  const memory = new RequestMemory(100)
  const [large, small] = [new FakeReader(), new FakeReader()]
  large.isMidFrame = true
  small.heldBytes = 0
  memory.park(100)
  expect([memory.mayRead(large), memory.mayRead(small)]).toEqual([false, true])
  memory.unpark(60)
  expect(large.timesTold).toBe(1)
  expect(memory.mayRead(large)).toBe(true)
  memory.unpark(40)
  expect(memory.used).toBe(0)
})

test('who holds little reads on, whatever the others hold', () => {
  const memory = new RequestMemory(100)
  const [stalled, small] = [new FakeReader(), new FakeReader()]
  stalled.isMidFrame = true
  small.heldBytes = 64 * 1024 - 1
  memory.add(200)
  expect([memory.mayRead(stalled), memory.mayRead(small)]).toEqual([true, true])
  small.heldBytes++
  expect(memory.mayRead(small)).toBe(false)
})

test('a connection that is lost passes its right on, and is told nothing more', () => {
  const memory = new RequestMemory(100)
  const [a, b] = [new FakeReader(), new FakeReader()]
  a.isMidFrame = true
  b.isMidFrame = true
  memory.add(200)
  expect([memory.mayRead(a), memory.mayRead(b)]).toEqual([true, false])
  memory.forget(a)
  expect([a.timesTold, b.timesTold]).toEqual([0, 1])
  memory.forget(b)
  memory.release(200)
  expect([a.timesTold, b.timesTold]).toEqual([0, 1])
})

test('without a limit nobody waits', () => {
  const memory = new RequestMemory(-1)
  memory.add(2 ** 50)
  expect(memory.mayRead(new FakeReader())).toBe(true)
})

test('the read budget grants less when it runs short, and never nothing', () => {
  const budget = new ReadBudget(300 * 1024)
  expect(budget.take(256 * 1024)).toBe(256 * 1024)
  expect(budget.take(256 * 1024)).toBe(64 * 1024)
  expect(budget.take(256 * 1024)).toBe(64 * 1024)
  expect(budget.take(100)).toBe(100)
  budget.giveBack(384 * 1024 + 100)
  expect(budget.used).toBe(0)
  expect(budget.take(256 * 1024)).toBe(256 * 1024)
})
