/**
 * A scripted conversation with a broker and its transcript. The same script is held with Apache Kafka and
 * with Klamm; what either makes up (ids, addresses, times) is replaced by names in the order of appearance,
 * so that equal behaviour gives equal transcripts.
 */
import { errorName } from '../../protocol/errors.ts'
import type { Fields, InputOf, Message, ValueOf } from '../../protocol/schema.ts'
import type { Network } from '../platform/platform.ts'
import { WireClient } from './wire-client.ts'

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
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export class Talk {
  readonly transcript: Entry[] = []
  private readonly side: Side
  private readonly clients = new Map<string, WireClient>()
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
    const said = `${who}: ${api.request.name.replace(/Request$/, '')} v${version}`
    const entry = { said, heard: undefined as unknown }
    this.transcript.push(entry)
    const client = await this.client(who)
    try {
      const heard = await client.call({ ...api, version, body })
      entry.heard = this.plain(heard)
      return heard
    } catch (error) {
      entry.heard = (error as Error).message
      this.clients.delete(who)
      throw error
    }
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

  /** Puts down what is not a response. */
  note(said: string, heard: unknown): void {
    this.transcript.push({ said, heard: this.plain(heard) })
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
    this.names.set(value, name)
  }

  private async client(who: string): Promise<WireClient> {
    const known = this.clients.get(who)
    if (known) return known
    const { network, host, port } = this.side
    const client = await WireClient.connect(network, { host, port, clientId: who })
    this.clients.set(who, client)
    return client
  }

  /** A response as JSON, with names instead of what the broker made up. */
  private plain(value: unknown, key = ''): unknown {
    if (typeof value === 'bigint') return this.counted(value, key)
    if (value instanceof Uint8Array) return this.named(printable(Buffer.from(value)))
    if (Array.isArray(value))
      return sorted(
        value.map(each => this.plain(each, key)),
        key,
      )
    if (typeof value === 'string') return this.named(value)
    if (typeof value === 'number') return /[eE]rrorCode$/.test(key) ? errorName(value as never) : value
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([name, inner]) => [name, this.plain(inner, name)])
    return Object.fromEntries(entries)
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
  partitions: ['partitionIndex'],
  transactionStates: ['transactionalId'],
  resultsByTopicV3AndBelow: ['name'],
  resultsByPartition: ['partitionIndex'],
}

function sorted(list: readonly unknown[], key: string): readonly unknown[] {
  const by = SORT_KEYS[key]
  if (!by) return list
  const rank = (each: unknown) => JSON.stringify(by.map(name => (each as Record<string, unknown>)[name]))
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
