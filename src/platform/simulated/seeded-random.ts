/**
 * Chance that repeats: the same seed gives the same bytes. Good enough to vary a simulation, not to keep a
 * secret.
 */
import type { Random } from '../platform.ts'

export class SeededRandom implements Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  bytes(count: number): Buffer {
    const target = Buffer.alloc(count)
    for (let position = 0; position < count; position++) target[position] = this.next() >>> 24
    return target
  }

  below(bound: number): number {
    const fraction = (this.next() * 2 ** 21 + (this.next() >>> 11)) / 2 ** 53
    return Math.floor(fraction * bound)
  }

  /** A 32-bit step of a Weyl sequence, mixed (the finaliser of MurmurHash3). */
  private next(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }
}
