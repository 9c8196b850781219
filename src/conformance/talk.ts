/**
 * A scripted conversation with a broker and its transcript. The same script is held with Apache Kafka and
 * with Klamm; what either makes up (ids, addresses, times) is replaced by names in the order of appearance,
 * so that equal behaviour gives equal transcripts.
 */
import { errorName } from '../../protocol/errors.ts'
import { decodeResponseHeader } from '../../protocol/header.ts'
import type { Fields, InputOf, Message, ValueOf, VersionRange } from '../../protocol/schema.ts'
import type { Network } from '../platform/platform.ts'
import { type Call, decodeWhole, WireClient } from './wire-client.ts'

/** The broker that is talked to, and its time. */
export interface Side {
  readonly network: Network
  readonly host: string
  readonly port: number
  /** The broker's time. */
  now(): number
  /** Lets the broker's time pass. */
  wait(ms: number): Promise<void>
  /** Returns when what was sent has reached the broker and had its effect. */
  settle(): Promise<void>
  /** Says who is talking on each new connection, such as by SASL. */
  readonly greet?: (client: WireClient) => Promise<void>
  /** Throws where the broker does not serve this version of the API. */
  readonly admit?: (apiKey: number, version: number) => void
  /** The versions of an API that the broker serves; undefined where it has no such API. */
  readonly versionsOf?: (apiKey: number) => VersionRange | undefined
  /** Where topics belong in a cluster of several: the broker that is talked to. */
  readonly brokerId?: number
  readonly wording?: Wording
}

/** More that transcripts leave to the broker than ids and times. Undefined: as it is. */
export interface Wording {
  text(value: string, key: string): string | undefined
  number(value: number | bigint, key: string): number | string | undefined
  bytes(value: Buffer, key: string): unknown
  /** Lists whose order tells nothing, and the fields that they are sorted by; without any, by all. */
  readonly unordered: Readonly<Record<string, readonly string[]>>
}

export interface Api<Q extends Fields, R extends Fields> {
  readonly request: Message<Q>
  readonly response: Message<R>
}

/** A request that was sent and may not be answered for a while. */
export interface Parked<R> {
  readonly isAnswered: () => boolean
  readonly answer: () => Promise<R>
}

export interface Entry {
  readonly said: string
  readonly heard: unknown
  /** The body of the request, or its bytes, as sent; not part of a recording. */
  readonly asked?: unknown
  /** The response's frame, behind its size. */
  readonly frame?: Buffer | undefined
  /** What was heard is for whoever reads a report: nothing is compared. */
  readonly isAside?: boolean
}

type Growing<T> = { -readonly [K in keyof T]: T[K] }

/** Bytes that are sent, in words; the response that belongs to them, and how it is encoded. */
export interface Saying<R extends Fields> {
  readonly said: string
  readonly bytes: Buffer
  readonly response: Message<R> | null
  readonly version?: number
}

/** A UUID, or as many digits without its dashes. */
const UUID = /(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32})$/

const KAFKA_ID = /^[\w-]{22}$/

export class Talk {
  readonly transcript: Entry[] = []
  protected readonly side: Side
  private readonly clients = new Map<string, WireClient>()
  private readonly opening = new Map<string, Promise<WireClient>>()
  private readonly names = new Map<string, string>()
  private readonly prefixes = new Map<string, number>()
  private producers = 1

  constructor(side: Side) {
    this.side = side
  }

  /** Sends a request on the connection of `who`, also its client id, and waits for the response. */
  async call<Q extends Fields, R extends Fields>(
    who: string,
    api: Api<Q, R>,
    version: number,
    body: InputOf<Q>,
  ): Promise<ValueOf<R>> {
    return this.exchange({ who, isAside: false }, { ...api, version, body })
  }

  /** As `call`, where the answer is of use to the script only. */
  async ask<Q extends Fields, R extends Fields>(
    who: string,
    api: Api<Q, R>,
    version: number,
    body: InputOf<Q>,
  ): Promise<ValueOf<R>> {
    return this.exchange({ who, isAside: true }, { ...api, version, body })
  }

  private async exchange<Q extends Fields, R extends Fields>(
    { who, isAside }: { readonly who: string; readonly isAside: boolean },
    call: Call<Q, R>,
  ): Promise<ValueOf<R>> {
    const { request, version, body } = call
    this.side.admit?.(request.apiKey, version)
    const said = `${who}: ${request.name.replace(/Request$/, '')} v${version}`
    const entry: Growing<Entry> = { said, heard: undefined, asked: body, ...(isAside && { isAside }) }
    this.transcript.push(entry)
    const client = await this.client(who)
    try {
      const heard = await client.call(call, frame => {
        entry.frame = frame
      })
      entry.heard = this.plain(heard)
      return heard
    } catch (error) {
      entry.heard = (error as Error).message
      this.clients.delete(who)
      throw error
    }
  }

  /**
   * Sends bytes as they are and puts down what comes next on the connection: a response, if one is expected
   * and comes; null where none is, so that the next call shows that none came.
   */
  async say<R extends Fields>(
    who: string,
    { said, bytes, response, version = 0 }: Saying<R>,
  ): Promise<(ValueOf<R> & { readonly correlationId: number }) | undefined> {
    const entry: Growing<Entry> = { said: `${who}: ${said}`, heard: 'sent', asked: bytes }
    this.transcript.push(entry)
    const client = await this.client(who)
    client.sendBytes(bytes)
    if (response === null) return undefined
    entry.heard = undefined
    try {
      const frame = await client.receiveFrame()
      entry.frame = frame
      const { correlationId, bodyPosition } = decodeResponseHeader(response.apiKey, version, frame)
      const body = decodeWhole(response, version, { frame, bodyPosition })
      const answer = { correlationId, ...body }
      entry.heard = this.plain(answer)
      return answer
    } catch (error) {
      entry.heard = (error as Error).message
      this.clients.delete(who)
      return undefined
    }
  }

  /** Responses that nobody asked for. */
  unread(): readonly { readonly who: string; readonly frame: Buffer }[] {
    return [...this.clients].flatMap(([who, client]) => client.unread().map(frame => ({ who, frame })))
  }

  /** As `call`, without waiting for the response; its place in the transcript is here all the same. */
  async park<Q extends Fields, R extends Fields>(
    who: string,
    api: Api<Q, R>,
    version: number,
    body: InputOf<Q>,
  ): Promise<Parked<ValueOf<R>>> {
    let isAnswered = false
    const answer = this.call(who, api, version, body).finally(() => {
      isAnswered = true
    })
    // Who has closed its connection does not hear the answer.
    answer.catch(() => undefined)
    await this.side.settle()
    return { isAnswered: () => isAnswered, answer: () => answer }
  }

  /** Puts down what was heard last in other words, where there is more to it than is of interest. */
  retell(heard: unknown): void {
    const last = this.transcript.pop()
    if (last) this.transcript.push({ ...last, heard: this.plain(heard) })
  }

  /** Puts down what is not a response. */
  note(said: string, heard: unknown): void {
    const told = this.side.wording?.text(said, '') ?? said
    this.transcript.push({ said: told, heard: this.plain(heard) })
  }

  async wait(ms: number): Promise<void> {
    await this.side.wait(ms)
    await this.side.settle()
  }

  now(): number {
    return this.side.now()
  }

  /** Returns when what was begun has had its effect. */
  settled(): Promise<void> {
    return this.side.settle()
  }

  /** The connection of `who` goes away. */
  async hangUp(who: string): Promise<void> {
    await this.clients.get(who)?.close()
    this.clients.delete(who)
    await this.side.settle()
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients.values()].map(client => client.close()))
  }

  /** From now on the value is called by this name. */
  name(value: string, name: string): void {
    this.names.set(value, this.side.wording?.text(name, '') ?? name)
  }

  /** One connection for each, also where several requests want it at once. */
  private client(who: string): Promise<WireClient> {
    const known = this.clients.get(who)
    if (known) return Promise.resolve(known)
    const opening = this.opening.get(who) ?? this.open(who).finally(() => this.opening.delete(who))
    this.opening.set(who, opening)
    return opening
  }

  private async open(who: string): Promise<WireClient> {
    const { network, host, port } = this.side
    const client = await WireClient.connect(network, { host, port, clientId: who })
    this.clients.set(who, client)
    await this.side.greet?.(client)
    return client
  }

  /** A response as JSON, with names instead of what the broker made up. */
  private plain(value: unknown, key = ''): unknown {
    const { wording } = this.side
    if (typeof value === 'bigint') return wording?.number(value, key) ?? this.counted(value, key)
    if (value instanceof Uint8Array) {
      const bytes = Buffer.from(value)
      return this.plainBytes(bytes, key)
    }
    if (Array.isArray(value)) {
      const by = wording?.unordered[key] ?? SORT_KEYS[key]
      return sorted(
        value.map(each => this.plain(each, key)),
        by,
      )
    }
    if (typeof value === 'string') {
      const known = this.names.get(value)
      if (known !== undefined) return known
      if (key === 'memberId' && KAFKA_ID.test(value)) return this.namedId(value)
      const text = this.named(wording?.text(value, key) ?? value)
      return key === 'errorMessage' ? this.withNames(text) : text
    }
    const number = typeof value === 'number' ? wording?.number(value, key) : undefined
    if (number !== undefined) return number
    if (typeof value === 'number') return /[eE]rrorCode$/.test(key) ? errorName(value as never) : value
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([name, inner]) => [name, this.plain(inner, name)])
    return Object.fromEntries(entries)
  }

  /** Ids that have names, wherever in a sentence they stand. */
  private withNames(sentence: string): string {
    let named = sentence
    for (const [id, name] of this.names) if (id.length > 20) named = named.replaceAll(id, name)
    return named
  }

  private plainBytes(bytes: Buffer, key: string): unknown {
    const known = this.side.wording?.bytes(bytes, key)
    if (known === undefined) return this.named(printable(bytes))
    return typeof known === 'object' ? this.plain(known) : known
  }

  /** Producer ids are named, and times are told as being there. */
  private counted(value: bigint, key: string): number | string {
    if (value < 0n || (key !== 'producerId' && !TIMES.has(key))) return Number(value)
    if (TIMES.has(key)) return 'some time'
    const known = this.names.get(`producer ${value}`)
    if (known !== undefined) return known
    const name = `producer #${this.producers++}`
    this.names.set(`producer ${value}`, name)
    return name
  }

  /** Of a member that the coordinator made an id for in Kafka's own form. */
  private namedId(id: string): string {
    const count = (this.prefixes.get('id') ?? 0) + 1
    this.prefixes.set('id', count)
    this.names.set(id, `id #${count}`)
    return `id #${count}`
  }

  /** `a-<uuid>` becomes `a-#1`: the first that begins so. */
  private named(text: string): string {
    const known = this.names.get(text)
    if (known !== undefined) return known
    const made = UUID.exec(text)
    if (!made) return text
    const prefix = text.slice(0, made.index)
    const count = (this.prefixes.get(prefix) ?? 0) + 1
    this.prefixes.set(prefix, count)
    const name = `${prefix}#${count}`
    this.names.set(text, name)
    return name
  }
}

const TIMES: ReadonlySet<string> = new Set(['lastTimestamp', 'transactionStartTimeMs', 'logAppendTimeMs'])

/** Lists whose order is that of a hash table in Kafka. */
const SORT_KEYS: Readonly<Record<string, readonly string[]>> = {
  members: ['clientId', 'groupInstanceId', 'memberId'],
  results: ['groupId'],
  topics: ['name', 'topic', 'topicId'],
  topicPartitions: ['topicName', 'topicId'],
  subscribedTopicNames: [],
  partitions: ['partitionIndex'],
  transactionStates: ['transactionalId'],
  resultsByTopicV3AndBelow: ['name'],
  resultsByPartition: ['partitionIndex'],
}

function sorted(list: readonly unknown[], by: readonly string[] | undefined): readonly unknown[] {
  if (!by) return list
  const isPlain = by.length === 0 || list.every(each => typeof each !== 'object')
  const rank = (each: unknown) =>
    JSON.stringify(isPlain ? each : by.map(name => (each as Record<string, unknown>)[name]))
  return [...list].sort((one, other) => (rank(one) < rank(other) ? -1 : 1))
}

function printable(bytes: Buffer): string {
  const isText = bytes.every(byte => byte >= 0x20 && byte < 0x7f)
  return isText ? bytes.toString('latin1') : `0x${bytes.toString('hex')}`
}

/** Lets a script come to its end; what fails in it, or its patience, ends the transcript. */
export async function holdScript(
  talk: Talk,
  script: Promise<void>,
  { side, patience }: { readonly side: Side; readonly patience?: Promise<void> | undefined },
): Promise<readonly Entry[]> {
  const held = script.catch(error => talk.note('ended by', (error as Error).message))
  const stuck = patience?.then(() => talk.note('ended by', 'no answer'))
  await (stuck ? Promise.race([held, stuck]) : held)
  await side.settle()
  const transcript = talk.transcript.map(({ said, heard }) => ({ said, heard: heard ?? 'nothing' }))
  // Who still waits is of no interest any more.
  void talk.close()
  return transcript
}
