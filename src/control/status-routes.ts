/** Whether the broker is well, what it is, and what it has. */
import type { Klamm } from '../embedded.ts'
import type { Metrics } from './metrics.ts'
import { Answer, fields, listOf, type Route, route, text, truth, whole } from './route.ts'

const HEALTH = fields({
  isHealthy: truth('It runs, and all its log directories work.'),
  isReady: truth('It is healthy, and each of its listeners answers.'),
  problems: listOf(text('What is wrong, and what to do.')),
})

export interface StatusOptions {
  readonly klamm: Klamm
  readonly version: string
  readonly metrics: Metrics
}

export function statusRoutes({ klamm, version, metrics }: StatusOptions): Route[] {
  const tag = 'status'
  return [
    route({
      method: 'GET',
      path: '/',
      tag,
      summary: 'What runs here, and where clients connect',
      answer: fields({
        name: text('klamm'),
        version: text('Of Klamm.'),
        bootstrapServers: text('For clients.'),
        listeners: listOf(
          fields({ name: text('As in listeners.'), host: text('As configured.'), port: whole('The port.') }),
        ),
        clusterId: text('The id of the cluster.'),
        openapi: text('Where this API is described.'),
      }),
      handle: () => {
        const { bootstrapServers, listeners, clusterId } = klamm
        return { name: 'klamm', version, bootstrapServers, listeners, clusterId, openapi: '/openapi.json' }
      },
    }),
    route({
      method: 'GET',
      path: '/health',
      tag,
      summary: 'Whether the broker is well',
      description: '503 where it does not run, or one of its log directories has failed.',
      answer: HEALTH,
      handle: async () => {
        const health = await klamm.health()
        return new Answer(health.isHealthy ? 200 : 503, health)
      },
    }),
    route({
      method: 'GET',
      path: '/ready',
      tag,
      summary: 'Whether clients can connect',
      description: 'Found out by connecting to each listener; 503 where one does not answer.',
      answer: HEALTH,
      handle: async () => {
        const health = await klamm.health()
        return new Answer(health.isReady ? 200 : 503, health)
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      tag,
      summary: 'Measurements, as Prometheus reads them',
      answer: text('The text format of Prometheus.'),
      answerType: 'text/plain',
      handle: () => metrics.text(),
    }),
  ]
}
