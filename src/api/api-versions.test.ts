import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decode } from '../../protocol/codec.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { encodeRequestFrame } from '../../protocol/header.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import type { Fields, FieldType, InputOf } from '../../protocol/schema.ts'
import { EMPTY_BYTES, joined, ZERO_UUID } from '../../protocol/wire.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { ApiTable, HANDLERS } from './table.ts'
import { metadataOf, WireBroker } from './testing/wire-broker.ts'

let broker: WireBroker
let client: WireClient

beforeAll(async () => {
  broker = await WireBroker.start()
  client = await broker.connect()
})
afterAll(() => broker.close())

function ask(version: number, body: Partial<InputOf<typeof ApiVersionsRequest.fields>> = {}) {
  return client.call({
    request: ApiVersionsRequest,
    response: ApiVersionsResponse,
    version,
    body: { clientSoftwareName: 'wire', clientSoftwareVersion: '1.0', ...body },
  })
}

/** A request as nobody's definitions have it: only the header is known to be right. */
function rawRequest(apiKey: number, apiVersion: number, correlationId: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + body.length, 0)
  header.writeInt16BE(apiKey, 4)
  header.writeInt16BE(apiVersion, 6)
  header.writeInt32BE(correlationId, 8)
  header.writeInt16BE(-1, 12)
  return Buffer.concat([header, body])
}

/** Nothing is asked for, and everything is there. */
function emptyStruct(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, emptyValue(type)]))
}

function emptyValue(type: FieldType): unknown {
  switch (type.kind) {
    case 'array':
      return []
    case 'struct':
      return emptyStruct(type.fields)
    case 'bool':
      return false
    case 'string':
      return ''
    case 'uuid':
      return ZERO_UUID
    case 'bytes':
      return EMPTY_BYTES
    case 'int64':
      return 0n
    default:
      return 0
  }
}

describe('versions', () => {
  test('T001 a version above ours is answered as v0 with UNSUPPORTED_VERSION, and the client may ask again', async () => {
    for (const version of [6, 99, 32_767]) {
      client.sendBytes(rawRequest(18, version, 4_711, Buffer.from([0, 2, 0x78, 2, 0x78, 0])))
      const frame = await client.receiveFrame()
      expect(frame.readInt32BE(0)).toBe(4_711)
      const response = decode(ApiVersionsResponse, 0, frame, 4)
      expect(response.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
      expect(response.apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 5 }])
    }
    for (const version of [5, 4, 3, 2, 1, 0]) expect((await ask(version)).errorCode).toBe(ErrorCode.NONE)
  })

  test('T002 the response header has no tagged fields, in any version', async () => {
    for (const version of [0, 3, 4, 5]) {
      const correlationId = client.send({
        request: ApiVersionsRequest,
        version,
        body: { clientSoftwareName: 'wire', clientSoftwareVersion: '1' },
      })
      const frame = await client.receiveFrame()
      expect(frame.readInt32BE(0)).toBe(correlationId)
      // The error code follows the correlation id at once.
      expect(frame.readInt16BE(4)).toBe(0)
      expect(decode(ApiVersionsResponse, version, frame, 4).apiKeys.length).toBeGreaterThan(10)
    }
  })

  test('T003 software names that Kafka would not take are INVALID_REQUEST, from v3 on', async () => {
    for (const name of ['', '-a', 'a-', 'a b', 'a_b', 'ä']) {
      expect((await ask(3, { clientSoftwareName: name })).errorCode, name).toBe(ErrorCode.INVALID_REQUEST)
      expect((await ask(4, { clientSoftwareVersion: name })).errorCode, name).toBe(ErrorCode.INVALID_REQUEST)
    }
    for (const name of ['a', 'apache-kafka-java', '4.0.0-rc.1']) {
      expect((await ask(3, { clientSoftwareName: name })).errorCode).toBe(ErrorCode.NONE)
    }
    expect((await ask(2, { clientSoftwareName: '' })).errorCode).toBe(ErrorCode.NONE)
  })

  test('T004 the tagged fields of a request header are skipped behind a null and an empty client id', async () => {
    for (const clientId of [null, '']) {
      const other = await broker.connect(clientId)
      const frame = encodeRequestFrame(ApiVersionsRequest, {
        version: 3,
        correlationId: 7,
        clientId,
        body: { clientSoftwareName: 'wire', clientSoftwareVersion: '1' },
      })
      other.sendBytes(joined(frame))
      const response = await other.receive(ApiVersionsResponse, 3, 7)
      expect(response.errorCode).toBe(ErrorCode.NONE)
    }
    // The same with an unknown tag in the header, of two bytes, and one in the body.
    const tagged = [0xff, 0xff, 1, 0x63, 2, 1, 2, 2, 0x78, 2, 0x78, 1, 0x63, 1, 9]
    const header = Buffer.from([0, 0, 0, 8 + tagged.length, 0, 18, 0, 3, 0, 0, 0, 9])
    client.sendBytes(header, Buffer.from(tagged))
    expect((await client.receive(ApiVersionsResponse, 3, 9)).errorCode).toBe(ErrorCode.NONE)
  })

  test('T005 T007 T008 what is advertised is what dispatch serves, Produce from version 0 on', async () => {
    const { apiKeys } = await ask(4)
    const served = Array.from(new ApiTable(HANDLERS).rows(), ({ apiKey, minVersion, maxVersion }) => ({
      apiKey,
      minVersion,
      maxVersion,
    }))
    expect(apiKeys).toEqual(served)
    expect(apiKeys.map(({ apiKey }) => apiKey)).toEqual(
      [...apiKeys.map(({ apiKey }) => apiKey)].sort((a, b) => a - b),
    )
    expect(apiKeys.find(({ apiKey }) => apiKey === 0)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 })
    expect(apiKeys.find(({ apiKey }) => apiKey === 22)?.maxVersion).toBe(5)
    // T008: old librdkafka, kafka-go and brod look for JoinGroup v0 and v1.
    expect(apiKeys.find(({ apiKey }) => apiKey === 11)).toEqual({ apiKey: 11, minVersion: 0, maxVersion: 9 })
  })

  test('T005 the lowest and the highest version of every API that is advertised get a reply', async () => {
    for (const { handler, name, minVersion, maxVersion } of new ApiTable(HANDLERS).rows()) {
      for (const version of new Set([minVersion, maxVersion])) {
        const other = await broker.connect()
        const body = { ...emptyStruct(handler.request.fields), acks: 1, clientSoftwareName: 'a' }
        const response = await other.call({
          request: handler.request,
          response: handler.response,
          version,
          body: { ...body, clientSoftwareVersion: '1' },
        })
        expect(response, `${name} v${version}`).toBeTypeOf('object')
        await other.close()
      }
    }
  })

  test('T009 where topic ids are used, Metadata tells them', async () => {
    const { apiKeys } = await ask(4)
    const maxVersion = (key: number) => apiKeys.find(({ apiKey }) => apiKey === key)?.maxVersion
    expect(maxVersion(0)).toBeGreaterThanOrEqual(13)
    expect(maxVersion(1)).toBeGreaterThanOrEqual(13)
    expect(maxVersion(3)).toBeGreaterThanOrEqual(12)
  })

  test('T010 another API in a version that is not served closes the connection', async () => {
    for (const [apiKey, version] of [
      [3, 14],
      [3, -1],
      [22, 6],
      [0, 99],
    ] as const) {
      const other = await broker.connect()
      other.sendBytes(rawRequest(apiKey, version, 1, Buffer.alloc(8)))
      await expect(other.receiveFrame()).rejects.toThrow('hung up')
    }
    expect((await ask(4)).errorCode).toBe(ErrorCode.NONE)
  })

  test('T011 an unknown API closes its connection only', async () => {
    const other = await broker.connect()
    other.sendBytes(rawRequest(999, 0, 1, Buffer.alloc(0)))
    await other.closed
    expect((await ask(4)).errorCode).toBe(ErrorCode.NONE)
  })

  test('T017 an answer that somebody changed does not change the next one', async () => {
    const first = await ask(4)
    ;(first.apiKeys as unknown[]).length = 0
    expect((await ask(4)).apiKeys.length).toBeGreaterThan(10)
  })
})

describe('features', () => {
  test('T006 the finalized levels are given with the epoch of the metadata', async () => {
    const response = await ask(4)
    expect(response.finalizedFeaturesEpoch).toBeGreaterThan(0n)
    expect(response.finalizedFeatures).toContainEqual({
      name: 'metadata.version',
      maxVersionLevel: 30,
      minVersionLevel: 30,
    })
    for (const { name, maxVersionLevel } of response.finalizedFeatures) {
      const supported = response.supportedFeatures.find(feature => feature.name === name)
      expect(supported?.maxVersion, name).toBeGreaterThanOrEqual(maxVersionLevel)
    }
  })

  test('T006 a feature is told of where its API is served, and nowhere else', async () => {
    const { apiKeys, finalizedFeatures, supportedFeatures } = await ask(4)
    const isServed = (apiKey: number) => apiKeys.some(row => row.apiKey === apiKey)
    for (const features of [finalizedFeatures, supportedFeatures]) {
      const names = features.map(({ name }) => name)
      expect(names.includes('group.version')).toBe(isServed(68))
      expect(names.includes('transaction.version')).toBe(isServed(24))
    }
  })

  test('features whose lowest level is 0 are kept from clients of v3 (KAFKA-17011)', async () => {
    const names = async (version: number) => (await ask(version)).supportedFeatures.map(({ name }) => name)
    expect(await names(3)).toEqual(['metadata.version'])
    expect(await names(4)).toContain('kraft.version')
  })

  test('a client of v5 that means another cluster or node is told to bootstrap again (KIP-1242)', async () => {
    const { clusterId } = await metadataOf(client, [])
    const code = async (body: Parameters<typeof ask>[1]) => (await ask(5, body)).errorCode
    expect(await code({ clusterId, nodeId: 1 })).toBe(ErrorCode.NONE)
    expect(await code({ clusterId: null, nodeId: -1 })).toBe(ErrorCode.NONE)
    expect(await code({ clusterId: 'another' })).toBe(ErrorCode.REBOOTSTRAP_REQUIRED)
    expect(await code({ nodeId: 2 })).toBe(ErrorCode.REBOOTSTRAP_REQUIRED)
  })
})
