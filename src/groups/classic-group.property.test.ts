import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { ClassicGroup } from './classic-group.ts'
import type { JoinResponse, SyncResponse } from './classic-member.ts'
import { GroupDriver, REBALANCE_MS, SESSION_MS } from './testing/group-driver.ts'

const PARTITIONS = 6
const HISTORIES = 10_000

/** What a client does next; `who` picks one of five. */
type Step = {
  readonly act:
    | 'join'
    | 'sync'
    | 'heartbeat'
    | 'leave'
    | 'crash'
    | 'wait'
    | 'all join'
    | 'all sync'
    | 'all join'
    | 'all sync'
  readonly who: number
  readonly ms: number
}

const step: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom(
    'join',
    'join',
    'join',
    'sync',
    'sync',
    'sync',
    'heartbeat',
    'leave',
    'crash',
    'wait',
    'all join',
    'all join',
    'all sync',
    'all sync',
  ),
  who: fc.nat({ max: 4 }),
  ms: fc.constantFrom(0, 100, 3_000, 9_999, 10_000, 30_000, 60_000),
})

/** A client of the group as it sees itself: what it was told last. */
class Client {
  memberId = ''
  generationId = -1
  joining: (() => JoinResponse | undefined) | undefined
  syncing: (() => SyncResponse | undefined) | undefined
  joined: JoinResponse | undefined
  /** When its generation began, and when it was heard of last, at the earliest. */
  generationBeganAt = -Infinity
  heardAt = -Infinity
  /** Its SyncGroup was not answered at once. */
  hasWaited = false
  readonly groupInstanceId: string | null

  constructor(groupInstanceId: string | null) {
    this.groupInstanceId = groupInstanceId
  }

  /**
   * It must be in its group: it was in a generation (which its static fellows may enter late), and waits, or
   * is within its session and within the time that a rebalance leaves it.
   */
  isLive(now: number): boolean {
    if (this.groupInstanceId !== null || this.generationId < 0 || this.memberId === '') return false
    if (this.joining || this.syncing) return true
    return now < this.heardAt + SESSION_MS && now < this.generationBeganAt + REBALANCE_MS
  }
}

/** Runs clients against a group and holds what they are told against the rules. */
class History {
  readonly driver = new GroupDriver({ initialRebalanceDelayMs: 3_000 })
  readonly clients = [0, 1, 2, 3, 4].map(i => new Client(i === 0 ? 'static' : null))
  /** By generation: partition → the member that was told to own it. */
  private readonly owners = new Map<number, Map<number, string>>()
  /** By generation: who is in it, as its leader was told. */
  private readonly memberships = new Map<number, string>()
  private newest = 0

  run(step: Step): void {
    if (step.act === 'all join' || step.act === 'all sync') {
      const act = step.act === 'all join' ? 'join' : 'sync'
      for (const who of this.clients.keys()) this.act({ ...step, act, who })
    } else this.act(step)
    for (const each of this.clients) this.hear(each)
    this.check()
  }

  private act({ act, who, ms }: Step): void {
    const client = this.clients[who]!
    if (act === 'wait') this.driver.advance(ms)
    else if (act === 'crash') Object.assign(client, new Client(client.groupInstanceId))
    else if (act === 'join' && !client.joining && !client.syncing) this.join(client)
    else if (act === 'sync' && client.joined && !client.syncing) this.sync(client)
    else if (act === 'heartbeat' && client.memberId !== '') this.heartbeat(client)
    else if (act === 'leave' && client.memberId !== '') {
      this.driver.leave(client.memberId)
      Object.assign(client, new Client(client.groupInstanceId))
    }
  }

  private heartbeat(client: Client): void {
    const code = this.driver.heartbeat(client.memberId, client.generationId)
    if (code === ErrorCode.NONE || code === ErrorCode.REBALANCE_IN_PROGRESS) client.heardAt = this.driver.now
  }

  private join(client: Client): void {
    const { groupInstanceId } = client
    client.joined = undefined
    client.joining = this.driver.join(client.memberId, { groupInstanceId, requiresKnownMemberId: true })
  }

  private sync(client: Client): void {
    const { joined } = client
    const assignments: Record<string, string> = {}
    if (joined && joined.leader === client.memberId) {
      for (let p = 0; p < PARTITIONS; p++) {
        const member = joined.members[p % joined.members.length]
        if (member) assignments[member.memberId] = `${assignments[member.memberId] ?? ''}${p}`
      }
    }
    client.syncing = this.driver.sync(client.memberId, assignments, client.generationId)
  }

  private hear(client: Client): void {
    const { joining, syncing } = client
    const joined = joining?.()
    if (joining && joined) {
      client.joining = undefined
      client.memberId = joined.memberId
      if (joined.errorCode === ErrorCode.NONE) {
        expect(joined.generationId).toBeGreaterThanOrEqual(Math.max(0, client.generationId))
        if (joined.generationId !== client.generationId) {
          client.generationBeganAt = this.driver.answeredAt(joining)
          client.heardAt = this.driver.answeredAt(joining)
        }
        client.generationId = joined.generationId
        if (joined.members.length > 0) this.meet(joined)
        client.joined = joined
      } else if (joined.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) {
        client.memberId = ''
        client.generationId = -1
      }
    }
    const synced = syncing?.()
    if (!syncing || !synced) {
      client.hasWaited = syncing !== undefined
      return
    }
    client.syncing = undefined
    // Whoever waited is in a new session, whatever it is told.
    if (synced.errorCode === ErrorCode.NONE || client.hasWaited) {
      client.heardAt = this.driver.answeredAt(syncing)
    }
    client.hasWaited = false
    if (synced.errorCode === ErrorCode.NONE) this.own(client, String(synced.assignment))
    else client.joined = undefined
  }

  /** A generation has the same members whoever leads it and however often it asks. */
  private meet({ generationId, members }: JoinResponse): void {
    const names = members
      .map(({ memberId, groupInstanceId }) => groupInstanceId ?? memberId)
      .sort()
      .join()
    expect(this.memberships.get(generationId) ?? names).toBe(names)
    this.memberships.set(generationId, names)
  }

  private own(client: Client, assignment: string): void {
    const owners = this.owners.get(client.generationId) ?? new Map<number, string>()
    this.owners.set(client.generationId, owners)
    for (const digit of assignment) {
      // A static member that came back goes on owning what its former self did.
      const name = client.groupInstanceId ?? client.memberId
      expect(owners.get(Number(digit)) ?? name).toBe(name)
      owners.set(Number(digit), name)
    }
  }

  private check(): void {
    const { group, written } = this.driver
    expect(group.generationId).toBeGreaterThanOrEqual(this.newest)
    this.newest = group.generationId
    for (const client of this.clients) {
      if (client.isLive(this.driver.now)) expect(group.membership.get(client.memberId)).toBeDefined()
    }
    const last = written[written.length - 1]
    if (!last || (group.state !== 'Stable' && group.state !== 'Empty')) return
    // The state of a settled group is that of its last record: nobody lost, nobody back from the dead.
    const replayed = new ClassicGroup(
      'g',
      { initialRebalanceDelayMs: 0, maxSize: 10, newMemberId: id => id },
      0,
    )
    for (const snapshot of written) replayed.install(snapshot, 0)
    expect(durable(replayed)).toEqual(durable(group))
  }
}

function durable({ state, generationId, protocolName, membership }: ClassicGroup) {
  const members = [...membership.all()].map(member => [member.memberId, String(member.assignment)])
  return { state, generationId, protocolName, leader: membership.leader, members }
}

test(`in ${HISTORIES} random histories one owner a partition, growing generations, no live member lost`, () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), steps => {
      const history = new History()
      for (const each of steps) history.run(each)
    }),
    { numRuns: HISTORIES },
  )
}, 60_000)
