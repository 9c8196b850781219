import { expect, test } from 'vitest'
import { apis } from '../../protocol/apis.ts'
import { decode } from '../../protocol/codec.ts'
import { decodeResponseHeader, encodeResponseFrame } from '../../protocol/header.ts'
import { definitionOf, loadVectors } from '../../protocol/testing/vectors.ts'
import { joined } from '../../protocol/wire.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { fieldsOf } from './api-fields.ts'
import { Faults } from './faults.ts'

const POLICY_VIOLATION = 44

function codesIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  return Object.entries(value).flatMap(([name, field]) =>
    /errorCode$/i.test(name) && typeof field === 'number' ? [field] : codesIn(field),
  )
}

function refusing(api: string): Faults {
  const faults = new Faults({ clock: new ManualClock() })
  faults.add({ api }, { error: POLICY_VIOLATION })
  return faults
}

test('an error can be answered to each request that Kafka has written, in each version', async () => {
  const asked = new Set<string>()
  const told = new Set<string>()
  const byApi = new Map<string, Faults>()
  for (const vector of loadVectors()) {
    const definition = definitionOf(vector)
    const api = definition && apis.get(definition.apiKey)
    if (!api || definition !== api.request || !fieldsOf(api).hasError) continue
    const { version } = vector
    const what = `${api.name} v${version}`
    asked.add(what)
    if (told.has(what)) continue
    const faults = byApi.get(api.name) ?? refusing(api.name)
    byApi.set(api.name, faults)
    const request = decode(definition, version, Buffer.from(vector.hex, 'hex'))
    const call = {
      apiKey: api.apiKey,
      apiVersion: version,
      correlationId: 1,
      clientId: null,
      connectionId: '',
    }
    const { response, ending } = await faults.intercept({ ...call, request }, () => {
      throw new Error('it was served')
    })
    if (response === null) {
      expect([api.name, ending]).toEqual(['Produce', 'cut'])
      continue
    }
    const frame = joined(encodeResponseFrame(api.response, version, 1, response as never)).subarray(4)
    const { bodyPosition } = decodeResponseHeader(api.apiKey, version, frame)
    // Requests that name nothing are answered with lists that are empty.
    if (codesIn(decode(api.response, version, frame, bodyPosition)).includes(POLICY_VIOLATION)) told.add(what)
  }
  // Before v3 there was no place for it: Kafka answers with an empty list too.
  const untold = ['DescribeLogDirs v0', 'DescribeLogDirs v1', 'DescribeLogDirs v2']
  expect([...asked].filter(what => !told.has(what)).sort()).toEqual(untold)
  expect(told.size).toBeGreaterThan(250)
}, 30_000)
