import {
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** KRaft (KIP-853): removes a voter from the quorum. */
export const RemoveRaftVoterRequest = message('RemoveRaftVoterRequest', 81, '0', '0+', {
  clusterId: nullable(string),
  voterId: int32,
  voterDirectoryId: uuid,
})
export type RemoveRaftVoterRequest = ValueOf<typeof RemoveRaftVoterRequest.fields>

export const RemoveRaftVoterResponse = message('RemoveRaftVoterResponse', 81, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
})
export type RemoveRaftVoterResponse = InputOf<typeof RemoveRaftVoterResponse.fields>
