/**
 * Faults and trace of a broker inside a process: they outlive its restarts, and see what comes by its
 * listeners.
 */
import type { BrokerContext } from '../api/context.ts'
import type { ToldTopic } from '../faults/faulted-call.ts'
import { Faults } from '../faults/faults.ts'
import type { Platform } from '../platform/platform.ts'
import { Trace } from '../trace/trace.ts'

export interface ObservationOptions {
  readonly trace?: boolean | { readonly maxBytes: number } | undefined
  readonly seed?: number | undefined
}

export interface Observation {
  readonly faults: Faults
  readonly trace: Trace
}

/**
 * Throttles, delays and times in traces are real, also where the broker's time is set by hand. `running`
 * gives nothing while no broker runs.
 */
export function newObservation(
  { trace: traced = false, seed = 0 }: ObservationOptions,
  { clock, disk }: Platform,
  running: () => BrokerContext | undefined,
): Observation {
  const maxBytes = typeof traced === 'object' ? { maxBytes: traced.maxBytes } : {}
  const trace = new Trace({ clock, disk, ...maxBytes, isOn: traced !== false })
  const faults = new Faults({
    clock,
    seed,
    onFired: ({ rule, connection, correlationId, effect }) =>
      trace.annotate({ connection, correlationId, text: `rule ${rule}: ${effect}` }),
  })
  const nameOf = (topicId: string) => running()?.controller.image().topicById(topicId)?.name
  trace.bindNames(nameOf)
  faults.bind({ nameOf, topics: () => toldTopics(running()) })
  return { faults, trace }
}

function toldTopics(context: BrokerContext | undefined): ReadonlyMap<string, ToldTopic> {
  const told = new Map<string, ToldTopic>()
  for (const { name, id, partitions } of context?.controller.image().topics ?? []) {
    told.set(name, {
      id,
      partitions: partitions.map(({ leader, leaderEpoch }) => ({ leaderId: leader, leaderEpoch })),
    })
  }
  return told
}
