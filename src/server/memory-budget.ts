/**
 * Two bounds that all connections of a broker share: on received requests that are not done yet, and on file
 * ranges that were read and not sent yet. Neither can be held hostage: both always let somebody go on.
 */

/** A connection, as far as it can be told to read on. */
export interface PausedReader {
  readonly isMidFrame: boolean
  /** What it has of the memory. */
  readonly heldBytes: number
  readOn(): void
}

/** What one connection may read before the budget is looked at again. */
const READ_BYTES = 64 * 1024
/** What any connection may hold: large requests that do not come to their end must not stop small ones. */
const LEAST_HELD_BYTES = 64 * 1024

/**
 * Received bytes whose requests are not done. At the limit connections stop reading, except for one that is
 * in the middle of a frame: with every byte in the hands of unfinished frames, nothing would ever be given
 * back.
 */
export class RequestMemory {
  private readonly limitBytes: number
  private readonly waiting = new Set<PausedReader>()
  private usedBytes = 0
  /** Of these: large requests that wait, maybe for long. */
  private parkedBytes = 0
  private exempt: PausedReader | undefined

  /** No limit when it is not positive. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes > 0 ? limitBytes : Number.POSITIVE_INFINITY
  }

  get used(): number {
    return this.usedBytes
  }

  add(bytes: number): void {
    this.usedBytes += bytes
  }

  release(bytes: number): void {
    this.usedBytes -= bytes
    this.wake()
  }

  park(bytes: number): void {
    this.parkedBytes += bytes
    this.add(bytes)
  }

  unpark(bytes: number): void {
    if (bytes === 0) return
    this.parkedBytes -= bytes
    this.release(bytes)
  }

  /** Unfinished frames give back what they have when they are whole; what waits does so in its own time. */
  private get mayExempt(): boolean {
    return !this.exempt && this.parkedBytes < this.limitBytes
  }

  /** Whether the reader may go on; if not, it is told when it may. */
  mayRead(reader: PausedReader): boolean {
    if (this.exempt === reader && !reader.isMidFrame) this.exempt = undefined
    const isShort = this.usedBytes >= this.limitBytes && reader.heldBytes >= LEAST_HELD_BYTES
    if (isShort && this.mayExempt && reader.isMidFrame) this.exempt = reader
    if (isShort && this.exempt !== reader) {
      this.waiting.add(reader)
      return false
    }
    this.waiting.delete(reader)
    return true
  }

  forget(reader: PausedReader): void {
    this.waiting.delete(reader)
    if (this.exempt !== reader) return
    this.exempt = undefined
    this.wake()
  }

  private wake(): void {
    if (this.waiting.size === 0) return
    let room = this.limitBytes - this.usedBytes
    for (const reader of this.waiting) {
      if (room <= 0 && !this.mayExempt) return
      if (room <= 0 && !reader.isMidFrame) continue
      this.waiting.delete(reader)
      if (room <= 0) this.exempt = reader
      room -= READ_BYTES
      reader.readOn()
    }
  }
}

/** The least that any connection may read ahead, whatever the others do: slow ones must not stop the rest. */
const LEAST_GRANT_BYTES = 64 * 1024

/**
 * Fetched bytes on their way to sockets, from files and from memory. It never refuses; when it runs short it
 * deals in smaller pieces, and those who ask can tell.
 */
export class ReadBudget {
  private readonly limitBytes: number
  private usedBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get used(): number {
    return this.usedBytes
  }

  /** What can be read from a file, piece by piece, is not to be handed over in memory now. */
  get isShort(): boolean {
    return this.usedBytes >= this.limitBytes
  }

  /** Bytes that were in memory already and lie in a socket now. They are to be given back likewise. */
  charge(bytes: number): void {
    this.usedBytes += bytes
  }

  /** How many of the wanted bytes may be read now. They are to be given back when they are sent. */
  take(wantedBytes: number): number {
    const granted = Math.min(wantedBytes, Math.max(LEAST_GRANT_BYTES, this.limitBytes - this.usedBytes))
    this.usedBytes += granted
    return granted
  }

  giveBack(bytes: number): void {
    this.usedBytes -= bytes
  }
}
