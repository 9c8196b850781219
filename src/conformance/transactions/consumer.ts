/** A consumer that reads committed records by the letter of the protocol, some bytes at a time. */
import { type RecordBatch, splitBatches } from '../../records/batch.ts'
import { decodeRecords, readControlMarker } from '../../records/lookup.ts'
import { FETCH } from '../groups/group-talk.ts'
import type { TransactionTalk } from './transaction-talk.ts'

interface Aborted {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** The values of committed records from an offset to the last stable one, as `offset value`. */
export async function readCommitted(
  talk: TransactionTalk,
  partition: string,
  { from = 0n, maxBytes = 1_048_576 } = {},
): Promise<string[]> {
  const values: string[] = []
  for (let offset = from; ; ) {
    const answer = await talk.call('consumer', FETCH, 12, talk.fetchOf(partition, 1, offset, maxBytes))
    talk.transcript.pop()
    const fetched = answer.responses[0]!.partitions[0]!
    if (fetched.errorCode !== 0) throw new Error(`fetching ${partition} at ${offset}: ${fetched.errorCode}`)
    const batches = [...splitBatches((fetched.records as Buffer | null) ?? Buffer.alloc(0))]
    if (batches.length === 0) return values
    const end = batches.at(-1)!.nextOffset
    if (end > fetched.lastStableOffset) throw new Error(`${partition} told of what is not stable`)
    const committed = committedIn(batches, fetched.abortedTransactions ?? [])
    values.push(...committed.filter(record => record.offset >= offset).map(told))
    offset = end
  }
}

function told({ offset, value }: { readonly offset: bigint; readonly value: Buffer | null }): string {
  return `${offset} ${value?.toString() ?? 'null'}`
}

/** Skips what began to be aborted before it and is not ended by its marker yet. */
function committedIn(batches: readonly RecordBatch[], aborted: readonly Aborted[]) {
  const left = aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  const aborting = new Set<bigint>()
  return batches.flatMap(batch => {
    while (left[0] && left[0].firstOffset <= batch.lastOffset) aborting.add(left.shift()!.producerId)
    if (batch.isControl) {
      if (readControlMarker(batch)?.type === 'ABORT') aborting.delete(batch.producerId)
      return []
    }
    if (batch.isTransactional && aborting.has(batch.producerId)) return []
    const decoded = decodeRecords(batch)
    if (decoded.error) throw new Error(decoded.message)
    return decoded.value
  })
}
