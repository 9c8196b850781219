/**
 * A log under everything at once, from a seed: many appends under way, idempotent producers that send again
 * what was refused, slow and failing disks, trimming, cutting, clean stops, dead processes and power
 * failures.
 */
import { expect, test } from 'vitest'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import type { Log } from './log.ts'
import { batchOf, CLIENT, contents, diskError, Rig } from './testing/rig.ts'

class Simulation {
  readonly random: SeededRandom
  readonly rig: Rig
  /** By offset: what an append was told to be there. */
  readonly acknowledged = new Map<bigint, string>()
  /** By value: every offset at which it was acknowledged. */
  readonly offsets = new Map<string, bigint>()
  readonly trace: string[] = []
  log!: Log
  private readonly sequences = [0, 0, 0]
  private readonly pending = new Set<Promise<void>>()
  private failures = 0
  private sent = 0
  private life = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.rig = new Rig({
      broker: { durability: 'fsync', tailCacheBytes: this.random.below(3) * 1_500, maxOpenFiles: 3 },
      config: {
        segmentBytes: 300 + this.random.below(3_000),
        indexIntervalBytes: 50 + this.random.below(500),
        fileDeleteDelayMs: 5_000,
      },
    })
  }

  async run(steps: number): Promise<void> {
    this.log = await this.rig.log()
    this.rig.memory.intercept = operation => this.disturb(operation.name)
    for (let step = 0; step < steps; step++) await this.step()
    await this.settle()
    await this.check()
  }

  /** Calls take a while, and one in many fails for want of room. */
  private async disturb(name: string): Promise<void> {
    for (let turns = this.random.below(3); turns > 0; turns--)
      await new Promise(resolve => setImmediate(resolve))
    if (name === 'write' && this.failures > 0 && this.random.below(4) === 0) {
      this.failures--
      throw diskError('ENOSPC')
    }
  }

  private async step(): Promise<void> {
    const dice = this.random.below(40)
    if (dice < 26) this.send(this.random.below(4))
    else if (dice < 30) await new Promise(resolve => setImmediate(resolve))
    else if (dice < 32) this.failures = this.random.below(3)
    else if (dice < 33) await this.trim()
    else if (dice < 34) await this.background()
    else if (dice < 35) await this.check()
    else if (dice < 36) await this.restart()
    else if (dice < 37) await this.crash('kept')
    else if (dice < 38) await this.crash('torn')
    else await this.settle()
  }

  /**
   * Producer 3 is not idempotent. The others send each batch until it is acknowledged, before the next one.
   */
  private send(producer: number): void {
    const sent = this.deliver(producer, this.life).finally(() => this.pending.delete(sent))
    this.pending.add(sent)
  }

  private async deliver(producer: number, life: number): Promise<void> {
    const isIdempotent = producer < 3
    const baseSequence = isIdempotent ? this.sequences[producer]!++ : -1
    const value = `${producer}/${baseSequence}/${this.sent++} ${'x'.repeat(this.random.below(150))}`
    const attributes = isIdempotent ? { producerId: BigInt(producer), producerEpoch: 0, baseSequence } : {}
    for (let attempt = 0; attempt < (isIdempotent ? 3 : 1); attempt++) {
      const result = await this.log.append(batchOf([value], attributes), CLIENT)
      if (this.life !== life) return
      if (result.error === 0) return this.confirm(value, result.value.baseOffset, result.value.isDuplicate)
      this.trace.push(`refused ${value.slice(0, 12)} with ${result.error}`)
    }
  }

  private confirm(value: string, offset: bigint, isDuplicate: boolean): void {
    this.trace.push(`${offset} ${value.slice(0, 12)} ${isDuplicate}`)
    expect(this.acknowledged.get(offset) ?? value, this.trace.join('\n')).toBe(value)
    this.acknowledged.set(offset, value)
    this.offsets.set(value, offset)
    this.log.updateHighWatermark(this.log.durableOffset)
  }

  private async trim(): Promise<void> {
    const { logStartOffset, highWatermark } = this.log
    const offset = logStartOffset + BigInt(this.random.below(Number(highWatermark - logStartOffset) + 1))
    await this.log.deleteRecordsTo(offset).catch(() => {})
  }

  private async background(): Promise<void> {
    this.rig.clock.advance(35_000)
    await this.settle()
  }

  private async settle(): Promise<void> {
    await Promise.all(this.pending)
  }

  private async restart(): Promise<void> {
    await this.settle()
    this.failures = 0
    this.begin(await this.rig.restart())
  }

  /** Whoever waits for an answer gets none. */
  private async crash(kind: 'kept' | 'torn'): Promise<void> {
    this.failures = 0
    this.life++
    const crashed = kind === 'kept' ? ('kept' as const) : { tornBy: this.random }
    // Of a log in which nothing was acknowledged yet, not even the name need be durable.
    const log = (await this.rig.crash(crashed)) as Log | undefined
    this.begin(log ?? (await this.rig.log()))
    await this.settle()
  }

  private begin(log: Log): void {
    this.trace.push('begins')
    expect(log, this.trace.join('\n')).toBeDefined()
    this.log = log
    log.updateHighWatermark(log.durableOffset)
    for (let producer = 0; producer < 3; producer++) {
      const known = log.activeProducers().find(entry => entry.producerId === BigInt(producer))
      this.sequences[producer] = (known?.lastSequence ?? -1) + 1
    }
  }

  /** Every acknowledged record is there, at its offset, once; offsets have no holes. */
  private async check(): Promise<void> {
    await this.settle()
    this.failures = 0
    expect(
      this.rig.offline,
      JSON.stringify(
        this.rig.lines.map(line => [line.message, String(line.details.error)]),
        null,
        1,
      ),
    ).toEqual([])
    const found = await contents(this.log)
    const { logStartOffset, logEndOffset } = this.log
    expect(found.size).toBe(Number(logEndOffset - logStartOffset))
    for (const [offset, value] of this.acknowledged) {
      if (offset >= logStartOffset) expect(found.get(offset), this.trace.join('\n')).toBe(value)
    }
    const values = [...found.values()]
    expect(new Set(values).size).toBe(values.length)
    for (let offset = logStartOffset; offset < logEndOffset; offset++) {
      expect((await contents(this.log)).has(offset)).toBe(true)
      if (this.random.below(4) > 0) break
    }
  }
}

test.each(Array.from({ length: 40 }, (_, seed) => seed))('seed %i', async seed => {
  await new Simulation(seed).run(150)
})
