// Kafka's own dump-log as a judge of data files. It mostly exits with 0 whatever it finds, and words its complaints freely, so
// every line that it prints has to have the form of a line about sound data; whatever else it says is a complaint.

import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { kafkaTool } from './kafka-jars.ts'

const soundLines = [
  /^Dumping \S+$/,
  /^Log starting offset: \d+$/,
  /^baseOffset: \d+ lastOffset: \d+ count: \d+ .* position: \d+ CreateTime: -?\d+ size: \d+ magic: 2 compresscodec: \w+ crc: \d+ isvalid: true$/,
  /^baseOffset: \d+ lastOffset: \d+ count: \d+ .* position: \d+ LogAppendTime: \d+ size: \d+ magic: 2 compresscodec: \w+ crc: \d+ isvalid: true$/,
  /^\| offset: \d+ (CreateTime|LogAppendTime): -?\d+ keySize: -?\d+ valueSize: -?\d+ sequence: -?\d+ headerKeys: \[.*\]/,
  /^offset: \d+ position: \d+$/,
  /^timestamp: -?\d+ offset: \d+$/,
  /^producerId: \d+ producerEpoch: \d+ coordinatorEpoch: -?\d+ currentTxnFirstOffset: \S+ lastTimestamp: -?\d+( |$)/,
  /^version: \d+ producerId: \d+ firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+$/,
  /^\S+ passed sanity check\.$/,
  /^\S+\.(index|timeindex) is empty\.$/,
]

export interface Dump {
  readonly files: readonly string[]
  readonly lines: readonly string[]
  readonly complaints: readonly string[]
}

/** Dumps every file of all partitions below a log directory: records one by one, indexes against them, snapshots. */
export async function dumpLogs(data: string): Promise<Dump> {
  const files: string[] = []
  for (const entry of await readdir(data, { withFileTypes: true })) {
    // The metadata log of a Kafka node is no topic of anybody's.
    if (!entry.isDirectory() || !/-\d+$/.test(entry.name) || entry.name === '__cluster_metadata-0') continue
    for (const name of await readdir(join(data, entry.name))) {
      if (/\.(log|index|timeindex|txnindex|snapshot)$/.test(name)) files.push(join(data, entry.name, name))
    }
  }
  const indexes = files.filter(file => /\.(index|timeindex)$/.test(file))
  const lines = [
    ...(await dump(files, '--deep-iteration')),
    ...(indexes.length > 0 ? await dump(indexes, '--index-sanity-check') : []),
  ]
  return { files, lines, complaints: lines.filter(line => !soundLines.some(form => form.test(line))) }
}

async function dump(files: readonly string[], mode: string): Promise<string[]> {
  const missing = files.filter(file => file.endsWith('index') && !existsSync(file.replace(/\.\w+$/, '.log')))
  if (missing.length > 0) throw new Error(`indexes without a log: ${missing.join(' ')}`)
  const args = [mode, '--files', files.join(',')]
  const { code, stdout, stderr } = await kafkaTool('kafka-dump-log', args, { deadlineMs: 300_000 })
  const lines = stdout.split('\n').filter(line => line !== '')
  // An index that leads astray can also throw it off its feet.
  return code === 0 ? lines : [...lines, `dump-log ended with ${code}: ${stderr}`]
}
