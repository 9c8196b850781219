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
