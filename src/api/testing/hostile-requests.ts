/**
 * Requests for the fuzz: of any API and version, by its definition, with values that mean something to the
 * broker and values that must mean nothing to it; and frames with changed bytes. What was answered flows
 * into what is asked next, so that members join, transactions begin and sessions go on.
 */
import { apis } from '../../../protocol/apis.ts'
import { decode } from '../../../protocol/codec.ts'
import { requestHeaderVersion, writeRequestHeader } from '../../../protocol/header.ts'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from '../../../protocol/records/consumer-protocol.ts'
import {
  defaultOf,
  type Field,
  type Fields,
  type FieldType,
  isWithin,
  type Message,
  parseVersions,
} from '../../../protocol/schema.ts'
import { interpretBytes, interpretValue } from '../../../protocol/testing/interpreter.ts'
import { MalformedMessage, Writer } from '../../../protocol/wire.ts'
import type { Random } from '../../platform/platform.ts'
import { hostileRecords } from './hostile-records.ts'
import { edgeOf, oneIn, pick, WORDS } from './hostile-words.ts'

export interface ServedVersions {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

export interface HostileRequest {
  readonly request: Message
  readonly response: Message
  readonly version: number
  readonly body: Value
  /** Header and body, without the size. */
  readonly frame: Buffer
  /** It cannot be read, or need not be readable. */
  readonly isDamaged: boolean
}

type Value = Record<string, unknown>

/** What most state hangs on is asked more often. */
const OFTEN: Readonly<Record<string, number>> = {
  Produce: 8,
  Fetch: 6,
  JoinGroup: 6,
  SyncGroup: 5,
  Heartbeat: 3,
  ConsumerGroupHeartbeat: 6,
  OffsetCommit: 4,
  InitProducerId: 5,
  AddPartitionsToTxn: 5,
  AddOffsetsToTxn: 3,
  TxnOffsetCommit: 4,
  EndTxn: 5,
  CreateTopics: 3,
  IncrementalAlterConfigs: 2,
}
/** Values of one producer, or one member, that belong together. */
const IDENTITIES = [
  ['transactionalId', 'producerId', 'producerEpoch'],
  ['groupId', 'memberId', 'generationId', 'memberEpoch'],
] as const
const REMEMBERED = 12
/** So many in a thousand values are at the edge of their type; it changes from request to request. */
const HOSTILITIES = [0, 0, 5, 20, 100, 500]
const ROOM_OF_A_REQUEST = 400

export class HostileRequests {
  private readonly random: Random
  private readonly weighted: readonly ServedVersions[]
  /** By the name of the field. */
  private readonly seen = new Map<string, unknown[]>()
  private readonly identities: Value[][] = IDENTITIES.map(() => [])
  private identity: Value = {}
  private hostility = 0
  private version = 0
  /** Elements that the request may still have. */
  private room = 0

  constructor(random: Random, served: readonly ServedVersions[]) {
    this.random = random
    this.weighted = served.flatMap(api => Array(OFTEN[apis.get(api.apiKey)!.name] ?? 1).fill(api))
  }

  next(correlationId: number): HostileRequest {
    const { random } = this
    const { apiKey, minVersion, maxVersion } = pick(random, this.weighted)
    const { request, response } = apis.get(apiKey)!
    const version = oneIn(random, 2) ? maxVersion : minVersion + random.below(maxVersion - minVersion + 1)
    this.version = version
    this.hostility = pick(random, HOSTILITIES)
    this.room = ROOM_OF_A_REQUEST
    this.identity = Object.assign(
      {},
      ...this.identities.map(known => (known.length > 0 ? pick(random, known) : {})),
    )
    const body = this.struct(request.fields, '')
    const encoded = interpretValue(request, version, body)
    const willDamage = oneIn(random, 12)
    const bytes = willDamage ? this.damaged({ request, version, bytes: encoded }) : encoded
    const isDamaged = willDamage || !isReadable(request, version, bytes)
    const head = this.header(apiKey, version, correlationId)
    return { request, response, version, body, isDamaged, frame: Buffer.concat([head, bytes]) }
  }

  /** What was asked and answered may be used again. */
  learn({ body }: HostileRequest, answer: object): void {
    const known = { ...body, ...answer } as Value
    for (const [i, names] of IDENTITIES.entries()) {
      const told = Object.entries(known).filter(([name]) => (names as readonly string[]).includes(name))
      if (told.length > 2) remember(this.identities[i]!, Object.fromEntries(told))
    }
    this.keep(answer)
  }

  private keep(answer: unknown): void {
    if (typeof answer !== 'object' || answer === null || answer instanceof Uint8Array) return
    for (const [name, value] of Object.entries(answer)) {
      if (Array.isArray(value)) for (const element of value.slice(0, 3)) this.keep(element)
      else if (typeof value === 'object') this.keep(value)
      else if (/Id$|Epoch$/.test(name)) this.keepValue(name, value)
    }
  }

  private keepValue(name: string, value: unknown): void {
    const values = this.seen.get(name) ?? []
    remember(values, value)
    this.seen.set(name, values)
  }

  private header(apiKey: number, apiVersion: number, correlationId: number): Buffer {
    const { random } = this
    const writer = new Writer()
    const clientId = pick(random, ['fuzz', 'fuzz', '', null, 'z'.repeat(1_000), '__proto__'])
    writeRequestHeader(writer, requestHeaderVersion(apiKey, apiVersion), {
      apiKey,
      apiVersion,
      correlationId,
      clientId,
    })
    return Buffer.concat(writer.finish().chunks as Buffer[])
  }

  private struct(fields: Fields, owner: string): Value {
    const { random, version } = this
    const value: Value = {}
    for (const [name, field] of Object.entries(fields)) {
      const isThere = isWithin(parseVersions(field.versions ?? '0+'), version)
      const isOmitted = field.tag !== undefined && oneIn(random, 2)
      value[name] = isThere && !isOmitted ? this.field(field, name, owner) : defaultOf(field)
    }
    return value
  }

  private field(field: Field, name: string, owner: string): unknown {
    const { random, version } = this
    const mayBeNull = field.nullable !== undefined && isWithin(parseVersions(field.nullable), version)
    // A null that may not be is one of the damages.
    if (mayBeNull && oneIn(random, 3)) return null
    if (field.defaultValue !== undefined && field.type.kind !== 'array' && oneIn(random, 3))
      return field.defaultValue
    return this.value(field.type, name, owner)
  }

  private value(type: FieldType, name: string, owner: string): unknown {
    if (type.kind === 'struct') return this.struct(type.fields, name)
    if (type.kind === 'array') return this.array(type.element, name, owner)
    if (this.random.below(1_000) < this.hostility) return this.spared(name, edgeOf(this.random, type.kind))
    if (type.kind === 'bytes') return this.bytes(name)
    return this.sensible(type.kind, name, owner)
  }

  private array(element: FieldType, name: string, owner: string): unknown[] {
    const { random } = this
    const isHostile = random.below(1_000) < this.hostility
    const wanted = isHostile ? pick(random, [0, 50, 300]) : pick(random, [1, 1, 1, 1, 2, 3, 0])
    const count = Math.min(wanted, this.room)
    this.room -= count
    const elements = Array.from({ length: count }, () => this.value(element, name, owner))
    return count > 0 && oneIn(random, 15) ? [...elements, elements[0]] : elements
  }

  private sensible(kind: string, name: string, owner: string): unknown {
    const { random, identity } = this
    const known = IDENTITY_OF[name]?.map(alias => identity[alias]).find(value => fits(kind, value))
    if (known !== undefined && !oneIn(random, 4)) return known
    const seen = this.seen.get(kind === 'uuid' ? 'topicId' : name)
    if (seen && fits(kind, seen[0]) && oneIn(random, kind === 'uuid' ? 1 : 2)) return pick(random, seen)
    const words = WORDS[`${owner}.${name}`] ?? WORDS[name]
    if (words && fits(kind, words[0])) return pick(random, words)
    if (kind === 'string') return pick(random, ['a', 'b', '', 'word'])
    return kind === 'bool' ? oneIn(random, 4) : edgeOf(random, kind)
  }

  /** A field in which the edge would only be slow. */
  private spared(name: string, edge: unknown): unknown {
    return name === 'iterations' && typeof edge === 'number' ? Math.min(edge, 20_000) : edge
  }

  private bytes(name: string): Buffer | null {
    const { random, identity } = this
    if (name === 'records') {
      const { producerId, producerEpoch } = identity
      const isKnown = typeof producerId === 'bigint' && typeof producerEpoch === 'number'
      return hostileRecords(random, isKnown ? { producerId, producerEpoch } : undefined)
    }
    const definition = { metadata: ConsumerProtocolSubscription, assignment: ConsumerProtocolAssignment }[
      name
    ]
    if (!definition || oneIn(random, 4)) return random.bytes(random.below(40))
    const outer = this.version
    this.version = random.below(4)
    const body = interpretValue(definition as Message, this.version, this.struct(definition.fields, name))
    const whole = Buffer.concat([Buffer.from([0, this.version]), body])
    this.version = outer
    return oneIn(random, 6) ? whole.subarray(0, random.below(whole.length)) : whole
  }

  private damaged(whole: { request: Message; version: number; bytes: Buffer }): Buffer {
    const { random } = this
    const bytes = Buffer.from(whole.bytes)
    switch (random.below(5)) {
      case 0:
        return bytes.subarray(0, random.below(bytes.length + 1))
      case 1:
        return Buffer.concat([bytes, random.bytes(1 + random.below(20))])
      case 2:
        return this.otherLength(whole)
      case 3:
        // An unknown tag, where the message ends with none.
        return Buffer.concat([bytes.subarray(0, -1), Buffer.from([1, 0xff, 0x7f, 3]), random.bytes(3)])
      default:
        for (let i = random.below(4); bytes.length > 0 && i >= 0; i--) {
          bytes[random.below(bytes.length)] = random.below(256)
        }
        return bytes
    }
  }

  private otherLength({
    request,
    version,
    bytes,
  }: {
    request: Message
    version: number
    bytes: Buffer
  }): Buffer {
    const { random } = this
    const { lengths } = interpretBytes(request, version, bytes)
    if (lengths.length === 0) return bytes
    const { position, width, isCompact } = pick(random, lengths)
    const length = Buffer.alloc(width)
    if (!isCompact) length.writeIntBE(edgeOf(random, `int${8 * width}`) as number, 0, width)
    const other = isCompact
      ? Buffer.from(pick(random, ['00', '01', '7f', 'ffffffff0f', '8080808080']), 'hex')
      : length
    return Buffer.concat([bytes.subarray(0, position), other, bytes.subarray(position + width)])
  }
}

/** What a field is called where the same is remembered. */
const IDENTITY_OF: Readonly<Record<string, readonly string[]>> = {
  transactionalId: ['transactionalId'],
  v3AndBelowTransactionalId: ['transactionalId'],
  producerId: ['producerId'],
  v3AndBelowProducerId: ['producerId'],
  producerEpoch: ['producerEpoch'],
  v3AndBelowProducerEpoch: ['producerEpoch'],
  groupId: ['groupId'],
  memberId: ['memberId'],
  generationId: ['generationId'],
  memberEpoch: ['memberEpoch', 'generationId'],
  generationIdOrMemberEpoch: ['generationId', 'memberEpoch'],
}

/** Fields of one name may be of several types. */
function fits(kind: string, value: unknown): boolean {
  if (kind === 'int64') return typeof value === 'bigint'
  if (kind === 'string' || kind === 'uuid') return typeof value === 'string'
  return typeof value === 'number' && kind !== 'bool'
}

function isReadable(request: Message, version: number, bytes: Buffer): boolean {
  try {
    decode(request, version, bytes)
    return true
  } catch (error) {
    if (error instanceof MalformedMessage) return false
    throw error
  }
}

function remember(values: unknown[], value: unknown): void {
  values.push(value)
  if (values.length > REMEMBERED) values.shift()
}
