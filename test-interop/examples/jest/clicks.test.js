const { ClickSender } = require('./src/click-counter.js')

test('each click is sent once, with its source', async () => {
  await new ClickSender([klamm.bootstrapServers]).send('/home', ['alice', 'bob'])
  const clicks = await klamm.consume('clicks', 2)
  expect(clicks).toMatchObject([
    { key: 'alice', value: '/home', headers: { source: 'web' } },
    { key: 'bob', value: '/home', headers: { source: 'web' } },
  ])
})

test('a broker that fails once is asked again, and nothing is doubled', async () => {
  klamm.faults.add({ api: 'Produce', times: 1 }, { error: 'NOT_ENOUGH_REPLICAS' })
  await new ClickSender([klamm.bootstrapServers]).send('/cart', ['carol'])
  expect(klamm.faults.fired).toHaveLength(1)
  expect(await klamm.contents('clicks')).toHaveLength(1)
})

test('nothing of the test before is left', async () => {
  expect(await klamm.contents('clicks')).toEqual([])
})
