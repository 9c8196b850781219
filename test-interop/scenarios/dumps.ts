// What dump-log says of the files that conversations left behind, with names for what differs from run to run.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { kafkaToolOk } from '../harness/kafka-jars.ts'

/** By file: `topic-0/00000000000000000000.txnindex`. */
export type Dumped = ReadonlyMap<string, readonly string[]>

export async function dumpFiles(data: string, suffix: RegExp, args: readonly string[] = []): Promise<Dumped> {
  const files: string[] = []
  for (const entry of await readdir(data, { withFileTypes: true })) {
    // Those of topics that were deleted go a minute later, under other names.
    if (!entry.isDirectory() || !/^(?!__cluster).*-\d+$/.test(entry.name)) continue
    for (const name of await readdir(join(data, entry.name))) {
      if (suffix.test(`${entry.name}/${name}`)) files.push(join(data, entry.name, name))
    }
  }
  const stdout = await kafkaToolOk('kafka-dump-log', [...args, '--files', files.sort().join(',')])
  const dumped = new Map<string, string[]>()
  let lines: string[] = []
  for (const line of stdout.split('\n')) {
    const file = /^Dumping (\S+)$/.exec(line)?.[1]
    if (file !== undefined) {
      lines = []
      dumped.set(file.slice(data.length + 1), lines)
    } else if (line !== '') lines.push(line)
  }
  return dumped
}

/** Producers by their order in the file; no times, no checksums. */
export function plain(lines: readonly string[]): string[] {
  const names = new Map<string, string>()
  return lines.map(line =>
    line
      .replace(/(producerId"?: ?)(\d+)/gi, (_, label: string, id: string) => {
        const name = names.get(id) ?? `#${names.size + 1}`
        names.set(id, name)
        return `${label}${name}`
      })
      .replace(/\b(CreateTime|lastTimestamp|timestamp|crc): ?-?\d+/g, '$1')
      .replace(/"(transactionStartTimestampMs|transactionLastUpdateTimestampMs)":\d+/g, '"$1":0'),
  )
}

/** For lines whose order means nothing. */
export function unordered(lines: readonly string[]): string[] {
  return plain(lines)
    .map(line => line.replace(/#\d+/g, '#'))
    .sort()
}

/** Payloads of transactional ids in their order, by the id; of the partitions in them the order means nothing. */
export function payloadsById(dumped: Dumped): Map<string, string[]> {
  const byId = new Map<string, string[]>()
  for (const lines of dumped.values()) {
    for (const line of lines) {
      const id = /"transactionalId":"([^"]*)"/.exec(line)?.[1]
      const payload = /payload: (.*)$/.exec(line)?.[1]
      if (id === undefined || payload === undefined) continue
      byId.set(id, [
        ...(byId.get(id) ?? []),
        payload.replace(/(?<="transactionPartitions":)\[\{.*?\}\]/, ordered),
      ])
    }
  }
  return new Map([...byId].map(([id, payloads]) => [id, plain(payloads)]))
}

function ordered(partitions: string): string {
  const parsed = JSON.parse(partitions) as { topic: string; partitionIds: number[] }[]
  const sorted = parsed.map(({ topic, partitionIds }) => ({ topic, partitionIds: partitionIds.toSorted() }))
  return JSON.stringify(sorted.toSorted((a, b) => (a.topic < b.topic ? -1 : 1)))
}
