// What a read-process-write campaign left behind, and whether exactly-once held. Every input has two effects, "a" and
// "b", in two different partitions of the output; each record also names the attempt (one transaction of one process)
// that wrote it. Readers of both isolation levels saw the outputs at the end, when nothing was running any more.

export interface Effect {
  readonly partition: number
  readonly offset: number
  readonly kind: string
  readonly input: number
  readonly attempt: string
}

/** What a process said of an attempt after its client had answered. One that crashed in between says nothing. */
export interface Report {
  readonly attempt: string
  readonly outcome: 'committed' | 'aborted'
  readonly inputs: number
}

/** Where reading stopped, and the group's offset, beside the end of the partition. */
export interface Ending {
  readonly partition: number
  readonly end: number
  readonly reached: number
}

export interface History {
  /** Inputs are numbered from 0; input n is in partition n % inputPartitions, in order. */
  readonly inputs: number
  readonly inputPartitions: number
  readonly committed: readonly Effect[]
  readonly uncommitted: readonly Effect[]
  readonly reports: readonly Report[]
  /** How far a read_committed reader came in each output partition: to the end, or a transaction hangs. */
  readonly stable: readonly Ending[]
  /** The group's offset in each input partition. */
  readonly consumed: readonly Ending[]
}

const KINDS = ['a', 'b']

export function violations(history: History): string[] {
  return [
    ...countsAreOne(history),
    ...uncommittedHoldsAll(history),
    ...attemptsAreWhole(history),
    ...reportsAreTrue(history),
    ...orderIsKept(history),
    ...endsAreReached(history),
  ]
}

/** Each input's effects, once each. */
function countsAreOne({ inputs, committed }: History): string[] {
  const writers = new Map<string, string[]>()
  for (const { kind, input, attempt } of committed) {
    const effect = `${kind} of input ${input}`
    const known = writers.get(effect)
    if (known) known.push(attempt)
    else writers.set(effect, [attempt])
  }
  const found: string[] = []
  for (let input = 0; input < inputs; input += 1) {
    for (const kind of KINDS) {
      const effect = `${kind} of input ${input}`
      const attempts = writers.get(effect) ?? []
      if (attempts.length !== 1) {
        found.push(`effect ${effect} is visible ${[attempts.length, ...attempts].join(' ')}`)
      }
      writers.delete(effect)
    }
  }
  for (const effect of writers.keys()) found.push(`effect ${effect} has no such input`)
  return found
}

/** Without isolation everything that is committed shows too, at the same place. */
function uncommittedHoldsAll({ committed, uncommitted }: History): string[] {
  const places = new Map(uncommitted.map(each => [placeOf(each), textOf(each)]))
  return committed
    .filter(each => places.get(placeOf(each)) !== textOf(each))
    .map(each => `read_uncommitted misses ${textOf(each)} at ${placeOf(each)}`)
}

/** A transaction shows in all partitions or in none, and shows both effects of its inputs. */
function attemptsAreWhole({ committed, uncommitted }: History): string[] {
  const visible = byAttempt(committed)
  const written = byAttempt(uncommitted)
  const found: string[] = []
  for (const [attempt, effects] of visible) {
    const all = written.get(attempt)?.length ?? 0
    if (all !== effects.length) found.push(`${attempt} is torn: ${effects.length} of ${all} records visible`)
    const [a, b] = KINDS.map(kind => inputsOf(effects, kind))
    if (a !== b) found.push(`${attempt} is torn: effects a of ${a}, effects b of ${b}`)
  }
  return found
}

function reportsAreTrue({ committed, reports }: History): string[] {
  const visible = byAttempt(committed)
  return reports.flatMap(({ attempt, outcome, inputs }) => {
    const shown = visible.get(attempt)?.length ?? 0
    const right = outcome === 'committed' ? inputs * KINDS.length : 0
    return shown === right ? [] : [`${attempt} was ${outcome}, with ${shown} records visible, not ${right}`]
  })
}

/** Between one input partition and one output partition the order stays, whoever processed. */
function orderIsKept({ committed, inputPartitions }: History): string[] {
  const last = new Map<string, Effect>()
  const found: string[] = []
  for (const effect of committed) {
    const lane = `${effect.kind} ${effect.input % inputPartitions} ${effect.partition}`
    const before = last.get(lane)
    if (before && (before.input >= effect.input || before.offset >= effect.offset)) {
      found.push(`${textOf(effect)} at ${placeOf(effect)} comes after ${textOf(before)}`)
    }
    last.set(lane, effect)
  }
  return found
}

function endsAreReached({ stable, consumed }: History): string[] {
  const short = (what: string, endings: readonly Ending[]) =>
    endings
      .filter(({ end, reached }) => end !== reached)
      .map(({ partition, end, reached }) => `${what} ${partition} ends at ${end}, reached ${reached}`)
  return [...short('output partition', stable), ...short('input partition', consumed)]
}

function byAttempt(effects: readonly Effect[]): Map<string, Effect[]> {
  const found = new Map<string, Effect[]>()
  for (const effect of effects) {
    const known = found.get(effect.attempt)
    if (known) known.push(effect)
    else found.set(effect.attempt, [effect])
  }
  return found
}

function inputsOf(effects: readonly Effect[], kind: string): string {
  const inputs = effects.filter(each => each.kind === kind).map(each => each.input)
  return inputs.sort((one, two) => one - two).join(',')
}

function placeOf({ partition, offset }: Effect): string {
  return `${partition}:${offset}`
}

function textOf({ kind, input, attempt }: Effect): string {
  return `${kind} ${input} ${attempt}`
}

/** The value of an output record, as every worker writes it: "a 17 java-0.2.31". */
export function parseEffect(partition: number, offset: number, value: string): Effect {
  const [kind, input, attempt] = value.split(' ')
  return { partition, offset, kind: kind!, input: Number(input), attempt: attempt! }
}
