import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { apis } from '../../protocol/apis.ts'
import { encodeRequestFrame } from '../../protocol/header.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from '../../protocol/messages/describe-groups.ts'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { joined } from '../../protocol/wire.ts'
import type { Context } from '../api/context.ts'
import { type Handler, handler } from '../api/handler.ts'
import { WireClient } from '../conformance/wire-client.ts'
import {
  FakeRange,
  FETCH,
  fetchAnswering,
  type Held,
  heartbeatAnswering,
  heldProduce,
  type Rig,
  type RigOptions,
  rest,
  startRig,
} from './testing/rig.ts'

const UNSUPPORTED_VERSION = 35
const UNKNOWN_SERVER_ERROR = -1
const INVALID_REQUEST = 42

const apiVersions: Handler = handler({
  request: ApiVersionsRequest,
  response: ApiVersionsResponse,
  highestVersion: 4,
  refuse: errorCode => ({ errorCode, apiKeys: [] }),
  refuseVersion: () => ({
    errorCode: UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
  }),
  handle: ({ clientSoftwareName, clientSoftwareVersion }, { session }) => {
    session.clientSoftwareName = clientSoftwareName
    session.clientSoftwareVersion = clientSoftwareVersion
    return { errorCode: 0, apiKeys: [] }
  },
})

let contexts: Context[]
beforeEach(() => {
  contexts = []
})

const heartbeat = heartbeatAnswering((_groupId, context) => {
  contexts.push(context)
  return 0
})

const started = (options: RigOptions = {}) => startRig({ handlers: [apiVersions, heartbeat], ...options })
const clientOf = (rig: Rig) => WireClient.connect(rig.network, { host: '127.0.0.1', port: rig.port })

const BEAT = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
const heartbeatCall = { request: HeartbeatRequest, response: HeartbeatResponse, version: 4, body: BEAT }
const SOFTWARE = { clientSoftwareName: 'a-client', clientSoftwareVersion: '1.2.3' }

/** A request of a version, or of an API, that nobody has defined: header v2 and nothing. */
function strange(apiKey: number, apiVersion: number): Buffer {
  const frame = Buffer.from('000000000000000000000007000163' + '00', 'hex')
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeInt16BE(apiKey, 4)
  frame.writeInt16BE(apiVersion, 6)
  return frame
}

describe('versions', () => {
  test('T001 ApiVersions in an unknown version is refused in version 0, and the socket lives', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    for (const version of [5, 99, 32_767]) {
      client.sendBytes(strange(18, version))
      const refusal = await client.receive(ApiVersionsResponse, 0, 7)
      expect(refusal).toMatchObject({
        errorCode: UNSUPPORTED_VERSION,
        apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
      })
    }
    const call = { request: ApiVersionsRequest, response: ApiVersionsResponse, body: SOFTWARE }
    expect(await client.call({ ...call, version: 4 })).toMatchObject({ errorCode: 0 })
    expect(rig.lines).toEqual([])
    await client.close()
  })

  test('T010 an unserved version of another API closes the connection and is not handled', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    client.sendBytes(strange(12, 5))
    await client.closed
    expect(contexts).toEqual([])
    expect(rig.lines[0]).toMatchObject({
      level: 'warn',
      message: 'Closing the connection of 127.0.0.1: it asked for Heartbeat v5, and 0 to 4 are served',
    })
  })

  test('T010 a version that the definitions have and the table does not is not served either', async () => {
    const rig = await started({ handlers: [{ ...heartbeat, highestVersion: 3 }] })
    const client = await clientOf(rig)
    client.send(heartbeatCall)
    await client.closed
    expect(contexts).toEqual([])
  })

  test('T011 an unknown API closes only its own connection', async () => {
    const rig = await started()
    const [bad, good] = [await clientOf(rig), await clientOf(rig)]
    for (const apiKey of [999, -1, 32_767]) {
      const client = await clientOf(rig)
      client.sendBytes(strange(apiKey, 0))
      await client.closed
    }
    bad.sendBytes(strange(999, 0))
    await bad.closed
    expect(await good.call(heartbeatCall)).toMatchObject({ errorCode: 0 })
    expect(rig.lines.map(line => line.message)).toEqual([
      'Closing the connection of 127.0.0.1: it asked for API 999, which this broker does not serve',
    ])
    await good.close()
  })
})

describe('the context', () => {
  test('knows the client, its software and where it connected to', async () => {
    const rig = await started()
    const client = await WireClient.connect(rig.network, {
      host: 'localhost',
      port: rig.port,
      clientId: 'me',
    })
    const call = { request: ApiVersionsRequest, response: ApiVersionsResponse, version: 3, body: SOFTWARE }
    await client.call(call)
    await client.call(heartbeatCall)
    expect(contexts[0]).toMatchObject({
      apiVersion: 4,
      session: {
        clientId: 'me',
        clientAddress: '127.0.0.1',
        localAddress: '127.0.0.1',
        localPort: rig.port,
        listener: 'PLAINTEXT',
        principal: 'User:ANONYMOUS',
        ...SOFTWARE,
      },
    })
    await client.close()
  })
})

describe('a bug in a handler', () => {
  const failing = heartbeatAnswering(() => {
    throw new Error('an assertion')
  })

  test('is answered with UNKNOWN_SERVER_ERROR, logged with the request, and counted', async () => {
    const rig = await started({ handlers: [failing] })
    const client = await clientOf(rig)
    expect(await client.call(heartbeatCall)).toMatchObject({ errorCode: UNKNOWN_SERVER_ERROR })
    expect(await client.call(heartbeatCall)).toMatchObject({ errorCode: UNKNOWN_SERVER_ERROR })
    expect(rig.dispatcher.handlerFailures).toBe(2)
    expect(rig.lines[0]).toMatchObject({
      level: 'error',
      message: 'A bug: handling Heartbeat v4 failed',
      clientId: 'wire',
      request: { groupId: 'g', memberId: 'm' },
      error: { message: 'an assertion', stack: expect.stringContaining('an assertion') },
    })
    await client.close()
  })

  test('that throws at once is treated the same', async () => {
    const sync = handler({
      request: HeartbeatRequest,
      response: HeartbeatResponse,
      refuse: errorCode => ({ errorCode }),
      handle() {
        throw new Error('at once')
      },
    })
    const rig = await started({ handlers: [sync] })
    const client = await clientOf(rig)
    expect(await client.call(heartbeatCall)).toMatchObject({ errorCode: UNKNOWN_SERVER_ERROR })
    await client.close()
  })

  test('T013 closes the connection of a produce with acks=0, which has no response', async () => {
    const held: Held[] = []
    const rig = await started({ handlers: [heldProduce(held)] })
    const client = await clientOf(rig)
    const body = { transactionalId: null, acks: 0, timeoutMs: 1, topicData: [] }
    client.send({ request: ProduceRequest, version: 9, body })
    const answered = client.send({ request: ProduceRequest, version: 9, body: { ...body, acks: 1 } })
    await rest()
    held[1]?.answer()
    await rest()
    held[0]?.fail(new Error('a bug'))
    await client.receive(ProduceResponse, 9, answered).catch(() => {})
    await client.closed
    expect(rig.dispatcher.handlerFailures).toBe(1)
  })

  test('in a response that cannot be encoded releases what the response holds', async () => {
    const range = new FakeRange(Buffer.alloc(10))
    const rig = await started({ handlers: [fetchAnswering(() => [range], 1)] })
    const client = await clientOf(rig)
    const call = { request: FetchRequest, response: FetchResponse, version: 7, body: FETCH }
    expect(await client.call(call)).toMatchObject({ errorCode: UNKNOWN_SERVER_ERROR })
    expect(range.releases).toBe(1)
    await client.close()
  })
})

test('whoever stands in between sees calls decoded, and may answer in the place of the handler', async () => {
  const seen: string[] = []
  const rig = await started({
    interceptor: {
      isActive: true,
      async intercept({ apiKey, apiVersion, clientId, request }, proceed) {
        seen.push(`${apiKey} v${apiVersion} of ${clientId}: ${JSON.stringify(request)}`)
        return { response: seen.length === 1 ? { errorCode: 14 } : await proceed(request) }
      },
    },
  })
  const client = await clientOf(rig)
  expect(await client.call(heartbeatCall)).toMatchObject({ errorCode: 14 })
  expect(await client.call(heartbeatCall)).toMatchObject({ errorCode: 0 })
  expect(seen[0]).toMatch(/^12 v4 of wire: .*"groupId":"g"/)
  expect(contexts).toHaveLength(1)
  await client.close()
})

test('a request with bytes behind its body is served, as in Kafka', async () => {
  const rig = await started()
  const client = await clientOf(rig)
  const options = { version: 4, correlationId: 3, clientId: 'c', body: BEAT }
  const frame = Buffer.concat([joined(encodeRequestFrame(HeartbeatRequest, options)), Buffer.from('surplus')])
  frame.writeInt32BE(frame.length - 4)
  client.sendBytes(frame)
  expect(await client.receive(HeartbeatResponse, 4, 3)).toMatchObject({ errorCode: 0 })
  await client.close()
})

test('garbage for any API in any version is refused or read, and is never taken for a bug', async () => {
  const all = [...apis.values()]
  const handlers = all.map(
    ({ request, response }): Handler => ({
      request,
      response,
      overlaps: false,
      refuse: () => ({}),
      handle: () => null,
    }),
  )
  const rig = await startRig({ handlers })
  const garbage = fc.tuple(fc.nat(all.length - 1), fc.nat(20), fc.uint8Array({ maxLength: 200 }))
  fc.assert(
    fc.property(garbage, ([index, version, bytes]) => {
      const frame = Buffer.concat([Buffer.from('0000000000000007000163', 'hex'), bytes])
      frame.writeInt16BE(all[index]!.apiKey, 0)
      frame.writeInt16BE(version, 2)
      const accepted = rig.dispatcher.accept(frame, {} as Context['session'])
      if (accepted.kind === 'request') void rig.dispatcher.run(accepted, {} as Context['session'])
    }),
    { numRuns: 3_000 },
  )
  expect(rig.dispatcher.handlerFailures).toBe(0)
})

test('an answer that is too large to be sent is refused, and no bug', async () => {
  const answer = (errorCode: number, groups: readonly string[]) => ({
    groups: groups.map(groupId => ({
      errorCode,
      groupId,
      groupState: '',
      protocolType: '',
      protocolData: '',
      members: [],
    })),
  })
  const describeGroups = handler({
    request: DescribeGroupsRequest,
    response: DescribeGroupsResponse,
    refuse: (errorCode, { groups }) => answer(errorCode, groups),
    handle: () => answer(0, Array(5_000).fill('x'.repeat(32_000))),
  })
  const rig = await started({ handlers: [describeGroups] })
  const client = await clientOf(rig)
  const { groups } = await client.call({
    request: DescribeGroupsRequest,
    response: DescribeGroupsResponse,
    version: 5,
    body: { groups: ['g'], includeAuthorizedOperations: false },
  })
  expect(groups).toMatchObject([{ errorCode: INVALID_REQUEST, groupId: 'g' }])
  expect(rig.dispatcher.handlerFailures).toBe(0)
})
