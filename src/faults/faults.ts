/**
 * Fault rules in force, and what came of them. Rules are asked in the order in which they were added; each
 * sees what those before it let through, so several may strike one request. Chance comes from the seed
 * alone: the same rules and requests give the same faults.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import type { Clock } from '../platform/platform.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { applyEffect } from './effects.ts'
import {
  after,
  type ClusterView,
  type FaultAnswer,
  type FaultCall,
  type Proceed,
  type ToldTopic,
} from './faulted-call.ts'
import { isAboutPartitions, matched } from './matching.ts'
import { effectText, type ParsedFault, parseDefinition, parseFault } from './parse.ts'
import type { FaultDefinition, FaultEffect, FaultMatch, FaultRule, Firing } from './rule.ts'

const FETCH = 1
/** So many firings are kept, of each rule and of all together; counts go on. */
const MOST_FIRINGS = 10_000

export interface FaultsOptions {
  readonly clock: Clock
  /** Of what rules with a probability, a range of delays or a corruption choose. */
  readonly seed?: number
  /** Told of each firing, as it is taken back where there was nothing to strike. */
  readonly onFired?: (firing: Firing) => void
}

type Answered = FaultAnswer | Promise<FaultAnswer>

const NO_CLUSTER: ClusterView = { nameOf: () => undefined, topics: () => new Map() }

export class Faults {
  private readonly clock: Clock
  private readonly seed: number
  private readonly onFired: (firing: Firing) => void
  private rules: Rule[] = []
  private every: Rule[] = []
  private firings: Firing[] = []
  private added = 0
  private view: ClusterView = NO_CLUSTER
  private hasFetchPartitions = false
  /** The last request of a connection that waits to be served: those behind it wait too. */
  private readonly waits = new Set<() => void>()
  private readonly gates = new Map<string, Promise<unknown>>()

  constructor({ clock, seed = 0, onFired = () => {} }: FaultsOptions) {
    this.clock = clock
    this.seed = seed
    this.onFired = onFired
  }

  /** Whether any rule could fire; asked for each request. */
  get isActive(): boolean {
    return this.rules.length > 0 || this.gates.size > 0
  }

  /** The rules that can still fire, in their order. */
  get active(): readonly FaultRule[] {
    return this.rules
  }

  /** All rules since the start or `clear`, also those that are spent or removed. */
  get all(): readonly FaultRule[] {
    return this.every
  }

  /**
   * All firings since the start or `clear`, those of rules that are gone too; the latest where there are
   * many.
   */
  get fired(): readonly Firing[] {
    return this.firings
  }

  /**
   * Puts a rule in force: `faults.add({ api: 'Produce', topic: 'orders', nth: 2 },
   * 'NOT_LEADER_OR_FOLLOWER')`. Throws InvalidFault, with what to write instead, where the rule cannot work.
   */
  add(match: FaultMatch, effect: FaultEffect | string): FaultRule {
    return this.enforce(parseFault(match, effect))
  }

  /** As `add`, of a rule in one piece, which may come from JSON. */
  define(definition: FaultDefinition): FaultRule {
    return this.enforce(parseDefinition(definition))
  }

  /** Takes all rules back and forgets what fired. The same rules, added anew, choose the same again. */
  clear(): void {
    for (const rule of this.rules) rule.remove()
    this.release()
    this.firings = []
    this.every = []
    this.added = 0
  }

  /** Ends all delays: whatever waits goes on. For who is about to close. */
  release(): void {
    for (const done of [...this.waits]) done()
  }

  /** What rules know of the cluster. A broker that starts anew binds itself. */
  bind(view: ClusterView): void {
    this.view = view
  }

  /** Serves a request, as far as the rules let it. */
  intercept(call: FaultCall, proceed: Proceed): Answered {
    const gate = this.gates.get(call.connectionId)
    if (!gate) return this.serve(call, proceed)
    return this.behind(
      call.connectionId,
      gate.then(() => this.start(call, proceed)),
    )
  }

  private enforce(fault: ParsedFault): FaultRule {
    const id = ++this.added
    const rule = new Rule(id, fault, {
      random: new SeededRandom((this.seed ^ Math.imul(id, 0x9e3779b1)) >>> 0),
      frozen: fault.effect.staleMetadata ? this.view.topics() : new Map(),
      onEnd: () => this.replace(this.rules.filter(each => each !== rule)),
      onReturn: () => this.replace([...this.rules, rule].sort((a, b) => a.id - b.id)),
    })
    this.replace([...this.rules, rule])
    this.every.push(rule)
    return rule
  }

  private replace(rules: Rule[]): void {
    this.rules = rules
    this.hasFetchPartitions = rules.some(each => each.isAboutFetchedPartitions)
  }

  private serve(call: FaultCall, proceed: Proceed): Answered {
    const { served, answer } = this.start(call, proceed)
    return served
      ? this.behind(
          call.connectionId,
          served.then(() => ({ served: undefined, answer })),
        )
      : answer
  }

  /** `served` is there where the request waits before it is served. */
  private start(call: FaultCall, proceed: Proceed): Started {
    const whole = this.hasFetchPartitions && call.apiKey === FETCH ? withoutSession(call) : call
    if (whole === undefined) return { served: undefined, answer: { response: SESSION_NOT_FOUND } }
    let isServed = false
    let onServed: () => void = () => {}
    const answer = this.pass(this.rules, whole, request => {
      isServed = true
      onServed()
      return proceed(request)
    })
    if (isServed || !(answer instanceof Promise)) return { served: undefined, answer }
    const served = Promise.race([
      new Promise<void>(resolve => {
        onServed = resolve
      }),
      answer.then(
        () => undefined,
        () => undefined,
      ),
    ])
    return { served, answer }
  }

  /** Holds the connection's later requests back until this one is being served. */
  private behind(connection: string, started: Promise<Started>): Promise<FaultAnswer> {
    const gate = started.then(({ served }) => served)
    this.gates.set(connection, gate)
    const open = () => {
      if (this.gates.get(connection) === gate) this.gates.delete(connection)
    }
    gate.then(open, open)
    return started.then(({ answer }) => answer)
  }

  /** The rules from the first on, then the handler. */
  private pass(rules: readonly Rule[], call: FaultCall, proceed: Proceed): Answered {
    for (const [index, rule] of rules.entries()) {
      const firing = rule.fire(call, this.view, this.clock.now())
      if (!firing) continue
      this.note(firing)
      const retract = () => {
        rule.retract(firing)
        this.firings = this.firings.filter(each => each !== firing)
      }
      const { fault, frozen, random } = rule
      const effect = { fault, call, view: this.view, frozen, random, wait: this.wait, retract }
      const behind = rules.slice(index + 1)
      return applyEffect(effect, request => this.pass(behind, { ...call, request }, proceed))
    }
    return after(proceed(call.request), response => ({ response }))
  }

  private readonly wait = (ms: number): Promise<void> =>
    new Promise(resolve => {
      const done = () => {
        timer.cancel()
        this.waits.delete(done)
        resolve()
      }
      const timer = this.clock.after(ms, done)
      this.waits.add(done)
    })

  private note(firing: Firing): void {
    this.firings.push(firing)
    if (this.firings.length > MOST_FIRINGS) this.firings.shift()
    this.onFired(firing)
  }
}

interface Started {
  readonly served: Promise<unknown> | undefined
  readonly answer: Answered
}

const SESSION_NOT_FOUND = {
  errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
  responses: [],
}

/**
 * While rules strike partitions of fetches, clients are made to name all partitions in each fetch: in a
 * session they would name only what is new. Undefined where a session has to be ended first, which clients
 * take in their stride.
 */
function withoutSession(call: FaultCall): FaultCall | undefined {
  const request = call.request as { sessionId: number; sessionEpoch: number }
  if (request.sessionEpoch > 0) return undefined
  return { ...call, request: { ...request, sessionId: 0, sessionEpoch: -1 } }
}

interface RuleParts {
  readonly random: SeededRandom
  readonly frozen: ReadonlyMap<string, ToldTopic>
  onEnd(): void
  /** What it had fired last was taken back, so it is not spent after all. */
  onReturn(): void
}

class Rule implements FaultRule {
  readonly id: number
  readonly fault: ParsedFault
  readonly random: SeededRandom
  readonly frozen: ReadonlyMap<string, ToldTopic>
  matched = 0
  count = 0
  fired: Firing[] = []
  private readonly words: string
  private readonly parts: RuleParts
  private state: 'in force' | 'spent' | 'removed' = 'in force'

  constructor(id: number, fault: ParsedFault, parts: RuleParts) {
    this.id = id
    this.fault = fault
    this.random = parts.random
    this.frozen = parts.frozen
    this.parts = parts
    this.words = effectText(fault.effect, fault.errorCode)
  }

  get match(): FaultMatch {
    return this.fault.match
  }

  get effect(): FaultEffect {
    return this.fault.effect
  }

  get isAboutFetchedPartitions(): boolean {
    return this.fault.apis.has(FETCH) && isAboutPartitions(this.fault)
  }

  remove(): void {
    const wasInForce = this.state === 'in force'
    this.state = 'removed'
    if (wasInForce) this.parts.onEnd()
  }

  toJSON() {
    const { id, match, effect, matched: seen, count } = this
    return { id, ...match, effect, matched: seen, count }
  }

  /** Undefined where it lets the request pass. */
  fire(call: FaultCall, view: ClusterView, at: number): Firing | undefined {
    if (this.state !== 'in force') return undefined
    const partitions = matched(this.fault, call, view.nameOf)
    if (!partitions) return undefined
    this.matched++
    if (!this.isChosen()) return undefined
    this.count++
    const firing: Firing = {
      rule: this.id,
      at,
      api: this.fault.apis.get(call.apiKey)!.api.name,
      apiVersion: call.apiVersion,
      client: call.clientId,
      connection: call.connectionId,
      correlationId: call.correlationId,
      partitions,
      effect: this.words,
    }
    this.fired.push(firing)
    if (this.fired.length > MOST_FIRINGS) this.fired.shift()
    if (this.isSpent()) {
      this.state = 'spent'
      this.parts.onEnd()
    }
    return firing
  }

  /** It has struck nothing: as if it had never been asked. */
  retract(firing: Firing): void {
    this.matched--
    this.count--
    this.fired = this.fired.filter(each => each !== firing)
    if (this.state !== 'spent') return
    this.state = 'in force'
    this.parts.onReturn()
  }

  private isChosen(): boolean {
    const { match, nth } = this.fault
    const isDrawn =
      match.probability === undefined || this.random.below(PRECISION) < match.probability * PRECISION
    return isDrawn && (nth === undefined || nth.has(this.matched))
  }

  private isSpent(): boolean {
    const { match, nth } = this.fault
    if (match.times !== undefined && this.count >= match.times) return true
    return nth !== undefined && this.matched >= Math.max(...nth)
  }
}

const PRECISION = 2 ** 30
