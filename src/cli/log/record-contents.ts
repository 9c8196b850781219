/**
 * What the records of Kafka's internal topics say: groups and their offsets, transactions, the state of share
 * groups, and the metadata of a KRaft cluster. Control records of all topics too.
 */
import { metadataRecords } from '../../../protocol/records/cluster-metadata.ts'
import { groupRecords } from '../../../protocol/records/consumer-offsets.ts'
import { decodeAssignment, decodeSubscription } from '../../../protocol/records/consumer-protocol.ts'
import {
  ControlRecordType,
  controlRecordType,
  decodeEndTxnMarker,
} from '../../../protocol/records/control.ts'
import {
  decodeCoordinatorRecord,
  decodeMetadataRecord,
  type RecordTable,
} from '../../../protocol/records/framing.ts'
import { shareStateRecords } from '../../../protocol/records/share-state.ts'
import { transactionRecords } from '../../../protocol/records/transaction-state.ts'
import { MalformedMessage } from '../../../protocol/wire.ts'
import type { DecodedRecord } from '../../records/lookup.ts'
import { TRANSACTION_STATES } from '../../transactions/transaction.ts'

export type Contents = 'offsets' | 'transactions' | 'share-state' | 'metadata' | 'none'

export const CONTENTS: readonly Contents[] = ['offsets', 'transactions', 'share-state', 'metadata', 'none']

/** Plain data, with bytes and int64s in it. */
export type Facts = Readonly<Record<string, unknown>>

const TOPICS: ReadonlyMap<string, Contents> = new Map([
  ['__consumer_offsets', 'offsets'],
  ['__transaction_state', 'transactions'],
  ['__share_group_state', 'share-state'],
  ['__cluster_metadata', 'metadata'],
])
const TABLES: Partial<Record<Contents, RecordTable>> = {
  offsets: groupRecords,
  transactions: transactionRecords,
  'share-state': shareStateRecords,
}
const CONTROL_NAMES = new Map<number, string>(
  Object.entries(ControlRecordType).map(([name, type]) => [type, name]),
)

/** What the records of a directory's topic hold, by its name. */
export function contentsOf(topic: string): Contents {
  return TOPICS.get(topic) ?? 'none'
}

/** Undefined for a record that says nothing in a form known here; `problem` tells of one that should. */
export function factsOf(record: DecodedRecord, contents: Contents): Facts | undefined {
  try {
    if (contents === 'metadata') return metadataFacts(record)
    const table = TABLES[contents]
    return table && coordinatorFacts(record, table)
  } catch (error) {
    if (error instanceof MalformedMessage) return { problem: error.message }
    throw error
  }
}

export function controlFacts({ key, value }: DecodedRecord): Facts {
  if (key === null || key.length < 4) return { control: 'unknown' }
  const type = controlRecordType(key)
  const control = CONTROL_NAMES.get(type) ?? `unknown (${type})`
  if ((type !== ControlRecordType.ABORT && type !== ControlRecordType.COMMIT) || value === null) {
    return { control }
  }
  try {
    return { control, coordinatorEpoch: decodeEndTxnMarker(value).coordinatorEpoch }
  } catch (error) {
    if (error instanceof MalformedMessage) return { control, problem: error.message }
    throw error
  }
}

function metadataFacts({ value }: DecodedRecord): Facts | undefined {
  if (value === null) return undefined
  const record = decodeMetadataRecord(metadataRecords, value)
  return { record: record.definition.name, version: record.version, value: record.value }
}

function coordinatorFacts({ key, value }: DecodedRecord, table: RecordTable): Facts | undefined {
  if (key === null) return { problem: 'the record has no key' }
  const record = decodeCoordinatorRecord(table, key, value)
  if (!record) return { problem: `type ${key.length < 2 ? '?' : key.readInt16BE(0)} is not known` }
  const name = record.definition.key.name.replace(/Key$/, '')
  const facts = { record: name, key: record.key }
  if (record.value === null) return { ...facts, value: null }
  const inWords = IN_WORDS[name]?.(record.value.value) ?? record.value.value
  return { ...facts, version: record.value.version, value: inWords }
}

const IN_WORDS: Readonly<Record<string, (value: unknown) => unknown>> = {
  GroupMetadata: withProtocol,
  TransactionLog: withState,
}

function withState(value: unknown): unknown {
  const transaction = value as { readonly transactionStatus: number }
  const { transactionStatus } = transaction
  return { ...transaction, transactionStatus: TRANSACTION_STATES[transactionStatus] ?? transactionStatus }
}

interface ClassicGroup {
  readonly protocolType: string
  readonly members: readonly { readonly subscription: Uint8Array; readonly assignment: Uint8Array }[]
}

/** Members of consumer groups tell each other what they subscribe to in a format that is known. */
function withProtocol(value: unknown): unknown {
  const group = value as ClassicGroup
  if (group.protocolType !== 'consumer') return group
  const members = group.members.map(member => ({
    ...member,
    subscription: readable(member.subscription, decodeSubscription),
    assignment: readable(member.assignment, decodeAssignment),
  }))
  return { ...group, members }
}

function readable(bytes: Uint8Array, decode: (bytes: Uint8Array) => { readonly value: unknown }): unknown {
  if (bytes.length === 0) return bytes
  try {
    return decode(bytes).value
  } catch (error) {
    if (error instanceof MalformedMessage) return bytes
    throw error
  }
}
