import assert from 'node:assert/strict'
import { test } from 'node:test'
import { useKlamm } from 'klamm/node-test'
import { LatestPrice } from './src/latest-price.js'

const klamm = await useKlamm({ topics: [{ name: 'prices', configs: { 'cleanup.policy': 'compact' } }] })

/** Waits until the reader has committed all that there is. */
async function settled(groupId) {
  await klamm.waitForGroupStable(groupId)
  await klamm.consume('done', { timeout: 10_000 })
}

test('the last price counts, and a tombstone takes it away', async t => {
  await klamm.produce('prices', [
    { key: 'apple', value: '3' },
    { key: 'pear', value: '4' },
    { key: 'apple', value: '5' },
    { key: 'pear', value: null },
  ])
  const prices = new LatestPrice([klamm.bootstrapServers], 'prices')
  prices.consumer.on('consumer.end_batch_process', () => klamm.produce('done', 'yes'))
  await prices.start()
  t.after(() => prices.stop())
  await settled('prices')
  assert.equal(prices.of('apple'), 5)
  assert.equal(prices.of('pear'), undefined)
})

test('a reader survives a broker that crashes and comes back', async t => {
  const prices = new LatestPrice([klamm.bootstrapServers], 'prices')
  prices.consumer.on('consumer.end_batch_process', () => klamm.produce('done', 'yes').catch(() => {}))
  await prices.start()
  t.after(() => prices.stop())
  await klamm.waitForGroupStable('prices')
  await klamm.crash()
  await klamm.restart()
  await klamm.produce('prices', { key: 'plum', value: '7' })
  await klamm.consume('done', { timeout: 20_000 })
  assert.equal(prices.of('plum'), 7)
})

test('each test begins as new', async () => {
  assert.deepEqual(await klamm.contents('prices'), [])
  await assert.rejects(klamm.contents('done'), /there is no topic done/)
})
