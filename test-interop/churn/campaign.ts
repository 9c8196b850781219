// Churn: a group of members of several client libraries under a steady load. In rounds, some of them join, leave, are
// killed or paused at random, and the broker is killed and started again; then the group has to come to rest, and what
// happened is judged. The same seed makes the same plan.

import kafkajs, { type Admin } from 'kafkajs'
import type { Broker } from '../harness/broker.ts'
import { eventually, pause } from '../harness/processes.ts'
import { createTopic } from '../harness/rdkafka.ts'
import { type Dice, diceOf } from '../transactions/random.ts'
import { skippedRecords, violationsOf } from './check.ts'
import { consumerViolationsOf } from './check-consumer.ts'
import { type Happening, UNKNOWN_MEMBER_ID } from './history.ts'
import { type Load, startLoad } from './load.ts'
import { LIBRARIES, MemberProcess, type Protocol } from './members.ts'
import { type Change, mayBeDeaf, settledAt } from './settling.ts'
import { classicView, consumerView, type View } from './view.ts'
import { GroupProxy } from './wire.ts'

export interface CampaignOptions {
  /** Which one the members speak. */
  readonly protocol: Protocol
  readonly seed: number
  readonly durationMs: number
  /** Where the clients find the broker: the port of the proxy, which it advertises. */
  readonly proxyPort: number
  readonly note: (line: string) => void
}

export interface Report {
  readonly violations: readonly string[]
  /** Of each round, from the moment at which its last change took effect until the group was stable. */
  readonly settlingMs: readonly number[]
  /** The rounds that took too long. */
  readonly overdue: readonly string[]
  readonly figures: Readonly<Record<string, number>>
}

export const SESSION_TIMEOUT_MS = 4_000
export const PARTITIONS = 24
/**
 * By the consumer protocol the broker tells it. librdkafka gives an answer up that takes longer, with what it is told there,
 * so that it must not be short.
 */
export const HEARTBEAT_MS: Readonly<Record<Protocol, number>> = { classic: 300, consumer: 1_000 }
/** What coming to rest may take by the classic protocol. */
const REST_MS = 2_000
/**
 * By the consumer protocol members hear of a change with their heartbeats, one after the other: who is to give up, that it
 * has, who gets it. Where the machine is busy, heartbeats are slow.
 */
const BEATS_TO_REST = 4
/** A virtual machine takes as much of the processor as three others. */
const MEMBERS: Readonly<Record<Protocol, number>> = { classic: 12, consumer: 9 }
const RATE_PER_SECOND = 480
const TOPIC = 'numbers'
const GROUP = 'churn'
/** Beyond this a group counts as stuck. */
const SETTLE_DEADLINE_MS = 30_000
/** Longer than any session, and what follows its end. */
const DEAF_MS = 15_000

export class Campaign {
  readonly #broker: Broker
  readonly #options: CampaignOptions
  readonly #dice: Dice
  readonly history: Happening[] = []
  readonly #slots: (MemberProcess | undefined)[]
  readonly #settlingMs: number[] = []
  readonly #overdue: string[] = []
  readonly #counts = new Map<string, number>()
  #starts = 0
  #changes: Change[] = []
  #paused = new Map<MemberProcess, number>()

  constructor(broker: Broker, options: CampaignOptions) {
    this.#broker = broker
    this.#options = options
    this.#dice = diceOf(options.seed)
    this.#slots = new Array(MEMBERS[options.protocol]).fill(undefined)
  }

  async run(): Promise<Report> {
    const { proxyPort, durationMs, protocol } = this.#options
    const proxy = await GroupProxy.start(proxyPort, this.#broker.port, each => this.history.push(each))
    const bootstrap = `127.0.0.1:${proxyPort}`
    await createTopic(bootstrap, TOPIC, { partitions: PARTITIONS })
    const admin = await connectAdmin(bootstrap)
    const view = protocol === 'classic' ? classicView(admin, GROUP) : consumerView(this.#broker.port, GROUP)
    await eventually('a leader', () => admin.fetchTopicOffsets(TOPIC).catch(() => undefined))
    const load = await startLoad(bootstrap, {
      topic: TOPIC,
      partitions: PARTITIONS,
      ratePerSecond: RATE_PER_SECOND,
    })
    try {
      const end = Date.now() + durationMs
      for (let slot = 0; slot < this.#slots.length - 4; slot += 1) this.#start(slot)
      await this.#settle(view)
      for (let round = 1; Date.now() < end; round += 1) {
        await this.#round(round, view)
        await this.#settle(view)
        if (round % 5 === 0)
          this.#options.note(`round ${round}: ${this.#settlingMs.slice(-5)} ms to come to rest`)
      }
      return await this.#finish(load, admin)
    } finally {
      for (const member of this.#slots) member?.kill()
      await Promise.all(this.#slots.map(member => member?.ended))
      await admin.disconnect().catch(() => undefined)
      await view.close()
      proxy.close()
    }
  }

  /** One to four changes in quick succession; in every third round the broker is among them. */
  async #round(round: number, view: View): Promise<void> {
    const killAt = round % 3 === 0 ? this.#dice(3) : -1
    const count = 1 + this.#dice(4)
    for (let step = 0; step < count; step += 1) {
      if (step === Math.min(killAt, count - 1)) await this.#restartBroker(view)
      this.#change()
      await pause(this.#dice(700))
      this.#resumeDue()
    }
    while (this.#paused.size > 0) {
      await pause(20)
      this.#resumeDue()
    }
  }

  #change(): void {
    const slot = this.#dice(this.#slots.length)
    const kind = this.#dice(10)
    const member = this.#slots[slot]
    const living = this.#slots.filter(each => each && !this.#paused.has(each)).length
    if (!member) this.#start(slot)
    else if (this.#paused.has(member)) return
    else if (living <= 3) this.#pause(member, 0.2)
    else if (kind < 3) this.#leave(slot, member)
    else if (kind < 6) this.#kill(slot, member)
    // Well within the session, or well beyond it.
    else this.#pause(member, kind < 8 ? 0.2 + this.#dice(40) / 100 : 1.4 + this.#dice(60) / 100)
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }

  #start(slot: number): void {
    this.#starts += 1
    const { protocol } = this.#options
    const libraries = LIBRARIES[protocol]
    const library = libraries[slot % libraries.length]!
    const client = `${library}-${slot}-${this.#starts}`
    const options = {
      bootstrap: `127.0.0.1:${this.#options.proxyPort}`,
      client,
      group: GROUP,
      topic: TOPIC,
      protocol,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      heartbeatMs: HEARTBEAT_MS[protocol],
    }
    this.#slots[slot] = new MemberProcess(library, options, told => this.history.push(told))
    this.#changes.push({ kind: 'started', client, at: Date.now() })
    this.#count('joined')
  }

  #leave(slot: number, member: MemberProcess): void {
    this.#slots[slot] = undefined
    this.#changes.push({ kind: 'left', client: member.client, at: Date.now() })
    member.leave()
    this.#count('left')
    // One that hangs is a crash like others.
    const timer = setTimeout(() => member.kill(), 10_000)
    void member.ended.then(() => clearTimeout(timer))
  }

  #kill(slot: number, member: MemberProcess): void {
    this.#slots[slot] = undefined
    this.#changes.push({ kind: 'killed', client: member.client, at: Date.now() })
    member.kill()
    this.#count('crashed')
  }

  #pause(member: MemberProcess, sessions: number): void {
    this.#paused.set(member, Date.now() + SESSION_TIMEOUT_MS * sessions)
    member.pause()
    this.#count(sessions < 1 ? 'paused within the session' : 'paused beyond the session')
  }

  #resumeDue(): void {
    for (const [member, until] of this.#paused) {
      if (Date.now() < until) continue
      this.#paused.delete(member)
      member.resume()
      this.#changes.push({ kind: 'resumed', client: member.client, at: Date.now() })
    }
  }

  async #restartBroker(view: View): Promise<void> {
    this.history.push({ kind: 'broker', at: Date.now(), change: 'killed' })
    await this.#broker.kill()
    await pause(this.#dice(800))
    await this.#broker.start()
    this.history.push({ kind: 'broker', at: Date.now(), change: 'ready' })
    await eventually('the coordinator', () => view.look())
    this.history.push({ kind: 'broker', at: Date.now(), change: 'answers' })
    this.#changes.push({ kind: 'broker', client: '', at: Date.now() })
    this.#count('broker kills')
  }

  /** Waits until the group consists of the living, and is stable; measures from when the last change took effect. */
  async #settle(view: View): Promise<void> {
    const living = () => this.#slots.flatMap(each => (each ? [each.client] : [])).sort()
    let seen = ''
    let deafAt = Date.now() + DEAF_MS
    const stableAt = await eventually(
      'a stable group',
      async () => {
        if (Date.now() > deafAt) {
          this.#killDeaf()
          deafAt = Infinity
        }
        const group = await view.look()
        seen = `${group?.state} ${group?.clients}`
        return seen === `Stable ${living()}` ? Date.now() : undefined
      },
      SETTLE_DEADLINE_MS,
    ).catch(error => {
      const complaints = this.history.flatMap(each => (each.kind === 'complaint' ? [each.text] : []))
      throw new Error(`${error.message}: ${seen}; expected ${living()}; ${complaints}`)
    })
    const scene = { changes: this.#changes, history: this.history, living: new Set(living()) }
    const tookMs = stableAt - settledAt({ ...scene, sessionTimeoutMs: SESSION_TIMEOUT_MS })
    this.#settlingMs.push(Math.max(0, tookMs))
    if (tookMs > this.#patienceMs(stableAt - tookMs)) {
      const changes = this.#changes.map(each => `${each.kind} ${each.client}`)
      this.#overdue.push(`at ${stableAt}: ${tookMs} ms after ${changes.join(', ')}`)
    }
    this.#changes = []
  }

  #patienceMs(since: number): number {
    const { protocol } = this.#options
    if (protocol === 'classic') return REST_MS
    const beats = this.history.flatMap(each => ('consumer' in each && each.at > since ? [each] : []))
    const slowestMs = Math.max(0, ...beats.map(each => each.at - each.requestedAt))
    return BEATS_TO_REST * (HEARTBEAT_MS[protocol] + slowestMs)
  }

  /** A librdkafka that has lost an answer never asks again for what it was told: only a restart helps. */
  #killDeaf(): void {
    const { protocol } = this.#options
    for (const [slot, member] of this.#slots.entries()) {
      if (protocol !== 'consumer' || member?.library !== 'rdkafka') continue
      if (!mayBeDeaf(member.client, this.history, HEARTBEAT_MS[protocol])) continue
      this.#kill(slot, member)
      this.#count('killed since they had lost an answer')
    }
  }

  /** The members that are left deal with all that there is. */
  async #finish(load: Load, admin: Admin): Promise<Report> {
    const ends = await load.finish()
    const rest = () => skippedRecords(this.history, ends)
    await eventually('the last record', () => rest().length === 0 || undefined, 20_000).catch(() => undefined)
    const judge = this.#options.protocol === 'classic' ? violationsOf : consumerViolationsOf
    const heartbeatMs = HEARTBEAT_MS[this.#options.protocol]
    const rules = { sessionTimeoutMs: SESSION_TIMEOUT_MS, partitions: PARTITIONS, heartbeatMs }
    const violations = [
      ...judge(this.history, rules),
      ...rest(),
      ...(await this.#committedPastEnds(admin, ends)),
    ]
    const records = [...ends.values()].reduce((sum, each) => sum + each, 0)
    const figures = { records, ...this.#figures() }
    return { violations, settlingMs: this.#settlingMs, overdue: this.#overdue, figures }
  }

  async #committedPastEnds(admin: Admin, ends: ReadonlyMap<number, number>): Promise<string[]> {
    const [committed] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] })
    return committed!.partitions
      .filter(each => Number(each.offset) > ends.get(each.partition)!)
      .map(each => `offset ${each.offset} of partition ${each.partition} is committed, which ends before it`)
  }

  #figures(): Record<string, number> {
    let dealt = 0
    let generation = 0
    let epoch = 0
    let forgotten = 0
    for (const each of this.history) {
      if (each.kind === 'processed') dealt += each.to - each.from
      if (each.kind === 'sync') generation = Math.max(generation, each.generation)
      if (each.kind === 'heartbeat' && each.consumer) epoch = Math.max(epoch, each.generation)
      if ('code' in each && each.code === UNKNOWN_MEMBER_ID) forgotten += 1
    }
    return {
      'processed, with duplicates': dealt,
      ...(this.#options.protocol === 'classic' ? { generations: generation } : { epochs: epoch }),
      'UNKNOWN_MEMBER_ID, live members or not': forgotten,
      ...Object.fromEntries(this.#counts),
    }
  }
}

async function connectAdmin(bootstrap: string): Promise<Admin> {
  const kafka = new kafkajs.Kafka({
    clientId: 'admin',
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 100 },
  })
  const admin = kafka.admin()
  await admin.connect()
  return admin
}
