// A proxy between the clients and the broker, which is what the broker advertises. It passes every byte on as it comes and
// tells what was said about the group: the truth that clients, with their retries, keep to themselves.

import { connect, createServer, type Server, type Socket } from 'node:net'
import { decode } from '../../protocol/codec.ts'
import { decodeRequestHeader, decodeResponseHeader } from '../../protocol/header.ts'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from '../../protocol/messages/consumer-group-heartbeat.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { JoinGroupRequest, JoinGroupResponse } from '../../protocol/messages/join-group.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from '../../protocol/messages/leave-group.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../protocol/messages/offset-commit.ts'
import { SyncGroupRequest, SyncGroupResponse } from '../../protocol/messages/sync-group.ts'
import { decodeAssignment } from '../../protocol/records/consumer-protocol.ts'
import { type GroupExchange, NONE } from './history.ts'

export class GroupProxy {
  readonly port: number
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(server: Server, sockets: Set<Socket>, port: number) {
    this.#server = server
    this.#sockets = sockets
    this.port = port
  }

  static start(
    port: number,
    brokerPort: number,
    tell: (exchange: GroupExchange) => void,
  ): Promise<GroupProxy> {
    const sockets = new Set<Socket>()
    const server = createServer(client => {
      const broker = connect(brokerPort, '127.0.0.1')
      for (const socket of [client, broker]) {
        socket.setNoDelay(true)
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
      }
      join(client, broker, tell)
    })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => resolve(new GroupProxy(server, sockets, port)))
    })
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

function join(client: Socket, broker: Socket, tell: (exchange: GroupExchange) => void): void {
  const conversation = new Conversation(tell)
  const requests = new Frames()
  const responses = new Frames()
  pass(client, broker, chunk => {
    for (const frame of requests.add(chunk)) conversation.request(frame)
  })
  pass(broker, client, chunk => {
    for (const frame of responses.add(chunk)) conversation.response(frame)
  })
  const end = () => {
    client.destroy()
    broker.destroy()
    conversation.end()
  }
  for (const socket of [client, broker]) socket.on('error', end).on('close', end)
}

function pass(from: Socket, to: Socket, look: (chunk: Buffer) => void): void {
  from.on('data', chunk => {
    look(chunk)
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
}

/** Cuts a stream into frames without their sizes. */
class Frames {
  #bytes: Buffer = Buffer.alloc(0)

  add(chunk: Buffer): Buffer[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    const frames: Buffer[] = []
    while (this.#bytes.length >= 4) {
      const end = 4 + this.#bytes.readInt32BE(0)
      if (this.#bytes.length < end) break
      frames.push(this.#bytes.subarray(4, end))
      this.#bytes = this.#bytes.subarray(end)
    }
    return frames
  }
}

type Said = Pick<GroupExchange, 'requestedAt' | 'client' | 'memberId' | 'generation'>

interface Asked {
  readonly version: number
  /** Without a response: the connection went. */
  readonly answered: (
    at: number,
    response?: { readonly frame: Buffer; readonly position: number },
  ) => GroupExchange
}

class Conversation {
  readonly #tell: (exchange: GroupExchange) => void
  readonly #asked = new Map<number, Asked & { readonly apiKey: number }>()

  constructor(tell: (exchange: GroupExchange) => void) {
    this.#tell = tell
  }

  request(frame: Buffer): void {
    const apiKey = frame.readInt16BE(0)
    if (!readers.has(apiKey)) return
    const { apiVersion, correlationId, clientId, bodyPosition } = decodeRequestHeader(frame)
    const at = { requestedAt: Date.now(), client: clientId ?? '' }
    const answered = readers.get(apiKey)!({ frame, version: apiVersion, position: bodyPosition }, at)
    this.#asked.set(correlationId, { apiKey, version: apiVersion, answered })
  }

  response(frame: Buffer): void {
    const correlationId = frame.readInt32BE(0)
    const asked = this.#asked.get(correlationId)
    if (!asked) return
    this.#asked.delete(correlationId)
    const { bodyPosition } = decodeResponseHeader(asked.apiKey, asked.version, frame)
    this.#tell(asked.answered(Date.now(), { frame, position: bodyPosition }))
  }

  end(): void {
    for (const { answered } of this.#asked.values()) this.#tell(answered(Date.now()))
    this.#asked.clear()
  }
}

interface RequestBytes {
  readonly frame: Buffer
  readonly version: number
  readonly position: number
}

type Reader = (request: RequestBytes, at: Pick<Said, 'requestedAt' | 'client'>) => Asked['answered']

/** What each of the group's requests and its answer amount to, by API key. */
const readers = new Map<number, Reader>([
  [JoinGroupRequest.apiKey, readJoin],
  [SyncGroupRequest.apiKey, readSync],
  [HeartbeatRequest.apiKey, readHeartbeat],
  [LeaveGroupRequest.apiKey, readLeave],
  [OffsetCommitRequest.apiKey, readCommit],
  [ConsumerGroupHeartbeatRequest.apiKey, readConsumerHeartbeat],
])

function readJoin({ frame, version, position }: RequestBytes, by: Pick<Said, 'requestedAt' | 'client'>) {
  const { memberId } = decode(JoinGroupRequest, version, frame, position)
  return (at: number, response?: { frame: Buffer; position: number }): GroupExchange => {
    const said = { kind: 'join', ...by, at } as const
    if (!response) return { ...said, memberId, generation: -1, code: undefined }
    const answer = decode(JoinGroupResponse, version, response.frame, response.position)
    const given = answer.memberId || memberId
    return { ...said, memberId: given, generation: answer.generationId, code: answer.errorCode }
  }
}

function readSync({ frame, version, position }: RequestBytes, by: Pick<Said, 'requestedAt' | 'client'>) {
  const { memberId, generationId } = decode(SyncGroupRequest, version, frame, position)
  return (at: number, response?: { frame: Buffer; position: number }): GroupExchange => {
    const said = { kind: 'sync', ...by, at, memberId, generation: generationId } as const
    if (!response) return { ...said, code: undefined, owned: [] }
    const answer = decode(SyncGroupResponse, version, response.frame, response.position)
    return { ...said, code: answer.errorCode, owned: ownedOf(answer.assignment) }
  }
}

function ownedOf(assignment: Uint8Array): number[] {
  if (assignment.length === 0) return []
  return decodeAssignment(assignment).value.assignedPartitions.flatMap(each => each.partitions)
}

function readHeartbeat({ frame, version, position }: RequestBytes, by: Pick<Said, 'requestedAt' | 'client'>) {
  const { memberId, generationId } = decode(HeartbeatRequest, version, frame, position)
  return (at: number, response?: { frame: Buffer; position: number }): GroupExchange => {
    const answer = response && decode(HeartbeatResponse, version, response.frame, response.position)
    return { kind: 'heartbeat', ...by, at, memberId, generation: generationId, code: answer?.errorCode }
  }
}

function readLeave({ frame, version, position }: RequestBytes, by: Pick<Said, 'requestedAt' | 'client'>) {
  const request = decode(LeaveGroupRequest, version, frame, position)
  const memberId = request.members[0]?.memberId ?? request.memberId
  return (at: number, response?: { frame: Buffer; position: number }): GroupExchange => {
    const answer = response && decode(LeaveGroupResponse, version, response.frame, response.position)
    const code = answer && (answer.errorCode || (answer.members[0]?.errorCode ?? NONE))
    return { kind: 'leave', ...by, at, memberId, generation: -1, code }
  }
}

function readCommit({ frame, version, position }: RequestBytes, by: Pick<Said, 'requestedAt' | 'client'>) {
  const request = decode(OffsetCommitRequest, version, frame, position)
  const { memberId, generationIdOrMemberEpoch: generation } = request
  const offsets = request.topics.flatMap(topic =>
    topic.partitions.map(each => ({ partition: each.partitionIndex, offset: Number(each.committedOffset) })),
  )
  return (at: number, response?: { frame: Buffer; position: number }): GroupExchange => {
    const answer = response && decode(OffsetCommitResponse, version, response.frame, response.position)
    const codes = answer?.topics.flatMap(topic => topic.partitions.map(each => each.errorCode))
    const code = codes && (codes.find(each => each !== NONE) ?? NONE)
    return { kind: 'commit', ...by, at, memberId, generation, offsets, code }
  }
}

let passed = 0

/** The one request of the consumer protocol joins, leaves or stays, by its epoch. */
function readConsumerHeartbeat(
  { frame, version, position }: RequestBytes,
  by: Pick<Said, 'requestedAt' | 'client'>,
) {
  const request = decode(ConsumerGroupHeartbeatRequest, version, frame, position)
  const { memberEpoch, topicPartitions } = request
  const kind = memberEpoch === 0 ? 'join' : memberEpoch < 0 ? 'leave' : 'heartbeat'
  const has = topicPartitions?.flatMap(each => each.partitions)
  passed += 1
  const asked = passed
  return (at: number, response?: { frame: Buffer; position: number }): GroupExchange => {
    passed += 1
    const said = { kind, ...by, at, memberId: request.memberId, generation: memberEpoch } as const
    const consumer = { has, given: undefined, asked, answered: passed }
    if (!response) return { ...said, code: undefined, consumer }
    const answer = decode(ConsumerGroupHeartbeatResponse, version, response.frame, response.position)
    const given = answer.assignment?.topicPartitions.flatMap(each => each.partitions)
    const generation = answer.errorCode === NONE ? answer.memberEpoch : memberEpoch
    return { ...said, generation, code: answer.errorCode, consumer: { ...consumer, given } }
  }
}
