/**
 * What producers have been told about their transactions, and what readers may see because of it. The whole
 * reference: a transaction is seen in full or not at all.
 */

export type Verdict =
  /** Nobody has asked for a commit: it may only be aborted. */
  | 'open'
  | 'committed'
  | 'aborted'
  /** A commit was asked for, and no answer came. */
  | 'unknown'

export interface Attempt {
  readonly actor: string
  readonly number: number
  /** By value, the partition in which a record was acknowledged. */
  readonly acknowledged: Map<string, number>
  isOffsetStaged: boolean
  verdict: Verdict
}

export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

function hold(claim: boolean, words: string): void {
  if (!claim) throw new BrokenPromise(words)
}

export class TransactionModel {
  readonly attempts: Attempt[] = []
  private readonly seen = new Map<string, string>()

  begin(actor: string): Attempt {
    const number = this.attempts.filter(each => each.actor === actor).length
    const attempt: Attempt = {
      actor,
      number,
      acknowledged: new Map(),
      isOffsetStaged: false,
      verdict: 'open',
    }
    this.attempts.push(attempt)
    return attempt
  }

  /** A reader of committed records met these, in the middle of the run. */
  notice(values: Iterable<string>, when: string): void {
    for (const value of values) {
      const attempt = this.attemptOf(value)
      const isPossible = attempt.verdict === 'committed' || attempt.verdict === 'unknown'
      hold(isPossible, `aborted reads: ${value} of a transaction that is ${attempt.verdict} was seen ${when}`)
      this.seen.set(value, when)
    }
  }

  /** At the end, when everything is decided: values by partition as committed readers see them. */
  check(partitions: readonly (readonly string[])[], offsets: ReadonlyMap<string, number | undefined>): void {
    const visible = new Map<string, number>()
    for (const [partition, values] of partitions.entries()) {
      for (const value of values) {
        hold(!visible.has(value), `${value} is there twice`)
        visible.set(value, partition)
      }
    }
    for (const [value, when] of this.seen) hold(visible.has(value), `${value} was seen ${when}, and is gone`)
    for (const value of visible.keys()) {
      const { verdict } = this.attemptOf(value)
      hold(
        verdict !== 'aborted' && verdict !== 'open',
        `${value} of a transaction that is ${verdict} is visible`,
      )
    }
    const effective = new Map<string, number>()
    for (const attempt of this.attempts) {
      const isVisible = this.isWholeOrNothing(attempt, visible)
      if (isVisible && attempt.isOffsetStaged) effective.set(attempt.actor, attempt.number)
    }
    for (const [actor, offset] of offsets) {
      const expected = effective.get(actor)
      hold(offset === expected, `torn: the group of ${actor} is at ${offset}, its records say ${expected}`)
    }
  }

  private isWholeOrNothing({ actor, number, acknowledged, verdict }: Attempt, visible: Map<string, number>) {
    const name = `transaction ${actor}.${number}`
    const found = [...acknowledged].filter(([value, partition]) => visible.get(value) === partition)
    if (verdict === 'committed') {
      hold(found.length === acknowledged.size, `lost writes: ${name} is committed and not all there`)
      return true
    }
    hold(found.length === 0 || found.length === acknowledged.size, `torn: ${name} is there in part`)
    return found.length > 0
  }

  private attemptOf(value: string): Attempt {
    const [actor, number] = value.split('.')
    const attempt = this.attempts.find(each => each.actor === actor && each.number === Number(number))
    if (!attempt) throw new BrokenPromise(`${value} was never sent`)
    return attempt
  }
}
