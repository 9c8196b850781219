/** What the simulation is worth: each of these bugs, planted, breaks a promise within a few seeds. */
import { afterEach, expect, test } from 'vitest'
import { ErrorCode } from '../../../protocol/errors.ts'
import { Offsets } from '../../groups/offsets.ts'
import { Log } from '../../log/log.ts'
import { LogReader } from '../../log/log-reader.ts'
import { CoordinatorLog } from '../../replication/coordinator-log.ts'
import { Markers } from '../../transactions/markers.ts'
import { Transaction } from '../../transactions/transaction.ts'
import { TransactionShard } from '../../transactions/transaction-shard.ts'
import { simulateTransactions } from './simulation.ts'

const MOST_SEEDS = 150

type Member = (this: unknown, ...args: unknown[]) => unknown
type Plant = (original: Member) => Member

const undo: (() => void)[] = []
afterEach(() => {
  for (const step of undo.splice(0)) step()
})

function plant(prototype: object, name: string, bug: Plant): void {
  const original = Object.getOwnPropertyDescriptor(prototype, name)!
  const changed = original.get
    ? { ...original, get: bug(original.get as Member) as () => unknown }
    : { ...original, value: bug(original.value as Member) }
  Object.defineProperty(prototype, name, changed)
  undo.push(() => Object.defineProperty(prototype, name, original))
}

type Marker = { readonly isCommit: boolean }
type Ending = { readonly producerEpoch: number }
type Aborted = { readonly firstOffset: bigint }

const BUGS: readonly (readonly [string, object, string, Plant])[] = [
  [
    'EndTxn is answered before its record is committed',
    CoordinatorLog.prototype,
    'highWatermark',
    () => () => 1n << 60n,
  ],
  [
    'a verdict is forgotten after a crash before its markers',
    TransactionShard.prototype,
    'prepared',
    () => () => [],
  ],
  [
    'only the first partition gets a marker',
    Markers.prototype,
    'write',
    write =>
      function (marker, partitions) {
        return write.call(this, marker, (partitions as unknown[]).slice(0, 1))
      },
  ],
  [
    'aborts are marked as commits',
    Markers.prototype,
    'write',
    write =>
      function (marker, partitions) {
        return write.call(this, { ...(marker as Marker), isCommit: true }, partitions)
      },
  ],
  [
    'a delayed EndTxn ends the next transaction',
    Transaction.prototype,
    'end',
    end =>
      function (request, ...rest) {
        const { producerEpoch } = (this as Transaction).snapshot
        return end.call(this, { ...(request as Ending), producerEpoch }, ...rest)
      },
  ],
  ['zombies may add partitions', Transaction.prototype, 'refusalOf', () => () => ErrorCode.NONE],
  [
    'the last stable offset is one too high',
    Log.prototype,
    'lastStableOffset',
    get =>
      function () {
        const { highWatermark } = this as Log
        const right = get.call(this) as bigint
        return right < highWatermark ? right + 1n : right
      },
  ],
  [
    'an aborted range is not told to who begins in its middle',
    LogReader.prototype,
    'abortedTransactions',
    find =>
      async function (from, to) {
        const found = (await find.call(this, from, to)) as Aborted[]
        return found.filter(({ firstOffset }) => firstOffset >= (from as bigint))
      },
  ],
  [
    'offsets of aborted transactions count',
    Offsets.prototype,
    'replayMarker',
    replay =>
      function (producerId, _isCommit, ...rest) {
        return replay.call(this, producerId, true, ...rest)
      },
  ],
  [
    'offsets of committed transactions are dropped',
    Offsets.prototype,
    'replayMarker',
    replay =>
      function (producerId, _isCommit, ...rest) {
        return replay.call(this, producerId, false, ...rest)
      },
  ],
]

test.each(BUGS)('%s', async (_, prototype, name, bug) => {
  plant(prototype, name, bug)
  let problem: string | undefined
  for (let seed = 0; seed < MOST_SEEDS && !problem; seed++) {
    problem = (await simulateTransactions({ seed })).problem
  }
  // A broken promise, told in a line; anything else would come with its stack.
  expect(problem).toMatch(/^.+$/)
})
