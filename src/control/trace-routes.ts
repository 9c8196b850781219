/** The trace of requests and responses over HTTP. */

import { Refused } from '../embedded/refused.ts'
import type { Exchange, Klamm, Trace, TraceQuery } from '../embedded.ts'
import { apiByName } from '../faults/api-fields.ts'
import { anything, fields, listOf, NOTHING, type Route, route, text, truth, whole } from './route.ts'

interface Query extends TraceQuery {
  readonly api?: string
  readonly last?: number
  readonly isDetailed?: boolean
}

const QUERY = {
  api: text('Only of this API, such as OffsetCommit.'),
  client: text('Only of this client id.'),
  topic: text('Only what is about this topic.'),
  last: whole('Only so many, the latest.', { minimum: 1 }),
}

export function traceRoutes({ trace }: Klamm): Route[] {
  const tag = 'trace'
  const status = { isOn: truth('Whether exchanges are being kept.') }
  const switched = (path: string, summary: string, act: () => void) =>
    route({
      method: 'POST',
      path,
      tag,
      summary,
      answer: fields(status),
      handle: () => {
        act()
        return { isOn: trace.isOn }
      },
    })
  const asked = ({ api, last, ...query }: Query) => {
    const exchanges = kept(trace, api, query)
    return last === undefined ? exchanges : exchanges.slice(-last)
  }
  return [
    switched('/trace/start', 'Keep all requests and responses from now on', () => trace.start()),
    switched('/trace/stop', 'Keep no more; what was kept stays', () => trace.stop()),
    route<{ query: Query }>({
      method: 'GET',
      path: '/trace',
      tag,
      summary: 'What clients asked and were answered, decoded',
      query: fields(QUERY),
      answer: listOf(anything('A request and its response.')),
      handle: ({ query }) => asked(query),
    }),
    route<{ query: Query }>({
      method: 'GET',
      path: '/trace/text',
      tag,
      summary: 'The same for people: one line each, or all fields',
      query: fields({ ...QUERY, isDetailed: truth('Also the messages, field by field.') }),
      answer: text('Lines.'),
      answerType: 'text/plain',
      handle: ({ query: { isDetailed = false, ...query } }) =>
        asked(query)
          .map(exchange => `${exchange.text({ isDetailed })}\n`)
          .join(''),
    }),
    route({
      method: 'DELETE',
      path: '/trace',
      tag,
      summary: 'Forget what was kept',
      answer: NOTHING,
      handle: () => {
        trace.clear()
        return {}
      },
    }),
  ]
}

/** What was never begun is no empty trace. */
function kept(trace: Trace, api: string | undefined, query: TraceQuery): Exchange[] {
  if (api !== undefined && !apiByName(api)) throw new Refused('invalid', `api: there is no API ${api}`)
  try {
    return trace.exchanges(api, query)
  } catch {
    throw new Refused('refused', 'nothing is traced yet: POST /trace/start before the requests')
  }
}
