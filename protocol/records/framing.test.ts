import { expect, test } from 'vitest'
import { loadInternalRecords } from '../testing/vectors.ts'
import { MalformedMessage } from '../wire.ts'
import { FeatureLevelRecord, metadataRecords, NoOpRecord } from './cluster-metadata.ts'
import { groupRecords, OffsetCommitKey, OffsetCommitValue } from './consumer-offsets.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.ts'
import {
  ControlRecordType,
  controlRecordType,
  decodeEndTxnMarker,
  encodeControlKey,
  encodeEndTxnMarker,
} from './control.ts'
import {
  decodeCoordinatorRecord,
  decodeKey,
  decodeMetadataRecord,
  decodeVersioned,
  encodeKey,
  encodeMetadataRecord,
  encodeVersioned,
  isRecordOf,
  type RecordTable,
  recordType,
} from './framing.ts'
import { shareStateRecords } from './share-state.ts'
import { transactionRecords } from './transaction-state.ts'

const coordinators: Readonly<Record<string, RecordTable>> = {
  __consumer_offsets: groupRecords,
  __transaction_state: transactionRecords,
  __share_group_state: shareStateRecords,
}

const recorded = loadInternalRecords().map(({ topic, key, value }) => ({
  topic,
  key: key === null ? null : Buffer.from(key, 'hex'),
  value: value === null ? null : Buffer.from(value, 'hex'),
}))

test('every record that Kafka left in its internal topics is read, and written again the same', () => {
  for (const { topic, key, value } of recorded) {
    if (topic === '__cluster_metadata') {
      const record = decodeMetadataRecord(metadataRecords, value ?? Buffer.alloc(0))
      expect(encodeMetadataRecord(record.definition, record.version, record.value)).toEqual(value)
      continue
    }
    const record = decodeCoordinatorRecord(coordinators[topic]!, key!, value)
    expect(encodeKey(record!.definition.key, record!.key)).toEqual(key)
    const again =
      record!.value && encodeVersioned(record!.definition.value, record!.value.version, record!.value.value)
    expect(again).toEqual(value)
  }
  expect(recorded.length).toBe(907)
})

test('a committed offset is found by the type of its key, and a tombstone has no value', () => {
  const key = encodeKey(OffsetCommitKey, { group: 'g', topic: 't', partition: 3 })
  expect(key.toString('hex')).toBe('0001' + '000167' + '000174' + '00000003')
  expect(recordType(key)).toBe(OffsetCommitKey.apiKey)
  expect(decodeKey(OffsetCommitKey, key)).toEqual({ group: 'g', topic: 't', partition: 3 })
  expect(decodeCoordinatorRecord(groupRecords, key, null)?.value).toBeNull()

  const value = encodeVersioned(OffsetCommitValue, 3, { offset: 5n, metadata: '', commitTimestamp: 7n })
  expect(decodeVersioned(OffsetCommitValue, value)).toMatchObject({
    version: 3,
    value: { offset: 5n, leaderEpoch: -1, commitTimestamp: 7n },
  })
})

test('a type of a later Kafka is told apart from damage', () => {
  expect(decodeCoordinatorRecord(groupRecords, Buffer.from('7fff00', 'hex'), null)).toBeUndefined()
  expect(() => decodeCoordinatorRecord(groupRecords, Buffer.from('00', 'hex'), null)).toThrow(
    MalformedMessage,
  )
  expect(() => decodeVersioned(OffsetCommitValue, Buffer.from('0063', 'hex'))).toThrow('no version 99')
})

test('a metadata record is refused in an unknown frame, of an unknown type, or with bytes behind it', () => {
  const decode = (hex: string) => decodeMetadataRecord(metadataRecords, Buffer.from(hex, 'hex'))
  expect(isRecordOf(decode('01140000'), NoOpRecord)).toBe(true)
  expect(isRecordOf(decode('01140000'), FeatureLevelRecord)).toBe(false)
  expect(() => decode('00140000')).toThrow('frameVersion: 0 is not known')
  expect(() => decode('01640000')).toThrow('type: 100 is not known')
  expect(() => decode('01140100')).toThrow('version: NoOpRecord has no version 1')
  expect(() => decode('0114000000')).toThrow('1 bytes are behind the record')
})

test('control records are those of Kafka', () => {
  expect(encodeControlKey(ControlRecordType.COMMIT).toString('hex')).toBe('00000001')
  expect(controlRecordType(Buffer.from('00000002', 'hex'))).toBe(ControlRecordType.LEADER_CHANGE)
  expect(controlRecordType(Buffer.from('0001007fff', 'hex'))).toBe(0x7f)
  expect(encodeEndTxnMarker(15).toString('hex')).toBe('00000000000f')
  expect(decodeEndTxnMarker(Buffer.from('00007fffffff', 'hex'))).toEqual({ coordinatorEpoch: 0x7fffffff })
})

test('a subscription of a later version is read as the last known one, one below zero refused', () => {
  const subscription = encodeSubscription(3, { topics: ['a'], ownedPartitions: [], rackId: 'r' })
  subscription.writeInt16BE(9)
  const read = decodeSubscription(Buffer.concat([subscription, Buffer.from('more')]))
  expect(read).toMatchObject({ version: 3, value: { topics: ['a'], rackId: 'r', generationId: -1 } })

  subscription.writeInt16BE(-1)
  expect(() => decodeSubscription(subscription)).toThrow(MalformedMessage)
  expect(() => decodeSubscription(Buffer.alloc(1))).toThrow(MalformedMessage)
})

test('an assignment survives the way to a member', () => {
  const assigned = { assignedPartitions: [{ topic: 'a', partitions: [1, 2] }], userData: Buffer.from('x') }
  expect(decodeAssignment(encodeAssignment(0, assigned))).toEqual({ version: 0, value: assigned })
})
