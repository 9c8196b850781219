import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { metadataOf } from '../api/testing/wire-broker.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { Klamm } from '../embedded.ts'
import { silentLogger } from '../observe/logger.ts'
import { nodePlatform } from '../platform/node.ts'
import { type Control, startControl } from './control.ts'

let klamm: Klamm
let control: Control

beforeAll(async () => {
  klamm = await Klamm.start({ clock: 'manual', topics: ['first'] })
  control = await startControl({ klamm, listener: '127.0.0.1:0', version: '1.2.3', logger: silentLogger })
})
beforeEach(() => klamm.reset())
afterAll(async () => {
  await control.close()
  await klamm.close()
})

/** What answers hold, as far as these tests look into them. */
interface Told {
  readonly error: string
  readonly problems: readonly string[]
  readonly bootstrapServers: string
  readonly now: number
  readonly time: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>
}

/** What the API answers; bodies are JSON, or text as it is. */
async function ask(method: string, path: string, body?: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(control.url + path, { method, ...(text !== undefined && { body: text }) })
  const type = response.headers.get('content-type') ?? ''
  const answer = (type.includes('json') ? await response.json() : await response.text()) as Told
  return { status: response.status, answer, type }
}

const connect = () => WireClient.connect(nodePlatform().network, klamm)

describe('topics and records', () => {
  test('are made, written, read, waited for and deleted', async () => {
    const made = await ask('POST', '/topics', {
      name: 'orders',
      partitions: 2,
      configs: { 'retention.ms': 1000 },
    })
    expect(made).toMatchObject({
      status: 201,
      answer: { name: 'orders', configs: { 'retention.ms': '1000' } },
    })
    const records = [
      'plain',
      { key: 'k', value: 'v', headers: { h: 'x' }, partition: 1 },
      { value: null, partition: 1 },
      { valueBase64: '/wA=', partition: 1 },
    ]
    const produced = await ask('POST', '/topics/orders/records', { records, compression: 'gzip' })
    expect(produced.status).toBe(201)
    expect(produced.answer).toContainEqual({ topic: 'orders', partition: 1, offset: 2 })
    const { answer } = await ask('GET', '/topics/orders/records')
    expect(answer).toMatchObject([
      { partition: 0, offset: 0, key: null, value: 'plain' },
      { partition: 1, offset: 0, key: 'k', value: 'v', headers: { h: 'x' } },
      { partition: 1, offset: 1, value: null },
      { partition: 1, offset: 2, valueBase64: '/wA=' },
    ])
    expect((await ask('GET', '/topics/orders/consume?count=2&partition=1&from=1')).answer).toHaveLength(2)
    expect((await ask('DELETE', '/topics/orders')).status).toBe(200)
    expect((await ask('GET', '/topics')).answer).toMatchObject([{ name: 'first' }])
  })

  test('a wait that is in vain says what was there', async () => {
    const { status, answer } = await ask('GET', '/topics/first/consume?count=3&timeout=10')
    expect(status).toBe(408)
    expect(answer.error).toContain('0 of 3 records of first came within 10 ms')
  })
})

describe('the broker', () => {
  test('is reset, and clients stay connected', async () => {
    const client = await connect()
    await ask('POST', '/topics', { name: 'orders' })
    expect((await ask('POST', '/reset')).status).toBe(200)
    expect((await metadataOf(client, null)).topics.map(({ name }) => name)).toEqual(['first'])
    await client.close()
  })

  test('crashes and comes back, which health and readiness tell truthfully', async () => {
    await ask('POST', '/topics/first/records', { records: ['kept'] })
    expect((await ask('GET', '/ready')).status).toBe(200)
    expect((await ask('POST', '/crash')).status).toBe(200)
    for (const path of ['/health', '/ready']) {
      const { status, answer } = await ask('GET', path)
      expect(status, path).toBe(503)
      expect(answer.problems[0], path).toMatch(/restart/)
    }
    expect(await ask('GET', '/topics')).toMatchObject({
      status: 409,
      answer: { error: expect.stringMatching(/restart/) },
    })
    expect((await ask('GET', '/metrics')).answer).toMatch(/^klamm_up 0$/m)
    expect((await ask('POST', '/restart')).status).toBe(200)
    expect((await ask('GET', '/ready')).status).toBe(200)
    expect((await ask('GET', '/topics/first/records')).answer).toMatchObject([{ value: 'kept' }])
  })

  test('is reset also where a test has left it down', async () => {
    await ask('POST', '/crash')
    expect((await ask('POST', '/reset')).status).toBe(200)
    expect((await ask('GET', '/ready')).status).toBe(200)
  })

  test('is kept, restored and forked', async () => {
    await ask('POST', '/topics/first/records', { records: ['before'] })
    expect(await ask('POST', '/snapshots', { id: 'one' })).toMatchObject({
      status: 201,
      answer: { id: 'one' },
    })
    const fork = await ask('POST', '/forks')
    expect(fork).toMatchObject({ status: 201, answer: { id: 'fork-1' } })
    expect(fork.answer.bootstrapServers).not.toBe(klamm.bootstrapServers)
    await ask('POST', '/topics/first/records', { records: ['after'] })
    expect((await ask('POST', '/snapshots/one/restore')).status).toBe(200)
    expect((await ask('GET', '/topics/first/records')).answer).toMatchObject([{ value: 'before' }])
    expect((await ask('DELETE', '/forks/fork-1')).status).toBe(200)
    expect((await ask('GET', '/forks')).answer).toEqual([])
    expect((await ask('DELETE', '/snapshots/one')).status).toBe(200)
    expect((await ask('POST', '/snapshots/one/restore')).answer.error).toBe(
      'there is no snapshot one; there are none',
    )
  })

  test('lets time pass', async () => {
    const before = (await ask('GET', '/clock')).answer.now
    const { answer } = await ask('POST', '/clock/advance', { by: '7d' })
    expect(answer.now - before).toBe(7 * 24 * 3_600_000)
    expect(answer.time).toBe(new Date(answer.now).toISOString())
    expect(await ask('POST', '/clock/advance', { by: -1 })).toMatchObject({ status: 409 })
  })

  test('a trace that was never begun says how to begin', async () => {
    const other = await Klamm.start()
    const options = { klamm: other, listener: '127.0.0.1:0', version: '1', logger: silentLogger }
    const { url, close } = await startControl(options)
    const response = await fetch(`${url}/trace`)
    expect(response.status).toBe(409)
    expect(await response.json()).toEqual({ error: expect.stringMatching(/start/) })
    await close()
    await other.close()
  })

  test('fails by rules, and tells what it was asked', async () => {
    await ask('POST', '/trace/start')
    const rule = { api: 'Metadata', times: 1, effect: { drop: true } }
    expect(await ask('POST', '/faults', rule)).toMatchObject({ status: 201, answer: { id: 1, count: 0 } })
    expect((await ask('GET', '/faults')).answer).toHaveLength(1)
    const client = await connect()
    await expect(metadataOf(client, null)).rejects.toThrow()
    expect((await ask('GET', '/faults/fired')).answer).toMatchObject([{ rule: 1, api: 'Metadata' }])
    expect(await ask('GET', '/trace?api=Metadat')).toMatchObject({
      status: 400,
      answer: { error: 'api: there is no API Metadat' },
    })
    const { answer } = await ask('GET', '/trace?api=metadata&last=1')
    expect(answer).toMatchObject([{ api: 'Metadata' }])
    expect(await ask('GET', '/trace/text')).toMatchObject({
      status: 200,
      type: expect.stringMatching(/text\/plain/),
      answer: expect.stringMatching(/Metadata/),
    })
    await ask('DELETE', '/faults')
    await ask('DELETE', '/trace')
    expect((await ask('GET', '/trace')).answer).toEqual([])
    expect(await ask('POST', '/faults', { api: 'Produze', effect: { drop: true } })).toMatchObject({
      status: 400,
      answer: { error: expect.stringMatching(/Produce/) },
    })
    expect(await ask('DELETE', '/faults/7')).toMatchObject({
      status: 404,
      answer: { error: expect.stringMatching(/in force: none/) },
    })
  })
})

test('groups are listed, waited for, and told apart from those that are not there', async () => {
  expect((await ask('GET', '/groups')).answer).toEqual([])
  expect(await ask('GET', '/groups/billing')).toMatchObject({
    status: 404,
    answer: { error: expect.stringMatching(/groups: none/) },
  })
  expect(await ask('GET', '/groups/billing/lag')).toMatchObject({ status: 404 })
  expect(await ask('GET', '/groups/billing/stable?timeout=10&members=2')).toMatchObject({
    status: 408,
    answer: {
      error: 'group billing was not stable with 2 members within 10 ms; there is no such group; groups: none',
    },
  })
})

test('metrics are what there is', async () => {
  await ask('POST', '/topics/first/records', { records: ['a', 'b'] })
  const { answer, type } = await ask('GET', '/metrics')
  expect(type).toContain('text/plain')
  expect(answer).toMatch(/^klamm_partition_end_offset\{topic="first",partition="0"\} 2$/m)
  expect(answer).toMatch(/^klamm_topics 1$/m)
  expect(answer).toMatch(/^process_resident_memory_bytes [1-9]/m)
})

test('requests that cannot be meant are told what is wrong, each in words', async () => {
  const cases: readonly (readonly [string, string, unknown, number, RegExp])[] = [
    ['POST', '/topics', { name: 'x', partition: 2 }, 400, /body: partition is not known/],
    ['POST', '/topics', { partitions: 0 }, 400, /name is missing; body.partitions: it must be >= 1/],
    ['POST', '/topics', { name: 'x', partitions: '2' }, 400, /body.partitions: it must be integer/],
    ['POST', '/topics', 'name=x', 400, /the body is no JSON/],
    ['POST', '/topics', undefined, 400, /POST \/topics needs a body of JSON/],
    ['POST', '/topics', { name: 'first' }, 409, /TOPIC_ALREADY_EXISTS/],
    ['POST', '/topics', { name: 'x', configs: { 'retention.msx': 1 } }, 409, /retention.msx/],
    ['POST', '/topics/first/records', { records: [{ key: 'k' }] }, 400, /needs value or valueBase64/],
    ['POST', '/topics/first/records', { records: [{ valueBase64: '***' }] }, 400, /no base64/],
    ['POST', '/topics/first/records', { records: ['x'], compression: 'rar' }, 400, /one of none, gzip/],
    ['GET', '/topics/none', undefined, 404, /there is no topic none; topics: first/],
    ['GET', '/topics/first/consume?count=none', undefined, 400, /query.count: it must be integer/],
    ['GET', '/topics/first/consume?cuont=1', undefined, 400, /query: cuont is not known/],
    ['POST', '/crash', { unsynced: 'burnt' }, 400, /one of kept, lost, torn/],
    ['POST', '/crash', { unsynced: 'torn' }, 409, /powerLoss/],
    ['POST', '/snapshots', { id: 'a b' }, 400, /letters/],
    ['POST', '/snapshots/none/restore', undefined, 404, /no snapshot none/],
    ['GET', '/nowhere', undefined, 404, /no GET \/nowhere; \/openapi.json/],
    ['PUT', '/topics', { name: 'x' }, 404, /\/topics does not take PUT, but GET, POST/],
  ]
  for (const [method, path, body, status, why] of cases) {
    const told = await ask(method, path, body)
    expect(told.answer.error, `${method} ${path}`).toMatch(why)
    expect(told.status, `${method} ${path}`).toBe(status)
  }
})

test('pages in a browser are refused, and so are names that somebody else may have pointed here', async () => {
  const withHeaders = (headers: Record<string, string>) =>
    new Promise<number>((resolve, reject) => {
      const request = httpRequest(`${control.url}/reset`, { method: 'POST', headers }, response => {
        response.resume()
        resolve(response.statusCode!)
      })
      request.on('error', reject)
      request.end()
    })
  expect(await withHeaders({ origin: 'http://evil.example' })).toBe(409)
  expect(await withHeaders({ host: 'evil.example' })).toBe(409)
  expect(await withHeaders({ host: 'localhost:80' })).toBe(200)
})

test('OpenAPI describes all that is served', async () => {
  const { answer } = await ask('GET', '/openapi.json')
  expect(answer).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } })
  const ids = new Set<string>()
  for (const [path, operations] of Object.entries(answer.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const name = `${method} ${path}`
      expect(operation.summary, name).toMatch(/\w/)
      expect(operation.responses, name).toHaveProperty('200')
      for (const [, parameter] of path.matchAll(/\{(\w+)\}/g)) {
        expect(operation.parameters, name).toContainEqual(
          expect.objectContaining({ name: parameter, in: 'path' }),
        )
      }
      ids.add(operation.operationId as string)
    }
  }
  expect([...ids]).toEqual(
    expect.arrayContaining(['postReset', 'postTopicsTopicRecords', 'getGroupsGroupStable']),
  )
  // Each operation has a name of its own, for whoever generates a client.
  const count = Object.values(answer.paths).flatMap(it => Object.keys(it)).length
  expect(ids.size).toBe(count)
})

test('an address that is taken or cannot be is refused in words', async () => {
  const options = { klamm, version: '1', logger: silentLogger }
  const taken = control.url.replace('http://', '')
  await expect(startControl({ ...options, listener: taken })).rejects.toThrow(
    /klamm.control.listener.*is in use/,
  )
  await expect(startControl({ ...options, listener: 'nonsense' })).rejects.toThrow(
    /not of the form host:port/,
  )
})
