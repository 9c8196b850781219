// Dice that fall the same again for the same seed: mulberry32.

/** A whole number from 0 to below the limit. */
export type Dice = (limit: number) => number

export function diceOf(seed: number): Dice {
  let state = seed | 0
  return limit => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}
