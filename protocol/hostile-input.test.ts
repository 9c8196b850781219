import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decode, encodeToBuffer } from './codec.ts'
import { decodeRequestHeader } from './header.ts'
import { FetchRequest } from './messages/fetch.ts'
import { MetadataRequest } from './messages/metadata.ts'
import { ProduceRequest } from './messages/produce.ts'
import type { Message } from './schema.ts'
import { interpretBytes } from './testing/interpreter.ts'
import { allMessages, definitionOf, loadVectors, versionsOf } from './testing/vectors.ts'
import { MalformedMessage } from './wire.ts'

// Stacks would be most of the time that a hundred thousand errors take.
Error.stackTraceLimit = 0

const SAMPLE_BYTES = 250

/** One vector of each version: the richest of those that are short enough to be cut at every byte. */
const samples = new Map<string, { definition: Message; version: number; bytes: Buffer }>()
for (const vector of loadVectors()) {
  const definition = definitionOf(vector)
  if (!definition) continue
  const key = `${definition.name} v${vector.version}`
  const bytes = Buffer.from(vector.hex, 'hex')
  const best = samples.get(key)?.bytes.length ?? -1
  const isBetter =
    best < 0 ||
    (best > SAMPLE_BYTES ? bytes.length < best : bytes.length > best && bytes.length <= SAMPLE_BYTES)
  if (isBetter) samples.set(key, { definition, version: vector.version, bytes })
}

/** What decoding comes to: nothing but a value or a MalformedMessage is allowed. */
function outcome(definition: Message, version: number, bytes: Buffer): MalformedMessage | undefined {
  try {
    decode(definition, version, bytes)
    return undefined
  } catch (error) {
    if (error instanceof MalformedMessage) return error
    throw error
  }
}

test('there is a sample of every version of every message', () => {
  const versions = allMessages.reduce((sum, message) => sum + versionsOf(message).length, 0)
  expect(samples.size).toBe(versions)
})

test('a message cut off at any byte is malformed', () => {
  for (const [name, { definition, version, bytes }] of samples) {
    for (let length = 0; length < bytes.length; length++) {
      const error = outcome(definition, version, bytes.subarray(0, length))
      if (!error) expect.fail(`${name} is accepted with ${length} of ${bytes.length} bytes`)
    }
  }
})

test('bytes behind a message are tolerated', () => {
  for (const { definition, version, bytes } of samples.values()) {
    const more = Buffer.concat([bytes, Buffer.from([0, 0, 0])])
    expect(decode(definition, version, more)).toEqual(decode(definition, version, bytes))
  }
})

const REFUSALS = /bytes are needed|cannot be in|is too long|longer than 32 bits/
const hostileLengths = [0x7fffffff, 0x7ffffffe, 0x10000000, 0x00ffffff]
const hostileVarints = ['ffffffff0f', 'ffffffff07', '808080808001', 'ffffffffff', 'ffffff7f']

function spoiled(bytes: Buffer, at: { position: number; isCompact: boolean; width: number }): Buffer[] {
  const before = bytes.subarray(0, at.position)
  const after = bytes.subarray(at.position + at.width)
  if (at.isCompact) {
    return hostileVarints.map(hex => Buffer.concat([before, Buffer.from(hex, 'hex'), after]))
  }
  const lengths = at.width === 2 ? [0x7fff, 0x7f00] : hostileLengths
  return lengths.map(length => {
    const spoilt = Buffer.from(bytes)
    spoilt.writeIntBE(length, at.position, at.width)
    return spoilt
  })
}

test('T018 T184 a length or count that the bytes cannot hold is refused before anything is allocated', () => {
  let count = 0
  for (const { definition, version, bytes } of samples.values()) {
    for (const at of interpretBytes(definition, version, bytes).lengths) {
      for (const hostile of spoiled(bytes, at)) {
        const error = outcome(definition, version, hostile)
        if (!error || !REFUSALS.test(error.reason)) expect(error?.reason).toMatch(REFUSALS)
        count++
      }
    }
  }
  expect(count).toBeGreaterThan(15_000)
})

test('T018 a negative length is null where null may be, and malformed where it may not', () => {
  const nullableTopics = Buffer.from('fffffffe', 'hex')
  expect(decode(MetadataRequest, 1, nullableTopics)).toMatchObject({ topics: null })
  expect(outcome(MetadataRequest, 0, nullableTopics)?.message).toBe(
    'topics: null (length -2) where a value must be',
  )
  const negativeName = Buffer.from('00000001' + 'fffe', 'hex')
  expect(outcome(MetadataRequest, 1, negativeName)?.path).toBe('topics[0].name')
})

test('T184 garbage never ends in anything but a value or a MalformedMessage', () => {
  const bytes = fc.uint8Array({ maxLength: 200 })
  const pick = fc.nat(allMessages.length - 1)
  const property = fc.property(pick, fc.nat(100), bytes, (index, versionSeed, garbage) => {
    const definition = allMessages[index]!
    const versions = versionsOf(definition)
    outcome(definition, versions[versionSeed % versions.length]!, Buffer.from(garbage))
  })
  fc.assert(property, { numRuns: 5_000, seed: 184 })
})

test('T184 a message with bytes changed in its middle is a value or malformed', () => {
  const all = [...samples.values()]
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  const property = fc.property(fc.nat(all.length - 1), changes, (index, changed) => {
    const { definition, version, bytes } = all[index]!
    const damaged = Buffer.from(bytes)
    if (damaged.length === 0) return
    for (const [position, byte] of changed) damaged[position % damaged.length] = byte
    outcome(definition, version, damaged)
  })
  fc.assert(property, { numRuns: 5_000, seed: 185 })
})

test('T184 a frame full of empty elements is refused before it becomes millions of objects', () => {
  const count = 3_000_000
  const frame = Buffer.alloc(count * 7 + 10)
  frame.writeInt32BE(count)
  expect(outcome(MetadataRequest, 0, frame)?.message).toBe('topics: a message has no 3000000 elements')
})

test('a malformed message tells the path of its field', () => {
  const topics = '00000002' + '000174' + '00000001' + '00000007' + '00000000' + '000175' + '00000001'
  const request = Buffer.from(`ffff${'0001'}00000005${topics}0000000700000009`, 'hex')
  const error = outcome(ProduceRequest, 3, request)
  expect(error).toMatchObject({
    name: 'MalformedMessage',
    path: 'topicData[1].partitionData[0].records',
    reason: '9 bytes are needed, 0 are left',
    message: 'topicData[1].partitionData[0].records: 9 bytes are needed, 0 are left',
  })
})

test('a tagged field must fill its size', () => {
  const { fields } = FetchRequest
  const value = { maxWaitMs: 0, minBytes: 0, topics: [], forgottenTopicsData: [], clusterId: 'a' }
  const whole = encodeToBuffer(FetchRequest, 13, { ...value })
  expect(fields.clusterId.tag).toBe(0)
  const end = whole.length
  expect(whole.subarray(end - 5).toString('hex')).toBe('0100020261')
  whole[end - 3] = 1
  expect(outcome(FetchRequest, 13, whole)?.message).toMatch(/^clusterId: a tagged field ends at byte/)
})

test('a frame too short for a header is malformed, whatever it claims to be', () => {
  const frame = Buffer.from('000000090000000a' + '0003616263' + '00', 'hex')
  expect(decodeRequestHeader(frame)).toMatchObject({ apiKey: 0, apiVersion: 9, clientId: 'abc' })
  for (let length = 0; length < frame.length; length++) {
    expect(() => decodeRequestHeader(frame.subarray(0, length))).toThrow(MalformedMessage)
  }
})
