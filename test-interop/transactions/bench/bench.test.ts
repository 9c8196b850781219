// Committed transactions a second with Kafka's Java client, 100 records of 100 bytes each, and what each costs the
// broker: Apache Kafka and Klamm in one run, in turns, so that both meet the same machine. ROUNDS and SECONDS say how
// long; the first round warms up and does not count. The load average stands beside it: a busy machine measures nothing.

import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { type Broker, type BrokerKind, startBroker } from '../../harness/broker.ts'
import { classPath } from '../../harness/kafka-jars.ts'
import { launch } from '../../harness/processes.ts'
import { createTopic } from '../../harness/rdkafka.ts'
import { compileJava, javaClasses } from '../clients.ts'

const rounds = Number(process.env.ROUNDS || 3)
const seconds = Number(process.env.SECONDS || 10)
const producers = [1, 4, 16]
const sides = (process.env.SIDES ?? 'kafka,klamm').split(',') as BrokerKind[]
/** Of the kernel's clock, in which it counts CPU time. */
const TICKS_A_SECOND = 100

interface Figure {
  readonly side: BrokerKind
  readonly producers: number
  readonly perSecond: number
  readonly cpuMsEach: number
  readonly load: number
}

test('committed transactions a second, and the CPU time of the broker for each', async () => {
  await compileJava('Load')
  const brokers = await Promise.all(sides.map(kind => startBroker({}, kind)))
  try {
    const loads = await Promise.all(brokers.map(Load.start))
    const figures: Figure[] = []
    for (let round = 0; round <= rounds; round += 1) {
      for (const count of producers) {
        for (const load of loads) {
          const figure = await load.measure(count)
          if (round > 0) figures.push(figure)
        }
      }
    }
    console.log(table(figures))
    expect(figures).not.toEqual([])
  } finally {
    await Promise.all(brokers.map(each => each.dispose()))
  }
})

/** The client's side: one virtual machine for each broker, so that both are as warm. */
class Load {
  readonly #broker: Broker
  readonly #child: ChildProcess
  readonly #waiting: ((line: string) => void)[] = []

  constructor(broker: Broker) {
    this.#broker = broker
    this.#child = launch(
      'java',
      ['-Xmx512m', '-cp', `${javaClasses}:${classPath}`, 'Load', broker.bootstrap],
      {},
    )
    this.#child.stderr!.resume()
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#waiting.shift()?.(line))
  }

  static async start(this: void, broker: Broker): Promise<Load> {
    await createTopic(broker.bootstrap, 'load', { partitions: 4 })
    return new Load(broker)
  }

  async measure(count: number): Promise<Figure> {
    const cpuBefore = cpuMs(this.#broker.pid)
    const began = performance.now()
    const committed = await new Promise<number>(resolve => {
      this.#waiting.push(line => resolve(Number(line)))
      this.#child.stdin!.write(`${count} ${seconds * 1_000}\n`)
    })
    const took = (performance.now() - began) / 1_000
    return {
      side: this.#broker.kind,
      producers: count,
      perSecond: committed / took,
      cpuMsEach: (cpuMs(this.#broker.pid) - cpuBefore) / committed,
      load: loadavg()[0]!,
    }
  }
}

/** User and system time of all threads of a process. */
function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_A_SECOND
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

function table(figures: readonly Figure[]): string {
  const lines = [
    `${rounds} rounds of ${seconds} s each; medians`,
    '| producers | broker | transactions/s | broker CPU ms/transaction | load average |',
    '| ---: | --- | ---: | ---: | ---: |',
  ]
  for (const count of producers) {
    const rows = sides.map(side => figures.filter(each => each.side === side && each.producers === count))
    for (const [index, row] of rows.entries()) {
      const shown = [
        median(row.map(each => each.perSecond)).toFixed(0),
        median(row.map(each => each.cpuMsEach)).toFixed(2),
        `${Math.min(...row.map(each => each.load)).toFixed(1)}–${Math.max(...row.map(each => each.load)).toFixed(1)}`,
      ]
      lines.push(`| ${count} | ${sides[index]} | ${shown.join(' | ')} |`)
    }
  }
  return lines.join('\n')
}
