// The conformance kit passes wholly on Kafka 4.3 and on Klamm, and finds what others do otherwise.

import { mkdtemp, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Broker, freePort, startBroker } from '../harness/broker.ts'
import { startKafka } from '../personas/kafkas.ts'
import { conformance, Kfake } from './brokers.ts'

const LEAST_CASES = 400
const here = import.meta.dirname

async function wholly(broker: Broker, args: readonly string[]): Promise<void> {
  try {
    const { code, failures, cases, notApplicable } = await conformance(broker.bootstrap, args)
    expect([...failures].map(([name, why]) => `${name}: ${why}`)).toEqual([])
    expect(cases - notApplicable).toBeGreaterThan(LEAST_CASES)
    expect(code).toBe(0)
  } finally {
    await broker.dispose()
  }
}

describe('the kit passes wholly', () => {
  test('on Apache Kafka 4.3.1, which has the versions of its persona', async () => {
    await wholly(await startBroker({}, 'kafka'), ['--persona', '4.3'])
  }, 240_000)

  test('on Klamm as it comes', async () => {
    await wholly(await startBroker({}, 'klamm'), [])
  }, 240_000)

  test('on Klamm that passes for Kafka 4.3', async () => {
    await wholly(await startBroker({}, 'klamm', ['--persona', '4.3']), ['--persona', '4.3'])
  }, 240_000)
})

describe('the kit finds', () => {
  // What takes a while with kfake, such as groups, is left to the run that docs/conformance.md tells of.
  const areas = ['framing', 'api-versions', 'metadata', 'produce', 'idempotence', 'compression', 'fetch']
  const asked = areas.flatMap(area => ['--only', area])

  test('what kfake does otherwise, and nothing else', async () => {
    const text = await readFile(join(here, 'expected', 'kfake.txt'), 'utf8')
    const lines = text.split('\n').filter(line => line !== '')
    const sometimes = lines
      .filter(line => line.startsWith('sometimes '))
      .map(line => line.slice('sometimes '.length))
    const always = lines.filter(line => !line.startsWith('sometimes '))
    const kfake = await Kfake.start()
    try {
      const { code, failures } = await conformance(kfake.bootstrap, asked)
      const known = new Set([...always, ...sometimes])
      expect([...failures].filter(([name]) => !known.has(name))).toEqual([])
      expect(always.filter(name => !failures.has(name))).toEqual([])
      expect(code).toBe(1)
      expect(kfake.starts).toBeGreaterThan(1)
    } finally {
      await kfake.stop()
    }
  }, 240_000)

  test('that Kafka 3.9 is not Kafka 4.3, by its versions', async () => {
    const kafka = await startKafka('3.9.1')
    try {
      const { code, failures } = await conformance(kafka.bootstrap, [
        '--persona',
        '4.3',
        '--only',
        'api-versions',
      ])
      expect(failures.get('api-versions: Kafka 4.3 advertises Produce 0 to 13 (Kafka 4.3)')).toBe(
        'Produce: the answer is "0 to 11", Kafka answers "0 to 13"',
      )
      expect(code).toBe(1)
      const itself = await conformance(kafka.bootstrap, ['--persona', '3.9', '--only', 'api-versions'])
      expect([...itself.failures.keys()].filter(name => name.includes('advertises'))).toEqual([])
    } finally {
      await kafka.stop()
    }
  }, 240_000)
})

describe('the kit comes to nothing, and says what to do', () => {
  test('where nothing listens, and where something else does', async () => {
    const port = await freePort()
    expect(await conformance(`127.0.0.1:${port}`)).toMatchObject({
      code: 2,
      said: `klamm: nothing listens at 127.0.0.1:${port}: start the broker, or correct --bootstrap.\n`,
    })
    const server = createServer((_, response) => void response.end('hello'))
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const { port: web } = server.address() as AddressInfo
    expect(await conformance(`127.0.0.1:${web}`)).toMatchObject({
      code: 2,
      said: expect.stringMatching(/speaks HTTP .*: give the address of a broker's listener/),
    })
    server.close()
  })

  test('where TLS and a password are wanted, with which it passes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'klamm-conformance-tls-'))
    const port = await freePort()
    const klammArgs = ['--port', String(port), '--tls', folder, '--user', 'alice:secret']
    const broker = new Broker('klamm', port, folder, { config: {}, klammArgs })
    await broker.prepare()
    await broker.start()
    try {
      const tls = ['--tls-ca', join(folder, 'ca.pem')]
      expect(await conformance(broker.bootstrap)).toMatchObject({
        code: 2,
        said: expect.stringMatching(/--tls/),
      })
      expect(await conformance(broker.bootstrap, tls)).toMatchObject({
        code: 2,
        said: expect.stringMatching(/--user/),
      })
      expect(await conformance(broker.bootstrap, [...tls, '--user', 'alice:wrong'])).toMatchObject({
        code: 2,
        said: expect.stringMatching(/alice is not let in .*: correct --user/),
      })
      for (const mechanism of ['PLAIN', 'SCRAM-SHA-512']) {
        const args = [...tls, '--user', 'alice:secret', '--mechanism', mechanism, '--only', 'produce']
        const said = expect.stringContaining('what was asked is as in Kafka 4.3')
        expect(await conformance(broker.bootstrap, args)).toMatchObject({ code: 0, said })
      }
    } finally {
      await broker.dispose()
    }
  })
})
