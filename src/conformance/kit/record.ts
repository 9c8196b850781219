/**
 * Holds the cases of an area with a broker that runs, and prints what it answered as JSON. Run on Apache
 * Kafka 4.3.1 as it comes out of the box, it makes the expectations of the kit:
 *
 *     cd src/conformance/cases/fixtures
 *     node ../../../../dist/src/conformance/kit/record.js 127.0.0.1:9092 produce > produce.json
 */
import { nodePlatform } from '../../platform/node.ts'
import { CASES } from '../cases/all.ts'
import { asText } from '../recording.ts'
import type { Area } from './case.ts'
import { removeTraces } from './cleanup.ts'
import { plainJson } from './compare.ts'
import { holdCase, type RecordedEntry } from './runner.ts'
import { reach } from './target.ts'

const PARALLEL = 4

export async function recordArea(address: string, area: Area): Promise<string> {
  const [host = '', port = ''] = address.split(':')
  const { network, clock, random } = nodePlatform()
  const prefix = `kit-${random.bytes(4).toString('hex')}-`
  const target = await reach({
    network,
    clock,
    host,
    port: Number(port),
    prefix,
    patienceMs: 10_000,
    isEncrypted: false,
  })
  const cases = CASES.filter(it => it.area === area && !it.expected)
  const heard = new Map<string, readonly RecordedEntry[]>()
  const queue = [...cases]
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const held = await holdCase(next, { side: target.side, prefix, clock })
      if (held.notApplicable !== undefined) throw new Error(`${next.name}: ${held.notApplicable}`)
      if (held.complaint !== undefined) throw new Error(`${next.name}: ${held.complaint}`)
      const compared = held.transcript.filter(entry => !entry.isAside)
      const entries = compared.map(it => ({ said: it.said, heard: plainJson(it.heard ?? 'nothing') }))
      heard.set(next.name, entries)
    }
  }
  await Promise.all(Array.from({ length: cases.some(it => it.alone) ? 1 : PARALLEL }, work))
  await removeTraces(target.side(), prefix)
  return asText(Object.fromEntries(cases.map(({ name }) => [name, heard.get(name) ?? []])))
}

if (/kit.record\.[jt]s$/.test(process.argv[1] ?? '')) {
  const [, , address = '127.0.0.1:9092', area = 'produce'] = process.argv
  process.stdout.write(await recordArea(address, area as Area))
  process.exit(0)
}
