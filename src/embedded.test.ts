import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import { ErrorCode } from '../protocol/errors.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../protocol/messages/api-versions.ts'
import { ProduceRequest } from '../protocol/messages/produce.ts'
import { SaslAuthenticateRequest, SaslAuthenticateResponse } from '../protocol/messages/sasl-authenticate.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from '../protocol/messages/sasl-handshake.ts'
import { createTopics, metadataOf, produceTo } from './api/testing/wire-broker.ts'
import { WireClient } from './conformance/wire-client.ts'
import { Klamm, type KlammOptions, StartFailure } from './embedded.ts'
import { nodePlatform } from './platform/node.ts'

const connect = ({ host, port }: Klamm) => WireClient.connect(nodePlatform().network, { host, port })

test('starts without a word on a free port, in memory', async () => {
  const klamm = await Klamm.start()
  expect(klamm.bootstrapServers).toBe(`127.0.0.1:${klamm.port}`)
  const client = await connect(klamm)
  await createTopics(client, ['a'])
  expect(await produceTo(client, 'a')).toMatchObject({ errorCode: 0, baseOffset: 0n })
  expect((await metadataOf(client, [])).clusterId).toBe(klamm.clusterId)
  await client.close()
  await klamm.close()
})

test('options go by name, over all other settings', async () => {
  const klamm = await Klamm.start({ config: { 'num.partitions': 3, 'broker.rack': 'r' } })
  const client = await connect(klamm)
  const { topics, brokers } = await metadataOf(client, ['a'], { allowAutoTopicCreation: true })
  expect(topics[0]!.partitions).toHaveLength(3)
  expect(brokers[0]!.rack).toBe('r')
  await client.close()
  await klamm.close()
})

test('passes for one Kafka', async () => {
  const versions = async (options: KlammOptions) => {
    await using klamm = await Klamm.start(options)
    const client = await connect(klamm)
    const asked = { request: ApiVersionsRequest, response: ApiVersionsResponse, version: 3 }
    const body = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
    const { apiKeys } = await client.call({ ...asked, body })
    await client.close()
    const { minVersion, maxVersion } = apiKeys.find(({ apiKey }) => apiKey === ProduceRequest.apiKey)!
    return [minVersion, maxVersion]
  }
  expect(await versions({ persona: '2.8' })).toEqual([0, 9])
  expect(await versions({})).toEqual(await versions({ persona: 'wide' }))
})

test('a directory keeps the data, and disposing closes', async () => {
  const storage = mkdtempSync(join(tmpdir(), 'klamm-'))
  for (const offset of [0n, 1n]) {
    const klamm = await Klamm.start({ storage })
    const client = await connect(klamm)
    if (offset === 0n) await createTopics(client, ['kept'])
    expect(await produceTo(client, 'kept')).toMatchObject({ baseOffset: offset })
    await client.close()
    await klamm[Symbol.asyncDispose]()
  }
  rmSync(storage, { recursive: true })
})

test('what cannot be is refused by name', async () => {
  await expect(Klamm.start({ config: { 'num.partition': 1 } })).rejects.toThrow(
    /num\.partition;.*num\.partitions/,
  )
  await expect(Klamm.start({ config: { 'num.partitions': 0 } })).rejects.toBeInstanceOf(StartFailure)
  const first = await Klamm.start()
  await expect(Klamm.start({ port: first.port })).rejects.toThrow(/in use/)
  await first.close()
})

test('with TLS a certificate is made, which clients can verify for each name of this machine', async () => {
  const klamm = await Klamm.start({ tls: true })
  for (const servername of ['localhost', '127.0.0.1']) {
    const socket = connectTls({ host: '127.0.0.1', port: klamm.port, ca: klamm.caCertificate!, servername })
    await once(socket, 'secureConnect')
    expect(socket.authorized).toBe(true)
    // ApiVersions v0, correlation 7, no client id.
    socket.write(Buffer.from('0000000a0012000000000007ffff', 'hex'))
    const [response] = (await once(socket, 'data')) as [Buffer]
    expect(response.readInt32BE(4)).toBe(7)
    socket.destroy()
  }
  const stranger = connectTls({ host: '127.0.0.1', port: klamm.port })
  const [refusal] = (await once(stranger, 'error')) as [Error]
  expect(refusal.message).toContain('certificate')
  await klamm.close()
})

test('with SASL only its users come in', async () => {
  const klamm = await Klamm.start({ sasl: { users: { alice: 'secret' }, mechanisms: ['PLAIN'] } })
  const logIn = async (token: string) => {
    const client = await connect(klamm)
    const { mechanisms } = await client.call({
      request: SaslHandshakeRequest,
      response: SaslHandshakeResponse,
      version: 1,
      body: { mechanism: 'PLAIN' },
    })
    expect(mechanisms).toEqual(['PLAIN'])
    const { errorCode } = await client.call({
      request: SaslAuthenticateRequest,
      response: SaslAuthenticateResponse,
      version: 2,
      body: { authBytes: Buffer.from(token) },
    })
    await client.close()
    return errorCode
  }
  expect(await logIn('\0alice\0secret')).toBe(ErrorCode.NONE)
  expect(await logIn('\0alice\0Secret')).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED)
  await klamm.close()
})

test('users and certificates that cannot be are refused by name', async () => {
  const withUsers = (users: Record<string, string>) => Klamm.start({ sasl: { users } })
  await expect(withUsers({ alice: 'a,b' })).rejects.toThrow('sasl.users: alice')
  const tls = { certificateChain: 'nonsense', key: 'nonsense' }
  await expect(Klamm.start({ tls })).rejects.toThrow('ssl.keystore')
  await expect(Klamm.start({ config: { listeners: 'SSL://127.0.0.1:0' } })).rejects.toThrow(
    'a TLS listener needs a certificate',
  )
})
