import {
  array,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** Keeps a registered broker alive; the answer fences or unfences it. */
export const BrokerHeartbeatRequest = message('BrokerHeartbeatRequest', 63, '0-2', '0+', {
  brokerId: int32,
  brokerEpoch: defaulted(int64, -1n),
  currentMetadataOffset: int64,
  wantFence: bool,
  wantShutDown: bool,
  offlineLogDirs: tagged(0, '1+', array(uuid)),
  cordonedLogDirs: tagged(1, '2+', nullable(array(uuid))),
})
export type BrokerHeartbeatRequest = ValueOf<typeof BrokerHeartbeatRequest.fields>

export const BrokerHeartbeatResponse = message('BrokerHeartbeatResponse', 63, '0-2', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  isCaughtUp: defaulted(bool, false),
  isFenced: defaulted(bool, true),
  shouldShutDown: bool,
})
export type BrokerHeartbeatResponse = InputOf<typeof BrokerHeartbeatResponse.fields>
