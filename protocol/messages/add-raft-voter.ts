import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** KRaft (KIP-853): adds a voter to the quorum. */
export const AddRaftVoterRequest = message('AddRaftVoterRequest', 80, '0-1', '0+', {
  clusterId: nullable(string),
  timeoutMs: int32,
  voterId: int32,
  voterDirectoryId: uuid,
  listeners: array({
    name: string,
    host: string,
    port: uint16,
  }),
  ackWhenCommitted: at('1+', bool, true),
})
export type AddRaftVoterRequest = ValueOf<typeof AddRaftVoterRequest.fields>

export const AddRaftVoterResponse = message('AddRaftVoterResponse', 80, '0-1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
})
export type AddRaftVoterResponse = InputOf<typeof AddRaftVoterResponse.fields>
