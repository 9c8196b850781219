/**
 * One client's connection. It cuts frames, hands requests on in order, and sends the responses in the order
 * of their requests. Consecutive Produce requests overlap; every other request waits until those before it
 * are done, and those behind it wait for it.
 *
 * Bounds: what was received and is not started, what is in flight, and what the client has not read. At
 * each of them the connection stops taking more, and reading stops with it.
 */
import type { EncodedMessage } from '../../protocol/wire.ts'
import type { Session } from '../api/context.ts'
import type { Clock, Socket, Timer } from '../platform/platform.ts'
import type { Complaints } from './complaints.ts'
import type { Rejection } from './dispatch.ts'
import {
  type AcceptedRequest,
  type AcceptedToken,
  type Directive,
  type Dispatcher,
  isDirective,
  isRejection,
  type Outcome,
  reject,
} from './dispatch.ts'
import { type BadFrameSize, FrameReader } from './frame-reader.ts'
import type { ReadBudget, RequestMemory } from './memory-budget.ts'
import { discard, ResponseWriter } from './response-writer.ts'
import { describeStranger } from './strangers.ts'
import type { TappedExchange, WireTap } from './wire-tap.ts'

/** Received and not started. One frame may be larger. */
const MAX_WAITING_BYTES = 1024 * 1024
/** What a frame costs beyond its bytes, so that tiny ones are bounded too. */
const FRAME_OVERHEAD_BYTES = 256
/** A larger request that waits for something has a share of the request memory for as long as it waits. */
const LARGE_BYTES = 64 * 1024
/** So many times its bytes are the objects that it has become. */
const PARKED_FACTOR = 6
const MAX_OVERLAPPING = 32
const MAX_OVERLAPPING_BYTES = 16 * 1024 * 1024
const SIZE_BYTES = 4
/** So long what a client had sent waits for its turn when the client has gone. */
const LOST_GRACE_MS = 30_000

export interface ConnectionOptions {
  readonly socket: Socket
  readonly session: Session
  readonly dispatcher: Dispatcher
  readonly requestMemory: RequestMemory
  readonly readBudget: ReadBudget
  readonly complaints: Complaints
  readonly clock: Clock
  readonly tap?: WireTap | undefined
  /** `socket.request.max.bytes`. */
  readonly maxRequestBytes: number
  /** `sasl.server.max.receive.size`: of strangers, on listeners with SASL. */
  readonly maxSaslBytes: number
  /** `connections.max.idle.ms`; not positive means never. */
  readonly maxIdleMs: number
  onClosed(): void
}

/**
 * open → ending (no more requests; what is in flight is answered, then the connection ends) → closed.
 * open or ending → closed (the peer has gone). What it had sent before is still done, as in Kafka: a producer
 * with acks=0 may close as soon as it has sent. Only what a long wait holds up is given up after a while.
 */
type State = 'open' | 'ending' | 'closed'

/** The place of one response in the order; `undefined` while it is not known. */
interface Slot {
  readonly overlaps: boolean
  readonly bytes: number
  /** Of the request memory. */
  heldBytes: number
  /** Of the request memory too, behind `heldBytes`: what a large request takes that waits. */
  parkedBytes: number
  readonly tapped: TappedExchange | undefined
  outcome: EncodedMessage | null | undefined
  /** What comes with the outcome. */
  directive: Directive | undefined
}

export class Connection {
  private readonly options: ConnectionOptions
  private readonly frames: FrameReader
  private readonly writer: ResponseWriter
  private state: State = 'open'
  private isReading = true
  private isPumping = false
  /**
   * Whole frames that are not started, from `waitingFrom` on; behind the last may come why there are no more.
   */
  private waiting: (Buffer | Rejection)[] = []
  private waitingFrom = 0
  private waitingBytes = 0
  private next: AcceptedRequest | AcceptedToken | Rejection | undefined
  private readonly slots: Slot[] = []
  private unanswered = 0
  private unansweredBytes = 0
  /** Received bytes of requests that are not done: what this connection has of the request memory. */
  heldBytes = 0
  private lastActiveMs: number
  private onSent: (() => void) | undefined
  /** Its client waits for an answer that will not come. */
  private isHung = false
  private muteTimer: Timer | undefined
  private idleTimer: Timer | undefined
  private graceTimer: Timer | undefined

  constructor(options: ConnectionOptions) {
    this.options = options
    this.frames = new FrameReader(
      () => this.maxFrameBytes,
      frame => this.enqueue(frame),
    )
    this.writer = new ResponseWriter({
      socket: options.socket,
      budget: options.readBudget,
      onProgress: () => this.pump(),
      onFailure: error => this.fail(error),
    })
    this.lastActiveMs = options.clock.elapsed()
    if (options.maxIdleMs > 0) this.watchIdle(options.maxIdleMs)
    options.socket.handle({
      onData: chunk => this.receive(chunk),
      onDrain: () => this.drained(),
      onClose: () => this.lost(),
    })
  }

  /** True from the first byte of a frame to its last. */
  get isMidFrame(): boolean {
    return this.frames.isMidFrame
  }

  /** A request is under way, or a response. */
  get isBusy(): boolean {
    return this.unanswered > 0 || !this.writer.isIdle
  }

  /** There is request memory again. */
  readOn(): void {
    this.adjustReading()
  }

  /** Takes no more requests, answers those in flight, and closes. */
  end(): void {
    if (this.state !== 'open') return
    this.state = 'ending'
    this.dropWaiting()
    this.options.socket.pause()
    this.endWhenDone()
  }

  /** As `end`, because of what the client did. */
  disconnect(reason: string): void {
    this.complain(reject('disconnect', reason))
    this.end()
  }

  /** Closes at once. */
  destroy(): void {
    this.dropWaiting()
    this.options.socket.destroy()
  }

  private get maxFrameBytes(): number {
    const { session, maxRequestBytes, maxSaslBytes } = this.options
    const isStranger = session.authentication !== undefined && !session.authentication.principal
    return isStranger ? Math.min(maxRequestBytes, maxSaslBytes) : maxRequestBytes
  }

  private receive(chunk: Buffer): void {
    if (this.state !== 'open' || this.isHung) return
    this.lastActiveMs = this.options.clock.elapsed()
    this.heldBytes += chunk.length
    this.options.requestMemory.add(chunk.length)
    const bad = this.frames.push(chunk)
    if (bad) this.enqueueEnd(bad)
    this.pump()
  }

  private enqueue(frame: Buffer): void {
    this.waiting.push(frame)
    this.waitingBytes += frame.length + FRAME_OVERHEAD_BYTES
  }

  /** The requests before it are served first, as if the rest had not been looked at yet. */
  private enqueueEnd(bad: BadFrameSize): void {
    this.waiting.push(describeStranger(bad, this.maxFrameBytes, this.options.session))
    this.waitingBytes = Number.POSITIVE_INFINITY
  }

  /** Starts what may start. */
  private pump(): void {
    if (this.isPumping) return
    const { dispatcher, session } = this.options
    if (dispatcher.isHeld) dispatcher.whenServing(this.pumpOn)
    this.isPumping = true
    while (this.waitingFrom < this.waiting.length && !this.isHeldUp()) {
      const frame = this.waiting[this.waitingFrom]!
      if (this.unanswered > 0 && session.authentication?.isUnderWay) break
      this.next ??= 'kind' in frame ? frame : dispatcher.accept(frame, session)
      if (!this.mayStart(this.next, frame)) break
      const accepted = this.next
      this.next = undefined
      this.shiftWaiting()
      if (accepted.kind === 'rejection') this.refuseFrame(accepted, frame)
      else this.start(accepted, frame as Buffer)
    }
    this.isPumping = false
    if (this.writer.isIdle || this.state === 'closed') this.onSent?.()
    this.adjustReading()
    this.endWhenDone()
    if (this.state === 'closed' && this.unanswered === 0) {
      this.graceTimer?.cancel()
      this.release(this.heldBytes)
    }
  }

  /** Responses that are on their way come from data that is about to go. */
  sent(): Promise<void> {
    if (this.writer.isIdle || this.state === 'closed') return Promise.resolve()
    return new Promise(resolve => {
      this.onSent = resolve
    })
  }

  private readonly pumpOn = (): void => this.pump()

  /** Nothing is to be read and begun, for a while or for good. */
  private get isMuted(): boolean {
    return this.isHung || this.muteTimer !== undefined
  }

  private isHeldUp(): boolean {
    if (this.isMuted || this.options.dispatcher.isHeld) return true
    return this.state === 'open' && this.writer.isBackedUp
  }

  private mayStart(next: AcceptedRequest | AcceptedToken | Rejection, frame: Buffer | Rejection): boolean {
    if (this.unanswered === 0) return true
    if (next.kind !== 'request' || !next.api.handler.overlaps || !this.slots.at(-1)?.overlaps) return false
    const bytes = this.unansweredBytes + (frame as Buffer).length
    return this.unanswered < MAX_OVERLAPPING && bytes <= MAX_OVERLAPPING_BYTES
  }

  private start(accepted: AcceptedRequest | AcceptedToken, frame: Buffer): void {
    const { dispatcher, session } = this.options
    const slot: Slot = {
      overlaps: accepted.kind === 'request' && accepted.api.handler.overlaps,
      bytes: frame.length,
      heldBytes: SIZE_BYTES + frame.length,
      parkedBytes: 0,
      tapped: accepted.kind === 'request' ? this.tapRequest(frame) : undefined,
      outcome: undefined,
      directive: undefined,
    }
    this.slots.push(slot)
    this.unanswered++
    this.unansweredBytes += frame.length
    const outcome = dispatcher.run(accepted, session)
    if (!(outcome instanceof Promise)) {
      this.finish(slot, outcome)
      return
    }
    // Only records are views of their frame; long polls must not use up what others want to send with.
    if (!slot.overlaps) this.park(slot)
    outcome.then(
      known => this.finish(slot, known),
      error => {
        this.fail(error)
        this.finish(slot, null)
      },
    )
  }

  private finish(slot: Slot, outcome: Outcome): void {
    this.unanswered--
    this.unansweredBytes -= slot.bytes
    this.lastActiveMs = this.options.clock.elapsed()
    this.releaseFrame(slot)
    this.options.requestMemory.unpark(slot.parkedBytes)
    slot.parkedBytes = 0
    if (isRejection(outcome)) {
      slot.outcome = null
      this.refuse(outcome)
    } else if (isDirective(outcome)) {
      this.isHung ||= outcome.ending === 'hang'
      slot.directive = outcome
      slot.outcome = this.isHung ? undefined : outcome.message
    } else {
      slot.outcome = outcome
    }
    this.sendInOrder()
    this.pump()
  }

  private sendInOrder(): void {
    let count = 0
    for (const slot of this.slots) {
      if (slot.outcome === undefined) break
      count++
      this.send(slot.outcome, slot)
      if (slot.directive) this.obey(slot.directive)
    }
    if (count > 0) this.slots.splice(0, count)
  }

  private send(message: EncodedMessage | null, { tapped, directive }: Slot): void {
    if (this.state === 'closed' || directive?.ending === 'cut') {
      tapped?.unanswered('lost')
      if (message) discard(message)
    } else if (message) {
      this.writer.send(tapped ? tapped.answered(message) : message)
    } else {
      tapped?.unanswered('no response')
    }
  }

  private obey({ ending, muteMs }: Directive): void {
    if (ending === 'cut') this.destroy()
    if (ending === 'close') this.end()
    if (muteMs === undefined || this.state !== 'open') return
    this.muteTimer?.cancel()
    this.muteTimer = this.options.clock.after(muteMs, () => {
      this.muteTimer = undefined
      this.pump()
    })
  }

  private tapRequest(frame: Buffer): TappedExchange | undefined {
    const { tap, session } = this.options
    return tap?.isOn ? tap.request(session, frame) : undefined
  }

  private refuseFrame(rejection: Rejection, frame: Buffer | Rejection): void {
    const { authentication } = this.options.session
    // What a stranger sends instead of a request may be a secret.
    const isStranger = authentication !== undefined && !authentication.principal
    if (!('kind' in frame) && !isStranger) this.tapRequest(frame)?.unanswered('no response')
    this.refuse(rejection)
  }

  private refuse(rejection: Rejection): void {
    this.complain(rejection)
    this.dropWaiting()
    this.end()
  }

  private complain({ topic, reason }: Rejection): void {
    const { session, complaints } = this.options
    complaints.log(topic, `Closing the connection of ${session.clientAddress}: ${reason}`, {
      connection: session.connectionId,
      clientId: session.clientId,
      listener: session.listener,
    })
  }

  private drained(): void {
    this.lastActiveMs = this.options.clock.elapsed()
    this.writer.drained()
  }

  private adjustReading(): void {
    if (this.state !== 'open') return
    const hasRoom = this.waitingBytes <= MAX_WAITING_BYTES
    // Who reads nothing does not learn that the client has gone.
    const mayRead = this.isHung || (!this.isMuted && hasRoom && this.options.requestMemory.mayRead(this))
    if (mayRead === this.isReading) return
    this.isReading = mayRead
    if (mayRead) this.options.socket.resume()
    else this.options.socket.pause()
  }

  private endWhenDone(): void {
    if (this.state === 'ending' && this.isHung) this.options.socket.destroy()
    if (this.state !== 'ending' || this.unanswered > 0 || !this.writer.isIdle) return
    this.options.socket.end()
  }

  private shiftWaiting(): void {
    const frame = this.waiting[this.waitingFrom++]
    if (frame && !('kind' in frame)) this.waitingBytes -= frame.length + FRAME_OVERHEAD_BYTES
    if (this.waitingFrom < this.waiting.length) return
    this.waiting = []
    this.waitingFrom = 0
  }

  private dropWaiting(): void {
    this.waiting = []
    this.waitingFrom = 0
    this.waitingBytes = 0
    this.next = undefined
  }

  private park(slot: Slot): void {
    if (slot.bytes > LARGE_BYTES) {
      slot.parkedBytes = slot.bytes * PARKED_FACTOR
      this.options.requestMemory.park(slot.parkedBytes)
    }
    this.releaseFrame(slot)
  }

  private releaseFrame(slot: Slot): void {
    this.release(slot.heldBytes)
    slot.heldBytes = 0
  }

  private release(bytes: number): void {
    const released = Math.min(bytes, this.heldBytes)
    this.heldBytes -= released
    this.options.requestMemory.release(released)
  }

  private fail(error: unknown): void {
    this.options.complaints.log('read', `Closing the connection of ${this.options.session.clientAddress}`, {
      error,
    })
    this.destroy()
  }

  private lost(): void {
    this.state = 'closed'
    this.idleTimer?.cancel()
    this.muteTimer?.cancel()
    this.muteTimer = undefined
    this.writer.close()
    if (this.isHung) this.giveUpHung()
    this.options.requestMemory.forget(this)
    const { clock, onClosed, session } = this.options
    if (session.waiter) {
      session.waiter.isGone = true
      session.waiter.onGone?.()
    }
    this.pump()
    if (this.waiting.length > 0) this.graceTimer = clock.after(LOST_GRACE_MS, () => this.giveUpWaiting())
    onClosed()
  }

  private giveUpHung(): void {
    this.dropWaiting()
    for (const { tapped, outcome } of this.slots.splice(0)) {
      tapped?.unanswered('lost')
      if (outcome) discard(outcome)
    }
  }

  private giveUpWaiting(): void {
    this.dropWaiting()
    let inFlightBytes = 0
    for (const slot of this.slots) inFlightBytes += slot.heldBytes
    this.release(this.heldBytes - inFlightBytes)
  }

  /**
   * A request that waits for something (a long poll, a rebalance) is no idleness; bytes that nobody reads
   * are.
   */
  private watchIdle(delayMs: number): void {
    this.idleTimer = this.options.clock.after(delayMs, () => {
      const { maxIdleMs, clock } = this.options
      const idleMs = clock.elapsed() - this.lastActiveMs
      if (this.unanswered > 0) this.watchIdle(maxIdleMs)
      else if (idleMs < maxIdleMs) this.watchIdle(maxIdleMs - idleMs)
      else this.destroy()
    })
  }
}
