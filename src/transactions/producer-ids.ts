/**
 * Hands out producer ids, each once in the life of the cluster, from blocks that the controller allocates.
 */
import { ok, type Result } from '../../protocol/errors.ts'

export interface ProducerIdBlock {
  readonly first: bigint
  readonly count: number
}

export class ProducerIds {
  private readonly allocate: () => Promise<Result<ProducerIdBlock>>
  private next = 0n
  private end = 0n
  private allocation: Promise<Result<void>> | undefined

  constructor(allocate: () => Promise<Result<ProducerIdBlock>>) {
    this.allocate = allocate
  }

  /** What is left of a block when the broker stops is lost; ids are never given out twice. */
  async take(): Promise<Result<bigint>> {
    while (this.next === this.end) {
      // Who comes while a block is on its way waits for that one.
      this.allocation ??= this.refill().finally(() => {
        this.allocation = undefined
      })
      const refilled = await this.allocation
      if (refilled.error) return refilled
    }
    return ok(this.next++)
  }

  private async refill(): Promise<Result<void>> {
    const block = await this.allocate()
    if (block.error) return block
    this.next = block.value.first
    this.end = block.value.first + BigInt(block.value.count)
    return ok()
  }
}
