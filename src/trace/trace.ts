/**
 * The latest requests and responses of a broker or a proxy, in a bounded memory: copies of their frames,
 * which are decoded when somebody looks. While it is off it costs nothing, and what was kept stays.
 */
import { apis } from '../../protocol/apis.ts'
import type { DeferredBytes, EncodedMessage } from '../../protocol/wire.ts'
import type { Clock, Disk } from '../platform/platform.ts'
import { learnNames } from './capture-exchanges.ts'
import { captureOf } from './capture-file.ts'
import type { Exchange, TracedMessage, TraceTextOptions } from './exchange.ts'
import { KeptExchange, type Peer } from './kept-exchange.ts'
import { keptRequest, keptResponse } from './secrets.ts'
import type { TopicNames } from './topic-fields.ts'

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024
const SIZE_BYTES = 4
/** What an exchange costs beyond its frames. */
const OVERHEAD_BYTES = 512

export interface TraceOptions {
  readonly clock: Clock
  /** Where `save` writes. */
  readonly disk: Disk
  /** The oldest exchanges are given up beyond this many bytes. 16 MiB by default. */
  readonly maxBytes?: number
  /** Begins at once. Otherwise `start` does. */
  readonly isOn?: boolean
}

export interface TraceQuery {
  readonly client?: string
  readonly topic?: string
}

/** Something happened to an exchange that is not in its bytes. */
export interface TraceNote {
  readonly connection: string
  readonly correlationId: number
  readonly text: string
}

export class Trace implements AsyncIterable<Exchange> {
  private readonly clock: Clock
  private readonly disk: Disk
  private readonly maxBytes: number
  private readonly startedAt: number
  private kept: KeptExchange[] = []
  private keptBytes = 0
  private count = 0
  private isRunning: boolean
  private isEnded = false
  private names: TopicNames = () => undefined
  private readonly learnedNames = new Map<string, string>()
  private learnedCount = 0
  private readonly readers = new Set<Reader>()

  constructor({ clock, disk, maxBytes = DEFAULT_MAX_BYTES, isOn = false }: TraceOptions) {
    this.clock = clock
    this.disk = disk
    this.maxBytes = maxBytes
    this.isRunning = isOn
    this.startedAt = clock.now() - clock.elapsed()
  }

  /** Whether exchanges are being kept. */
  get isOn(): boolean {
    return this.isRunning
  }

  /** Keeps all exchanges from now on. */
  start(): void {
    this.isRunning = true
  }

  /** Keeps no more; what was kept stays. */
  stop(): void {
    this.isRunning = false
  }

  /** Forgets what was kept. */
  clear(): void {
    this.kept = []
    this.keptBytes = 0
  }

  /** All that is kept, in the order of the requests. Throws where there is no API of the name. */
  exchanges(api?: string, query: TraceQuery = {}): Exchange[] {
    this.assertUsed()
    const name = api === undefined ? undefined : nameOfApi(api)
    return this.kept.filter(
      each =>
        (name === undefined || each.api === name) &&
        (query.client === undefined || each.client === query.client) &&
        (query.topic === undefined || each.topics.includes(query.topic)),
    )
  }

  /** The requests to an API, decoded: `trace.requests('OffsetCommit')[0].body.groupId`. */
  requests(api?: string, query?: TraceQuery): TracedMessage[] {
    return this.exchanges(api, query).map(each => each.request)
  }

  /** The responses of an API, decoded, in the order of their requests. */
  responses(api?: string, query?: TraceQuery): TracedMessage[] {
    return this.exchanges(api, query).flatMap(each => each.response ?? [])
  }

  /** One line for each exchange; with `isDetailed` all fields of its messages as well. */
  text(options?: TraceTextOptions): string {
    return this.exchanges()
      .map(each => `${each.text(options)}\n`)
      .join('')
  }

  /** Writes a capture in pcapng, for `klamm trace` and for Wireshark. Secrets of SASL are not in it. */
  async save(path: string): Promise<void> {
    this.assertUsed()
    const file = await this.disk.open(path, 'write')
    try {
      await file.truncate(0)
      await file.write(captureOf(this.kept.flatMap(each => each.frames())), 0)
    } finally {
      await file.close()
    }
  }

  /**
   * What is kept, then each exchange as it is answered, until `end`. A reader that is slow misses none, but
   * memory grows with what it leaves.
   */
  [Symbol.asyncIterator](): AsyncIterator<Exchange, undefined> {
    this.assertUsed()
    const reader = new Reader(this.kept.filter(each => each.outcome !== 'waiting'))
    if (this.isEnded) reader.end()
    this.readers.add(reader)
    reader.whenLeft = () => this.readers.delete(reader)
    return reader
  }

  /** Ends all iterations. */
  end(): void {
    this.isEnded = true
    this.isRunning = false
    for (const reader of this.readers) reader.end()
  }

  /** Who knows the topics behind ids, which newer requests name alone. */
  bindNames(names: TopicNames): void {
    this.names = names
  }

  /** Adds a note to the exchange, if it is kept. */
  annotate({ connection, correlationId, text }: TraceNote): void {
    const noted = this.kept.findLast(
      each => each.correlationId === correlationId && each.connection === connection,
    )
    noted?.faults.push(text)
  }

  /** A request has come: `frame` is without its size. The connection tells what becomes of it. */
  request(peer: Peer, frame: Uint8Array, at = this.nowMs()): OpenExchange {
    const bytes = SIZE_BYTES + frame.length
    const exchange = new KeptExchange({
      number: ++this.count,
      peer,
      frame: keptRequest(frame.length > this.maxBytes ? frame.subarray(0, SIZE_BYTES * 16) : frame),
      bytes,
      at,
      names: id => this.names(id) ?? this.learned().get(id),
    })
    this.kept.push(exchange)
    this.keptBytes += exchange.keptBytes + OVERHEAD_BYTES
    this.evict()
    return new OpenExchange(
      exchange,
      () => this.nowMs(),
      this.maxBytes,
      before => {
        this.keptBytes += exchange.keptBytes - before
        this.evict()
        for (const reader of this.readers) reader.push(exchange)
      },
    )
  }

  /** What kept responses tell of topics: also of those that are gone. */
  private learned(): ReadonlyMap<string, string> {
    if (this.learnedCount === this.count) return this.learnedNames
    this.learnedCount = this.count
    for (const exchange of this.kept) learnNames(exchange, this.learnedNames)
    return this.learnedNames
  }

  private nowMs(): number {
    return this.startedAt + this.clock.elapsed()
  }

  private evict(): void {
    let gone = 0
    while (this.keptBytes > this.maxBytes && gone < this.kept.length - 1) {
      this.keptBytes -= this.kept[gone++]!.keptBytes + OVERHEAD_BYTES
    }
    if (gone > 0) this.kept.splice(0, gone)
  }

  private assertUsed(): void {
    if (this.isRunning || this.count > 0 || this.isEnded) return
    throw new Error(
      'Nothing is traced: start with Klamm.start({ trace: true }), or call trace.start() before the requests',
    )
  }
}

/**
 * As exchanges have it, whatever the case of its letters. A name that is misspelt would find nothing, which a
 * test may take for what it hoped for.
 */
export function nameOfApi(given: string): string {
  const wanted = String(given).toLowerCase()
  for (const { name } of apis.values()) if (name.toLowerCase() === wanted) return name
  if (/^api \d+$/.test(wanted)) return `API ${wanted.slice('api '.length)}`
  throw new Error(`There is no API ${given}; it is named as in Produce, Fetch, OffsetCommit`)
}

/** An exchange whose response is to come. */
export class OpenExchange {
  private readonly exchange: KeptExchange
  private readonly nowMs: () => number
  private readonly maxBytes: number
  private readonly onDone: (bytesBefore: number) => void

  constructor(
    ...[exchange, nowMs, maxBytes, onDone]: [KeptExchange, () => number, number, (before: number) => void]
  ) {
    this.exchange = exchange
    this.nowMs = nowMs
    this.maxBytes = maxBytes
    this.onDone = onDone
  }

  /** Returns what is to be sent. Ranges of files are copied as they are read. */
  answered(message: EncodedMessage): EncodedMessage {
    const parts: Uint8Array[][] = []
    let open = 1
    const done = () => {
      if (--open === 0) this.finish(parts.flat(), message.byteLength)
    }
    const chunks = message.chunks.map(chunk => {
      const part: Uint8Array[] = []
      parts.push(part)
      if (chunk instanceof Uint8Array) {
        part.push(chunk)
        return chunk
      }
      open++
      return new SeenRange(chunk, part, done)
    })
    done()
    return { byteLength: message.byteLength, chunks }
  }

  /** The whole response, with its size, at a time that is known. */
  answeredAt(at: number, frame: Uint8Array): void {
    this.finish([frame], frame.length, at)
  }

  unanswered(why: 'no response' | 'lost'): void {
    if (this.exchange.outcome !== 'waiting') return
    this.exchange.outcome = why
    this.onDone(this.exchange.keptBytes)
  }

  private finish(parts: readonly Uint8Array[], bytes: number, at = this.nowMs()): void {
    if (this.exchange.outcome !== 'waiting') return
    const before = this.exchange.keptBytes
    const frame = Buffer.concat(parts).subarray(SIZE_BYTES)
    const kept = keptResponse(this.exchange.apiKey, this.exchange.version, frame)
    const isTooLarge = kept.length > this.maxBytes
    this.exchange.answered({
      frame: isTooLarge ? Buffer.from(kept.subarray(0, SIZE_BYTES * 16)) : kept,
      bytes,
      at,
    })
    this.onDone(before)
  }
}

/** A range of a file that is copied while it is being sent. */
class SeenRange implements DeferredBytes {
  readonly byteLength: number
  private readonly range: DeferredBytes
  private readonly seen: Uint8Array[]
  private readonly done: () => void

  constructor(range: DeferredBytes, seen: Uint8Array[], done: () => void) {
    this.range = range
    this.seen = seen
    this.done = done
    this.byteLength = range.byteLength
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const piece = await this.range.read(position, length)
    this.seen.push(Buffer.from(piece))
    return piece
  }

  release(): void {
    this.range.release()
    this.done()
  }
}

class Reader implements AsyncIterator<Exchange, undefined> {
  whenLeft: () => void = () => {}
  private readonly queue: Exchange[]
  private isEnded = false
  private wake: (() => void) | undefined

  constructor(queue: Exchange[]) {
    this.queue = queue
  }

  async next(): Promise<IteratorResult<Exchange, undefined>> {
    for (;;) {
      const value = this.queue.shift()
      if (value) return { done: false, value }
      if (this.isEnded) return { done: true, value: undefined }
      await new Promise<void>(resolve => {
        this.wake = resolve
      })
    }
  }

  async return(): Promise<IteratorResult<Exchange, undefined>> {
    this.end()
    this.whenLeft()
    return { done: true, value: undefined }
  }

  push(exchange: Exchange): void {
    this.queue.push(exchange)
    this.wake?.()
  }

  end(): void {
    this.isEnded = true
    this.wake?.()
  }
}
