/** Comparisons of offsets, which Math does not do for bigint. */

export function leastOffset(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

export function greatestOffset(a: bigint, b: bigint): bigint {
  return a < b ? b : a
}

export function clampOffset(value: bigint, low: bigint, high: bigint): bigint {
  return greatestOffset(low, leastOffset(value, high))
}
