import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readGateways } from './node-gateways.ts'

const ROUTES = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010011AC	0003	0	0	0	00000000	0	0	0
eth0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
eth1	0000000A	FE0011AC	0003	0	0	0	000000FF	0	0	0
`
const ZERO = '0'.repeat(32)
const ROUTES_IPV6 = `${ZERO} 00 ${ZERO} 00 fd000017000000000000000000000001 00000400 1 0 00000003 eth0
${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 1 0 00200200 lo
fe800000000000000000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 1 0 00000001 eth0
`

test('the gateways of default routes are found, and no others', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'klamm-gateways-'))
  await writeFile(join(directory, 'route'), ROUTES)
  await writeFile(join(directory, 'ipv6_route'), ROUTES_IPV6)
  expect(await readGateways(directory)).toEqual(['172.17.0.1', 'fd00:17::1'])
  await rm(directory, { recursive: true })
})

test('without a list of routes there is no gateway', async () => {
  expect(await readGateways('/nowhere')).toEqual([])
})
