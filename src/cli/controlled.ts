/** `klamm start` with the control API: the broker is then one that can be reset, crashed and restored. */
import type { BoundListener } from '../broker.ts'
import { type BrokerConfig, PROFILES, type Profile } from '../config.ts'
import { startControl } from '../control/control.ts'
import { Klamm } from '../embedded.ts'
import { brokerOption } from '../metadata/configs.ts'
import type { Logger } from '../observe/logger.ts'
import { packageVersion } from './terminal.ts'

export interface Controlled {
  readonly listeners: readonly BoundListener[]
  readonly clusterId: string
  readonly control: string
  readonly storageLost: Promise<void>
  close(): Promise<void>
}

export async function runControlled(
  config: BrokerConfig,
  profile: Profile,
  logger: Logger,
): Promise<Controlled> {
  // What the profile says anyway is not to be taken for somebody's wish, nor warned of again.
  const wished = [...config.settings].filter(
    ([name, value]) => PROFILES[profile][name] !== value && brokerOption(name)?.effect === 'now',
  )
  const own = { listeners: config.text('listeners')!, 'klamm.storage': config.string('klamm.storage') }
  const klamm = await Klamm.start({
    profile,
    config: { ...Object.fromEntries(wished), ...own },
    clock: config.string('klamm.clock') as 'real' | 'manual',
    logger,
  })
  const listener = config.string('klamm.control.listener')
  try {
    const stop = () => process.kill(process.pid, 'SIGTERM')
    const control = await startControl({ klamm, listener, version: packageVersion(), logger, stop })
    return {
      listeners: klamm.listeners,
      clusterId: klamm.clusterId,
      control: control.url,
      // It goes on, so that /health can say what has happened.
      storageLost: new Promise(() => {}),
      close: async () => {
        await control.close()
        await klamm.close()
      },
    }
  } catch (error) {
    await klamm.close()
    throw error
  }
}
