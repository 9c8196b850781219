/**
 * Sends one connection's responses, in the order in which they are given. What lies in memory goes to the
 * socket at once; file ranges are read piece by piece as the socket drains. Each range is released exactly
 * once, also when the connection is lost before, during or after its turn.
 */
import type { DeferredBytes, EncodedMessage } from '../../protocol/wire.ts'
import type { Socket } from '../platform/platform.ts'
import type { ReadBudget } from './memory-budget.ts'

/** One read; while it is being sent, the next one may be under way. */
const PIECE_BYTES = 512 * 1024
/** A peer that leaves more than this unread is not served until it has read. */
const MAX_UNREAD_BYTES = 1024 * 1024

/** Less is not worth the bookkeeping; a socket with more says when it has drained. */
const MIN_CHARGED_BYTES = 128 * 1024

export interface ResponseWriterOptions {
  readonly socket: Socket
  readonly budget: ReadBudget
  /** Called when the writer may have become ready for more. */
  onProgress(): void
  /** A range could not be read: the stream is broken in the middle of a response. */
  onFailure(error: unknown): void
}

export class ResponseWriter {
  private readonly options: ResponseWriterOptions
  private readonly queue: (Uint8Array | DeferredBytes)[] = []
  private isStreaming = false
  private isClosed = false
  private wakeStream: (() => void) | undefined
  /** Of the budget: read and, as far as is known, not sent. */
  private grantedBytes = 0

  constructor(options: ResponseWriterOptions) {
    this.options = options
  }

  /** True while the peer has enough to read. */
  get isBackedUp(): boolean {
    return this.isStreaming || this.options.socket.bufferedBytes > MAX_UNREAD_BYTES
  }

  /** True when all that was given is with the socket. */
  get isIdle(): boolean {
    return !this.isStreaming && this.queue.length === 0
  }

  send(message: EncodedMessage): void {
    if (this.isClosed) {
      discard(message)
      return
    }
    if (this.isIdle && message.chunks.every(isInMemory)) {
      this.options.socket.write(message.chunks)
      this.chargeUnsent()
      return
    }
    this.queue.push(...message.chunks)
    if (!this.isStreaming) void this.stream()
  }

  /** The socket has handed all of its bytes to the operating system. */
  drained(): void {
    this.settleGrants()
    this.wake()
    this.options.onProgress()
  }

  /** Sends nothing more. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.options.budget.giveBack(this.grantedBytes)
    this.grantedBytes = 0
    // While a range is being read its own loop releases it.
    const rest = this.queue.splice(0)
    for (const chunk of rest) if (!isInMemory(chunk)) chunk.release()
    this.wake()
  }

  private async stream(): Promise<void> {
    this.isStreaming = true
    try {
      while (!this.isClosed && this.queue.length > 0) {
        const inMemory = this.takeInMemory()
        if (inMemory.length > 0) this.options.socket.write(inMemory)
        this.chargeUnsent()
        const next = this.queue.shift()
        if (next && !isInMemory(next)) await this.streamRange(next)
      }
    } catch (error) {
      this.options.onFailure(error)
    } finally {
      this.isStreaming = false
    }
    if (!this.isClosed) this.options.onProgress()
  }

  private takeInMemory(): Uint8Array[] {
    const end = this.queue.findIndex(chunk => !isInMemory(chunk))
    return this.queue.splice(0, end < 0 ? this.queue.length : end) as Uint8Array[]
  }

  private async streamRange(range: DeferredBytes): Promise<void> {
    const { socket, budget } = this.options
    try {
      for (let position = 0; position < range.byteLength; ) {
        await this.untilRoom()
        if (this.isClosed) return
        const granted = budget.take(Math.min(PIECE_BYTES, range.byteLength - position))
        this.grantedBytes += granted
        const piece = await range.read(position, granted)
        if (this.isClosed) return
        position += piece.byteLength
        const hasRoom = socket.write([piece])
        // A socket with room tells nothing when it has sent the piece, which is small then.
        if (hasRoom) this.giveBack(this.grantedBytes)
        else this.settleGrants()
      }
    } finally {
      range.release()
    }
  }

  private async untilRoom(): Promise<void> {
    while (!this.isClosed && this.options.socket.bufferedBytes > PIECE_BYTES) {
      await new Promise<void>(resolve => {
        this.wakeStream = resolve
      })
    }
    this.settleGrants()
  }

  /** What a slow peer leaves lying of records that came from memory keeps that memory alive. */
  private chargeUnsent(): void {
    const bytes = this.options.socket.bufferedBytes - this.grantedBytes
    if (this.isClosed || bytes < MIN_CHARGED_BYTES) return
    this.grantedBytes += bytes
    this.options.budget.charge(bytes)
  }

  private wake(): void {
    this.wakeStream?.()
    this.wakeStream = undefined
  }

  private settleGrants(): void {
    this.giveBack(Math.max(0, this.grantedBytes - this.options.socket.bufferedBytes))
  }

  private giveBack(bytes: number): void {
    if (this.isClosed) return
    this.grantedBytes -= bytes
    this.options.budget.giveBack(bytes)
  }
}

/** Gives up a message that will never be sent. */
export function discard(message: EncodedMessage): void {
  for (const chunk of message.chunks) if (!isInMemory(chunk)) chunk.release()
}

function isInMemory(chunk: Uint8Array | DeferredBytes): chunk is Uint8Array {
  return chunk instanceof Uint8Array
}
