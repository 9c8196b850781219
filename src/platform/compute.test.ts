import { expect, test } from 'vitest'
import { inlineCompute } from './inline-compute.ts'
import { NodeCompute } from './node-compute.ts'
import { sumTask } from './testing/sum-task.ts'

/** Where Node does not run TypeScript as it stands, the second one is inline too. */
const makes = { inline: () => inlineCompute, threads: () => new NodeCompute() }
const KINDS = ['inline', 'threads'] as const

test.each(KINDS)('%s: requests are answered in order, by one state', async kind => {
  const session = makes[kind]().open(sumTask)
  const replies = await Promise.all([1, 2, 3, 4].map(value => session.run({ add: value })))
  expect(replies.map(({ sum }) => sum)).toEqual([1, 3, 6, 10])
  await session.close()
})

test.each(KINDS)('%s: sessions know nothing of each other', async kind => {
  const [first, second] = [makes[kind]().open(sumTask), makes[kind]().open(sumTask)]
  await first.run({ add: 5 })
  expect((await second.run({ add: 1 })).sum).toBe(1)
  await Promise.all([first.close(), second.close()])
})

test.each(KINDS)('%s: bytes and int64 come across', async kind => {
  const session = makes[kind]().open(sumTask)
  const { bytes, total } = await session.run({ add: 1, bytes: new Uint8Array([1, 2, 3]), large: 2n ** 60n })
  expect([...bytes!]).toEqual([3, 2, 1])
  expect(total).toBe(2n ** 60n + 1n)
  await session.close()
})

test.each(KINDS)('%s: what the task throws rejects that request alone', async kind => {
  const session = makes[kind]().open(sumTask)
  await expect(session.run({ add: -1 })).rejects.toThrow('cannot add -1')
  expect((await session.run({ add: 2 })).sum).toBe(2)
  await session.close()
})

test.each(KINDS)('%s: a closed session refuses', async kind => {
  const session = makes[kind]().open(sumTask)
  await session.run({ add: 1 })
  await session.close()
  await expect(session.run({ add: 1 })).rejects.toThrow('closed')
})
