import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** A broker that starts makes itself known to the controller and gets its epoch. */
export const BrokerRegistrationRequest = message('BrokerRegistrationRequest', 62, '0-4', '0+', {
  brokerId: int32,
  clusterId: string,
  incarnationId: uuid,
  listeners: array({
    name: string,
    host: string,
    port: uint16,
    securityProtocol: int16,
  }),
  features: array({
    name: string,
    minSupportedVersion: int16,
    maxSupportedVersion: int16,
  }),
  rack: nullable(string),
  isMigratingZkBroker: at('1+', bool, false),
  logDirs: at('2+', array(uuid)),
  previousBrokerEpoch: at('3+', int64, -1n),
})
export type BrokerRegistrationRequest = ValueOf<typeof BrokerRegistrationRequest.fields>

export const BrokerRegistrationResponse = message('BrokerRegistrationResponse', 62, '0-4', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  brokerEpoch: defaulted(int64, -1n),
})
export type BrokerRegistrationResponse = InputOf<typeof BrokerRegistrationResponse.fields>
