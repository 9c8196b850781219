import { klammTest } from 'klamm/vitest'
import { expect } from 'vitest'
import { Billing } from './src/billing.js'

const test = klammTest({ topics: [{ name: 'orders', partitions: 3 }, 'invoices'] }).extend({
  billing: async ({ klamm }, use) => {
    const billing = new Billing([klamm.getBootstrapServers()])
    await billing.start()
    await use(billing)
    await billing.stop()
  },
})

const order = (key, quantity, price) => ({ key, value: JSON.stringify({ quantity, price }) })

test('each order becomes an invoice', async ({ klamm, billing }) => {
  expect(billing).toBeDefined()
  await klamm.produce('orders', [order('alice', 2, 30), order('bob', 1, 5)])
  const invoices = await klamm.consume('invoices', 2)
  expect(Object.fromEntries(invoices.map(({ key, value }) => [key, JSON.parse(value)]))).toEqual({
    alice: { amount: 60 },
    bob: { amount: 5 },
  })
})

test('nothing of the test before is left', async ({ klamm }) => {
  expect(await klamm.contents('orders')).toEqual([])
  expect(await klamm.contents('invoices')).toEqual([])
})

test('what is billed is committed', async ({ klamm, billing }) => {
  await klamm.waitForGroupStable('billing', { members: 1 })
  await klamm.produce('orders', [order('carol', 3, 7)])
  await klamm.consume('invoices', 1)
  await billing.stop()
  expect((await klamm.lag('billing')).total).toBe(0)
})
