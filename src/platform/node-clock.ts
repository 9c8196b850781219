/** The machine's own time and chance. */
import { randomFillSync, randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Clock, Random, Timer } from './platform.ts'

/** Node fires a timer at once when its delay does not fit 31 bits; longer ones are walked in steps. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

export class NodeClock implements Clock {
  now(): number {
    return Date.now()
  }

  elapsed(): number {
    return performance.now()
  }

  after(delayMs: number, callback: () => void): Timer {
    return new NodeTimer(delayMs, callback)
  }
}

class NodeTimer implements Timer {
  private readonly dueMs: number
  private readonly callback: () => void
  private timeout: NodeJS.Timeout

  constructor(delayMs: number, callback: () => void) {
    this.dueMs = performance.now() + delayMs
    this.callback = callback
    this.timeout = this.arm(delayMs)
  }

  cancel(): void {
    clearTimeout(this.timeout)
  }

  private arm(delayMs: number): NodeJS.Timeout {
    const wholeMs = Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_DELAY_MS)
    return setTimeout(() => this.fire(), wholeMs).unref()
  }

  /** Node counts whole milliseconds from when the loop last looked, so it can be early by up to one. */
  private fire(): void {
    const restMs = this.dueMs - performance.now()
    if (restMs > 0) this.timeout = this.arm(restMs)
    else this.callback()
  }
}

export class NodeRandom implements Random {
  bytes(count: number): Buffer {
    return randomFillSync(Buffer.allocUnsafe(count))
  }

  below(bound: number): number {
    return randomInt(bound)
  }
}

/** `17:04:09.123` where this machine stands: for a person's eyes only. */
export function localTimeOfDay(epochMs: number): string {
  const time = new Date(epochMs)
  const pad = (value: number, digits: number) => String(value).padStart(digits, '0')
  const seconds = `${pad(time.getSeconds(), 2)}.${pad(time.getMilliseconds(), 3)}`
  return `${pad(time.getHours(), 2)}:${pad(time.getMinutes(), 2)}:${seconds}`
}

/** `2026-11-21T17:04:09.123Z` */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
