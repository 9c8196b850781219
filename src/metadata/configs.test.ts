import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  BROKER_OPTIONS,
  brokerOption,
  brokerSynonyms,
  CLIENT_METRICS_OPTIONS,
  GROUP_OPTIONS,
  groupSynonym,
  nearestName,
  type OptionTable,
  TOPIC_OPTIONS,
  TOPIC_SYNONYMS,
} from './configs.ts'
import { canonicalText, type Option, parseOption } from './option.ts'

interface Fact {
  readonly name: string
  readonly type: string
  readonly default: string | null
  readonly allowed?: string
  readonly internal?: boolean
  readonly update?: string
}

interface Facts {
  readonly broker: readonly Fact[]
  readonly topic: readonly Fact[]
  readonly group: readonly Fact[]
  readonly 'client-metrics': readonly Fact[]
  readonly topicSynonyms: Readonly<Record<string, readonly { name: string; converter: string }[]>>
  readonly groupSynonyms: Readonly<Record<string, string | null>>
  readonly brokerSynonyms: Readonly<Record<string, readonly string[]>>
}

interface Verdicts {
  readonly values: readonly string[]
  readonly verdicts: Readonly<Record<string, string>>
  readonly canonical: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8'))
const facts = fixture('kafka-4.3-configs.json') as Facts
const verdicts = fixture('kafka-4.3-config-verdicts.json') as Verdicts

const KINDS = {
  broker: BROKER_OPTIONS,
  topic: TOPIC_OPTIONS,
  group: GROUP_OPTIONS,
  'client-metrics': CLIENT_METRICS_OPTIONS,
} satisfies Record<string, OptionTable>

const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[]
const names = (options: OptionTable) => [...options.keys()].filter(name => !name.startsWith('klamm.'))

describe('the option table against what Apache Kafka 4.3 reports', () => {
  test.each(kinds)('every %s option is there, and none besides', kind => {
    expect(names(KINDS[kind]).sort()).toEqual(facts[kind].map(({ name }) => name).sort())
  })

  test.each(kinds)('every %s option has its type, default, update mode, and is internal or not', kind => {
    for (const fact of facts[kind]) {
      const option = KINDS[kind].get(fact.name)!
      expect({
        name: option.name,
        type: option.type,
        default: option.defaultValue,
        internal: option.isInternal,
        update: kind === 'broker' ? option.update : undefined,
      }).toEqual({
        name: fact.name,
        type: fact.type,
        default: fact.default,
        internal: fact.internal ?? false,
        update: fact.update,
      })
    }
  })

  test.each(kinds)('every %s option accepts and refuses the values that Kafka does', kind => {
    const wrong: string[] = []
    for (const option of KINDS[kind].values()) {
      const expected = verdicts.verdicts[`${kind}/${option.name}`]
      for (const [index, value] of verdicts.values.entries()) {
        if (expected === undefined) continue
        const verdict = 'refusal' in parseOption(option, value) ? 'n' : 'y'
        if (verdict !== expected[index]) wrong.push(`${option.name}=${value}: Kafka says ${expected[index]}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('values are shown in the form that Kafka shows them in', () => {
    for (const [type, values] of Object.entries(verdicts.canonical)) {
      const option = { name: 'x', type } as Option
      for (const [value, shown] of Object.entries(values)) {
        expect([type, value, canonicalText(option, value)]).toEqual([type, value, shown])
      }
    }
  })

  test('topic options have the broker synonyms that Kafka gives them, in its order and units', () => {
    const ours = Object.fromEntries(
      [...TOPIC_SYNONYMS].map(([name, synonyms]) => [
        name,
        synonyms.map(({ name, factor }) => ({ name, converter: String(2 * factor) })),
      ]),
    )
    expect(ours).toEqual(facts.topicSynonyms)
  })

  test('group options follow the broker options that they do in Kafka', () => {
    for (const [name, broker] of Object.entries(facts.groupSynonyms)) {
      expect([name, groupSynonym(name) ?? null]).toEqual([name, broker])
    }
  })

  test('broker options stand in for each other as in Kafka', () => {
    for (const name of BROKER_OPTIONS.keys()) {
      expect(brokerSynonyms(name)).toEqual(facts.brokerSynonyms[name] ?? [name])
    }
  })
})

describe('the option table', () => {
  test('what is said to take effect is asked for by some part of the broker', () => {
    const source = join(import.meta.dirname, '..')
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    const asking = files
      .filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts') && !/configs\.ts$/.test(file))
      .map(file => readFileSync(join(source, file), 'utf8'))
      .join('\n')
    const standsIn = new Set([...TOPIC_SYNONYMS.values()].flat().map(({ name }) => name))
    const ignored = [...BROKER_OPTIONS.values(), ...TOPIC_OPTIONS.values()]
      .filter(({ name, effect }) => effect === 'now' && !standsIn.has(name) && !asking.includes(`'${name}'`))
      .map(({ name }) => name)
    expect(ignored).toEqual([])
  })

  test('each option has one line of documentation', () => {
    for (const options of Object.values(KINDS)) {
      for (const { name, doc } of options.values())
        expect([name, doc]).toEqual([name, expect.stringMatching(/^.{10,}\.$/)])
    }
  })

  test('each default passes its own check', () => {
    for (const options of Object.values(KINDS)) {
      for (const option of options.values()) {
        if (option.defaultValue === null) continue
        // Kafka's own default here is a value that it would not accept.
        if (option.name === 'controller.quorum.voters') continue
        expect(parseOption(option, option.defaultValue)).not.toHaveProperty('refusal')
      }
    }
  })

  test('a wrong name is answered with the nearest known one', () => {
    const known = TOPIC_OPTIONS.keys.bind(TOPIC_OPTIONS)
    expect(nearestName('retention.sm', known())).toBe('retention.ms')
    expect(nearestName('segment_bytes', known())).toBe('segment.bytes')
    expect(nearestName('cleanup.polcy', known())).toBe('cleanup.policy')
    expect(nearestName('something.else.entirely', known())).toBeUndefined()
  })

  test('a listener prefix leads to the option behind it', () => {
    expect(brokerOption('listener.name.internal.ssl.keystore.location')?.name).toBe('ssl.keystore.location')
    expect(brokerOption('listener.name.external.scram-sha-256.sasl.jaas.config')?.name).toBe(
      'sasl.jaas.config',
    )
    expect(brokerOption('listener.name.external.nothing')).toBeUndefined()
  })
})
