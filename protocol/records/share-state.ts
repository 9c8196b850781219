/**
 * Records in __share_group_state (KIP-932): snapshots of a share partition, and updates to the last one.
 */
import { array, int8, int16, int32, int64, message, string, tagged, uuid, type ValueOf } from '../schema.ts'
import { type RecordTable, recordTable } from './framing.ts'

export const ShareSnapshotKey = message('ShareSnapshotKey', 0, '0', 'none', {
  groupId: string,
  topicId: uuid,
  partition: int32,
})
export type ShareSnapshotKey = ValueOf<typeof ShareSnapshotKey.fields>

export const ShareSnapshotValue = message('ShareSnapshotValue', 0, '0', '0+', {
  snapshotEpoch: int32,
  stateEpoch: int32,
  leaderEpoch: int32,
  startOffset: int64,
  deliveryCompleteCount: tagged(0, '0+', int32, -1),
  createTimestamp: int64,
  writeTimestamp: int64,
  stateBatches: array({
    firstOffset: int64,
    lastOffset: int64,
    deliveryState: int8,
    deliveryCount: int16,
  }),
})
export type ShareSnapshotValue = ValueOf<typeof ShareSnapshotValue.fields>

export const ShareUpdateKey = message('ShareUpdateKey', 1, '0', 'none', {
  groupId: string,
  topicId: uuid,
  partition: int32,
})
export type ShareUpdateKey = ValueOf<typeof ShareUpdateKey.fields>

export const ShareUpdateValue = message('ShareUpdateValue', 1, '0', '0+', {
  snapshotEpoch: int32,
  leaderEpoch: int32,
  startOffset: int64,
  deliveryCompleteCount: tagged(0, '0+', int32, -1),
  stateBatches: array({
    firstOffset: int64,
    lastOffset: int64,
    deliveryState: int8,
    deliveryCount: int16,
  }),
})
export type ShareUpdateValue = ValueOf<typeof ShareUpdateValue.fields>

/** Every record of __share_group_state. */
export const shareStateRecords: RecordTable = recordTable(
  [ShareSnapshotKey, ShareSnapshotValue],
  [ShareUpdateKey, ShareUpdateValue],
)
