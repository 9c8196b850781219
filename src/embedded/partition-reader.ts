/**
 * One partition read from an offset on, as a consumer would: without control records, by an isolation level.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import type { AbortedTransaction } from '../log/log.ts'
import type { RecordBatch } from '../records/batch.ts'
import { splitBatches } from '../records/batch.ts'
import { type DecodedRecord, decodeRecords, readControlMarker } from '../records/lookup.ts'
import type { FetchOutcome, FetchTarget } from '../replication/partition.ts'
import { readRecords } from '../replication/pinned-records.ts'
import { type StoredRecord, said } from './data.ts'
import { Refused } from './refused.ts'

export type Isolation = 'read_uncommitted' | 'read_committed'

const PARTITION_MAX_BYTES = 1024 * 1024

export class PartitionReader {
  readonly topic: string
  readonly partition: number
  /** Of what is read next. */
  position: bigint
  private readonly maxDecompressedBytes: number

  constructor(at: {
    readonly topic: string
    readonly partition: number
    readonly position: bigint
    readonly maxDecompressedBytes: number
  }) {
    this.topic = at.topic
    this.partition = at.partition
    this.position = at.position
    this.maxDecompressedBytes = at.maxDecompressedBytes
  }

  get target(): FetchTarget {
    return {
      topic: this.topic,
      topicId: null,
      index: this.partition,
      currentLeaderEpoch: -1,
      fetchOffset: this.position,
      lastFetchedEpoch: -1,
      logStartOffset: -1n,
      maxBytes: PARTITION_MAX_BYTES,
    }
  }

  /** What the broker answered, as records, and where what follows begins. */
  async take(outcome: FetchOutcome): Promise<{ records: StoredRecord[]; position: bigint }> {
    const bytes = await readRecords(outcome.records)
    if (outcome.error !== ErrorCode.NONE) throw this.refusal(outcome.error)
    const ended = new AbortedRanges(outcome.abortedTransactions ?? [])
    const from = this.position
    let position = from
    const found: StoredRecord[] = []
    for (const batch of splitBatches(bytes)) {
      const isVisible = ended.isVisible(batch)
      if (batch.lastOffset < from) continue
      position = batch.lastOffset + 1n
      if (!isVisible) continue
      for (const record of this.decoded(batch)) if (record.offset >= from) found.push(this.stored(record))
    }
    return { records: found, position }
  }

  private decoded(batch: RecordBatch): readonly DecodedRecord[] {
    const records = decodeRecords(batch, this.maxDecompressedBytes)
    if (records.error) throw this.refusal(records.error, records.message)
    return records.value
  }

  private refusal(error: ErrorCode, message?: string): Refused {
    const where = `${this.topic}-${this.partition}, offset ${this.position}`
    return new Refused('refused', `${where} cannot be read: ${said(error, message)}`)
  }

  private stored({ offset, timestamp, key, value, headers }: DecodedRecord): StoredRecord {
    return {
      topic: this.topic,
      partition: this.partition,
      offset,
      timestamp: Number(timestamp),
      key: key?.toString() ?? null,
      value: value?.toString() ?? null,
      headers: Object.fromEntries(headers.map(header => [header.key, textOf(header.value)])),
      // Copies, for what is read may lie in buffers of the log's.
      keyBytes: key && Buffer.from(key),
      valueBytes: value && Buffer.from(value),
    }
  }
}

/** Which batches belong to transactions that were aborted, going through them in order. */
class AbortedRanges {
  private readonly coming: AbortedTransaction[]
  private readonly open = new Set<bigint>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.coming = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  }

  isVisible(batch: RecordBatch): boolean {
    while (this.coming.length > 0 && this.coming[0]!.firstOffset <= batch.lastOffset) {
      this.open.add(this.coming.shift()!.producerId)
    }
    if (batch.isControl) {
      if (readControlMarker(batch)?.type === 'ABORT') this.open.delete(batch.producerId)
      return false
    }
    return !(batch.isTransactional && this.open.has(batch.producerId))
  }
}

function textOf(bytes: Uint8Array | null): string | null {
  return bytes && Buffer.from(bytes).toString()
}
