/**
 * Producer ids are given out in blocks that never repeat: a block is stored before any of its ids is used.
 */
import type { ClusterImage } from '../metadata/image.ts'
import type { Outcome } from './outcome.ts'

export const PRODUCER_ID_BLOCK_SIZE = 1_000

export interface ProducerIdBlock {
  readonly first: bigint
  readonly count: number
}

export function allocateProducerIds(image: ClusterImage): Outcome<ProducerIdBlock> {
  const first = image.nextProducerId
  return {
    changes: { nextProducerId: first + BigInt(PRODUCER_ID_BLOCK_SIZE) },
    answer: { first, count: PRODUCER_ID_BLOCK_SIZE },
  }
}
