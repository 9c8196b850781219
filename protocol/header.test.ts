import { expect, test } from 'vitest'
import { apis } from './apis.ts'
import { decode } from './codec.ts'
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequestFrame,
  encodeResponseFrame,
  requestHeaderVersion,
  responseHeaderVersion,
} from './header.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from './messages/api-versions.ts'
import { FindCoordinatorResponse } from './messages/find-coordinator.ts'
import { HeartbeatRequest, HeartbeatResponse } from './messages/heartbeat.ts'
import { isWithin } from './schema.ts'
import { loadVectors, versionsOf } from './testing/vectors.ts'
import { joined } from './wire.ts'

test('T002 an ApiVersions response has header v0 in every version', () => {
  for (const version of versionsOf(ApiVersionsResponse)) {
    expect(responseHeaderVersion(18, version)).toBe(0)
    const frame = joined(encodeResponseFrame(ApiVersionsResponse, version, 7, { errorCode: 35, apiKeys: [] }))
    expect(frame.readInt32BE(0)).toBe(frame.length - 4)
    // The error code follows the correlation id at once.
    expect(frame.subarray(4, 10).toString('hex')).toBe('00000007' + '0023')
  }
  expect(requestHeaderVersion(18, 2)).toBe(1)
  expect(requestHeaderVersion(18, 3)).toBe(2)
})

test('T004 the tags of a flexible header are consumed, be its client id null, empty or given', () => {
  const body = { groupId: 'g', generationId: 1, memberId: 'm' }
  for (const clientId of [null, '', 'client']) {
    for (const version of versionsOf(HeartbeatRequest)) {
      const request = { version, correlationId: 9, clientId, body: { ...body, groupInstanceId: null } }
      const frame = joined(encodeRequestFrame(HeartbeatRequest, request)).subarray(4)
      const header = decodeRequestHeader(frame)
      expect(header).toMatchObject({ apiKey: 12, apiVersion: version, correlationId: 9, clientId })
      expect(decode(HeartbeatRequest, version, frame, header.bodyPosition)).toMatchObject(body)
    }
  }
  const unknownTag = Buffer.from('000c0004' + '00000009' + 'ffff' + '01' + '0502abcd' + '0267', 'hex')
  expect(decodeRequestHeader(unknownTag)).toMatchObject({ clientId: null, bodyPosition: 15 })
})

test('header versions are those that Kafka uses', () => {
  let count = 0
  for (const vector of loadVectors() as readonly {
    apiKey?: number
    version: number
    type: string
    headerVersion?: number
  }[]) {
    const { apiKey, version, type, headerVersion } = vector
    if (apiKey === undefined || headerVersion === undefined) continue
    const ours =
      type === 'request' ? requestHeaderVersion(apiKey, version) : responseHeaderVersion(apiKey, version)
    expect(ours, `${apiKey} v${version} ${type}`).toBe(headerVersion)
    count++
  }
  expect(count).toBeGreaterThan(6_000)
})

test('headers are flexible from where the definitions are', () => {
  for (const { apiKey, request, response } of apis.values()) {
    for (const version of versionsOf(request)) {
      const isFlexible = isWithin(request.flexible, version)
      expect(requestHeaderVersion(apiKey, version), `${request.name} v${version}`).toBe(isFlexible ? 2 : 1)
      if (apiKey === ApiVersionsResponse.apiKey) continue
      const isAnswerFlexible = isWithin(response.flexible, version)
      expect(responseHeaderVersion(apiKey, version), response.name).toBe(isAnswerFlexible ? 1 : 0)
    }
  }
})

test('an unknown API has a header with a client id, a version beyond ours one like our last', () => {
  expect(requestHeaderVersion(12345, 0)).toBe(1)
  for (const { apiKey, request } of apis.values()) {
    const beyond = requestHeaderVersion(apiKey, request.versions.last + 1)
    expect(beyond).toBe(requestHeaderVersion(apiKey, request.versions.last))
  }
  expect(requestHeaderVersion(7, 0)).toBe(0)
  const controlledShutdown = Buffer.from('00070000' + '00000003' + '00000001', 'hex')
  expect(decodeRequestHeader(controlledShutdown)).toMatchObject({ clientId: null, bodyPosition: 8 })
})

test('a response frame is read back by its header', () => {
  for (const version of versionsOf(HeartbeatResponse)) {
    const frame = joined(encodeResponseFrame(HeartbeatResponse, version, 5, { errorCode: 25 })).subarray(4)
    const { correlationId, bodyPosition } = decodeResponseHeader(12, version, frame)
    expect(correlationId).toBe(5)
    expect(decode(HeartbeatResponse, version, frame, bodyPosition)).toEqual({
      throttleTimeMs: 0,
      errorCode: 25,
    })
  }
  expect(decode(ApiVersionsRequest, 3, Buffer.from('01' + '01' + '00', 'hex')).clientSoftwareName).toBe('')
})

test('a text of a response that is too long is cut between two characters, in the compact form too', () => {
  for (const version of [1, 3]) {
    const body = {
      coordinators: [],
      errorCode: 1,
      errorMessage: `why ${'é'.repeat(20_000)}`,
      nodeId: 0,
      host: '',
      port: 0,
    }
    const frame = joined(encodeResponseFrame(FindCoordinatorResponse, version, 5, body)).subarray(4)
    const { bodyPosition } = decodeResponseHeader(10, version, frame)
    const { errorMessage } = decode(FindCoordinatorResponse, version, frame, bodyPosition)
    expect(errorMessage).toBe(`why ${'é'.repeat(16_381)}`)
  }
})

test('a string that can be read and not be written, for it is no UTF-8, is malformed', () => {
  const request = (bytes: number) => {
    const groupId = Buffer.concat([Buffer.alloc(2), Buffer.alloc(bytes, 0xff)])
    groupId.writeInt16BE(bytes)
    return Buffer.concat([groupId, Buffer.from('00000001' + '0001' + '6d', 'hex')])
  }
  expect(decode(HeartbeatRequest, 0, request(10_922)).groupId).toBe('\ufffd'.repeat(10_922))
  expect(() => decode(HeartbeatRequest, 0, request(10_923))).toThrow('groupId: a string of 10923 bytes')
})
