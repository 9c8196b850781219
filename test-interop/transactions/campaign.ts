// Read-process-write under trouble: chains of several clients at once, while the broker is killed and restarted on its
// port and its data, and members are killed, leave and come. It goes in rounds of inputs: each is fed, disturbed in
// its middle, and over when every group has committed it all. The seed decides what happens to whom and after how much.

import kafkajs, { type Admin } from 'kafkajs'
import { type Broker, startBroker } from '../harness/broker.ts'
import { kafkaToolOk } from '../harness/kafka-jars.ts'
import { eventually, pause } from '../harness/processes.ts'
import { connectProducer, disconnect } from '../harness/rdkafka.ts'
import { Chain, INPUT_PARTITIONS } from './chain.ts'
import type { Client } from './clients.ts'
import { type Ending, violations } from './history.ts'
import { type Dice, diceOf } from './random.ts'

export interface CampaignOptions {
  readonly clients: readonly Client[]
  /** Over all chains. */
  readonly inputs: number
  readonly rounds: number
  /** How many of the rounds, the first ones, kill the broker. */
  readonly kills: number
  readonly seed: number
}

export interface Outcome {
  readonly client: Client
  readonly inputs: number
  readonly committed: number
  readonly aborted: number
  readonly starts: number
  readonly notes: readonly string[]
  readonly violations: readonly string[]
}

/** What brokers of a campaign are told beyond their defaults: nothing of a crash is waited for longer than needed. */
export const brokerSettings = {
  'group.min.session.timeout.ms': '1000',
  'transaction.state.log.num.partitions': '5',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
}

const ROUND_DEADLINE_MS = 150_000

/** A broker whose clients speak this version of the transaction protocol, as far as they know it. */
export async function startBrokerOfVersion(version: 1 | 2): Promise<Broker> {
  const broker = await startBroker(brokerSettings)
  const words = ['downgrade', '--feature', `transaction.version=${version}`]
  if (version < 2) await kafkaToolOk('kafka-features', ['--bootstrap-server', broker.bootstrap, ...words])
  return broker
}

/** An event of a round, due when so much of the round is done. */
interface Trouble {
  readonly after: number
  readonly happen: () => Promise<void>
}

export class Campaign {
  readonly #broker: Broker
  readonly #options: CampaignOptions
  readonly #dice: Dice
  readonly #admin: Admin
  #chains: Chain[] = []
  #fed = 0

  constructor(broker: Broker, options: CampaignOptions) {
    this.#broker = broker
    this.#options = options
    this.#dice = diceOf(options.seed)
    const kafka = new kafkajs.Kafka({
      clientId: 'campaign',
      brokers: [broker.bootstrap],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 100 },
    })
    this.#admin = kafka.admin()
  }

  async run(): Promise<Outcome[]> {
    const { clients, rounds, seed } = this.#options
    await this.#admin.connect()
    const feeder = await Feeder.connect(this.#broker.bootstrap)
    try {
      for (const client of clients) {
        const { bootstrap } = this.#broker
        this.#chains.push(await Chain.create({ client, bootstrap, seed: seed + 1_000, aborts: 15 }))
      }
      for (const chain of this.#chains) for (const slot of [0, 1]) chain.start(slot)
      for (let round = 0; round < rounds; round += 1) await this.#round(feeder, round)
      await Promise.all(this.#chains.map(each => each.leaveAll()))
      return await Promise.all(this.#chains.map(each => this.#judge(each)))
    } finally {
      await Promise.all(this.#chains.map(each => each.crashAll()))
      await feeder.close()
      await this.#admin.disconnect()
    }
  }

  async #round(feeder: Feeder, round: number): Promise<void> {
    const { inputs, rounds, kills, clients } = this.#options
    const before = this.#fed
    this.#fed = Math.ceil((inputs * (round + 1)) / rounds / clients.length)
    for (const chain of this.#chains) await feeder.feed(chain.input, before, this.#fed)
    const goal = this.#fed * clients.length
    const troubles = this.#troubles(round < kills).sort((one, two) => one.after - two.after)
    const late = Date.now() + ROUND_DEADLINE_MS
    for (;;) {
      const done = await this.#progress()
      const share = (done - before * clients.length) / (goal - before * clients.length)
      while (troubles.length > 0 && (troubles[0]!.after <= share || share === 1)) {
        await troubles.shift()!.happen()
      }
      if (done === goal && troubles.length === 0) return
      if (Date.now() > late) throw new Error(await this.#stuck(`round ${round}: ${done} of ${goal}`))
      await pause(100)
    }
  }

  #troubles(kill: boolean): Trouble[] {
    const dice = this.#dice
    const troubles: Trouble[] = []
    const add = (happen: () => Promise<void>) => troubles.push({ after: dice(60) / 100, happen })
    if (kill) add(() => this.#killBroker(dice(300), dice(6) === 0 ? 4_000 : dice(400)))
    for (let count = 0; count < 2; count += 1) {
      const chain = this.#chains[dice(this.#chains.length)]!
      const slot = dice(2)
      const kind = ['crash', 'leave', 'join'][dice(3)]
      add(async () => {
        if (kind === 'join') {
          // The third stays until it is asked again.
          await chain.leave(2)
          if (slot === 0) chain.start(2)
          return
        }
        await (kind === 'crash' ? chain.crash(slot) : chain.leave(slot))
        chain.start(slot)
      })
    }
    return troubles
  }

  async #killBroker(waitMs: number, downMs: number): Promise<void> {
    await pause(waitMs)
    await this.#broker.kill()
    this.#tell('the broker is killed')
    await pause(downMs)
    await this.#broker.start()
    this.#tell('the broker is back')
  }

  #tell(what: string): void {
    if (process.env.NOTES !== 'all') return
    for (const { notes } of this.#chains) notes.push(`${(performance.now() / 1_000).toFixed(2)} ${what}`)
  }

  /** The inputs that groups have committed; while the broker is away, none that one could know of. */
  async #progress(): Promise<number> {
    const counts = await Promise.all(
      this.#chains.map(async chain =>
        (await this.#consumed(chain)).reduce((sum, each) => sum + each.reached, 0),
      ),
    ).catch(() => [])
    return counts.reduce((sum, each) => sum + each, 0)
  }

  async #consumed({ group, input }: Chain): Promise<Ending[]> {
    const [offsets] = await this.#admin.fetchOffsets({ groupId: group, topics: [input] })
    return offsets!.partitions.map(({ partition, offset }) => ({
      partition,
      reached: Math.max(Number(offset), 0),
      end: Math.ceil((this.#fed - partition) / INPUT_PARTITIONS),
    }))
  }

  async #judge(chain: Chain): Promise<Outcome> {
    const history = await chain.history(this.#fed, await this.#consumed(chain))
    const count = (outcome: string) => chain.reports.filter(each => each.outcome === outcome).length
    return {
      client: chain.client,
      inputs: this.#fed,
      committed: count('committed'),
      aborted: count('aborted'),
      starts: chain.starts,
      notes: chain.notes,
      violations: violations(history),
    }
  }

  /** Who did not get on, and what it said last. */
  async #stuck(what: string): Promise<string> {
    const lines = this.#chains.map(async chain => {
      const consumed = (await this.#consumed(chain)).map(each => `${each.reached}/${each.end}`).join(' ')
      const { groups } = await this.#admin.describeGroups([chain.group])
      const members = groups[0]!.members.map(each => each.memberId).join(' ')
      const group = `group is ${groups[0]!.state}: ${members}; slots ${chain.slots.join(' ')} run`
      return [`${chain.client} ${consumed}`, group, ...chain.notes.slice(-15)].join('\n  ')
    })
    return `${what} inputs\n${(await Promise.all(lines)).join('\n')}`
  }
}

/** Puts inputs into topics, in order and once, whatever happens to the broker. */
class Feeder {
  readonly #connected: Awaited<ReturnType<typeof connectProducer>>

  private constructor(connected: Awaited<ReturnType<typeof connectProducer>>) {
    this.#connected = connected
  }

  static async connect(bootstrap: string): Promise<Feeder> {
    const config = { 'enable.idempotence': true, 'message.timeout.ms': 0, 'reconnect.backoff.max.ms': 200 }
    return new Feeder(await connectProducer(bootstrap, config))
  }

  async feed(topic: string, from: number, to: number): Promise<void> {
    const { producer, reports } = this.#connected
    const wanted = reports.length + to - from
    for (let input = from; input < to; input += 1) {
      producer.produce(topic, input % INPUT_PARTITIONS, Buffer.from(String(input)))
    }
    await eventually(`inputs of ${topic}`, () => reports.length >= wanted || undefined)
  }

  close(): Promise<void> {
    return disconnect(this.#connected.producer)
  }
}
