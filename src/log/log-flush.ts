/**
 * What of a log no power failure can take away: which files still have to be synced, up to which offset that
 * has been done, and the recovery point, behind which an unclean start checks everything.
 */

import { isOutOfHandles } from './append-queue.ts'
import { formatEpochs, LEADER_EPOCH_CHECKPOINT, PARTITION_METADATA, replaceFile } from './checkpoint.ts'
import { GroupSync, Patience, Slots } from './group-sync.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogEnvironment, LogHome } from './log-environment.ts'
import { greatestOffset, leastOffset } from './offsets.ts'
import { encodeSnapshot, type ProducerSnapshots } from './producer-snapshot.ts'
import type { ProducerState } from './producer-state.ts'
import type { Segment } from './segment.ts'
import type { LogLocation } from './segment-files.ts'

/** Producer state is written down this often within a segment. */
const SNAPSHOT_INTERVAL_BYTES = 67_108_864

/** The log as far as flushing goes. */
export interface FlushedLog {
  readonly environment: LogEnvironment
  readonly home: LogHome
  readonly location: LogLocation
  readonly segments: readonly Segment[]
  readonly snapshots: ProducerSnapshots
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  readonly logEndOffset: bigint
  /** What passes fails the task alone, any other failure ends the directory. */
  guard<T>(task: () => Promise<T>): Promise<T>
  diskFailed(error: Error): void
  /** The synced offset may have moved up. */
  synced(): void
  /** Being deleted. */
  readonly isLeaving: boolean
}

export class LogFlush {
  private readonly log: FlushedLog
  /** The log may move on to another one. */
  private home: LogHome
  private readonly unsynced = new Set<Segment>()
  /** Names in the log's directory, or its own name, are not durable yet. */
  private hasNewFiles: boolean
  private isNewDirectory: boolean
  /** Version 0 is that of the file: what recovery has found out since is not in there. */
  private savedEpochs = 0
  private bytesSinceSnapshot = 0
  private synced: bigint
  private flushed: bigint
  private readonly fileSync: GroupSync<bigint>
  private readonly fullFlush = new GroupSync(() => this.cuts.run(() => this.flushAll()))
  /** Flushes and cuts, one after the other. */
  private readonly cuts = new Slots(1)

  /** What lies behind the recovery point was written by someone who died before it was synced. */
  constructor(log: FlushedLog, recoveryPoint: bigint, wasClean: boolean) {
    this.log = log
    this.home = log.home
    const { syncs: slots, waitClock, durability } = log.environment
    const patience = durability === 'fsync' ? new Patience(waitClock) : undefined
    this.fileSync = new GroupSync(() => this.syncFiles(), { slots, patience })
    this.synced = recoveryPoint
    this.flushed = recoveryPoint
    this.hasNewFiles = this.isNewDirectory = !wasClean
    for (const [i, segment] of log.segments.entries()) {
      const end = log.segments[i + 1]?.baseOffset ?? log.logEndOffset
      if (end > recoveryPoint || (end === recoveryPoint && !wasClean)) this.unsynced.add(segment)
    }
  }

  get syncedOffset(): bigint {
    return this.synced
  }

  get recoveryPoint(): bigint {
    return this.flushed
  }

  noteWritten(segment: Segment, bytes: number): void {
    this.unsynced.add(segment)
    this.bytesSinceSnapshot += bytes
  }

  noteRolled(): void {
    this.hasNewFiles = true
    this.bytesSinceSnapshot = 0
  }

  /** Segments have got new names, and are durable themselves. */
  noteRenamed(): void {
    this.hasNewFiles = true
  }

  /** It has been written down which topic the log belongs to. */
  noteIdentity(): void {
    this.hasNewFiles = this.isNewDirectory = true
  }

  noteDropped(segment: Segment): void {
    this.unsynced.delete(segment)
  }

  noteTruncated(offset: bigint): void {
    this.synced = leastOffset(this.synced, offset)
    this.flushed = leastOffset(this.flushed, offset)
    this.hasNewFiles = true
  }

  /** The batches alone. Resolves when all that is written at the time of the call is durable. */
  async sync(): Promise<void> {
    const end = await this.fileSync.run()
    if (this.isNewDirectory) await this.syncName()
    this.synced = greatestOffset(this.synced, leastOffset(end, this.log.logEndOffset))
    this.log.synced()
  }

  /** The batches and all that belongs to them; the recovery point moves up. */
  flush(): Promise<void> {
    return this.fullFlush.run()
  }

  /** The log has other files now, all of which are durable up to its end; their names may not be yet. */
  moveTo(home: LogHome): void {
    this.home = home
    this.unsynced.clear()
    this.hasNewFiles = this.isNewDirectory = true
    this.synced = this.flushed = this.log.logEndOffset
    this.savedEpochs = this.log.epochs.version
  }

  /** What is under way has ended, whichever way. */
  async settled(): Promise<void> {
    await this.fullFlush.settled()
    await this.fileSync.settled()
  }

  /**
   * Cuts the log while nobody flushes it: a flush that went on across the cut would raise the recovery point
   * again, over what is written there later.
   */
  cutting(cut: () => Promise<void>): Promise<void> {
    return this.cuts.run(cut)
  }

  async saveEpochs(): Promise<void> {
    const { environment, epochs, location } = this.log
    const { version } = epochs
    if (version === this.savedEpochs) return
    await replaceFile(environment.disk, location.path, LEADER_EPOCH_CHECKPOINT, formatEpochs(epochs.list()))
    this.savedEpochs = version
  }

  /** Data first, then what is derived from it, and only then the recovery point. */
  private async flushAll(): Promise<void> {
    const { log } = this
    const { segments, snapshots } = log
    const end = this.log.logEndOffset
    const from = this.flushed
    const snapshot = this.dueSnapshot()
    await this.sync()
    await log.guard(async () => {
      if (snapshot !== undefined) {
        const bases = new Set(segments.map(segment => segment.baseOffset))
        await snapshots.replaceLatest(end, snapshot, bases)
      }
      for (const [i, segment] of [...segments].entries()) {
        const next = segments[i + 1]
        // One that ends just there may have been sealed since.
        if (next === undefined || next.baseOffset >= from) await segment.persistIndexes(true)
      }
      await this.syncNewIndexes(segments)
      await this.saveEpochs()
    })
    this.flushed = greatestOffset(this.flushed, leastOffset(end, this.log.logEndOffset))
  }

  /** Without its name nobody would miss an index of transactions. The others can be made anew. */
  private async syncNewIndexes(segments: readonly Segment[]): Promise<void> {
    const fresh = segments.filter(segment => segment.transactionIndex.isNewFile)
    if (fresh.length === 0) return
    for (const segment of fresh) segment.transactionIndex.isNewFile = false
    try {
      await this.log.environment.disk.syncDirectory(this.log.location.path)
    } catch (error) {
      for (const segment of fresh) segment.transactionIndex.isNewFile = true
      throw error
    }
  }

  /** In a long segment, now and then: an unclean start replays only what lies behind the last one. */
  private dueSnapshot(): Buffer | undefined {
    const { producers } = this.log
    if (this.bytesSinceSnapshot < SNAPSHOT_INTERVAL_BYTES || producers.size === 0) return undefined
    this.bytesSinceSnapshot = 0
    return encodeSnapshot(producers.producers())
  }

  /** In a slot, so that it covers all that was written up to its turn. Returns how far that is. */
  private async syncFiles(): Promise<bigint> {
    const { home } = this
    const { environment, location } = this.log
    refuseOffline(home)
    const end = this.log.logEndOffset
    const segments = [...this.unsynced]
    const { hasNewFiles } = this
    this.unsynced.clear()
    this.hasNewFiles = false
    try {
      for (const segment of segments) await this.syncSegment(segment)
      if (hasNewFiles) await environment.disk.syncDirectory(location.path)
      return end
    } catch (error) {
      if (isOutOfHandles(error)) {
        // It did not come to a sync: the next one makes up for it.
        for (const segment of segments) if (this.log.segments.includes(segment)) this.unsynced.add(segment)
        this.hasNewFiles ||= hasNewFiles
      }
      this.syncFailed(error as Error, home)
      throw error
    }
  }

  /**
   * That the log's own directory is there, and whose it is, for the first sync of all: records without their
   * topic's id would be taken for those of a topic that is made anew under its name.
   */
  private async syncName(): Promise<void> {
    const { home } = this
    try {
      const isKnown = await this.syncIdentity()
      await home.sync()
      // One may have failed for somebody else while this one waited for its turn.
      refuseOffline(home)
      this.isNewDirectory = !isKnown
    } catch (error) {
      this.syncFailed(error as Error, home)
      throw error
    }
  }

  /** False where a want of handles leaves it to the next sync: the batches are durable already. */
  private async syncIdentity(): Promise<boolean> {
    const { environment, location } = this.log
    try {
      const file = await environment.disk.open(`${location.path}/${PARTITION_METADATA}`, 'read')
      await environment.syncs.run(() => file.sync()).finally(() => file.close())
    } catch (error) {
      // Brokers of old wrote down no id.
      if (isOutOfHandles(error as Error)) return false
      if ((error as { code?: string }).code !== 'ENOENT') throw error
    }
    return true
  }

  private syncFailed(error: Error, home: LogHome): void {
    if (isOutOfHandles(error)) return
    // Whatever it was: what had been written may be gone, and a second try would not tell.
    if (!this.log.isLeaving) home.goOffline(error)
    else this.log.diskFailed(error)
  }

  /** One that is dropped meanwhile, and not where it was, is missed by nobody. */
  private async syncSegment(segment: Segment): Promise<void> {
    const isThere = () => this.log.segments.includes(segment)
    if (!isThere()) return
    try {
      await segment.withFile(file => file.sync())
    } catch (error) {
      if (isThere() || (error as { code?: string }).code !== 'ENOENT') throw error
    }
  }
}

/** Another sync would succeed, and what the failed one has lost would be taken for stored. */
function refuseOffline(home: LogHome): void {
  if (!home.isOnline) throw Object.assign(new Error(`EIO: ${home.path} is offline`), { code: 'EIO' })
}
