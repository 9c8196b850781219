/** A task for tests: keeps a sum, turns bytes around. */
import type { ComputeTask } from '../platform.ts'

export interface SumRequest {
  readonly add: number
  readonly bytes?: Uint8Array
  readonly large?: bigint
}

export interface SumReply {
  readonly sum: number
  readonly total: bigint
  readonly bytes?: Uint8Array
}

export const sumTask: ComputeTask<SumRequest, SumReply> = {
  module: import.meta.url,
  name: 'sumTask',
  start() {
    let sum = 0
    return ({ add, bytes, large = 0n }) => {
      if (add < 0) throw new Error(`cannot add ${add}`)
      sum += add
      return { sum, total: large + BigInt(sum), ...(bytes && { bytes: Uint8Array.from(bytes).reverse() }) }
    }
  },
}
