// What both Node members of a read-process-write chain share: their options, their dice, and what they tell.

import { diceOf } from '../random.ts'

export const PARTITIONS = 3

const options = new Map(process.argv.slice(2).map(each => each.split('=', 2) as [string, string]))

export function option(name: string): string {
  const value = options.get(name)
  if (value === undefined) throw new Error(`no option ${name}`)
  return value
}

let leaves = false
process.stdin.resume().on('end', () => {
  leaves = true
})

/** Whether the input has ended: the member leaves. */
export function isLeaving(): boolean {
  return leaves
}

const dice = diceOf(Number(option('seed')))

/** True in so many of a hundred calls. */
export function chance(percent: number): boolean {
  return dice(100) < percent
}

let attempts = 0

export function nextAttempt(): string {
  attempts += 1
  return `${option('attempts')}.${attempts - 1}`
}

export interface Output {
  readonly partition: number
  readonly value: string
}

export function effectsOf(value: string, attempt: string): Output[] {
  const input = Number(value)
  return ['a', 'b'].map((kind, shift) => ({
    partition: (input + shift) % PARTITIONS,
    value: `${kind} ${input} ${attempt}`,
  }))
}

export function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Sessions, one after the other, until the member leaves. */
export async function work(session: () => Promise<void>): Promise<never> {
  while (!isLeaving()) {
    try {
      await session()
    } catch (error) {
      tell(`NOTE begins anew: ${String(error).replaceAll('\n', ' ')}`)
      await pause(100)
    }
  }
  // A client that hangs while it closes may not keep the process alive.
  process.exit(0)
}
