/**
 * The words that the configuration table is written in: what an option is, how its text becomes a value, and
 * which values are refused. Texts are parsed exactly as Kafka parses them (spaces trimmed, `TRUE` is true,
 * `+5` is 5), and refusals say what Kafka's say, so that tools which match on them go on working.
 */

export type OptionType =
  | 'BOOLEAN'
  | 'STRING'
  | 'INT'
  | 'SHORT'
  | 'LONG'
  | 'DOUBLE'
  | 'LIST'
  | 'CLASS'
  | 'PASSWORD'

/** Whether a broker option can change while the broker runs, and for whom (Kafka's update modes). */
export type UpdateMode = 'read-only' | 'cluster-wide' | 'per-broker'

/**
 * `now`: Klamm obeys it. `later`: it belongs to a part that is not there yet. `none`: it has no meaning here.
 */
export type Effect = 'now' | 'later' | 'none'

export type OptionValue = boolean | string | number | bigint | readonly string[] | null

export interface Option {
  readonly name: string
  readonly type: OptionType
  /** As text, in the form that DescribeConfigs shows; null where there is none. */
  readonly defaultValue: string | null
  readonly check?: Check
  /** One line, in our words. */
  readonly doc: string
  readonly update: UpdateMode
  readonly effect: Effect
  /** Accepted, but not listed by DescribeConfigs. */
  readonly isInternal: boolean
}

/** What an option accepts beyond its type. */
export interface Check {
  /** For people: `[0,...]`, `one of: a, b`. */
  readonly allowed: string
  /** A list may have empty entries, as far as parsing goes. */
  readonly toleratesEmptyEntries?: boolean
  /**
   * Why the value is refused, or undefined. `name` is the option's, which some of Kafka's sentences repeat.
   */
  refuse(value: OptionValue, name: string): string | undefined
}

export interface OptionExtras {
  readonly check?: Check
  readonly update?: UpdateMode
  readonly effect?: Effect
  readonly isInternal?: boolean
}

function option(
  type: OptionType,
  name: string,
  defaultValue: string | null,
  rest: { doc: string; extras?: OptionExtras | undefined },
): Option {
  return {
    name,
    type,
    defaultValue,
    doc: rest.doc,
    update: 'read-only',
    effect: 'now',
    isInternal: false,
    ...rest.extras,
  }
}

type NumberDefault = number | bigint | null

const asText = (value: NumberDefault): string | null => (value === null ? null : String(value))

export const boolean = (name: string, value: boolean, doc: string, extras?: OptionExtras): Option =>
  option('BOOLEAN', name, String(value), { doc, extras })
export const string = (name: string, value: string | null, doc: string, extras?: OptionExtras): Option =>
  option('STRING', name, value, { doc, extras })
export const int = (name: string, value: number | null, doc: string, extras?: OptionExtras): Option =>
  option('INT', name, asText(value), { doc, extras })
export const short = (name: string, value: number, doc: string, extras?: OptionExtras): Option =>
  option('SHORT', name, asText(value), { doc, extras })
export const long = (name: string, value: NumberDefault, doc: string, extras?: OptionExtras): Option =>
  option('LONG', name, asText(value), { doc, extras })
/** The default is text, since Java and JavaScript print some fractions differently. */
export const double = (name: string, value: string, doc: string, extras?: OptionExtras): Option =>
  option('DOUBLE', name, value, { doc, extras })
export const list = (name: string, value: string | null, doc: string, extras?: OptionExtras): Option =>
  option('LIST', name, value, { doc, extras })
export const javaClass = (name: string, value: string | null, doc: string, extras?: OptionExtras): Option =>
  option('CLASS', name, value, { doc, extras })
export const password = (name: string, doc: string, extras?: OptionExtras): Option =>
  option('PASSWORD', name, null, { doc, extras })

export const LONG_MAX = 9223372036854775807n
export const INT_MAX = 2147483647

const INT_LIKE = {
  SHORT: [-32768n, 32767n],
  INT: [-2147483648n, 2147483647n],
  LONG: [-9223372036854775808n, 9223372036854775807n],
} as const

/** A parsed value, or why the text is none, as Kafka's ConfigDef would say it. */
export type Parsed = { readonly value: OptionValue } | { readonly refusal: string }

/** Text to value, by type alone. LONG becomes bigint, lists arrays; the rest is plain. */
export function parseText(option: Option, text: string): Parsed {
  const trimmed = text.trim()
  switch (option.type) {
    case 'BOOLEAN': {
      const lower = trimmed.toLowerCase()
      if (lower === 'true' || lower === 'false') return { value: lower === 'true' }
      return { refusal: sentence(option.name, text, 'Expected value to be either true or false') }
    }
    case 'INT':
    case 'SHORT':
    case 'LONG':
      return parseWhole(option.name, option.type, trimmed)
    case 'DOUBLE': {
      const value = parseDouble(trimmed)
      if (value === undefined)
        return { refusal: sentence(option.name, trimmed, 'Not a number of type DOUBLE') }
      return { value }
    }
    case 'LIST':
      return parseList(option, trimmed)
    case 'STRING':
    case 'CLASS':
    case 'PASSWORD':
      return { value: trimmed }
  }
}

function parseWhole(name: string, type: 'INT' | 'SHORT' | 'LONG', text: string): Parsed {
  const [lowest, highest] = INT_LIKE[type]
  if (/^[+-]?[0-9]+$/.test(text)) {
    const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
    if (value >= lowest && value <= highest) return { value: type === 'LONG' ? value : Number(value) }
  }
  return { refusal: sentence(name, text, `Not a number of type ${type}`) }
}

/** Java's Double.parseDouble without its hexadecimal form. */
function parseDouble(text: string): number | undefined {
  if (/^[+-]?(NaN|Infinity)$/.test(text)) return Number(text.replace(/^[+-]NaN$/, 'NaN'))
  if (/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[fFdD]?$/.test(text)) {
    return Number(text.replace(/[fFdD]$/, ''))
  }
  return undefined
}

/**
 * Duplicates go, as Kafka has them go since 4.2; empty entries are refused, save by options that say
 * otherwise.
 */
function parseList(option: Option, text: string): Parsed {
  if (text === '') return { value: [] }
  const values = text.split(/\s*,\s*/)
  if (values.includes('') && option.check?.toleratesEmptyEntries !== true) {
    return { refusal: `Configuration '${option.name}' values must not be empty.` }
  }
  return { value: [...new Set(values)] }
}

export function sentence(name: string, shown: string, why: string): string {
  return `Invalid value ${shown} for configuration ${name}: ${why}`
}

/** Parses and checks; the refusal names the option, the value and what is wrong. */
export function parseOption(option: Option, text: string): Parsed {
  const parsed = parseText(option, text)
  if ('refusal' in parsed || option.check === undefined) return parsed
  const why = option.check.refuse(parsed.value, option.name)
  return why === undefined ? parsed : { refusal: why }
}

/** A value in the form that DescribeConfigs shows. */
export function valueText(value: OptionValue): string | null {
  if (value === null) return null
  if (Array.isArray(value)) return value.join(',')
  return String(value)
}

/** The canonical text of a text that is known to parse. */
export function canonicalText(option: Option, text: string): string {
  const parsed = parseText(option, text)
  if ('refusal' in parsed || parsed.value === null) return text
  if (option.type === 'DOUBLE') return doubleText(parsed.value as number)
  return valueText(parsed.value) ?? text
}

/** As Java prints a double: 1 is `1.0`, ten million and more have an exponent. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits = '', exponent = ''] = value.toExponential().split('e')
    return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
  }
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

// Checks

export function atLeast(lowest: number | bigint): Check {
  return {
    allowed: `[${lowest},...]`,
    refuse: (value, name) =>
      (value as number | bigint) < lowest
        ? sentence(name, `${value}`, `Value must be at least ${lowest}`)
        : undefined,
  }
}

export function between(lowest: number, highest: number): Check {
  return {
    allowed: `[${lowest},...,${highest}]`,
    refuse: (value, name) => {
      const number = value as number | bigint
      if (number < lowest) return sentence(name, `${number}`, `Value must be at least ${lowest}`)
      if (number > highest) return sentence(name, `${number}`, `Value must be no more than ${highest}`)
      return undefined
    },
  }
}

export function oneOf(...values: readonly string[]): Check {
  return {
    allowed: `[${values.join(', ')}]`,
    refuse: (value, name) =>
      values.includes(value as string)
        ? undefined
        : sentence(name, `${value}`, `String must be one of: ${values.join(', ')}`),
  }
}

export function oneOfAnyCase(...values: readonly string[]): Check {
  const wanted = values.map(value => value.toUpperCase())
  return {
    allowed: `(case insensitive) [${values.join(', ')}]`,
    refuse: (value, name) =>
      wanted.includes(String(value).toUpperCase())
        ? undefined
        : sentence(name, `${value}`, `String must be one of (case insensitive): ${values.join(', ')}`),
  }
}

/** Every entry of the list is one of these. */
export function eachOf(...values: readonly string[]): Check {
  return {
    allowed: `[${values.join(', ')}]`,
    refuse: (value, name) => {
      for (const entry of value as readonly string[]) {
        const why = oneOf(...values).refuse(entry, name)
        if (why !== undefined) return why
      }
      return undefined
    },
  }
}

/** As `eachOf`, and there is at least one. */
export function someOf(...values: readonly string[]): Check {
  const each = eachOf(...values)
  return {
    allowed: each.allowed,
    refuse: (value, name) => {
      if ((value as readonly string[]).length > 0) return each.refuse(value, name)
      return `Configuration '${name}' must not be empty. Valid values include: ${values.join(', ')}`
    },
  }
}
