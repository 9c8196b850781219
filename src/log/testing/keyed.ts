/** Keyed records for tests of compaction: batches of them, and what a log holds by key. */

import type { RecordBatch } from '../../records/batch.ts'
import { type BatchOptions, buildBatch } from '../../records/builder.ts'
import { decodeRecords } from '../../records/lookup.ts'
import type { Log } from '../log.ts'
import { CLIENT, must, readBatches } from './rig.ts'

/** A value of null is a tombstone. */
export type Entry = readonly [key: string, value: string | null]

export function keyed(
  entries: readonly Entry[],
  options: Partial<BatchOptions> & { readonly at?: number } = {},
): Buffer {
  const { at = 1_700_000_000_000, ...attributes } = options
  const records = entries.map(([key, value], i) => ({
    timestamp: BigInt(at + i),
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  }))
  return Buffer.from(buildBatch({ records, ...attributes }))
}

export async function put(log: Log, ...entries: Entry[]): Promise<void> {
  must(await log.append(keyed(entries, { at: log.now() }), CLIENT))
  log.updateHighWatermark(log.logEndOffset)
}

export interface Found {
  readonly offset: bigint
  readonly key: string | null
  readonly value: string | null
}

/** Every record of the log in its order, control batches aside. */
export async function entriesOf(
  log: Log,
  isSeen: (batch: RecordBatch) => boolean = () => true,
): Promise<Found[]> {
  const found: Found[] = []
  let offset = log.logStartOffset
  while (offset < log.logEndOffset) {
    const batches = await readBatches(log, offset)
    const last = batches.at(-1)
    if (last === undefined) break
    for (const batch of batches) {
      if (batch.isControl || !isSeen(batch)) continue
      for (const { offset: at, key, value } of must(decodeRecords(batch))) {
        if (at >= log.logStartOffset) found.push({ offset: at, key: text(key), value: text(value) })
      }
    }
    offset = last.nextOffset
  }
  return found
}

/** What a reader of all of it knows in the end. */
export function latest(
  entries: readonly { key: string | null; value: string | null }[],
): Map<string, string> {
  const state = new Map<string, string>()
  for (const { key, value } of entries) {
    if (value === null) state.delete(key!)
    else state.set(key!, value)
  }
  return state
}

function text(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString()
}
