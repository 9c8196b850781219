/**
 * Reads patterns in the syntax of RE2, which Kafka's requests carry: the usual one, without whatever cannot
 * be matched in linear time (look-around, references back). Throws PatternError where it is not that, with
 * what RE2/J says of it.
 */

export class PatternError extends Error {
  override readonly name = 'PatternError'
}

/** Whether a code point is of a class. */
export type CharTest = (codePoint: number) => boolean

export type Assertion = 'line-start' | 'line-end' | 'text-start' | 'text-end' | 'boundary' | 'no-boundary'

export type Node =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly kind: 'choice'; readonly nodes: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number }

interface Flags {
  readonly ignoreCase: boolean
  readonly multiLine: boolean
  readonly dotAll: boolean
}

const NO_FLAGS: Flags = { ignoreCase: false, multiLine: false, dotAll: false }
const MOST_REPEATS = 1_000
const MOST_NESTED = 1_000

const isDigit: CharTest = c => c >= 48 && c <= 57
const isWord: CharTest = c => isDigit(c) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95
const isSpace: CharTest = c => c === 9 || c === 10 || c === 12 || c === 13 || c === 32
const not =
  (test: CharTest): CharTest =>
  c =>
    !test(c)

const ESCAPED_CLASSES = new Map<string, CharTest>([
  ['d', isDigit],
  ['D', not(isDigit)],
  ['w', isWord],
  ['W', not(isWord)],
  ['s', isSpace],
  ['S', not(isSpace)],
])
const ESCAPED_ASSERTIONS = new Map<string, Assertion>([
  ['A', 'text-start'],
  ['z', 'text-end'],
  ['b', 'boundary'],
  ['B', 'no-boundary'],
])
const ESCAPED_CHARACTERS = new Map([
  ['a', 7],
  ['f', 12],
  ['t', 9],
  ['n', 10],
  ['r', 13],
  ['v', 11],
])
const NAMED_CLASSES = new Map<string, RegExp>([
  ['alnum', /[0-9A-Za-z]/],
  ['alpha', /[A-Za-z]/],
  ['ascii', /[\0-\x7f]/],
  ['blank', /[\t ]/],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the class of control characters
  ['cntrl', /[\0-\x1f\x7f]/],
  ['digit', /[0-9]/],
  ['graph', /[!-~]/],
  ['lower', /[a-z]/],
  ['print', /[ -~]/],
  ['punct', /[!-/:-@[-`{-~]/],
  ['space', /[\t\n\v\f\r ]/],
  ['upper', /[A-Z]/],
  ['word', /[0-9A-Za-z_]/],
  ['xdigit', /[0-9A-Fa-f]/],
])

export function parsePattern(pattern: string): Node {
  const parser = new Parser(pattern)
  const node = parser.choice(NO_FLAGS, 0)
  if (!parser.isAtEnd()) throw new PatternError('regexp/syntax: internal error')
  return node
}

class Parser {
  private readonly text: string
  private readonly names = new Set<string>()
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  choice(given: Flags, depth: number): Node {
    if (depth > MOST_NESTED) throw new PatternError('Too many parentheses are open at once.')
    let flags = given
    const choices: Node[] = []
    let sequence: Node[] = []
    while (!this.isAtEnd() && this.peek() !== ')') {
      if (this.take('|')) {
        choices.push({ kind: 'sequence', nodes: sequence })
        sequence = []
        continue
      }
      const changed = this.flagsAlone(flags)
      if (changed) flags = changed
      // What follows flags and says how often means what stood before them.
      const nodes = changed ? sequence.splice(-1) : this.atoms(flags, depth)
      sequence.push(...this.repeated(nodes))
    }
    choices.push({ kind: 'sequence', nodes: sequence })
    return choices.length === 1 ? choices[0]! : { kind: 'choice', nodes: choices }
  }

  /** One thing; several where they are quoted. */
  private atoms(flags: Flags, depth: number): Node[] {
    return this.take('\\Q') ? this.quoted(flags) : [this.atom(flags, depth)]
  }

  /** The last of them as often as what follows says. */
  private repeated(nodes: Node[]): Node[] {
    const node = nodes.at(-1)
    const bounds = node && this.bounds()
    if (!bounds) return nodes
    // As few as possible is the same here: the whole text is matched.
    this.take('?')
    if (this.bounds()) throw new PatternError('invalid nested repetition operator')
    return [...nodes.slice(0, -1), { kind: 'repeat', node, min: bounds[0], max: bounds[1] }]
  }

  private bounds(): readonly [number, number] | undefined {
    if (this.take('*')) return [0, Infinity]
    if (this.take('+')) return [1, Infinity]
    if (this.take('?')) return [0, 1]
    const match = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.text.slice(this.at))
    if (!match) return undefined
    this.at += match[0].length
    const min = Number(match[1])
    const max = match[2] ? (match[3] ? Number(match[3]) : Infinity) : min
    const most = max === Infinity ? min : max
    if (most > MOST_REPEATS || min > max) throw new PatternError('invalid repeat count')
    return [min, max]
  }

  private atom(flags: Flags, depth: number): Node {
    if (this.take('(')) return this.group(flags, depth)
    if (this.take('[')) return { kind: 'char', test: this.bracket(flags) }
    if (this.take('.')) return { kind: 'char', test: flags.dotAll ? () => true : c => c !== 10 }
    if (this.take('^')) {
      return { kind: 'assertion', assertion: flags.multiLine ? 'line-start' : 'text-start' }
    }
    if (this.take('$')) return { kind: 'assertion', assertion: flags.multiLine ? 'line-end' : 'text-end' }
    if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(this.text.slice(this.at)))
      throw new PatternError('missing argument to repetition operator')
    if (this.peek() !== '\\') return literal(this.next(), flags)
    const assertion = ESCAPED_ASSERTIONS.get(this.text[this.at + 1] ?? '')
    if (!assertion) return { kind: 'char', test: this.escape(flags) }
    this.at += 2
    return { kind: 'assertion', assertion }
  }

  private group(given: Flags, depth: number): Node {
    let flags = given
    const name = this.matched(/^\?P?<([A-Za-z0-9_]+)>/)?.[1]
    if (name === undefined && this.matched(/^\?P?</)) throw new PatternError('invalid named capture')
    if (name !== undefined && this.names.has(name)) throw new PatternError('duplicate capture group name')
    if (name !== undefined) this.names.add(name)
    else if (this.peek() === '?') flags = this.flags(given, ':')
    const node = this.choice(flags, depth + 1)
    if (!this.take(')')) throw new PatternError('missing closing )')
    return node
  }

  /** `(?i)`: for the rest of what it stands in. */
  private flagsAlone(given: Flags): Flags | undefined {
    if (!/^\(\?[a-zA-Z]*(?:-[a-zA-Z]+)?\)/.test(this.text.slice(this.at))) return undefined
    this.at += 1
    return this.flags(given, ')')
  }

  private flags(given: Flags, end: string): Flags {
    const match = this.matched(/^\?([imsU]*)(?:-([imsU]+))?/)
    if (!match || !this.take(end)) throw new PatternError('invalid or unsupported Perl syntax')
    const on = match[1] ?? ''
    const off = match[2] ?? ''
    const isOn = (flag: string, before: boolean) => (on.includes(flag) || before) && !off.includes(flag)
    return {
      ignoreCase: isOn('i', given.ignoreCase),
      multiLine: isOn('m', given.multiLine),
      dotAll: isOn('s', given.dotAll),
    }
  }

  private quoted(flags: Flags): Node[] {
    const end = this.text.indexOf('\\E', this.at)
    const quoted = this.text.slice(this.at, end < 0 ? undefined : end)
    this.at = end < 0 ? this.text.length : end + 2
    return Array.from(quoted, each => literal(each.codePointAt(0)!, flags))
  }

  /** Without regard to case, what is excluded is excluded in both. */
  private bracket(flags: Flags): CharTest {
    const isNegated = this.take('^')
    const tests: CharTest[] = []
    for (let isFirst = true; isFirst || this.peek() !== ']'; isFirst = false) {
      if (this.isAtEnd()) throw new PatternError('missing closing ]')
      tests.push(this.namedClass(flags) ?? this.range(flags))
    }
    this.at += 1
    const isAny: CharTest = c => tests.some(test => test(c))
    return isNegated ? not(isAny) : isAny
  }

  private namedClass(flags: Flags): CharTest | undefined {
    const match = this.matched(/^\[:(\^?)([a-z]+):\]/)
    if (!match) {
      const isClass = this.peek() === '\\' && /[dDwWsSpP]/.test(this.text[this.at + 1] ?? '')
      return isClass ? this.escape(flags) : undefined
    }
    const named = NAMED_CLASSES.get(match[2]!)
    if (!named) throw new PatternError('invalid character class range')
    const test = inCaseOf(flags, c => named.test(String.fromCodePoint(c)))
    return match[1] ? not(test) : test
  }

  private range(flags: Flags): CharTest {
    const first = this.bound()
    if (this.peek() !== '-' || this.text[this.at + 1] === ']' || this.at + 1 >= this.text.length) {
      return inCaseOf(flags, c => c === first)
    }
    this.at += 1
    const last = this.bound()
    if (last < first) throw new PatternError('invalid character class range')
    return inCaseOf(flags, c => c >= first && c <= last)
  }

  private bound(): number {
    return this.peek() === '\\' ? this.escapedCharacter() : this.next()
  }

  private escape(flags: Flags): CharTest {
    const kind = this.text[this.at + 1] ?? ''
    const known = ESCAPED_CLASSES.get(kind)
    if (known) {
      this.at += 2
      return known
    }
    if (kind === 'p' || kind === 'P') return this.unicodeClass(kind === 'P', flags)
    const only = this.escapedCharacter()
    return inCaseOf(flags, c => c === only)
  }

  private unicodeClass(isOther: boolean, flags: Flags): CharTest {
    const match = this.matched(/^\\[pP](?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/)
    const name = match?.[2] ?? match?.[3]
    if (!match || !name) throw new PatternError('invalid character class range')
    const isNegated = isOther !== (match[1] === '^')
    const test = inCaseOf(flags, unicodeTest(name))
    return isNegated ? not(test) : test
  }

  private escapedCharacter(): number {
    const hex = this.matched(/^\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/)
    if (hex) return checked(Number.parseInt(hex[1] ?? hex[2]!, 16))
    const octal = this.matched(/^\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/)
    if (octal) return Number.parseInt(octal[1]!, 8)
    this.at += 1
    if (this.isAtEnd()) throw new PatternError('trailing backslash at end of expression')
    const escaped = this.next()
    const character = String.fromCodePoint(escaped)
    const known = ESCAPED_CHARACTERS.get(character)
    if (known !== undefined) return known
    if (escaped < 128 && (!isWord(escaped) || character === '_')) return escaped
    throw new PatternError('invalid escape sequence')
  }

  private matched(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(this.text.slice(this.at))
    if (match) this.at += match[0].length
    return match ?? undefined
  }

  private peek(): string {
    return this.text[this.at] ?? ''
  }

  private take(expected: string): boolean {
    const isThere = this.text.startsWith(expected, this.at)
    if (isThere) this.at += expected.length
    return isThere
  }

  private next(): number {
    const codePoint = this.text.codePointAt(this.at) ?? 0
    this.at += codePoint > 0xffff ? 2 : 1
    return codePoint
  }
}

function literal(codePoint: number, flags: Flags): Node {
  return { kind: 'char', test: inCaseOf(flags, c => c === codePoint) }
}

/** Where case does not count: whether the character is of the class in any case. */
function inCaseOf({ ignoreCase }: Flags, test: CharTest): CharTest {
  return ignoreCase ? c => casesOf(c).some(test) : test
}

function casesOf(codePoint: number): number[] {
  const character = String.fromCodePoint(codePoint)
  const cases = [character, character.toLowerCase(), character.toUpperCase()]
  return cases.filter(each => [...each].length === 1).map(each => each.codePointAt(0)!)
}

/** A category or a script, by the names that both know. */
function unicodeTest(name: string): CharTest {
  if (name === 'Any') return () => true
  for (const property of [name, `Script=${name}`]) {
    try {
      const pattern = new RegExp(`\\p{${property}}`, 'u')
      return c => pattern.test(String.fromCodePoint(c))
    } catch {
      // Not a name of this kind.
    }
  }
  throw new PatternError('invalid character class range')
}

function checked(codePoint: number): number {
  if (codePoint > 0x10ffff) throw new PatternError('invalid escape sequence')
  return codePoint
}
