/**
 * Bugs to plant, each of a kind that storage engines have had, and the invariant that has to notice it. They
 * are put in from outside, by a changed method or a disk that does not do as it is told, and taken out again.
 */
import { ok } from '../../protocol/errors.ts'
import { AppendQueue } from '../log/append-queue.ts'
import { CleanedTransactions } from '../log/cleaned-transactions.ts'
import { type CleaningReply, type CleaningRequest, cleaningTask } from '../log/cleaning-task.ts'
import { SWAP_SUFFIX } from '../log/compaction-swap.ts'
import { Log } from '../log/log.ts'
import { LogDirectory } from '../log/log-directory.ts'
import { LogFlush } from '../log/log-flush.ts'
import { LogMove } from '../log/log-move.ts'
import { OffsetIndex } from '../log/offset-index.ts'
import { OffsetMap } from '../log/offset-map.ts'
import { ProducerSnapshots } from '../log/producer-snapshot.ts'
import { ProducerState } from '../log/producer-state.ts'
import { Segment } from '../log/segment.ts'
import { TimeIndex } from '../log/time-index.ts'
import { TransactionIndex } from '../log/transaction-index.ts'
import type { Disk, DiskFile } from '../platform/platform.ts'
import { RecordBatch } from '../records/batch.ts'
import type { Invariant } from './violation.ts'

export interface Mutation {
  readonly name: string
  readonly caughtBy: Invariant
  /** Where to look first, for a bug that few seeds show. */
  readonly from?: number
  /** Puts the bug in; what is returned takes it out. */
  readonly plant?: () => () => void
  readonly disk?: (disk: Disk) => Disk
}

type Method = (this: never, ...given: never[]) => unknown

/** Another method in the place of one. */
function patch<Owner extends object>(
  owner: Owner,
  name: string,
  change: (original: (...given: unknown[]) => unknown) => (...given: never[]) => unknown,
): () => void {
  const methods = owner as Record<string, Method>
  const original = methods[name]!
  methods[name] = function (this: unknown, ...given: unknown[]) {
    const call = (...args: unknown[]) => Reflect.apply(original, this, args)
    return Reflect.apply(change(call), this, given)
  } as Method
  return () => {
    methods[name] = original
  }
}

/** A disk of which some calls are others. */
function diskWith(disk: Disk, calls: Partial<Disk>): Disk {
  return new Proxy(disk, {
    get(target, name) {
      const call = calls[name as keyof Disk] ?? target[name as keyof Disk]
      return call.bind(target)
    },
  })
}

function fileWith(file: DiskFile, calls: Partial<DiskFile>): DiskFile {
  return new Proxy(file, {
    get(target, name) {
      const call = calls[name as keyof DiskFile] ?? target[name as keyof DiskFile]
      return typeof call === 'function' ? call.bind(target) : call
    },
  })
}

/** What compaction is asked is another thing, or done in another way. */
function patchCleaning(
  change: (request: CleaningRequest, answer: (request: CleaningRequest) => CleaningReply) => CleaningReply,
): () => void {
  return patch(cleaningTask, 'start', start => () => {
    const answer = start() as (request: CleaningRequest) => CleaningReply
    return (request: CleaningRequest) => change(request, answer)
  })
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the reply goes out before the write',
    caughtBy: 'acknowledged is durable',
    plant: () =>
      patch(
        AppendQueue.prototype,
        'append',
        original =>
          function (this: { nextOffset: bigint }, ...given: unknown[]) {
            const baseOffset = this.nextOffset
            const pending = original(...given)
            const lastOffset = this.nextOffset - 1n
            if (lastOffset < baseOffset) return pending
            const told = {
              baseOffset,
              lastOffset,
              logAppendTimeMs: -1n,
              logStartOffset: 0n,
              isDuplicate: false,
            }
            return Promise.resolve(ok(told))
          },
      ),
  },
  {
    name: 'the reply goes out before the fsync that it promises',
    caughtBy: 'acknowledged is durable',
    plant: () => patch(Log.prototype, 'mustSync', () => () => false),
  },
  {
    name: 'directories are not synced',
    caughtBy: 'acknowledged is durable',
    disk: disk => diskWith(disk, { syncDirectory: async () => {} }),
  },
  {
    name: 'a failed fsync is tried again',
    caughtBy: 'acknowledged is durable',
    disk: disk =>
      diskWith(disk, {
        open: async (path, mode) => {
          const file = await disk.open(path, mode)
          return fileWith(file, { sync: () => file.sync().catch(() => file.sync()) })
        },
      }),
  },
  {
    name: 'the recovery point moves without the fsync',
    caughtBy: 'acknowledged is durable',
    plant: () => patch(LogFlush.prototype, 'sync', () => async () => {}),
  },
  {
    name: 'a torn tail is accepted without its checksum',
    caughtBy: 'only what was sent is stored',
    from: 60,
    plant: () => patch(RecordBatch.prototype, 'isChecksumValid', () => () => true),
  },
  {
    name: 'a checkpoint is written over the old one',
    caughtBy: 'the log start never goes back',
    from: 120,
    disk: disk =>
      diskWith(disk, {
        open: (path, mode) => disk.open(path.replace(/checkpoint\.tmp$/, 'checkpoint'), mode),
        rename: async (from, to) => (from.endsWith('checkpoint.tmp') ? undefined : disk.rename(from, to)),
      }),
  },
  {
    name: 'the log start is not written down',
    caughtBy: 'the log start never goes back',
    plant: () => patch(LogDirectory.prototype, 'saveLogStarts', () => async () => true),
  },
  {
    name: 'an index entry is off by one batch',
    caughtBy: 'index entries point to batch starts',
    plant: () =>
      patch(
        OffsetIndex.prototype,
        'append',
        original =>
          function (this: { before?: number }, lastOffset: bigint, position: number) {
            original(lastOffset, this.before ?? position)
            this.before = position
          },
      ),
  },
  {
    name: 'a time index entry names the offset before',
    caughtBy: 'index entries point to batch starts',
    plant: () =>
      patch(
        TimeIndex.prototype,
        'maybeAppend',
        original => (timestamp: bigint, offset: bigint) =>
          original(timestamp, offset > 0n ? offset - 1n : offset),
      ),
  },
  {
    name: 'a truncation takes one batch too many',
    caughtBy: 'offsets are contiguous',
    plant: () =>
      patch(Segment.prototype, 'truncateTo', original => (offset: bigint) => original(offset - 1n)),
  },
  {
    name: 'a failed write is left where it is',
    caughtBy: 'no assertion fails',
    from: 100,
    plant: () =>
      patch(
        AppendQueue.prototype,
        'fail',
        original =>
          async function (this: never, segment: Segment, error: Error) {
            const cut = patch(segment, 'setSize', () => async () => {})
            await original(segment, error)
            cut()
            Reflect.deleteProperty(segment, 'setSize')
          },
      ),
  },
  {
    name: 'transactions that were cut off stay in their index',
    caughtBy: 'transactions are told rightly',
    plant: () => patch(TransactionIndex.prototype, 'truncateToOffset', () => async () => {}),
  },
  {
    name: 'leader epochs are not written down',
    caughtBy: 'leader epochs are consistent',
    plant: () => patch(LogFlush.prototype, 'saveEpochs', () => async () => {}),
  },
  {
    name: 'a snapshot of producers tells of batches behind it',
    caughtBy: 'producer state equals a replay',
    plant: () =>
      patch(
        ProducerSnapshots.prototype,
        'take',
        original =>
          function (this: { held?: bigint }, offset: bigint, bytes: Buffer, options: unknown) {
            const { held } = this
            this.held = offset
            return held === undefined ? Promise.resolve() : original(held, bytes, options)
          },
      ),
  },
  {
    name: 'the producers of a snapshot are not taken over',
    caughtBy: 'producer state equals a replay',
    plant: () => patch(ProducerState.prototype, 'load', () => () => {}),
  },
  {
    name: 'retention goes by the time of the first record',
    caughtBy: 'nothing is deleted early',
    plant: () =>
      patch(
        Segment.prototype,
        'youngestMs',
        original =>
          async function (this: Segment) {
            const youngest = await original()
            const first = await this.firstTimestamp()
            return first === undefined ? youngest : Number(first)
          },
      ),
  },
  {
    name: 'retention goes by when the file was last written',
    caughtBy: 'retention deletes',
    plant: () =>
      patch(
        Segment.prototype,
        'youngestMs',
        original =>
          async function (this: Segment) {
            const { services, path } = this as unknown as { services: { disk: Disk }; path: string }
            return (await services.disk.status(path))?.modifiedMs ?? original()
          },
      ),
  },
  {
    name: 'retention never comes round',
    caughtBy: 'retention deletes',
    plant: () => patch(Log.prototype, 'applyRetention', () => async () => 0),
  },
  {
    name: 'tombstones go as soon as compaction has met them',
    caughtBy: 'tombstones stay for their time',
    plant: () =>
      patchCleaning((request, answer) =>
        answer(request.type === 'clean' ? { ...request, deleteRetentionMs: 0n } : request),
      ),
  },
  {
    name: 'the map of keys is off by one offset',
    caughtBy: 'the last value of each key survives',
    plant: () =>
      patch(
        OffsetMap.prototype,
        'put',
        original => (keys: Buffer, at: number, length: number, offset: number) =>
          original(keys, at, length, offset + 1),
      ),
  },
  {
    name: 'compaction takes aborted records for committed ones',
    caughtBy: 'the last value of each key survives',
    plant: () =>
      patch(
        CleanedTransactions.prototype,
        'onBatch',
        original =>
          (...given) =>
            original(...given) && false,
      ),
  },
  {
    name: 'compaction forgets the last batch of a producer',
    caughtBy: 'producer state equals a replay',
    plant: () =>
      patchCleaning((request, answer) =>
        answer(request.type === 'clean' ? { ...request, lastRecords: new BigInt64Array(0) } : request),
      ),
  },
  {
    name: 'old segments go before the compacted one has a name that a start looks for',
    caughtBy: 'nothing is deleted early',
    plant: () =>
      patch(
        Segment.prototype,
        'changeSuffix',
        original => async (suffix: string, order: string) =>
          suffix === SWAP_SUFFIX ? undefined : original(suffix, order),
      ),
  },
  {
    name: 'compaction copies what the disk has changed',
    caughtBy: 'damage is left as it is',
    plant: () =>
      patchCleaning((request, answer) => {
        const blind = patch(RecordBatch.prototype, 'isChecksumValid', () => () => true)
        try {
          return answer(request)
        } finally {
          blind()
        }
      }),
  },
  {
    name: 'a move forgets what was written while it copied',
    caughtBy: 'the last value of each key survives',
    from: 40,
    plant: () =>
      patch(
        LogMove.prototype,
        'copySome',
        original =>
          async function (this: LogMove & { seenEnd?: bigint }) {
            this.seenEnd ??= this.log.logEndOffset
            return this.copy.logEndOffset < this.seenEnd ? original() : 0
          },
      ),
  },
  {
    name: 'what a failed sync has lost is taken for stored once the broker is back',
    caughtBy: 'acknowledged is durable',
    plant: () => patch(Segment.prototype, 'rewrite', () => async () => {}),
  },
]
