import { afterEach, beforeEach, expect, test } from 'vitest'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../../protocol/messages/update-features.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { type MemoryBroker, startBroker } from './testing/memory-broker.ts'

const TOGETHER = 'The update failed for all features since the following feature had an error: '
const OF_TRANSACTIONS = 'for feature transaction.version.'
const DOWNGRADE =
  "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe " +
  'downgrade.'
const UPGRADE_TYPE = 'The controller does not support the given upgrade type.'
const INVALID_UPDATE_VERSION = 95

let disk: MemoryDisk
let memory: MemoryBroker

beforeEach(async () => {
  disk = new MemoryDisk({ clock: new ManualClock() })
  memory = await startBroker(disk)
})
afterEach(() => memory.broker.close())

type Update = readonly [name: string, level: number, upgradeType?: number]

async function update(updates: readonly Update[], version = 2, validateOnly = false) {
  const client = await memory.connect()
  const featureUpdates = updates.map(([feature, maxVersionLevel, upgradeType = 1]) => {
    return { feature, maxVersionLevel, upgradeType, allowDowngrade: upgradeType > 1 }
  })
  const body = { timeoutMs: 5_000, validateOnly, featureUpdates }
  return client.call({ request: UpdateFeaturesRequest, response: UpdateFeaturesResponse, version, body })
}

async function levelOf(feature: string): Promise<number | undefined> {
  const client = await memory.connect()
  const told = await client.call({
    request: ApiVersionsRequest,
    response: ApiVersionsResponse,
    version: 4,
    body: { clientSoftwareName: 'test', clientSoftwareVersion: '1', clusterId: null, nodeId: -1 },
  })
  return told.finalizedFeatures.find(({ name }) => name === feature)?.maxVersionLevel
}

// What Apache Kafka 4.3 answers to the same requests.
const REFUSED: readonly (readonly [Update, string])[] = [
  [
    ['nothing.version', 1],
    'Invalid update version 1 for feature nothing.version. Local controller 1 does not support this feature.',
  ],
  [
    ['transaction.version', 3],
    `Invalid update version 3 ${OF_TRANSACTIONS} Local controller 1 only supports versions 0-2`,
  ],
  [['transaction.version', 1], `Invalid update version 1 ${OF_TRANSACTIONS} ${DOWNGRADE}`],
  [
    ['transaction.version', -1, 3],
    `Invalid update version -1 ${OF_TRANSACTIONS} A feature version cannot be less than 0.`,
  ],
  [['transaction.version', 1, 0], `Invalid update version 1 ${OF_TRANSACTIONS} ${UPGRADE_TYPE}`],
  [['transaction.version', 1, 9], `Invalid update version 1 ${OF_TRANSACTIONS} ${UPGRADE_TYPE}`],
  [
    ['metadata.version', 29, 2],
    'Unsupported metadata.version downgrade from 30 to 29. Refusing to perform the requested downgrade ' +
      'because it might delete metadata information.',
  ],
]

test.each(REFUSED)('%s is refused', async (wanted, problem) => {
  expect(await update([wanted])).toEqual({
    throttleTimeMs: 0,
    errorCode: INVALID_UPDATE_VERSION,
    errorMessage: TOGETHER + problem,
    results: [],
  })
})

test('one that is refused takes the others with it', async () => {
  expect(
    (
      await update([
        ['transaction.version', 1, 2],
        ['nothing', 1],
      ])
    ).errorCode,
  ).toBe(INVALID_UPDATE_VERSION)
  expect(await levelOf('transaction.version')).toBe(2)
})

test('a level goes down when that is said, and up again, and outlives a restart', async () => {
  expect((await update([['transaction.version', 1, 2]])).errorCode).toBe(0)
  expect(await levelOf('transaction.version')).toBe(1)
  await memory.broker.close()
  memory = await startBroker(disk)
  expect(await levelOf('transaction.version')).toBe(1)
  expect((await update([['transaction.version', 0, 3]])).errorCode).toBe(0)
  expect(await levelOf('transaction.version')).toBeUndefined()
  const newer = await update([['transaction.version', 2, 2]])
  expect(newer.errorMessage).toContain("Can't downgrade to a newer version.")
  expect((await update([['transaction.version', 2]])).errorCode).toBe(0)
  expect(await levelOf('transaction.version')).toBe(2)
})

test('nothing changes where it is only to be checked', async () => {
  expect((await update([['transaction.version', 1, 2]], 2, true)).errorCode).toBe(0)
  expect(await levelOf('transaction.version')).toBe(2)
})

test('each feature is told by older versions, of which the oldest knows no downgrade', async () => {
  const results = [{ feature: 'transaction.version', errorCode: 0, errorMessage: 'NONE' }]
  for (const version of [0, 1]) {
    expect(await update([['transaction.version', 2]], version)).toMatchObject({ errorCode: 0, results })
  }
  expect((await update([['transaction.version', 1, 2]], 0)).errorMessage).toContain(DOWNGRADE)
})

test('a new cluster begins with the levels that it is given', async () => {
  await memory.broker.close()
  const options = { 'klamm.format.features': 'transaction.version=1,group.version=0' }
  memory = await startBroker(new MemoryDisk({ clock: new ManualClock() }), options)
  expect(await levelOf('transaction.version')).toBe(1)
})

test.each(['transaction.version=3', 'nothing=1', 'transaction.version', 'transaction.version=x'])(
  'a new cluster cannot begin with %s',
  async entry => {
    const options = { 'klamm.format.features': entry }
    await expect(startBroker(new MemoryDisk({ clock: new ManualClock() }), options)).rejects.toThrow(
      'klamm.format.features',
    )
  },
)
