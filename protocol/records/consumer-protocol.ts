/**
 * What members of classic groups with the protocol type 'consumer' say to each other through the coordinator:
 * an int16 version and the data.
 */
import { read } from '../codec.ts'
import {
  array,
  at,
  bytes,
  defaulted,
  type Fields,
  type InputOf,
  int32,
  type Message,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'
import { MalformedMessage, Reader } from '../wire.ts'
import { encodeVersioned, type Versioned } from './framing.ts'

export const ConsumerProtocolSubscription = message('ConsumerProtocolSubscription', -1, '0-3', 'none', {
  topics: array(string),
  userData: defaulted(nullable(bytes), null),
  ownedPartitions: at(
    '1+',
    array({
      topic: string,
      partitions: array(int32),
    }),
  ),
  generationId: at('2+', int32, -1),
  rackId: at('3+', nullable(string), null),
})
export type ConsumerProtocolSubscription = ValueOf<typeof ConsumerProtocolSubscription.fields>

export const ConsumerProtocolAssignment = message('ConsumerProtocolAssignment', -1, '0-3', 'none', {
  assignedPartitions: array({
    topic: string,
    partitions: array(int32),
  }),
  userData: defaulted(nullable(bytes), null),
})
export type ConsumerProtocolAssignment = ValueOf<typeof ConsumerProtocolAssignment.fields>

/**
 * A member's metadata in JoinGroup, as written by a version that may be later than ours: then read as our
 * last.
 */
export function decodeSubscription(bytes: Uint8Array): Versioned<ConsumerProtocolSubscription> {
  return decodeAtMost(ConsumerProtocolSubscription, bytes)
}

export function encodeSubscription(
  version: number,
  value: InputOf<typeof ConsumerProtocolSubscription.fields>,
): Buffer {
  return encodeVersioned(ConsumerProtocolSubscription, version, value)
}

/** A member's assignment in SyncGroup, with the same rule. */
export function decodeAssignment(bytes: Uint8Array): Versioned<ConsumerProtocolAssignment> {
  return decodeAtMost(ConsumerProtocolAssignment, bytes)
}

export function encodeAssignment(
  version: number,
  value: InputOf<typeof ConsumerProtocolAssignment.fields>,
): Buffer {
  return encodeVersioned(ConsumerProtocolAssignment, version, value)
}

function decodeAtMost<F extends Fields>(definition: Message<F>, bytes: Uint8Array): Versioned<ValueOf<F>> {
  const reader = new Reader(bytes)
  if (reader.remaining < 2) throw new MalformedMessage('there are no two bytes for it', 'version')
  const version = Math.min(reader.int16(), definition.versions.last)
  if (version < 0) throw new MalformedMessage(`${version} is not one`, 'version')
  return { version, value: read(definition, version, reader) }
}
