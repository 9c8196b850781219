// Conversations as they went on either side, in a table for people: what was refused, and what a reader of committed
// records saw in the end.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry } from '../../src/conformance/talk.ts'

export type Transcripts = Readonly<Record<string, readonly Entry[]>>

const NONE = 'none'

/** `EndTxn INVALID_TXN_STATE`, each once with how often. */
export function refusals(entries: readonly Entry[]): string {
  const counts = new Map<string, number>()
  for (const { said, heard } of entries) {
    const api = /: (\w+) v\d+$/.exec(said)?.[1]
    if (api === undefined) continue
    for (const code of codesIn(heard)) counts.set(`${api} ${code}`, (counts.get(`${api} ${code}`) ?? 0) + 1)
  }
  return listed([...counts].map(([what, count]) => (count > 1 ? `${what} ×${count}` : what)))
}

/** By partition, whatever was read of it from wherever. */
export function visible(entries: readonly Entry[]): string {
  const seen = new Map<string, Map<number, readonly string[]>>()
  for (const { said, heard } of entries) {
    const partition = /^(\S+-\d+) as read committed$/.exec(said)?.[1]
    if (partition === undefined) continue
    const { batches, abortedTransactions } = heard as Read
    const values = seen.get(partition) ?? new Map<number, readonly string[]>()
    seen.set(partition, values)
    for (const batch of committed(batches, abortedTransactions))
      values.set(batch.lastOffset, batch.values ?? [])
  }
  const lists = [...seen].map(([partition, values]) => `${/\d+$/.exec(partition)![0]}: ${told(values)}`)
  return lists.length === 0 ? NONE : lists.join('; ')
}

function told(values: ReadonlyMap<number, readonly string[]>): string {
  const inOrder = [...values].sort(([a], [b]) => a - b).flatMap(([, each]) => each)
  return listed(inOrder.map(value => value.slice(0, 12)))
}

interface Read {
  readonly batches: readonly {
    readonly producerId: unknown
    readonly lastOffset: number
    readonly values?: readonly string[]
    readonly marker?: { readonly type: string }
  }[]
  readonly abortedTransactions:
    | readonly { readonly producerId: unknown; readonly firstOffset: number }[]
    | null
}

function committed(batches: Read['batches'], aborted: Read['abortedTransactions']): Read['batches'] {
  const left = (aborted ?? []).toSorted((a, b) => a.firstOffset - b.firstOffset)
  const aborting = new Set<unknown>()
  return batches.filter(({ producerId, lastOffset, values, marker }) => {
    while (left[0] && left[0].firstOffset <= lastOffset) aborting.add(left.shift()!.producerId)
    if (marker?.type === 'ABORT') aborting.delete(producerId)
    return values && !aborting.has(producerId)
  })
}

function codesIn(value: unknown, key = ''): string[] {
  if (Array.isArray(value)) return value.flatMap(each => codesIn(each, key))
  if (/errorCode$/i.test(key)) return value === 'NONE' ? [] : [String(value)]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => codesIn(inner, name))
}

function listed(parts: readonly string[]): string {
  return parts.length === 0 ? NONE : parts.join(', ')
}

export function writeTable(kafka: Transcripts, klamm: Transcripts): void {
  const names = Object.keys(kafka)
  const isSame = (name: string) => JSON.stringify(kafka[name]) === JSON.stringify(klamm[name])
  const row = (name: string) => {
    const [theirs, ours] = [kafka[name]!, klamm[name] ?? []]
    const cells = [name, refusals(theirs), refusals(ours), visible(theirs), visible(ours)]
    return `| ${[...cells, isSame(name) ? 'yes' : 'NO'].join(' | ')} |`
  }
  const lines = [
    '# Transactions side by side',
    '',
    'Each line is a conversation of raw requests, held with Apache Kafka 4.3.1 and with Klamm in the same run: what was',
    'refused, and what a reader of committed records saw in each partition in the end. The last column tells whether the',
    'answers were the same to the last field. The conversations are in `src/conformance/transactions`; this file is made by',
    '`npm --prefix test-interop run scenarios`.',
    '',
    `${names.filter(isSame).length} of ${names.length} are the same.`,
    '',
    '| conversation | refused by Kafka | refused by Klamm | committed on Kafka | committed on Klamm | same |',
    '| --- | --- | --- | --- | --- | --- |',
    ...names.map(row),
  ]
  writeFileSync(join(import.meta.dirname, '..', '..', 'docs', 'transactions.md'), `${lines.join('\n')}\n`)
}
