/**
 * The HTTP control API: a stand-in in the hands of test suites in other languages. It asks nobody for a
 * password, so it listens on the loopback unless told otherwise.
 */
import type { Klamm } from '../embedded.ts'
import { StartFailure } from '../embedded.ts'
import type { Logger } from '../observe/logger.ts'
import { isoTime } from '../platform/node-clock.ts'
import { clockRoutes } from './clock-routes.ts'
import { dataRoutes } from './data-routes.ts'
import { faultRoutes } from './fault-routes.ts'
import { groupRoutes } from './group-routes.ts'
import { HttpServer } from './http-server.ts'
import { Keepsakes, lifecycleRoutes } from './lifecycle-routes.ts'
import { Metrics } from './metrics.ts'
import type { Route } from './route.ts'
import { statusRoutes } from './status-routes.ts'
import { traceRoutes } from './trace-routes.ts'

export interface ControlOptions {
  readonly klamm: Klamm
  /** `host:port`; port 0 takes a free one. */
  readonly listener: string
  /** Of Klamm. */
  readonly version: string
  readonly logger: Logger
  /** Ends the process, where there is one for this broker alone. */
  readonly stop?: () => void
}

export interface Control {
  /** `http://127.0.0.1:8080` */
  readonly url: string
  /** Answers what is in flight, and ends forks. */
  close(): Promise<void>
}

/** Rejects with a StartFailure where it cannot listen. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { listener, version, logger } = options
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(listener)
  if (!match) throw new StartFailure(`klamm.control.listener: '${listener}' is not of the form host:port`)
  const address = { host: match[1] ?? match[2]!, port: Number(match[3]) }
  const keepsakes = new Keepsakes()
  const server = new HttpServer({ routes: routesOf(options, keepsakes), version, logger })
  const url = await server.listen(address)
  return {
    url,
    close: async () => {
      await server.close()
      await keepsakes.close()
    },
  }
}

function routesOf({ klamm, version, stop }: ControlOptions, keepsakes: Keepsakes): Route[] {
  return [
    ...statusRoutes({ klamm, version, metrics: new Metrics(klamm) }),
    ...lifecycleRoutes({ klamm, keepsakes, stop }),
    ...dataRoutes(klamm),
    ...groupRoutes(klamm),
    ...clockRoutes(klamm, isoTime),
    ...faultRoutes(klamm),
    ...traceRoutes(klamm),
  ]
}
