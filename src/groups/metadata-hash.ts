/**
 * What of the metadata of its topics a consumer group's assignment rests on, as one number to compare. Kafka
 * has another hash: to a coordinator of its own that takes over, the metadata will have changed once.
 */

import { createHash } from 'node:crypto'
import type { ClusterImage, TopicImage } from '../metadata/image.ts'

type Brokers = ClusterImage['brokers']

/** Topics mostly stay as they are while members come and go. */
const known = new WeakMap<TopicImage, { readonly brokers: Brokers; readonly digest: Buffer }>()

/** 0 where none of the topics exists. */
export function metadataHash(topics: Iterable<string>, image: ClusterImage): bigint {
  const digests = [...topics].sort().flatMap(name => {
    const topic = image.topicByName(name)
    return topic ? [digestOf(topic, image.brokers)] : []
  })
  if (digests.length === 0) return 0n
  return createHash('sha256').update(Buffer.concat(digests)).digest().readBigInt64BE()
}

function digestOf(topic: TopicImage, brokers: Brokers): Buffer {
  const cached = known.get(topic)
  if (cached?.brokers === brokers) return cached.digest
  const hash = createHash('sha256').update(`${topic.name} ${topic.id} ${topic.partitions.length}\n`)
  for (const { replicas } of topic.partitions) {
    const racks = replicas.flatMap(id => brokers.get(id)?.rack ?? []).sort()
    if (racks.length > 0) hash.update(`${racks.join(' ')}\n`)
  }
  const digest = hash.digest()
  known.set(topic, { brokers, digest })
  return digest
}
