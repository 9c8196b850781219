/**
 * The exchanges in a capture file: each response belongs to the oldest request of its connection that has
 * none. A capture that was not made here may hold secrets, which are blanked before anybody sees them.
 */
import { apis } from '../../protocol/apis.ts'
import { readCapture } from './capture-reader.ts'
import type { Exchange } from './exchange.ts'
import { KeptExchange } from './kept-exchange.ts'
import { requestBody, responseBody } from './message-body.ts'
import { keptRequest, keptResponse } from './secrets.ts'

const METADATA = 3
const CREATE_TOPICS = 19
const DESCRIBE_TOPIC_PARTITIONS = 75
/** APIs whose responses tell names beside ids. */
const NAMING = new Set([METADATA, CREATE_TOPICS, DESCRIBE_TOPIC_PARTITIONS])
const SIZE_BYTES = 4

/** Throws UnreadableCapture. */
export function exchangesIn(file: Buffer): Exchange[] {
  return keptExchangesIn(file)
}

export function keptExchangesIn(file: Buffer): KeptExchange[] {
  const exchanges: KeptExchange[] = []
  const waiting = new Map<string, KeptExchange[]>()
  const names = new Map<string, string>()
  for (const { connection, listener, clientAddress, isRequest, at, frame, faults } of readCapture(file)) {
    const queue = waiting.get(connection) ?? []
    waiting.set(connection, queue)
    const bytes = SIZE_BYTES + frame.length
    if (isRequest) {
      const exchange = new KeptExchange({
        number: exchanges.length + 1,
        peer: { connectionId: connection, listener, clientAddress },
        frame: keptRequest(frame),
        bytes,
        at,
        names: id => names.get(id),
      })
      exchange.faults.push(...faults)
      exchanges.push(exchange)
      queue.push(exchange)
      continue
    }
    const answered = takeAnswered(queue, frame)
    if (!answered) continue
    const { apiKey, version } = answered
    answered.answered({ frame: keptResponse(apiKey, version, frame), bytes, at })
    learnNames(answered, names)
  }
  for (const exchange of [...waiting.values()].flat()) exchange.outcome = unansweredOutcome(exchange)
  return exchanges
}

function takeAnswered(queue: KeptExchange[], frame: Buffer): KeptExchange | undefined {
  const correlationId = frame.length >= SIZE_BYTES ? frame.readInt32BE(0) : undefined
  const index = queue.findIndex(each => each.correlationId === correlationId)
  // An answer with a wrong id, which some fault gave, is to the oldest request.
  const taken = index < 0 ? queue.find(each => !expectsNothing(each)) : queue[index]
  if (!taken) return undefined
  for (const passed of queue.splice(0, queue.indexOf(taken) + 1)) {
    if (passed !== taken) passed.outcome = unansweredOutcome(passed)
  }
  return taken
}

function unansweredOutcome(exchange: KeptExchange): 'no response' | 'lost' {
  return expectsNothing(exchange) ? 'no response' : 'lost'
}

function expectsNothing(exchange: KeptExchange): boolean {
  return exchange.apiKey === 0 && requestBody(exchange.requestFrame).acks === 0
}

/** Remembers the names behind topic ids that a response tells. */
export function learnNames(
  { apiKey, version, responseFrame }: KeptExchange,
  names: Map<string, string>,
): void {
  if (!NAMING.has(apiKey) || !responseFrame || !apis.has(apiKey)) return
  const { topics } = responseBody(apiKey, version, responseFrame)
  if (!Array.isArray(topics)) return
  for (const { name, topicId } of topics as { name?: string | null; topicId?: string }[]) {
    if (name && topicId) names.set(topicId, name)
  }
}
