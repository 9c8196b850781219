/**
 * Klamm in a test file of node:test: started at once, as new for each test, closed behind the last.
 *
 *     import { useKlamm } from 'klamm/node-test'
 *     const klamm = await useKlamm({ topics: ['orders'] })
 */
import { after, beforeEach } from 'node:test'
import { Klamm, type KlammOptions } from '../embedded.ts'
import { asNew } from './as-new.ts'

/** For the top of a test file, or inside a suite for its tests alone. */
export async function useKlamm(options: KlammOptions = {}): Promise<Klamm> {
  const klamm = await Klamm.start(options)
  beforeEach(() => asNew(klamm))
  after(() => klamm.close())
  return klamm
}
