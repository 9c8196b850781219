/**
 * One broker for a whole run of vitest: `globalSetup: ['klamm/vitest-setup']`. Tests find it with
 * `inject('klamm').bootstrapServers`, and programs that they start in KLAMM_BOOTSTRAP_SERVERS.
 */
import { Klamm, type KlammOptions } from '../embedded.ts'

/** What tests know of the broker, which runs in vitest's main process. */
export interface ProvidedKlamm {
  readonly bootstrapServers: string
  readonly clusterId: string
  readonly caCertificate: string | undefined
}

/** Of vitest's project, what a set-up needs. */
export interface Project {
  provide(key: 'klamm', value: ProvidedKlamm): void
}

type Teardown = () => Promise<void>

/** For a set-up file of your own: `export const setup = klammSetup({ topics: ['orders'] })`. */
export function klammSetup(options: KlammOptions = {}): (project: Project) => Promise<Teardown> {
  return async project => {
    const klamm = await Klamm.start(options)
    const { bootstrapServers, clusterId, caCertificate } = klamm
    project.provide('klamm', { bootstrapServers, clusterId, caCertificate })
    process.env.KLAMM_BOOTSTRAP_SERVERS = bootstrapServers
    return () => klamm.close()
  }
}

export const setup: (project: Project) => Promise<Teardown> = klammSetup()
