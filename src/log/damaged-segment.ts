/** What is found in a segment's file where a batch of this log should be. */
import type { DiskFile } from '../platform/platform.ts'
import { LENGTH_AT, LOG_OVERHEAD_BYTES, MAGIC_AT } from '../records/batch.ts'
import { readMessage } from '../records/legacy.ts'

const PREFIX_BYTES = MAGIC_AT + 1

/** What a file holds is not what the log wrote there. */
export class DamagedSegment extends Error {
  override readonly name: string = 'DamagedSegment'
}

/** It is whole, and not for this broker: nobody is to pass over it. */
export class OldFormat extends DamagedSegment {
  override readonly name = 'OldFormat'
}

export function unlessDamaged(error: unknown): asserts error is DamagedSegment {
  if (!(error instanceof DamagedSegment) || error instanceof OldFormat) throw error
}

/** For `catch`: a value in place of what damage, or an old format, keeps from being found. */
export function ifDamaged<T>(value: T): (error: unknown) => T {
  return error => {
    if (error instanceof DamagedSegment) return value
    throw error
  }
}

/**
 * Throws where an intact message of formats 0 or 1 begins at a position, as Kafka wrote them before 0.11.
 * That is no damage to be cut off; a log that has such is left to a Kafka that can read it. Torn bytes only
 * look like one: their checksum is wrong.
 */
export async function refuseOldFormat(
  file: DiskFile,
  path: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  if (to - from < PREFIX_BYTES) return
  const prefix = await readAt(file, from, PREFIX_BYTES)
  if (prefix.length < PREFIX_BYTES) return
  const magic = prefix.readInt8(MAGIC_AT)
  const size = LOG_OVERHEAD_BYTES + prefix.readInt32BE(LENGTH_AT)
  if ((magic !== 0 && magic !== 1) || size < PREFIX_BYTES || size > to - from) return
  const read = readMessage(await readAt(file, from, size), 0)
  if (read.error || !read.value?.isChecksumValid) return
  throw new OldFormat(
    `${path} holds records of message format ${magic} at position ${from}, which Kafka wrote before 0.11; ` +
      'only format 2 is read here. The file is left as it is: copy its records to another topic with a ' +
      'Kafka that reads them, or delete the topic',
  )
}

async function readAt(file: DiskFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, await file.read(bytes, position))
}
