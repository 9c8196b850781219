/** The command on a real disk: what it says, and that it does nothing when it is only asked. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Klamm } from '../../embedded.ts'
import { putFiles } from '../../log/testing/kafka-directory.ts'
import { nodePlatform } from '../../platform/node.ts'
import { type ImportOptions, importKafka } from './import.ts'
import { kafkaNode, manifest } from './testing/kafka-node.ts'

let directory: string
let from: string

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'klamm-'))
  from = join(directory, 'kafka')
  await putFiles(nodePlatform().disk, from, kafkaNode)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** What a run prints. */
async function said(options: ImportOptions): Promise<string> {
  const write = process.stdout.write
  let text = ''
  process.stdout.write = (chunk: string | Uint8Array) => {
    text += chunk
    return true
  }
  try {
    await importKafka(options)
  } finally {
    process.stdout.write = write
  }
  return text
}

test('a dry run tells what would be taken over and leaves everything as it is', async () => {
  const before = readdirSync(directory, { recursive: true }).sort()
  const to = join(directory, 'copy')
  for (const options of [{ from: [from] }, { from: [from], to }]) {
    expect((await said({ ...options, dryRun: true })).split('\n').slice(0, 2)).toEqual([
      `Kafka node 1 of cluster ${manifest.clusterId}`,
      '  13 topics, 21 partitions',
    ])
    expect(readdirSync(directory, { recursive: true }).sort()).toEqual(before)
  }
})

test('what is taken over starts by the command that is printed, as the same cluster', async () => {
  const to = join(directory, 'copy')
  expect(await said({ from: [from], to })).toContain(
    `  klamm start --data-dir ${to} --config <server.properties>`,
  )
  expect(await said({ from: [from] })).toContain(`  klamm start --data-dir ${from} `)
  for (const storage of [to, from]) {
    const klamm = await Klamm.start({ storage, profile: 'default', config: { 'log.retention.ms': -1 } })
    expect(klamm.clusterId).toBe(manifest.clusterId)
    await klamm.close()
  }
})
