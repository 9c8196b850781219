/**
 * What of the metadata of its topics a consumer group's assignment rests on, as one number to compare: the
 * same that Kafka 4.1 and later write (KIP-1101).
 */

import type { ClusterImage, TopicImage } from '../metadata/image.ts'
import { xxh3 } from './xxh3.ts'

type Brokers = ClusterImage['brokers']

/** Kafka's, of how the bytes of a topic are put together. */
const VERSION = 0

/** Topics mostly stay as they are while members come and go. */
const known = new WeakMap<TopicImage, { readonly brokers: Brokers; readonly hash: bigint }>()

/** 0 where none of the topics exists. */
export function metadataHash(topics: Iterable<string>, image: ClusterImage): bigint {
  const hashes = [...topics].sort().flatMap(name => {
    const topic = image.topicByName(name)
    return topic ? [long(topicHash(topic, image.brokers))] : []
  })
  return hashes.length === 0 ? 0n : xxh3(Buffer.concat(hashes))
}

function topicHash(topic: TopicImage, brokers: Brokers): bigint {
  const cached = known.get(topic)
  if (cached?.brokers === brokers) return cached.hash
  const { partitions } = topic
  const id = Buffer.from(topic.id, 'base64url')
  const parts = [
    Buffer.from([VERSION]),
    long(id.readBigInt64BE(0)),
    long(id.readBigInt64BE(8)),
    text(topic.name),
    int(partitions.length),
  ]
  for (const [index, { replicas }] of partitions.entries()) {
    parts.push(int(index))
    const racks = replicas.flatMap(brokerId => brokers.get(brokerId)?.rack ?? []).sort()
    for (const rack of racks) parts.push(int(rack.length), text(rack))
  }
  const hash = xxh3(Buffer.concat(parts))
  known.set(topic, { brokers, hash })
  return hash
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

/** As Java has it: units of 16 bits, and how many. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(value, 'utf16le'), int(value.length)])
}
