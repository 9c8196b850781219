/** Folds an internal topic's log into a state machine. */

import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { type RecordBatch, splitBatches } from '../records/batch.ts'
import { decodeRecords, readControlMarker } from '../records/lookup.ts'
import type { PartitionLog } from './runtime.ts'
import type { StateMachine } from './shard.ts'

/**
 * Replays the log from its start to the end that it has when reached. Returns the offset after the last
 * record, or why the log could not be read; NOT_COORDINATOR when `isWanted` says no in between. Throws on
 * records that the machine does not understand.
 */
export async function replayBatches(
  log: Pick<PartitionLog, 'read' | 'logStartOffset' | 'logEndOffset'>,
  machine: StateMachine,
  isWanted: () => boolean,
): Promise<Result<bigint>> {
  let offset = log.logStartOffset
  while (offset < log.logEndOffset) {
    const read = await log.read(offset)
    if (!isWanted()) return refuse(ErrorCode.NOT_COORDINATOR)
    if (read.error) return read
    if (read.value.length === 0) break
    const replayed = replayBuffer(read.value, machine, offset)
    if (replayed.error) return replayed
    offset = replayed.value
  }
  return ok(log.logEndOffset)
}

function replayBuffer(buffer: Buffer, machine: StateMachine, from: bigint): Result<bigint> {
  let next = from
  for (const batch of splitBatches(buffer)) {
    if (batch.isControl) {
      replayControl(batch, machine)
      next = batch.nextOffset
      continue
    }
    const { producerId, producerEpoch } = batch
    const decoded = decodeRecords(batch)
    if (decoded.error) return decoded
    for (const { offset, key, value } of decoded.value) {
      if (offset < from) continue
      if (key) {
        const isTransactional = batch.isTransactional
        machine.replay({
          key,
          value,
          offset,
          producerId: isTransactional ? producerId : -1n,
          producerEpoch: isTransactional ? producerEpoch : -1,
        })
      }
    }
    next = batch.nextOffset
  }
  return ok(next)
}

/** Control batches that do not end a transaction are skipped. */
function replayControl(batch: RecordBatch, machine: StateMachine): void {
  const marker = readControlMarker(batch)
  if (!marker) return
  const { producerId, producerEpoch } = batch
  const { coordinatorEpoch, type } = marker
  machine.replayMarker({ producerId, producerEpoch, coordinatorEpoch, isCommit: type === 'COMMIT' })
}
