import { afterAll, describe, expect, test as plain } from 'vitest'
import { Klamm } from '../embedded.ts'
import { klammTest, test } from './vitest.ts'
import { klammSetup, type ProvidedKlamm } from './vitest-setup.ts'

const withOptions = klammTest({ topics: [{ name: 'orders', partitions: 3 }] })

describe('the fixture', () => {
  const ports = new Set<number>()

  test('is a broker', async ({ klamm }) => {
    expect(klamm).toBeInstanceOf(Klamm)
    ports.add(klamm.port)
    await klamm.produce('orders', 'left behind')
    klamm.faults.add({ api: 'Metadata' }, { drop: true })
  })

  test('is as new for each test, and the same broker all the same', async ({ klamm }) => {
    ports.add(klamm.port)
    expect(ports.size).toBe(1)
    expect(klamm.topics()).toEqual([])
    expect(klamm.faults.active).toEqual([])
  })

  test('comes back after a test that left it down', async ({ klamm }) => {
    await klamm.crash()
  })

  test('so that the next one finds it up', async ({ klamm }) => {
    expect((await klamm.health()).isReady).toBe(true)
  })
})

describe('with options', () => {
  withOptions('it has them', async ({ klamm }) => {
    expect(klamm.topic('orders').partitions).toHaveLength(3)
    await klamm.deleteTopic('orders')
  })

  withOptions('again in each test', async ({ klamm }) => {
    expect(klamm.topic('orders').partitions).toHaveLength(3)
  })
})

describe('the set-up', () => {
  const before = process.env.KLAMM_BOOTSTRAP_SERVERS
  afterAll(() => {
    if (before === undefined) delete process.env.KLAMM_BOOTSTRAP_SERVERS
  })

  plain('provides the address, and takes the broker down', async () => {
    const provided: ProvidedKlamm[] = []
    const teardown = await klammSetup({ topics: ['orders'] })({ provide: (_, value) => provided.push(value) })
    const [{ bootstrapServers, clusterId }] = provided as [ProvidedKlamm]
    expect(process.env.KLAMM_BOOTSTRAP_SERVERS).toBe(bootstrapServers)
    expect(clusterId).toMatch(/^[\w-]{22}$/)
    const port = Number(bootstrapServers.split(':')[1])
    await expect(Klamm.start({ port })).rejects.toThrow('in use')
    await teardown()
    const next = await Klamm.start({ port })
    await next.close()
  })
})
