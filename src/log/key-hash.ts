/**
 * SipHash with 128 bits of result (one round for each word, three at the end), in 32-bit halves, for this
 * language has no quick 64-bit numbers. Keyed: who does not know the seed cannot make two keys collide.
 */

export interface HashRounds {
  readonly perWord: number
  readonly atEnd: number
}

const ROUNDS: HashRounds = { perWord: 1, atEnd: 3 }

export class KeyHash {
  /** The result, lowest word first, until the next call. */
  readonly words = new Uint32Array(4)
  private readonly rounds: HashRounds
  /** v0 to v3, each low half first. */
  private readonly start: Int32Array

  /** The seed is four words; whoever sets rounds wants another SipHash. */
  constructor(seed: Uint32Array, rounds = ROUNDS) {
    const [k0 = 0, k0High = 0, k1 = 0, k1High = 0] = seed
    this.rounds = rounds
    this.start = Int32Array.of(
      k0 ^ 0x70736575,
      k0High ^ 0x736f6d65,
      // 128 bits of result are asked for.
      k1 ^ 0x6e646f6d ^ 0xee,
      k1High ^ 0x646f7261,
      k0 ^ 0x6e657261,
      k0High ^ 0x6c796765,
      k1 ^ 0x79746573,
      k1High ^ 0x74656462,
    )
  }

  /** Halves are named after their word: `a` and `aHigh` are those of v0, and so on. */
  of(bytes: Uint8Array, at: number, length: number): void {
    const { start } = this
    let a = start[0]!
    let aHigh = start[1]!
    let b = start[2]!
    let bHigh = start[3]!
    let c = start[4]!
    let cHigh = start[5]!
    let d = start[6]!
    let dHigh = start[7]!
    const words = (length >>> 3) + 1
    for (let step = 0; step < words + 2; step++) {
      let low = 0
      let high = 0
      if (step < words) {
        low = wordOf(bytes, at, length, step * 8)
        high = wordOf(bytes, at, length, step * 8 + 4)
        d ^= low
        dHigh ^= high
      } else if (step === words) c ^= 0xee
      else b ^= 0xdd
      let rounds = step < words ? this.rounds.perWord : this.rounds.atEnd
      for (; rounds > 0; rounds--) {
        const aSum = (a + b) | 0
        aHigh = (aHigh + bHigh + (aSum >>> 0 < a >>> 0 ? 1 : 0)) | 0
        const bTurned = (b << 13) | (bHigh >>> 19)
        bHigh = ((bHigh << 13) | (b >>> 19)) ^ aHigh
        b = bTurned ^ aSum
        a = aHigh
        aHigh = aSum

        const cSum = (c + d) | 0
        cHigh = (cHigh + dHigh + (cSum >>> 0 < c >>> 0 ? 1 : 0)) | 0
        const dTurned = (d << 16) | (dHigh >>> 16)
        dHigh = ((dHigh << 16) | (d >>> 16)) ^ cHigh
        d = dTurned ^ cSum

        const aSecond = (a + d) | 0
        aHigh = (aHigh + dHigh + (aSecond >>> 0 < a >>> 0 ? 1 : 0)) | 0
        a = aSecond
        const dSecond = (d << 21) | (dHigh >>> 11)
        dHigh = ((dHigh << 21) | (d >>> 11)) ^ aHigh
        d = dSecond ^ a

        const cSecond = (cSum + b) | 0
        cHigh = (cHigh + bHigh + (cSecond >>> 0 < cSum >>> 0 ? 1 : 0)) | 0
        const bSecond = (b << 17) | (bHigh >>> 15)
        bHigh = ((bHigh << 17) | (b >>> 15)) ^ cHigh
        b = bSecond ^ cSecond
        c = cHigh
        cHigh = cSecond
      }
      a ^= low
      aHigh ^= high
      if (step >= words) {
        this.words[(step - words) * 2] = a ^ b ^ c ^ d
        this.words[(step - words) * 2 + 1] = aHigh ^ bHigh ^ cHigh ^ dHigh
      }
    }
  }
}

/** Four bytes of the key, then zeroes; the very last byte is the length. */
function wordOf(bytes: Uint8Array, start: number, length: number, from: number): number {
  const at = start + from
  if (from + 4 <= length) {
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  }
  let value = (from & 4) === 0 ? 0 : length << 24
  for (let i = 0; from + i < length; i++) value |= bytes[at + i]! << (8 * i)
  return value
}
