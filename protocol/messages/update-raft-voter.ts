import {
  array,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  struct,
  tagged,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** KRaft (KIP-853): a voter has new endpoints or versions. */
export const UpdateRaftVoterRequest = message('UpdateRaftVoterRequest', 82, '0', '0+', {
  clusterId: nullable(string),
  currentLeaderEpoch: int32,
  voterId: int32,
  voterDirectoryId: uuid,
  listeners: array({
    name: string,
    host: string,
    port: uint16,
  }),
  kRaftVersionFeature: struct({
    minSupportedVersion: int16,
    maxSupportedVersion: int16,
  }),
})
export type UpdateRaftVoterRequest = ValueOf<typeof UpdateRaftVoterRequest.fields>

export const UpdateRaftVoterResponse = message('UpdateRaftVoterResponse', 82, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  currentLeader: tagged(
    0,
    '0+',
    struct({
      leaderId: defaulted(int32, -1),
      leaderEpoch: defaulted(int32, -1),
      host: string,
      port: int32,
    }),
  ),
})
export type UpdateRaftVoterResponse = InputOf<typeof UpdateRaftVoterResponse.fields>
