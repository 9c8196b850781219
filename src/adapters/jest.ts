/**
 * Klamm as an environment of Jest, for configurations with `testEnvironment: 'klamm/jest'`: one broker for
 * each test file, in the global `klamm`, as new for each test. `testEnvironmentOptions` are those of
 * `Klamm.start`. It runs outside of Jest's sandbox, so neither transforms nor fake timers touch it.
 */
import { createRequire } from 'node:module'
import { Klamm, type KlammOptions } from '../embedded.ts'
import { asNew } from './as-new.ts'

declare global {
  /** With the environment `klamm/jest`: the broker of this test file. */
  var klamm: Klamm
}

/** Of Jest's environment for Node, what this one adds to. */
interface NodeEnvironment {
  readonly global: { klamm?: Klamm }
  setup(): Promise<void>
  teardown(): Promise<void>
}

interface EnvironmentConfig {
  readonly projectConfig: { readonly testEnvironmentOptions: Readonly<Record<string, unknown>> }
}

type NodeEnvironmentClass = new (config: EnvironmentConfig, context: unknown) => NodeEnvironment

/** Installed with Jest, and only there. */
const { TestEnvironment } = createRequire(import.meta.url)('jest-environment-node') as {
  readonly TestEnvironment: NodeEnvironmentClass
}

export class KlammEnvironment extends TestEnvironment {
  private readonly options: KlammOptions
  private klamm: Klamm | undefined

  constructor(config: EnvironmentConfig, context: unknown) {
    super(config, context)
    const { customExportConditions: _, ...options } = config.projectConfig.testEnvironmentOptions
    this.options = options
  }

  override async setup(): Promise<void> {
    await super.setup()
    this.klamm = await Klamm.start(this.options)
    this.global.klamm = this.klamm
  }

  /** Jest calls it for whatever happens; only the beginning of a test matters. */
  async handleTestEvent({ name }: { readonly name: string }): Promise<void> {
    if (name === 'test_start' && this.klamm) await asNew(this.klamm)
  }

  override async teardown(): Promise<void> {
    await this.klamm?.close()
    await super.teardown()
  }
}

// Jest takes an environment by this name alone.
// biome-ignore lint/style/noDefaultExport: see above.
export { KlammEnvironment as default }
