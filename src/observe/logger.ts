/**
 * The broker's log lines: one line of readable text each on a terminal, one JSON object each anywhere else.
 * The only file that knows pino; everything else takes a `Logger` as an argument. Also the one JSON replacer
 * that knows `bigint`, since every int64 of the protocol is one.
 */
import { pino } from 'pino'
import { localTimeOfDay } from '../platform/node-clock.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** What a line is about, as fields that a machine can select. An `error` field shows its stack. */
export type LogDetails = Readonly<Record<string, unknown>>

export interface Logger {
  trace(message: string, details?: LogDetails): void
  debug(message: string, details?: LogDetails): void
  info(message: string, details?: LogDetails): void
  warn(message: string, details?: LogDetails): void
  error(message: string, details?: LogDetails): void
  /** True when a line of the level would be written: asked before details are made that cost something. */
  isEnabled(level: LogLevel): boolean
  /** A logger that adds the fields to all its lines. */
  child(fields: LogDetails): Logger
}

export interface LoggerOptions {
  readonly level: LogLevel
  /** One line of text for a person; otherwise JSON. */
  readonly isPretty: boolean
  readonly useColor?: boolean
  /** Receives whole lines, each with its newline. */
  write(line: string): void
}

export function createLogger(options: LoggerOptions): Logger {
  const stream = options.isPretty ? { write: prettyWriter(options) } : { write: options.write }
  const root = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'message',
      formatters: {
        level: label => ({ level: label }),
        log: details => jsonSafe(details) as Record<string, unknown>,
        bindings: fields => jsonSafe(fields) as Record<string, unknown>,
      },
    },
    stream,
  )
  return wrap(root)
}

/** Lines onto a stream: pretty where it is a terminal, with colours unless the person asked for none. */
export function streamLogger(stream: LogStream, level: LogLevel, environment: LogEnvironment): Logger {
  const isPretty = stream.isTTY === true
  const useColor = isPretty && !environment.NO_COLOR && environment.TERM !== 'dumb'
  return createLogger({ level, isPretty, useColor, write: line => void stream.write(line) })
}

export interface LogStream {
  readonly isTTY?: boolean
  write(text: string): unknown
}

export type LogEnvironment = Readonly<Record<string, string | undefined>>

/** Writes nothing. */
export const silentLogger: Logger = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  isEnabled: () => false,
  child: () => silentLogger,
}

/**
 * For `JSON.stringify`: an int64 as a number where that is exact and as a string where it is not, bytes as
 * base64.
 */
export function jsonReplacer(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return jsonInteger(value)
  // A Buffer has a toJSON of its own, which has run by now; the holder still has the bytes.
  const original = (this as Record<string, unknown> | undefined)?.[key]
  if (original instanceof Uint8Array) return jsonBytes(original)
  return value
}

/** The levels of pino by number, and how each looks on a terminal. */
const LEVELS: Readonly<Record<string, { readonly label: string; readonly color: string }>> = {
  trace: { label: 'TRACE', color: '\u001b[90m' },
  debug: { label: 'DEBUG', color: '\u001b[34m' },
  info: { label: 'INFO ', color: '\u001b[32m' },
  warn: { label: 'WARN ', color: '\u001b[33m' },
  error: { label: 'ERROR', color: '\u001b[31m' },
  fatal: { label: 'FATAL', color: '\u001b[35m' },
}
const DIM = '\u001b[2m'
const RESET = '\u001b[0m'

const MAX_DEPTH = 8
const MAX_BYTES_SHOWN = 64

function wrap(target: pino.Logger): Logger {
  const at = (level: Exclude<LogLevel, 'silent'>) => (message: string, details?: LogDetails) => {
    if (details === undefined) target[level](message)
    else target[level](details, message)
  }
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    isEnabled: level => target.isLevelEnabled(level),
    child: fields => wrap(target.child(fields)),
  }
}

function jsonInteger(value: bigint): number | string {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
    ? Number(value)
    : value.toString()
}

function jsonBytes(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, MAX_BYTES_SHOWN))
  const rest = bytes.byteLength - shown.length
  return rest === 0 ? shown.toString('base64') : `${shown.toString('base64')}... (${bytes.byteLength} bytes)`
}

/**
 * A copy that JSON can hold: pino's own serialiser throws at a bigint, so details are made plain before it.
 */
function jsonSafe(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return jsonInteger(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return jsonBytes(value)
  if (value instanceof Error) return plainError(value, depth)
  if (depth >= MAX_DEPTH) return '...'
  if (Array.isArray(value)) return value.map(item => jsonSafe(item, depth + 1))
  const entries =
    value instanceof Map ? [...value].map(([k, v]) => [String(k), v] as const) : Object.entries(value)
  return Object.fromEntries(entries.map(([key, item]) => [key, jsonSafe(item, depth + 1)]))
}

function plainError(error: Error, depth: number): unknown {
  const { code } = error as NodeJS.ErrnoException
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth >= MAX_DEPTH ? {} : { cause: jsonSafe(error.cause, depth + 1) }),
  }
}

function prettyWriter(options: LoggerOptions): (line: string) => void {
  const paint = (color: string, text: string) => (options.useColor ? `${color}${text}${RESET}` : text)
  return line => {
    const { level, time, message, ...details } = JSON.parse(line) as Record<string, unknown>
    const look = LEVELS[String(level)] ?? { label: String(level), color: '' }
    const fields = Object.entries(details).filter(([, value]) => !isError(value))
    const errors = Object.values(details).filter(isError)
    const shown = fields.map(([key, value]) => `${key}=${shownValue(value)}`)
    const text = printable(String(message)).replaceAll('\n', '\\n')
    const head = `${paint(DIM, localTimeOfDay(Number(time)))} ${paint(look.color, look.label)} ${text}`
    options.write(
      `${[head, ...shown.map(field => paint(DIM, field))].join(' ')}\n${errors.map(stackLines).join('')}`,
    )
  }
}

/** As it is where that cannot be misread; a client's text must neither forge lines nor move the cursor. */
function shownValue(value: unknown): string {
  return typeof value === 'string' && /^[!#-~]+$/.test(value) ? value : printable(JSON.stringify(value))
}

/** Control characters but for the line feed, those of JSON and those it leaves alone, by their numbers. */
function printable(text: string): string {
  return text.replace(
    /[^\P{Cc}\n]/gu,
    character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

interface PlainError {
  readonly message: string
  readonly stack?: string
  readonly cause?: unknown
}

function isError(value: unknown): value is PlainError {
  return typeof value === 'object' && value !== null && 'stack' in value && 'message' in value
}

function stackLines(error: PlainError): string {
  const cause = isError(error.cause) ? `    caused by: ${stackLines(error.cause).trimStart()}` : ''
  return `    ${printable(error.stack ?? error.message).replaceAll('\n', '\n    ')}\n${cause}`
}
