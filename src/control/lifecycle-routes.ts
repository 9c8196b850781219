/** The broker as a whole: as new, as it was, gone and back. */

import { Refused } from '../embedded/refused.ts'
import type { Klamm, Snapshot } from '../embedded.ts'
import { Answer, fields, listOf, NOTHING, type Route, route, text, whole } from './route.ts'

const SNAPSHOT = fields({
  id: text('What restore goes by.'),
  clusterId: text('Whose data it is.'),
  timestamp: whole("The broker's time at that moment, in ms since 1970."),
})
const FORK = fields({
  id: text('What close goes by.'),
  bootstrapServers: text('host:port of the second broker.'),
})
const NAME = /^[A-Za-z0-9._-]{1,100}$/

/** Snapshots and forks live as long as the control API. */
export class Keepsakes {
  readonly snapshots = new Map<string, Snapshot>()
  readonly forks = new Map<string, Klamm>()
  private made = 0

  nameFor(kind: string, wanted: string | undefined): string {
    if (wanted === undefined) return `${kind}-${++this.made}`
    if (NAME.test(wanted)) return wanted
    throw new Refused('invalid', `id: ${wanted} may have letters, digits, '.', '_' and '-', up to 100`)
  }

  snapshot(id: string): Snapshot {
    return found(this.snapshots, 'snapshot', id)
  }

  fork(id: string): Klamm {
    return found(this.forks, 'fork', id)
  }

  async close(): Promise<void> {
    for (const fork of this.forks.values()) await fork.close()
  }
}

function found<T>(all: ReadonlyMap<string, T>, kind: string, id: string): T {
  const one = all.get(id)
  if (one !== undefined) return one
  const names = all.size === 0 ? 'there are none' : `there are ${[...all.keys()].join(', ')}`
  throw new Refused('missing', `there is no ${kind} ${id}; ${names}`)
}

export interface LifecycleOptions {
  readonly klamm: Klamm
  readonly keepsakes: Keepsakes
  /** Ends the process, where there is one for this broker alone. */
  readonly stop?: (() => void) | undefined
}

export function lifecycleRoutes({ klamm, keepsakes, stop }: LifecycleOptions): Route[] {
  const tag = 'broker'
  return [
    ...(stop ? [stopRoute(stop)] : []),
    route({
      method: 'POST',
      path: '/reset',
      tag,
      summary: 'All as at the start',
      description:
        'Records, topics, groups, transactions, settings, faults and the trace are gone; clients may stay.',
      answer: NOTHING,
      handle: async () => {
        // Whoever resets between tests need not know what the last one left.
        if (!klamm.isRunning) await klamm.restart()
        await klamm.reset()
        return {}
      },
    }),
    route<{ body: { unsynced?: 'kept' | 'lost' | 'torn' } }>({
      method: 'POST',
      path: '/crash',
      tag,
      summary: 'End the broker as kill -9 does',
      description: 'The control API stays. The data waits for restart.',
      body: fields({
        unsynced: text('What becomes of writes that no sync has made durable.', {
          enum: ['kept', 'lost', 'torn'],
        }),
      }),
      isBodyOptional: true,
      answer: NOTHING,
      handle: async ({ body }) => {
        await klamm.crash(body)
        return {}
      },
    }),
    route({
      method: 'POST',
      path: '/restart',
      tag,
      summary: 'Start again on the same port with the same data',
      answer: NOTHING,
      handle: async () => {
        await klamm.restart()
        return {}
      },
    }),
    ...snapshotRoutes(klamm, keepsakes),
    ...forkRoutes(klamm, keepsakes),
  ]
}

function stopRoute(stop: () => void): Route {
  return route({
    method: 'POST',
    path: '/stop',
    tag: 'broker',
    summary: 'End the process in order, as SIGTERM does',
    description: 'Also where a wrapper such as npx stands between, which keeps signals to itself.',
    answer: NOTHING,
    handle: () => ({}),
    afterwards: stop,
  })
}

function snapshotRoutes(klamm: Klamm, keepsakes: Keepsakes): Route[] {
  const tag = 'snapshots'
  const shown = (id: string, { clusterId, timestamp }: Snapshot) => ({ id, clusterId, timestamp })
  return [
    route<{ body: { id?: string } }>({
      method: 'POST',
      path: '/snapshots',
      tag,
      summary: 'Keep everything as it is now',
      body: fields({ id: text('What to call it; one of the same name is replaced.') }),
      isBodyOptional: true,
      answer: SNAPSHOT,
      handle: async ({ body }) => {
        const id = keepsakes.nameFor('snapshot', body.id)
        const snapshot = await klamm.snapshot()
        keepsakes.snapshots.set(id, snapshot)
        return new Answer(201, shown(id, snapshot))
      },
    }),
    route({
      method: 'GET',
      path: '/snapshots',
      tag,
      summary: 'What is kept',
      answer: listOf(SNAPSHOT),
      handle: () => [...keepsakes.snapshots].map(([id, snapshot]) => shown(id, snapshot)),
    }),
    route({
      method: 'POST',
      path: '/snapshots/{id}/restore',
      tag,
      summary: 'Make everything as it was then',
      params: fields({ id: text('The snapshot.') }, 'id'),
      answer: NOTHING,
      handle: async ({ params }) => {
        await klamm.restore(keepsakes.snapshot(params.id!))
        return {}
      },
    }),
    route({
      method: 'DELETE',
      path: '/snapshots/{id}',
      tag,
      summary: 'Forget a snapshot',
      params: fields({ id: text('The snapshot.') }, 'id'),
      answer: NOTHING,
      handle: ({ params }) => {
        keepsakes.snapshot(params.id!)
        keepsakes.snapshots.delete(params.id!)
        return {}
      },
    }),
  ]
}

function forkRoutes(klamm: Klamm, keepsakes: Keepsakes): Route[] {
  const tag = 'forks'
  return [
    route<{ body: { id?: string; port?: number; storage?: string } }>({
      method: 'POST',
      path: '/forks',
      tag,
      summary: 'Start a second broker with the same data',
      description: 'Neither sees what the other writes from now on.',
      body: fields({
        id: text('What to call it.'),
        port: whole('Where it listens; a free port unless told.', { minimum: 0, maximum: 65_535 }),
        storage: text('memory, or a directory that is empty or not there yet.'),
      }),
      isBodyOptional: true,
      answer: FORK,
      handle: async ({ body: { id: wanted, ...options } }) => {
        const id = keepsakes.nameFor('fork', wanted)
        if (keepsakes.forks.has(id))
          throw new Refused('refused', `there is a fork ${id} already; delete it first`)
        const fork = await klamm.fork(options)
        keepsakes.forks.set(id, fork)
        return new Answer(201, { id, bootstrapServers: fork.bootstrapServers })
      },
    }),
    route({
      method: 'GET',
      path: '/forks',
      tag,
      summary: 'Which forks run',
      answer: listOf(FORK),
      handle: () => [...keepsakes.forks].map(([id, { bootstrapServers }]) => ({ id, bootstrapServers })),
    }),
    route({
      method: 'DELETE',
      path: '/forks/{id}',
      tag,
      summary: 'End a fork',
      params: fields({ id: text('The fork.') }, 'id'),
      answer: NOTHING,
      handle: async ({ params }) => {
        const fork = keepsakes.fork(params.id!)
        keepsakes.forks.delete(params.id!)
        await fork.close()
        return {}
      },
    }),
  ]
}
