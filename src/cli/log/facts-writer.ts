/** How what the log tools find is written: a line of text, or a line of JSON. */
import { jsonReplacer } from '../../observe/logger.ts'
import type { Facts } from './record-contents.ts'

export interface FactsWriter {
  /** What follows is about this. */
  file(path: string): void
  /** `depth` 1: a part of what was written before. */
  write(facts: Facts & { readonly type: string }, depth?: 0 | 1): void
}

export function textWriter(writeLine: (line: string) => void): FactsWriter {
  return {
    file: path => writeLine(path),
    write({ type: _, ...facts }, depth = 0) {
      const words = Object.entries(facts).flatMap(([name, value]) =>
        value === undefined ? [] : [`${name}: ${textOf(value)}`],
      )
      writeLine(`${depth === 0 ? '' : '| '}${words.join(' ')}`)
    },
  }
}

export function jsonWriter(writeLine: (line: string) => void): FactsWriter {
  let file = ''
  return {
    file(path) {
      file = path
    },
    write: ({ type, ...facts }) => writeLine(JSON.stringify({ type, file, ...facts }, replacer)),
  }
}

/** Bytes as they are where they are text, and in base64 otherwise. */
export function readableBytes(bytes: Uint8Array): string | { readonly base64: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  return Buffer.from(text, 'utf8').equals(buffer) ? text : { base64: buffer.toString('base64') }
}

function textOf(value: unknown): string {
  if (value === null) return '-'
  if (typeof value === 'string')
    return /^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(value) ? value : JSON.stringify(value)
  if (value instanceof Uint8Array || typeof value === 'object') return JSON.stringify(value, replacer)
  return String(value)
}

/** The logger's own shortens long bytes. */
function replacer(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown> | undefined)?.[key]
  if (original instanceof Uint8Array) return readableBytes(original)
  return jsonReplacer.call(this, key, value)
}
