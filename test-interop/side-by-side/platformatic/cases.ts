// The cases, some of which run at the same time, and the clients that each of them uses.

import {
  Admin,
  type BaseOptions,
  type ConsumeOptions,
  Consumer,
  type ConsumerOptions,
  ListOffsetTimestamps,
  type Message,
  type MessagesStream,
  type MessageToProduce,
  type ProduceResult,
  Producer,
  type ProducerOptions,
} from '@platformatic/kafka'

const CASE_DEADLINE_MS = 50_000
const WAIT_MS = 30_000

export type Body = (run: Run) => Promise<void>

export class Cases {
  readonly #cases: { readonly name: string; readonly body: Body }[] = []

  add(name: string, body: Body): void {
    this.#cases.push({ name, body })
  }

  async run(bootstrap: string, atOnce: number): Promise<void> {
    let next = 0
    const worker = async () => {
      while (next < this.#cases.length) {
        const index = next
        next += 1
        const { name, body } = this.#cases[index]!
        const began = Date.now()
        const run = new Run(bootstrap, `plt-c${index}`)
        const error = await outcome(() => body(run))
        await outcome(() => run.close(), 5_000)
        const result = { index, name, ok: error === undefined, ms: Date.now() - began, error }
        process.stdout.write(`CASE ${JSON.stringify(result)}\n`)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  }
}

async function outcome(
  work: () => Promise<void>,
  deadlineMs = CASE_DEADLINE_MS,
): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>(resolve => {
    timer = setTimeout(() => resolve(`not done within ${deadlineMs} ms`), deadlineMs)
  })
  const done = work().then(
    () => undefined,
    (error: Error) =>
      `${error.message} ${error.stack?.split('\n').find(line => line.includes('/platformatic/')) ?? ''}`,
  )
  const result = await Promise.race([done, late])
  clearTimeout(timer)
  return result
}

type Bytes = Buffer | undefined
type Sent = Omit<MessageToProduce, 'topic'>
export type Received = Message

/** One run of one case: names of its own, and clients that are closed behind it. */
export class Run {
  readonly bootstrap: string
  readonly #id: string
  readonly #closings: (() => Promise<void>)[] = []
  #admin: Admin | undefined

  constructor(bootstrap: string, id: string) {
    this.bootstrap = bootstrap
    this.#id = id
  }

  name(what = 'topic'): string {
    return `${this.#id}-${what}`
  }

  get group(): string {
    return this.name('group')
  }

  #base(): BaseOptions {
    return { clientId: 'interop', bootstrapBrokers: [this.bootstrap], retries: 3, retryDelay: 100 }
  }

  get admin(): Admin {
    if (!this.#admin) {
      const admin = new Admin(this.#base())
      this.#closings.push(() => admin.close())
      this.#admin = admin
    }
    return this.#admin
  }

  /** A topic that the broker leads already: Kafka shows a leader a moment before it leads. */
  async topic(
    partitions = 1,
    options: { name?: string; config?: Record<string, string> } = {},
  ): Promise<string> {
    const topic = options.name ?? this.name()
    const configs = Object.entries(options.config ?? {}).map(([name, value]) => ({ name, value }))
    await this.admin.createTopics({ topics: [topic], partitions, replicas: 1, configs })
    await eventually(`${topic} is led`, () => this.ends(topic, partitions).catch(() => undefined))
    return topic
  }

  async offsets(topic: string, partitions: number, timestamp: bigint): Promise<bigint[]> {
    const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp }))
    const [listed] = await this.admin.listOffsets({ topics: [{ name: topic, partitions: asked }] })
    return listed!.partitions.sort((a, b) => a.partitionIndex - b.partitionIndex).map(each => each.offset)
  }

  ends(topic: string, partitions = 1): Promise<bigint[]> {
    return this.offsets(topic, partitions, ListOffsetTimestamps.LATEST)
  }

  producer(options: Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>> = {}): Producer {
    const producer = new Producer({ ...this.#base(), ...options })
    this.#closings.push(() => producer.close(true))
    return producer
  }

  async send(
    topic: string,
    records: readonly Sent[],
    options: Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>> = {},
  ): Promise<ProduceResult> {
    const messages = records.map(each => ({ topic, partition: 0, ...each }))
    return this.producer(options).send({ messages, acks: -1 })
  }

  consumer(options: Partial<ConsumerOptions<Buffer, Buffer, Buffer, Buffer>> = {}): Consumer {
    const all = { ...this.#base(), groupId: this.group, ...quick, ...options }
    const consumer = new Consumer(all as ConsumerOptions<Buffer, Buffer, Buffer, Buffer>)
    // It reports as an error that it was closed while it was about to join again.
    consumer.on('error', () => undefined)
    this.#closings.push(() => consumer.close(true))
    return consumer
  }

  /** A reader of topics in a group, from the beginning where nothing is committed. */
  async reader(
    topics: string[],
    options: Partial<ConsumerOptions<Buffer, Buffer, Buffer, Buffer>> = {},
    stream: Partial<ConsumeOptions<Buffer, Buffer, Buffer, Buffer>> = {},
  ): Promise<Reader> {
    const consumer = this.consumer(options)
    const reader = new Reader(consumer)
    reader.attach(
      await consumer.consume({
        topics,
        mode: 'committed',
        fallbackMode: 'earliest',
        autocommit: false,
        ...stream,
      }),
    )
    return reader
  }

  async close(): Promise<void> {
    for (const closing of this.#closings.reverse()) await outcome(closing, 2_000)
  }
}

/** Short waits, so that no case waits for a heartbeat or a fetch. */
const quick = { heartbeatInterval: 100, sessionTimeout: 10_000, rebalanceTimeout: 10_000, maxWaitTime: 100 }

export class Reader {
  readonly consumer: Consumer
  readonly received: Received[] = []
  readonly errors: Error[] = []
  stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined

  constructor(consumer: Consumer) {
    this.consumer = consumer
  }

  attach(stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>): void {
    this.stream = stream
    stream.on('data', message => this.received.push(message))
    stream.on('error', error => this.errors.push(error))
  }

  get values(): string[] {
    return this.received.map(each => each.value?.toString())
  }

  get assigned(): string[] {
    const owned = this.consumer.assignments ?? []
    return owned.flatMap(({ topic, partitions }) => partitions.map(partition => `${topic}-${partition}`))
  }

  async until(count: number): Promise<Received[]> {
    await eventually(`${count} records`, () => this.received.length >= count || undefined)
    return this.received
  }

  async leave(): Promise<void> {
    await this.stream?.close()
    await this.consumer.close(true)
  }
}

export async function shared(members: readonly Reader[], sizes: readonly number[]): Promise<void> {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  await eventually(`shares of ${sizes}`, () => {
    const owned = members.map(each => each.assigned)
    const right =
      owned
        .map(each => each.length)
        .sort()
        .join() === [...sizes].sort().join()
    return (right && new Set(owned.flat()).size === total) || undefined
  })
}

export async function eventually<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + WAIT_MS
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > end) throw new Error(`${what}: not in time`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

export function values(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, index) => `v${first + index}`)
}

export function numbered(count: number, first = 0, partition = 0): Sent[] {
  return values(count, first).map(value => ({ value: Buffer.from(value), partition }))
}

export function bytes(text: string): Bytes {
  return Buffer.from(text)
}

/** The attempt has to end with an error of this name from the broker, at whatever depth. */
export async function refused(id: string, attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt()
  } catch (error) {
    const seen: string[] = []
    if (carries(error, id, seen)) return
    throw new Error(`expected ${id}, got ${seen.join(', ')} (${(error as Error).message})`)
  }
  throw new Error(`expected ${id}, got an answer`)
}

function carries(error: unknown, id: string, seen: string[]): boolean {
  if (!(error instanceof Error)) return false
  const { apiId, errors, cause } = error as Error & { apiId?: string; errors?: unknown[] }
  if (apiId) seen.push(apiId)
  return apiId === id || carries(cause, id, seen) || (errors ?? []).some(each => carries(each, id, seen))
}
