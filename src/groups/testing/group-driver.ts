import type { ErrorCode } from '../../../protocol/errors.ts'
import type { Reply, Ticket } from '../../coordinator/shard.ts'
import { ClassicGroup, type ClassicGroupOptions, type Turn } from '../classic-group.ts'
import type { GroupSnapshot, JoinRequest, JoinResponse, SyncResponse } from '../classic-member.ts'

export const SESSION_MS = 10_000
export const REBALANCE_MS = 60_000

/** Drives a group as its shard does: what is written is installed at once, replies are kept by ticket. */
export class GroupDriver {
  now = 1_000
  readonly group: ClassicGroup
  readonly replies = new Map<number, unknown>()
  private readonly repliedAt = new Map<number, number>()
  private readonly tickets = new WeakMap<() => unknown, number>()
  /** All that was written, in order: what a restart would find. */
  readonly written: GroupSnapshot[] = []
  private lastTicket = 0
  private lastMember = 0

  constructor(options: Partial<ClassicGroupOptions> = {}) {
    const newMemberId = (prefix: string) => {
      this.lastMember += 1
      return `${prefix}-${this.lastMember}`
    }
    this.group = new ClassicGroup(
      'g',
      { initialRebalanceDelayMs: 0, maxSize: 1_000, newMemberId, ...options },
      this.now,
    )
  }

  ticket<T>(): Ticket<T> {
    this.lastTicket += 1
    return { id: this.lastTicket }
  }

  turn<T>(act: (turn: Turn) => T): T {
    const turn: Turn = { now: this.now, replies: [] }
    const result = act(turn)
    if (turn.snapshot) {
      this.written.push(turn.snapshot)
      this.group.install(turn.snapshot, this.now)
    }
    for (const { ticket, response } of turn.replies as Reply[]) {
      this.replies.set(ticket.id, response)
      this.repliedAt.set(ticket.id, this.now)
    }
    return result
  }

  join(memberId = '', extra: Partial<JoinRequest> = {}): () => JoinResponse | undefined {
    const ticket = this.ticket<JoinResponse>()
    const request: JoinRequest = {
      memberId,
      groupInstanceId: null,
      clientId: 'm',
      clientHost: '/127.0.0.1',
      rebalanceTimeoutMs: REBALANCE_MS,
      sessionTimeoutMs: SESSION_MS,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('x') }],
      requiresKnownMemberId: false,
      supportsSkippingAssignment: true,
      ...extra,
    }
    this.turn(turn => this.group.join(request, ticket, turn))
    return this.answerOf<JoinResponse>(ticket)
  }

  sync(memberId: string, assignments: Record<string, string> = {}, generationId = this.group.generationId) {
    const ticket = this.ticket<SyncResponse>()
    const request = {
      memberId,
      groupInstanceId: null,
      generationId,
      protocolType: null,
      protocolName: null,
      assignments: new Map(Object.entries(assignments).map(([id, text]) => [id, Buffer.from(text)])),
    }
    this.turn(turn => this.group.sync(request, ticket, turn))
    return this.answerOf<SyncResponse>(ticket)
  }

  private answerOf<T>(ticket: Ticket<T>): () => T | undefined {
    const answer = () => this.replies.get(ticket.id) as T | undefined
    this.tickets.set(answer, ticket.id)
    return answer
  }

  /** When the answer that `join` or `sync` promised came. */
  answeredAt(answer: () => unknown): number {
    return this.repliedAt.get(this.tickets.get(answer)!)!
  }

  heartbeat(memberId: string, generationId = this.group.generationId): ErrorCode {
    return this.turn(turn => this.group.heartbeat({ memberId, groupInstanceId: null }, generationId, turn))
  }

  leave(memberId: string): ErrorCode[] {
    return this.turn(turn => this.group.leave([{ memberId, groupInstanceId: null }], turn))
  }

  /** The wall clock is set. */
  stepWall(ms: number): void {
    this.now += ms
    this.group.moveDeadlines(ms)
  }

  advance(ms: number): void {
    const end = this.now + ms
    while (this.group.deadline() <= end) {
      this.now = Math.max(this.now, this.group.deadline())
      this.turn(turn => this.group.expire(turn))
    }
    this.now = end
  }

  /** Two members in a stable generation; the first leads. */
  stable(): [string, string] {
    const first = this.join()
    const a = first()!.memberId
    const second = this.join()
    this.join(a)
    const b = second()!.memberId
    this.sync(b)
    this.sync(a, { [a]: 'to a', [b]: 'to b' })
    return [a, b]
  }
}
