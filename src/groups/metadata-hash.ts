/** What of the metadata of its topics a consumer group is computed from, as one number to compare. */

import { createHash } from 'node:crypto'
import type { ClusterImage } from '../metadata/image.ts'

/** 0 where none of the topics exists. */
export function metadataHash(topics: Iterable<string>, image: ClusterImage): bigint {
  const hash = createHash('sha256')
  let isEmpty = true
  for (const name of [...topics].sort()) {
    const topic = image.topicByName(name)
    if (!topic) continue
    isEmpty = false
    hash.update(`${name} ${topic.id} ${topic.partitions.length}\n`)
    for (const { replicas } of topic.partitions) {
      const racks = replicas.flatMap(id => image.brokers.get(id)?.rack ?? []).sort()
      if (racks.length > 0) hash.update(`${racks.join(' ')}\n`)
    }
  }
  return isEmpty ? 0n : hash.digest().readBigInt64BE()
}
