import { expect, test } from 'vitest'
import { ErrorCode, ok, refuse } from '../../protocol/errors.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import type { InputOf } from '../../protocol/schema.ts'
import { ProducerIds } from '../transactions/producer-ids.ts'
import { initProducerId } from './init-producer-id.ts'
import { DataPlane } from './testing/data-plane.ts'

type Body = InputOf<typeof InitProducerIdRequest.fields>

async function ask(plane: DataPlane, body: Partial<Body> = {}, version = 5) {
  const answer = await plane.ask({
    handler: initProducerId,
    request: InitProducerIdRequest,
    response: InitProducerIdResponse,
    version,
    body: { transactionalId: null, transactionTimeoutMs: 60_000, ...body },
  })
  return answer!
}

test.each([0, 1, 2, 3, 4, 5])(
  'an idempotent producer gets an id of its own and epoch 0 (T106, v%i)',
  async version => {
    const plane = await DataPlane.start()
    const answers = await Promise.all([
      ask(plane, {}, version),
      ask(plane, {}, version),
      ask(plane, {}, version),
    ])
    for (const answer of answers) expect(answer).toMatchObject({ errorCode: 0, producerEpoch: 0 })
    expect(new Set(answers.map(answer => answer.producerId)).size).toBe(3)
  },
)

test('a producer that names its old id gets a new one', async () => {
  const plane = await DataPlane.start()
  const answer = await ask(plane, { producerId: 5n, producerEpoch: 3 })
  expect(answer).toMatchObject({ errorCode: 0, producerEpoch: 0 })
})

const refusals: [string, Partial<Body>, ErrorCode][] = [
  ['an id without its epoch', { producerId: 5n }, ErrorCode.INVALID_REQUEST],
  ['an epoch without its id', { producerEpoch: 5 }, ErrorCode.INVALID_REQUEST],
]
test.each(refusals)('%s is refused', async (_, body, errorCode) => {
  const answer = await ask(await DataPlane.start(), body)
  expect(answer).toMatchObject({ errorCode, producerId: -1n, producerEpoch: -1 })
})

test('ids come out of blocks, one block at a time, and a refused block is asked for again', async () => {
  const blocks: number[] = []
  let isRefusing = true
  const ids = new ProducerIds(async () => {
    blocks.push(blocks.length)
    if (isRefusing) return refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
    return ok({ first: BigInt(blocks.length * 10), count: 2 })
  })
  expect(await ids.take()).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
  isRefusing = false
  const taken = await Promise.all([ids.take(), ids.take(), ids.take()])
  expect(taken).toEqual([20n, 21n, 30n].map(value => ({ error: 0, value })))
  expect(blocks).toHaveLength(3)
})
