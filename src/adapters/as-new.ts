import type { Klamm } from '../embedded.ts'

/** What a test finds: as the options say, also where the one before has left the broker down. */
export async function asNew(klamm: Klamm): Promise<void> {
  if (!klamm.isRunning) await klamm.restart()
  await klamm.reset()
}
