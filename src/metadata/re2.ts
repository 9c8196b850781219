/**
 * Matches texts with patterns of clients in a time that is bounded by the product of their lengths, whatever
 * the pattern: all ways to match are followed at once. (The language's own expressions go back and try again,
 * and a pattern of twenty characters can hold the process up for hours.)
 */
import { type Assertion, type CharTest, type Node, PatternError, parsePattern } from './re2-parser.ts'

type Step =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'fork'; readonly to: readonly [number, number] }
  | { readonly kind: 'done' }

/** A pattern of a few dozen characters can ask for millions. */
const MOST_STEPS = 20_000
/** That are kept of one pattern. */
const MOST_TRANSITIONS = 10_000
const NEWLINE = 10
const WORD = 97
const OTHER = 32

/** Whether texts match the pattern from end to end; undefined where it is no pattern. */
export function compileRe2(pattern: string): ((text: string) => boolean) | undefined {
  const steps = stepsOf(pattern)
  if (steps instanceof PatternError) return undefined
  const matcher = new Matcher(steps)
  return text => matcher.matches(text)
}

/** Why it is no pattern, in the words of RE2/J; undefined where it is one. */
export function re2Problem(pattern: string): string | undefined {
  const steps = stepsOf(pattern)
  return steps instanceof PatternError ? steps.message : undefined
}

function stepsOf(pattern: string): readonly Step[] | PatternError {
  try {
    const steps: Step[] = []
    compile(parsePattern(pattern), steps)
    steps.push({ kind: 'done' })
    return steps
  } catch (error) {
    if (error instanceof PatternError) return error
    throw error
  }
}

function compile(node: Node, steps: Step[]): void {
  if (steps.length > MOST_STEPS) throw new PatternError('invalid repeat count')
  switch (node.kind) {
    case 'char':
    case 'assertion':
      steps.push(node)
      return
    case 'sequence':
      for (const each of node.nodes) compile(each, steps)
      return
    case 'choice':
      compileChoice(node.nodes, steps)
      return
    case 'repeat':
      for (let i = 0; i < node.min; i++) compile(node.node, steps)
      if (node.max === Infinity) compileLoop(node.node, steps)
      else compileOptional(node.node, node.max - node.min, steps)
  }
}

/** Forks into two, the second of which is not known yet. */
function fork(steps: Step[]): (to: readonly [number, number]) => void {
  const at = steps.length
  steps.push({ kind: 'fork', to: [at + 1, at + 1] })
  return to => {
    steps[at] = { kind: 'fork', to }
  }
}

function compileChoice(nodes: readonly Node[], steps: Step[]): void {
  const ends: ((to: readonly [number, number]) => void)[] = []
  for (const [i, node] of nodes.entries()) {
    const isLast = i === nodes.length - 1
    const at = steps.length
    const choose = isLast ? undefined : fork(steps)
    compile(node, steps)
    if (!choose) continue
    ends.push(fork(steps))
    choose([at + 1, steps.length])
  }
  for (const end of ends) end([steps.length, steps.length])
}

function compileLoop(node: Node, steps: Step[]): void {
  const at = steps.length
  const choose = fork(steps)
  compile(node, steps)
  fork(steps)([at, at])
  choose([at + 1, steps.length])
}

function compileOptional(node: Node, count: number, steps: Step[]): void {
  const chosen: [number, (to: readonly [number, number]) => void][] = []
  for (let i = 0; i < count; i++) {
    chosen.push([steps.length + 1, fork(steps)])
    compile(node, steps)
  }
  for (const [next, choose] of chosen) choose([next, steps.length])
}

/** All that has to be known of a text so far. */
interface State {
  /** The steps that it may have come to. */
  readonly at: readonly number[]
  /** The last character, or another that assertions do not tell from it. */
  readonly before: number | undefined
  readonly next: Map<number, State>
  isMatch: boolean | undefined
}

/** Where texts lead is found out once, and kept: many names are looked at with one pattern. */
class Matcher {
  private readonly steps: readonly Step[]
  private readonly states = new Map<string, State>()
  private readonly start: State
  private transitions = 0

  constructor(steps: readonly Step[]) {
    this.steps = steps
    this.start = this.state([0], undefined)
  }

  matches(text: string): boolean {
    let state = this.start
    for (const character of text) {
      const codePoint = character.codePointAt(0)!
      state = state.next.get(codePoint) ?? this.advance(state, codePoint)
      if (state.at.length === 0) return false
    }
    state.isMatch ??= this.reached(state, undefined).has(this.steps.length - 1)
    return state.isMatch
  }

  private advance(state: State, character: number): State {
    const next: number[] = []
    for (const at of this.reached(state, character)) {
      const step = this.steps[at]!
      if (step.kind === 'char' && step.test(character)) next.push(at + 1)
    }
    if (this.transitions >= MOST_TRANSITIONS) this.forget()
    const found = this.state(
      next.sort((one, other) => one - other),
      likeOf(character),
    )
    state.next.set(character, found)
    this.transitions += 1
    return found
  }

  private state(at: readonly number[], before: number | undefined): State {
    const key = `${at.join()};${before}`
    const known = this.states.get(key)
    if (known) return known
    const state: State = { at, before, next: new Map(), isMatch: undefined }
    this.states.set(key, state)
    return state
  }

  private forget(): void {
    this.transitions = 0
    this.states.clear()
    this.start.next.clear()
  }

  private reached({ at, before }: State, after: number | undefined): Set<number> {
    const reached = new Set<number>()
    for (const from of at) reach(from, this.steps, reached, { before, after })
    return reached
  }
}

/** One character for all that assertions take for the same. */
function likeOf(character: number): number {
  if (character === NEWLINE) return NEWLINE
  return isWord(character) ? WORD : OTHER
}

interface Surroundings {
  readonly before: number | undefined
  readonly after: number | undefined
}

/** Adds the step and all that can be come to from there without a character. */
function reach(from: number, steps: readonly Step[], reached: Set<number>, around: Surroundings): void {
  const open = [from]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (reached.has(at)) continue
    reached.add(at)
    const step = steps[at]!
    if (step.kind === 'fork') open.push(...step.to)
    else if (step.kind === 'assertion' && holds(step.assertion, around)) open.push(at + 1)
  }
}

function holds(assertion: Assertion, { before, after }: Surroundings): boolean {
  switch (assertion) {
    case 'text-start':
      return before === undefined
    case 'text-end':
      return after === undefined
    case 'line-start':
      return before === undefined || before === NEWLINE
    case 'line-end':
      return after === undefined || after === NEWLINE
    case 'boundary':
      return isWord(before) !== isWord(after)
    case 'no-boundary':
      return isWord(before) === isWord(after)
  }
}

function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && /[0-9A-Za-z_]/.test(String.fromCodePoint(codePoint))
}
