/**
 * Several clients that ask a broker for anything at all, at the same time and ahead of answers, and what it
 * comes to: whatever is not as a broker promises is told in a line.
 */
import { decodeResponseHeader } from '../../../protocol/header.ts'
import { decodeWhole, WireClient } from '../../conformance/wire-client.ts'
import type { Network, Random } from '../../platform/platform.ts'
import { type HostileRequest, HostileRequests, type ServedVersions } from './hostile-requests.ts'
import { oneIn } from './hostile-words.ts'

export interface Target {
  readonly network: Network
  readonly host: string
  readonly port: number
  readonly served: readonly ServedVersions[]
  readonly random: Random
  /** Lets the broker work until there is an answer to all, or for as long as it may take. */
  untilAnswered(progress: () => Progress): Promise<void>
}

/** `waiting`: what is not answered may take its time. */
export type Progress = 'owed' | 'waiting' | 'done'

/** They wait by design: for records, for other members, for the leader of a group. */
const WAITING = new Set(['FetchRequest', 'JoinGroupRequest', 'SyncGroupRequest'])
const CLIENTS = 4
const MOST_AHEAD = 5
/** Of a text, in a finding. */
const MOST_SHOWN = 40

export class Bombardment {
  /** What should not have been. */
  readonly findings: string[] = []
  /** Answers by API, and by error code. */
  readonly answers = new Map<string, number>()
  readonly codes = new Map<number, number>()
  hangUps = 0
  private readonly target: Target
  private readonly requests: HostileRequests
  private readonly clients: Attacker[] = []

  constructor(target: Target) {
    this.target = target
    this.requests = new HostileRequests(target.random, target.served)
  }

  /** Each client sends a few requests; resolves when all are answered, or only such are not as may wait. */
  async burst(): Promise<void> {
    const { random } = this.target
    for (let i = 0; i < CLIENTS; i++) {
      if (this.clients[i]?.mayGoOn && !oneIn(random, 10)) continue
      this.clients[i]?.leave()
      this.clients[i] = await this.newAttacker()
    }
    for (const client of this.clients) client.attack(this.requests, 1 + random.below(MOST_AHEAD))
    await this.target.untilAnswered(() => this.progress())
    for (const client of this.clients) client.judge()
  }

  private progress(): Progress {
    if (this.clients.some(({ isOwed }) => isOwed)) return 'owed'
    return this.clients.every(({ isDone }) => isDone) ? 'done' : 'waiting'
  }

  /** Hangs up, whatever is still waited for. */
  leave(): void {
    for (const client of this.clients) client.leave()
  }

  private async newAttacker(): Promise<Attacker> {
    const { network, host, port } = this.target
    return new Attacker(await WireClient.connect(network, { host, port }), {
      learn: (request, answer) => this.requests.learn(request, answer),
      count: (request, codes) => this.count(request, codes),
      hungUp: () => this.hangUps++,
      find: finding => this.findings.push(finding),
    })
  }

  private count({ request }: HostileRequest, codes: readonly number[]): void {
    this.answers.set(request.name, (this.answers.get(request.name) ?? 0) + 1)
    for (const code of codes) this.codes.set(code, (this.codes.get(code) ?? 0) + 1)
  }
}

interface Witness {
  learn(request: HostileRequest, answer: object): void
  count(request: HostileRequest, codes: readonly number[]): void
  hungUp(): void
  find(finding: string): void
}

class Attacker {
  private readonly client: WireClient
  private readonly witness: Witness
  private readonly pending: { correlationId: number; request: HostileRequest }[] = []
  private nextCorrelationId = 1
  private isClosed = false
  private hasLeft = false
  /** Who wants no answer is told what is wrong by the end of the connection. */
  private wasSilent = false

  constructor(client: WireClient, witness: Witness) {
    this.client = client
    this.witness = witness
    void this.listen()
  }

  get isDone(): boolean {
    return this.isClosed || this.pending.length === 0
  }

  /** Of what is not answered by now only the first is to blame; the rest wait for it. */
  get isOwed(): boolean {
    const first = this.pending[0]?.request
    // A damaged one may ask for no answer.
    return !this.isClosed && first !== undefined && !WAITING.has(first.request.name) && !first.isDamaged
  }

  get mayGoOn(): boolean {
    return this.isDone && !this.isClosed
  }

  attack(requests: HostileRequests, count: number): void {
    for (let i = 0; i < count; i++) {
      const correlationId = this.nextCorrelationId++
      const request = requests.next(correlationId)
      const size = Buffer.alloc(4)
      size.writeInt32BE(request.frame.length)
      const isSilent = request.request.name === 'ProduceRequest' && request.body.acks === 0
      this.wasSilent ||= isSilent
      if (!isSilent || request.isDamaged) this.pending.push({ correlationId, request })
      this.client.sendBytes(size, request.frame)
      // What follows it may never be looked at.
      if (request.isDamaged) return
    }
  }

  judge(): void {
    if (this.isOwed) this.witness.find(`never answered: ${described(this.pending[0]!.request)}`)
  }

  leave(): void {
    this.hasLeft = true
    void this.client.close()
  }

  private async listen(): Promise<void> {
    try {
      for (;;) this.answered(await this.client.receiveFrame())
    } catch (error) {
      this.isClosed = true
      this.client.close().catch(() => undefined)
      if (this.hasLeft) return
      this.witness.hungUp()
      if (/hung up/.test((error as Error).message)) this.hungUp()
      else this.witness.find(`${error}`)
    }
  }

  private hungUp(): void {
    if (this.wasSilent || this.pending.at(-1)?.request.isDamaged) return
    const [first] = this.pending
    this.witness.find(`hung up on a request that is whole: ${first ? described(first.request) : 'none'}`)
  }

  private answered(frame: Buffer): void {
    const next = this.pending.shift()
    if (!next) throw new Error('an answer to no request')
    const { request: asked, correlationId } = next
    const { response, version } = asked
    const header = decodeResponseHeader(response.apiKey, version, frame)
    if (header.correlationId !== correlationId) throw new Error(`an answer to another: ${described(asked)}`)
    const answer = decodeWhole(response, version, { frame, bodyPosition: header.bodyPosition })
    const codes = codesOf(answer)
    this.witness.count(asked, codes)
    if (codes.includes(-1) && !asKafka(asked))
      this.witness.find(`UNKNOWN_SERVER_ERROR: ${described(asked)} => ${json(answer)}`)
    if (!asked.isDamaged) this.witness.learn(asked, answer)
  }
}

/**
 * Where Kafka too has nothing better to say: to members whose subscription cannot be read, or who are
 * expected under another id, and to those who fetch offsets as nobody, with an epoch.
 */
function asKafka({ request }: HostileRequest): boolean {
  return ['JoinGroupRequest', 'OffsetFetchRequest'].includes(request.name)
}

function codesOf(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  return Object.entries(value).flatMap(([name, field]) => {
    return /errorCode$/i.test(name) && typeof field === 'number' ? [field] : codesOf(field)
  })
}

function described({ request, version, body, isDamaged }: HostileRequest): string {
  return `${isDamaged ? 'damaged ' : ''}${request.name} v${version} ${json(body)}`
}

function json(value: unknown): string {
  const text = JSON.stringify(value, (_, field) => {
    if (typeof field === 'bigint') return `${field}n`
    if (typeof field === 'string' && field.length > 2 * MOST_SHOWN)
      return `${field.slice(0, 20)}… (${field.length})`
    if (typeof field !== 'object' || field?.type !== 'Buffer') return field
    const hex = Buffer.from(field.data).toString('hex')
    return hex.length > 2 * MOST_SHOWN ? `… (${hex.length / 2} bytes)` : hex
  })
  return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : text
}
