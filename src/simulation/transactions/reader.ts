/** Readers of committed records, who leave out aborted ones as clients do, and what groups have committed. */
import { FetchRequest, FetchResponse } from '../../../protocol/messages/fetch.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from '../../../protocol/messages/offset-fetch.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import type { WireClient } from '../../conformance/wire-client.ts'
import { splitBatches } from '../../records/batch.ts'
import { decodeRecords, readControlMarker } from '../../records/lookup.ts'
import { TOPIC } from './producer.ts'

const READ_COMMITTED = 1
const MOST_BYTES = 10_000_000

export interface Read {
  readonly values: readonly string[]
  readonly lastStableOffset: bigint
  readonly highWatermark: bigint
}

export async function readCommitted(client: WireClient, partition: number, from = 0n): Promise<Read> {
  const partitions = [{ partition, fetchOffset: from, partitionMaxBytes: MOST_BYTES }]
  const topics = [{ topic: TOPIC, topicId: ZERO_UUID, partitions }]
  const body = {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: MOST_BYTES,
    isolationLevel: READ_COMMITTED,
    topics,
    forgottenTopicsData: [],
  }
  const answer = await client.call({ request: FetchRequest, response: FetchResponse, version: 11, body })
  const fetched = answer.responses[0]!.partitions[0]!
  if (fetched.errorCode !== 0) throw new Error(`a fetch was refused: ${fetched.errorCode}`)
  const { lastStableOffset, highWatermark, abortedTransactions } = fetched
  const values = stable(fetched.records as Buffer | null, abortedTransactions ?? [], from)
  return { values, lastStableOffset, highWatermark }
}

function stable(
  records: Buffer | null,
  aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[],
  from: bigint,
): string[] {
  const coming = [...aborted].sort((one, other) => Number(one.firstOffset - other.firstOffset))
  const leftOut = new Set<bigint>()
  const values: string[] = []
  for (const batch of splitBatches(records ?? Buffer.alloc(0))) {
    while (coming[0] && coming[0].firstOffset <= batch.lastOffset) leftOut.add(coming.shift()!.producerId)
    if (batch.isControl) {
      if (readControlMarker(batch)?.type === 'ABORT') leftOut.delete(batch.producerId)
      continue
    }
    if (leftOut.has(batch.producerId)) continue
    const decoded = decodeRecords(batch)
    if (decoded.error) throw new Error('a batch cannot be decoded')
    for (const { offset, value } of decoded.value) if (offset >= from) values.push(String(value))
  }
  return values
}

/** Undefined where nothing is committed. */
export async function committedOffset(client: WireClient, groupId: string): Promise<number | undefined> {
  const topics = [{ name: TOPIC, topicId: ZERO_UUID, partitionIndexes: [0] }]
  const body = { groupId: '', topics: [], requireStable: true, groups: [{ groupId, topics }] }
  const answer = await client.call({
    request: OffsetFetchRequest,
    response: OffsetFetchResponse,
    version: 8,
    body: { ...body, groups: [{ groupId, topics, memberId: null, memberEpoch: -1 }] },
  })
  const { errorCode, committedOffset: offset } = answer.groups[0]!.topics[0]!.partitions[0]!
  if (errorCode !== 0) throw new Error(`an offset was refused: ${errorCode}`)
  return offset === -1n ? undefined : Number(offset)
}
