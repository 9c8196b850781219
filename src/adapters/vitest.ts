/**
 * Klamm as a fixture of vitest: one broker for each test file, as new for each test.
 *
 *     import { test } from 'klamm/vitest'
 *     test('orders are billed', async ({ klamm }) => { … klamm.bootstrapServers … })
 */
import { test as base, type TestAPI } from 'vitest'
import { Klamm, type KlammOptions } from '../embedded.ts'
import { asNew } from './as-new.ts'
import type { ProvidedKlamm } from './vitest-setup.ts'

export interface KlammFixtures {
  /** As new: what earlier tests of the file have left is gone. */
  readonly klamm: Klamm
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** With `globalSetup: ['klamm/vitest-setup']`: the one broker of the whole run. */
    klamm: ProvidedKlamm
  }
}

/** A `test` whose broker has these options, for the top of a file: `klammTest({ topics: ['orders'] })`. */
export function klammTest(options: KlammOptions = {}): TestAPI<KlammFixtures> {
  return base
    .extend<{ runningKlamm: Klamm }>({
      runningKlamm: [
        // Vitest reads from the pattern which fixtures this one needs: none.
        // biome-ignore lint/correctness/noEmptyPattern: see above.
        async ({}, use) => {
          const klamm = await Klamm.start(options)
          await use(klamm)
          await klamm.close()
        },
        { scope: 'file' },
      ],
    })
    .extend<{ klamm: Klamm }>({
      klamm: async ({ runningKlamm }, use) => {
        await asNew(runningKlamm)
        await use(runningKlamm)
      },
    })
}

/** With the options' defaults: in memory, on a free port. */
export const test: TestAPI<KlammFixtures> = klammTest()
