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

/** Whether texts match the pattern from end to end; undefined where it is no pattern. */
export function compileRe2(pattern: string): ((text: string) => boolean) | undefined {
  const steps = stepsOf(pattern)
  return steps instanceof PatternError ? undefined : text => matches(steps, text)
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

function matches(steps: readonly Step[], text: string): boolean {
  const characters = Array.from(text, each => each.codePointAt(0)!)
  let current = new Set<number>()
  reach(0, steps, current, surroundings(characters, 0))
  for (const [i, character] of characters.entries()) {
    const next = new Set<number>()
    const around = surroundings(characters, i + 1)
    for (const at of current) {
      const step = steps[at]!
      if (step.kind === 'char' && step.test(character)) reach(at + 1, steps, next, around)
    }
    if (next.size === 0) return false
    current = next
  }
  return current.has(steps.length - 1)
}

interface Surroundings {
  readonly before: number | undefined
  readonly after: number | undefined
}

function surroundings(characters: readonly number[], at: number): Surroundings {
  return { before: characters[at - 1], after: characters[at] }
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
      return before === undefined || before === 10
    case 'line-end':
      return after === undefined || after === 10
    case 'boundary':
      return isWord(before) !== isWord(after)
    case 'no-boundary':
      return isWord(before) === isWord(after)
  }
}

function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && /[0-9A-Za-z_]/.test(String.fromCodePoint(codePoint))
}
