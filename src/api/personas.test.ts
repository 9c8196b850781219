/** Each persona is compared with what its Kafka was recorded to answer. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../../protocol/messages/update-features.ts'
import { StartFailure } from '../broker.ts'
import { loadConfig } from '../config.ts'
import {
  type ApiVersionsAnswer,
  type PersonaRecording,
  recordPersona,
} from '../conformance/personas/record.ts'
import { PERSONA_NAMES, personaNamed } from '../metadata/personas.ts'
import { ApiTable, HANDLERS } from './table.ts'
import { WireBroker } from './testing/wire-broker.ts'

const RECORDED = ['2.8.2', '3.3.2', '3.9.1', '4.0.0', '4.3.1', '4.4.0']
const FEATURE_APIS = new Map([
  ['group.version', 68],
  ['share.version', 76],
  ['streams.version', 88],
])

const PERSONAS = PERSONA_NAMES.map(name => {
  const kafka = RECORDED.find(version => version.startsWith(name))!
  const path = join(import.meta.dirname, 'fixtures', 'personas', `kafka-${kafka}.json`)
  const recording: PersonaRecording = JSON.parse(readFileSync(path, 'utf8'))
  return { name, kafka, recording, newest: Object.values(recording.apiVersions).at(-1)! }
})

const brokers: WireBroker[] = []
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.close()
})

async function startAs(persona: string, options: Record<string, string> = {}): Promise<WireBroker> {
  const broker = await WireBroker.start({ 'klamm.persona': persona, ...options })
  brokers.push(broker)
  return broker
}

/** Of a Kafka's answer, what is in Klamm too. */
function known(answer: ApiVersionsAnswer): ApiVersionsAnswer {
  const wide = new ApiTable(HANDLERS)
  const isServed = ({ name }: { readonly name: string }) => {
    const apiKey = FEATURE_APIS.get(name)
    return apiKey === undefined || wide.get(apiKey) !== undefined
  }
  return {
    ...answer,
    apiKeys: answer.apiKeys.flatMap(({ apiKey, minVersion, maxVersion }) => {
      const ours = wide.get(apiKey)
      return ours ? [{ apiKey, minVersion, maxVersion: Math.min(maxVersion, ours.maxVersion) }] : []
    }),
    supportedFeatures: sorted(answer.supportedFeatures.filter(isServed)),
    finalizedFeatures: sorted(answer.finalizedFeatures.filter(isServed)),
    // It counts the changes of the metadata, if there is such a thing.
    finalizedFeaturesEpoch: Math.sign(answer.finalizedFeaturesEpoch),
  }
}

function sorted<T extends { readonly name: string }>(features: readonly T[]): T[] {
  return [...features].sort((a, b) => (a.name < b.name ? -1 : 1))
}

describe.each(PERSONAS)('persona $name', ({ name, kafka, recording, newest }) => {
  test('its table is what Kafka was recorded to answer', () => {
    const persona = personaNamed(name)
    const rows = Array.from(persona.apis!, ([apiKey, { advertised }]) => ({ apiKey, ...advertised }))
    expect(rows).toEqual(newest.apiKeys)
    expect(sorted(persona.supportedFeatures)).toEqual(sorted(newest.supportedFeatures))
    const finalized = newest.finalizedFeatures.map(it => [it.name, it.maxVersionLevel] as const)
    expect(new Map(persona.finalizedFeatures)).toEqual(new Map(finalized))
  })

  test('T007 T008 ApiVersions answers as that Kafka, in each of its versions and above', async () => {
    const broker = await startAs(name)
    const ours = await recordPersona(() => broker.connect(), kafka)
    expect(Object.keys(ours.apiVersions)).toEqual(Object.keys(recording.apiVersions))
    for (const [version, answer] of Object.entries(ours.apiVersions)) {
      expect(known(answer), `v${version}`).toEqual(known(recording.apiVersions[version]!))
    }
    expect(ours.beyond).toEqual(recording.beyond)
    expect(ours.produce).toEqual(recording.produce)
  })

  test('T010 a version that it does not have closes the connection, and so does an API', async () => {
    const broker = await startAs(name)
    const table = new ApiTable(HANDLERS, personaNamed(name))
    for (const { apiKey, minVersion, maxVersion } of new ApiTable(HANDLERS).rows()) {
      const row = table.get(apiKey)
      const isWhole = row && row.minVersion === minVersion && row.maxVersion === maxVersion
      if (isWhole || apiKey === 18) continue
      const unserved = row && row.maxVersion < maxVersion ? row.maxVersion + 1 : minVersion
      const client = await broker.connect()
      const head = Buffer.from([0, 0, 0, 18, 0, apiKey, 0, unserved, 0, 0, 0, 1, 0xff, 0xff])
      client.sendBytes(head, Buffer.alloc(8))
      await expect(client.receiveFrame(), `${apiKey} v${unserved}`).rejects.toThrow('hung up')
    }
  })
})

describe('the setting', () => {
  test('is wide unless somebody says otherwise', () => {
    const { config } = loadConfig({})
    expect(config?.persona.name).toBe('wide')
    expect([...new ApiTable(HANDLERS, config?.persona).rows()].length).toBe(HANDLERS.length)
  })

  test('a persona that there is not is refused with the list of those that there are', () => {
    const { problems } = loadConfig({ overrides: ['klamm.persona=5.0'] })
    expect(problems.join()).toContain('klamm.persona')
    expect(problems.join()).toContain('wide, 2.8, 3.3, 3.9, 4.0, 4.3, 4.4')
  })

  test('feature levels that its Kafka does not have are refused', () => {
    const overrides = ['klamm.persona=3.9', 'klamm.format.features=transaction.version=2']
    expect(loadConfig({ overrides }).problems.join()).toContain('klamm.format.features: transaction.version')
  })

  test('data of a newer cluster is refused, as its Kafka would', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'klamm-persona-'))
    try {
      const options = { 'klamm.storage': 'disk', 'log.dirs': folder }
      await (await WireBroker.start(options)).close()
      await expect(startAs('3.9', options)).rejects.toThrow(StartFailure)
      await expect(startAs('3.9', options)).rejects.toThrow('klamm.persona')
      await startAs('4.4', options)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('UpdateFeatures goes no further than its Kafka does', async () => {
    const broker = await startAs('4.0')
    const client = await broker.connect()
    const update = async (feature: string, maxVersionLevel: number) => {
      const { errorCode } = await client.call({
        request: UpdateFeaturesRequest,
        response: UpdateFeaturesResponse,
        version: 1,
        body: {
          featureUpdates: [{ feature, maxVersionLevel, allowDowngrade: false, upgradeType: 1 }],
          timeoutMs: 5_000,
        },
      })
      return errorCode
    }
    expect(await update('metadata.version', 30)).toBe(ErrorCode.INVALID_UPDATE_VERSION)
    expect(await update('share.version', 1)).toBe(ErrorCode.INVALID_UPDATE_VERSION)
    expect(await update('group.version', 1)).toBe(ErrorCode.NONE)
  })
})
