/**
 * Control records: markers of transactions, and what the KRaft log says about itself. The values of the
 * latter begin with their own version as a field.
 */
import { decode } from '../codec.ts'
import {
  array,
  at,
  int16,
  int32,
  int64,
  message,
  string,
  struct,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'
import { encodeVersioned } from './framing.ts'

/** What a control record says; its key is an int16 version and one of these. */
export const ControlRecordType = {
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
  KRAFT_VERSION: 5,
  KRAFT_VOTERS: 6,
} as const
export type ControlRecordType = (typeof ControlRecordType)[keyof typeof ControlRecordType]

export function encodeControlKey(type: ControlRecordType): Buffer {
  return encodeVersioned(ControlRecordTypeSchema, 0, { type })
}

/** The type of a control record, known to us or not. Later versions of a key only add to it. */
export function controlRecordType(key: Uint8Array): number {
  return decode(ControlRecordTypeSchema, 0, key, 2).type
}

/** The value of an ABORT or COMMIT. */
export function encodeEndTxnMarker(coordinatorEpoch: number): Buffer {
  return encodeVersioned(EndTxnMarker, 0, { coordinatorEpoch })
}

export function decodeEndTxnMarker(value: Uint8Array): EndTxnMarker {
  return decode(EndTxnMarker, 0, value, 2)
}

export const ControlRecordTypeSchema = message('ControlRecordTypeSchema', -1, '0', 'none', {
  type: int16,
})
export type ControlRecordTypeSchema = ValueOf<typeof ControlRecordTypeSchema.fields>

export const EndTxnMarker = message('EndTxnMarker', -1, '0', 'none', {
  coordinatorEpoch: int32,
})
export type EndTxnMarker = ValueOf<typeof EndTxnMarker.fields>

const Voter = {
  voterId: int32,
  voterDirectoryId: at('1+', uuid),
}

export const LeaderChangeMessage = message('LeaderChangeMessage', -1, '0-1', '0+', {
  version: int16,
  leaderId: int32,
  voters: array(Voter),
  grantingVoters: array(Voter),
})
export type LeaderChangeMessage = ValueOf<typeof LeaderChangeMessage.fields>

export const SnapshotHeaderRecord = message('SnapshotHeaderRecord', -1, '0', '0+', {
  version: int16,
  lastContainedLogTimestamp: int64,
})
export type SnapshotHeaderRecord = ValueOf<typeof SnapshotHeaderRecord.fields>

export const SnapshotFooterRecord = message('SnapshotFooterRecord', -1, '0', '0+', {
  version: int16,
})
export type SnapshotFooterRecord = ValueOf<typeof SnapshotFooterRecord.fields>

export const KRaftVersionRecord = message('KRaftVersionRecord', -1, '0', '0+', {
  version: int16,
  kRaftVersion: int16,
})
export type KRaftVersionRecord = ValueOf<typeof KRaftVersionRecord.fields>

export const VotersRecord = message('VotersRecord', -1, '0', '0+', {
  version: int16,
  voters: array({
    voterId: int32,
    voterDirectoryId: uuid,
    endpoints: array({
      name: string,
      host: string,
      port: uint16,
    }),
    kRaftVersionFeature: struct({
      minSupportedVersion: int16,
      maxSupportedVersion: int16,
    }),
  }),
})
export type VotersRecord = ValueOf<typeof VotersRecord.fields>
