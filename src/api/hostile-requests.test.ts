/**
 * No input may stop a broker, hang a connection or be taken for something that it is not: requests that are
 * made from the definitions, sensible, absurd and damaged, many at a time. `SEEDS=1-100` tries more.
 */
import { expect, test } from 'vitest'
import { ManualClock, settled } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { Bombardment } from './testing/bombardment.ts'
import { startBroker } from './testing/memory-broker.ts'
import { metadataOf } from './testing/wire-broker.ts'

const [first, last = first] = (process.env.SEEDS ?? '1-2').split('-').map(Number) as [number, number?]
const BURSTS = 60
/** Turns of the event loop in which anything that does not wait for time is done. */
const MOST_TURNS = 3_000
const LEAST_TURNS = 60
const FAR_FUTURE_MS = 40 * 24 * 3_600_000

const OPTIONS = {
  'num.partitions': 2,
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.num.partitions': 2,
  'group.initial.rebalance.delay.ms': 100,
}

const seeds = Array.from({ length: last - first + 1 }, (_, i) => first + i)

test.each(seeds)(
  'whatever is asked is answered or hung up on, and nothing is a bug (seed %i)',
  async seed => {
    const random = new SeededRandom(seed)
    const clock = new ManualClock()
    const { broker, lines, network, connect } = await startBroker(new MemoryDisk({ clock }), OPTIONS, clock)
    const bombardment = new Bombardment({
      network,
      host: '127.0.0.1',
      port: 9_092,
      served: [...broker.context.apis.rows()],
      random,
      untilAnswered: async progress => {
        for (let turn = 0; turn < MOST_TURNS && progress() !== 'done'; turn++) {
          await settled()
          if (turn % LEAST_TURNS === LEAST_TURNS - 1) {
            if (progress() === 'waiting') return
            await clock.run(random.below(500))
          }
        }
      },
    })
    const bystander = await connect()
    for (let i = 0; i < BURSTS; i++) {
      await bombardment.burst()
      await clock.run(random.below(3_000))
      expect((await metadataOf(bystander, [])).brokers).toHaveLength(1)
    }
    bombardment.leave()
    const closed = broker.close()
    await clock.run(FAR_FUTURE_MS)
    await closed
    expect(bombardment.findings).toEqual([])
    expect(lines.filter(line => /^(error|fatal)$/.test(JSON.parse(line).level))).toEqual([])
    expect(bombardment.answers.size).toBeGreaterThan(40)
  },
  60_000,
)
