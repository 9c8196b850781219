/** Index files as they lie on a disk, where a crash leaves them at the size that was set aside for them. */

export interface IndexBytes {
  /** Whole entries. */
  readonly bytes: Buffer
  /** Zeros behind them. */
  readonly spareBytes: number
  /** Of an entry that is cut off. */
  readonly oddBytes: number
}

/** No entry is all zeros: the first of an index comes after bytes that lie before it. */
export function entriesOf(file: Buffer, entryBytes: number): IndexBytes {
  let end = file.length
  while (end > 0 && file[end - 1] === 0) end--
  const usedBytes = Math.ceil(end / entryBytes) * entryBytes
  const wholeBytes = Math.floor(file.length / entryBytes) * entryBytes
  const bytes = file.subarray(0, Math.min(usedBytes, wholeBytes))
  const oddBytes = usedBytes > wholeBytes ? file.length - wholeBytes : 0
  return { bytes, spareBytes: file.length - bytes.length - oddBytes, oddBytes }
}
