/** `klamm trace`: what is in a capture file, as text or JSON. */
import { readFileSync } from 'node:fs'
import { jsonReplacer } from '../observe/logger.ts'
import { exchangesIn } from '../trace/capture-exchanges.ts'
import { UnreadableCapture } from '../trace/capture-reader.ts'
import type { Exchange } from '../trace/exchange.ts'
import { nameOfApi } from '../trace/trace.ts'
import { print, UsageError } from './terminal.ts'

export interface TraceCommandOptions {
  readonly api?: readonly string[]
  readonly client?: readonly string[]
  readonly topic?: readonly string[]
  readonly errors?: boolean
  readonly detail?: boolean
  readonly json?: boolean
}

export function showTrace(path: string, options: TraceCommandOptions): void {
  const api = options.api?.map(apiNamed)
  const exchanges = readExchanges(path).filter(each => isWanted(each, { ...options, ...(api && { api }) }))
  for (const exchange of exchanges) print(shown(exchange, options))
  if (exchanges.length === 0 && !options.json) print('Nothing in the capture is like that.')
}

/** A name that is none would find nothing, and say no more than that. */
function apiNamed(given: string): string {
  try {
    return nameOfApi(given)
  } catch (error) {
    throw new UsageError(`--api: ${(error as Error).message}`)
  }
}

export function readExchanges(path: string): Exchange[] {
  try {
    return exchangesIn(readCaptureFile(path))
  } catch (error) {
    if (error instanceof UnreadableCapture) throw new UsageError(`${path}: ${error.message}`)
    throw error
  }
}

export function readCaptureFile(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`)
  }
}

export function shown(exchange: Exchange, { json, detail }: TraceCommandOptions): string {
  return json
    ? JSON.stringify(exchange.toJSON(), jsonReplacer)
    : exchange.text({ isDetailed: detail ?? false })
}

function isWanted(exchange: Exchange, { api, client, topic, errors }: TraceCommandOptions): boolean {
  if (api && !api.includes(exchange.api)) return false
  if (client && !client.includes(exchange.client ?? '')) return false
  if (topic && !topic.some(name => exchange.topics.includes(name))) return false
  return !errors || isTroubled(exchange)
}

function isTroubled({ outcome, faults, response }: Exchange): boolean {
  if (outcome === 'lost' || faults.length > 0) return true
  return response !== undefined && hasError(response.body)
}

function hasError(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  return Object.entries(value).some(([name, field]) =>
    /errorCode$/i.test(name) && typeof field === 'number' ? field !== 0 : hasError(field),
  )
}
