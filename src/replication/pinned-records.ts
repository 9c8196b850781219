/**
 * Records as the log gives them: some in memory, some still in a file that is pinned until they are
 * released.
 */
import type { RecordsSource } from '../../protocol/wire.ts'

/** Unpins records that will not be sent. */
export function releaseRecords(records: RecordsSource): void {
  for (const part of records.parts) {
    if ('release' in part) part.release()
  }
}

/** Brings records into memory, and unpins them. */
export async function readRecords(records: RecordsSource): Promise<Buffer> {
  try {
    const parts: Uint8Array[] = []
    for (const part of records.parts) {
      if (part instanceof Uint8Array) {
        parts.push(part)
        continue
      }
      for (let position = 0; position < part.byteLength; ) {
        const bytes = await part.read(position, part.byteLength - position)
        parts.push(bytes)
        position += bytes.byteLength
      }
    }
    return Buffer.concat(parts)
  } finally {
    releaseRecords(records)
  }
}
