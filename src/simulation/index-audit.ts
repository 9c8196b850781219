/**
 * The index files of a log directory that was closed, read for themselves: each entry of an offset index is
 * the last offset of a batch and where that begins; each of a time index the greatest time up to there.
 */
import { greatestOffset } from '../log/offsets.ts'
import type { Disk } from '../platform/platform.ts'
import { RecordBatch } from '../records/batch.ts'
import { hold } from './violation.ts'

const INVARIANT = 'index entries point to batch starts'

interface PlacedBatch {
  readonly position: number
  readonly view: RecordBatch
}

export async function auditIndexes(disk: Disk, directory: string): Promise<void> {
  const names = (await disk.list(directory)).map(entry => entry.name)
  for (const name of names.filter(it => /^\d{20}\.log$/.test(it))) {
    const bytes = await disk.readFile(`${directory}/${name}`)
    const stem = name.slice(0, -'.log'.length)
    const baseOffset = BigInt(stem)
    const batches = placedBatches(bytes)
    const read = async (suffix: string) =>
      names.includes(`${stem}${suffix}`) ? disk.readFile(`${directory}/${stem}${suffix}`) : Buffer.alloc(0)
    auditOffsets(await read('.index'), { baseOffset, batches, path: `${directory}/${stem}` })
    auditTimes(await read('.timeindex'), { baseOffset, batches, path: `${directory}/${stem}` })
  }
}

function placedBatches(bytes: Buffer): PlacedBatch[] {
  const batches: PlacedBatch[] = []
  for (let position = 0; position < bytes.length; ) {
    const view = new RecordBatch(bytes, position)
    batches.push({ position, view })
    position += view.sizeInBytes
  }
  return batches
}

interface AuditedSegment {
  readonly baseOffset: bigint
  readonly batches: readonly PlacedBatch[]
  readonly path: string
}

function auditOffsets(index: Buffer, { baseOffset, batches, path }: AuditedSegment): void {
  hold(index.length % 8 === 0, INVARIANT, () => `${path}.index is not a whole number of entries`)
  let previous = -1
  for (let at = 0; at < index.length; at += 8) {
    const offset = baseOffset + BigInt(index.readInt32BE(at))
    const position = index.readInt32BE(at + 4)
    const batch = batches.find(it => it.position === position)
    hold(
      batch?.view.lastOffset === offset && position > previous,
      INVARIANT,
      () => `${path}.index has ${offset} at ${position}, where the batch ends at ${batch?.view.lastOffset}`,
    )
    previous = position
  }
}

function auditTimes(index: Buffer, { baseOffset, batches, path }: AuditedSegment): void {
  hold(index.length % 12 === 0, INVARIANT, () => `${path}.timeindex is not a whole number of entries`)
  let greatest = -1n
  let next = 0
  for (let at = 0; at < index.length; at += 12) {
    const timestamp = index.readBigInt64BE(at)
    const offset = baseOffset + BigInt(index.readInt32BE(at + 8))
    for (; next < batches.length && batches[next]!.view.lastOffset <= offset; next++) {
      const { maxTimestamp } = batches[next]!.view
      if (maxTimestamp > greatest) greatest = maxTimestamp
    }
    const isThere = batches[next - 1]?.view.lastOffset === offset
    hold(
      isThere && timestamp === greatest,
      INVARIANT,
      () => `${path}.timeindex has ${timestamp} at ${offset}, and the greatest time is ${greatest}`,
    )
  }
  const most = batches.map(({ view }) => view.maxTimestamp).reduce(greatestOffset, -1n)
  hold(
    most === greatest,
    INVARIANT,
    () => `${path}.timeindex ends with ${greatest}, the batches with ${most}`,
  )
}
