/**
 * The quorum-state file of a KRaft log, which Kafka writes as JSON with these fields and `data_version`.
 */
import {
  array,
  at,
  defaulted,
  int32,
  int64,
  message,
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const QuorumStateData = message('QuorumStateData', -1, '0-1', '0+', {
  clusterId: at('0', string),
  leaderId: defaulted(int32, -1),
  leaderEpoch: defaulted(int32, -1),
  votedId: defaulted(int32, -1),
  votedDirectoryId: at('1+', uuid),
  appliedOffset: at('0', int64),
  currentVoters: at(
    '0',
    nullable(
      array({
        voterId: int32,
      }),
    ),
  ),
})
export type QuorumStateData = ValueOf<typeof QuorumStateData.fields>
