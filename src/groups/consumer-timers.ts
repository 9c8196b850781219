/**
 * What members of consumer groups are given time for: to be heard of, to give partitions up, and, for those
 * that speak the classic protocol, to join and to fetch their assignment. None of it is durable: a new
 * coordinator begins anew.
 */

import type { ClusterImage } from '../metadata/image.ts'

export type Wait =
  /** The member has been silent. */
  | 'session'
  /** It was told to give partitions up, and has not. */
  | 'revocation'
  /** It was told to join again, and has not. */
  | 'join'
  /** It has joined, and has not asked for its assignment. */
  | 'sync'

interface Deadline {
  readonly at: number
  /** Of the member when the wait began: a wait for it to move on is over once it has. */
  readonly epoch: number
}

export interface Expired {
  readonly memberId: string
  readonly wait: Wait
  readonly epoch: number
}

export class GroupTimers {
  /** The metadata that the group's epoch was last held against. */
  image: ClusterImage | undefined
  /** When regular expressions are to be matched with the topics; Infinity for not now. */
  regexDueAt = Infinity
  private readonly waits = new Map<string, Map<Wait, Deadline>>()
  /** Never later than the first deadline. */
  private earliest = Infinity

  start(memberId: string, wait: Wait, deadline: Deadline): void {
    const waits = this.waits.get(memberId) ?? new Map<Wait, Deadline>()
    this.waits.set(memberId, waits.set(wait, deadline))
    this.earliest = Math.min(this.earliest, deadline.at)
  }

  has(memberId: string, wait: Wait): boolean {
    return this.waits.get(memberId)?.has(wait) ?? false
  }

  cancel(memberId: string, wait: Wait): void {
    this.waits.get(memberId)?.delete(wait)
  }

  forget(memberId: string): void {
    this.waits.delete(memberId)
  }

  deadline(): number {
    return Math.min(this.earliest, this.regexDueAt)
  }

  moveDeadlines(byMs: number): void {
    this.earliest += byMs
    this.regexDueAt += byMs
    for (const waits of this.waits.values()) {
      for (const [wait, { at, epoch }] of waits) waits.set(wait, { at: at + byMs, epoch })
    }
  }

  /** Takes one deadline that is over. */
  takeExpired(now: number): Expired | undefined {
    let earliest = Infinity
    for (const [memberId, waits] of this.waits) {
      for (const [wait, { at, epoch }] of waits) {
        if (at <= now) {
          waits.delete(wait)
          if (waits.size === 0) this.waits.delete(memberId)
          return { memberId, wait, epoch }
        }
        earliest = Math.min(earliest, at)
      }
    }
    this.earliest = earliest
    return undefined
  }
}
