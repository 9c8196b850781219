import { describe, expect, test } from 'vitest'
import {
  formatEpochs,
  formatMetaProperties,
  formatOffsets,
  formatPartitionMetadata,
  parseEpochs,
  parseMetaProperties,
  parseOffsets,
  parsePartitionMetadata,
  replaceFile,
} from './checkpoint.ts'
import { diskError, Rig } from './testing/rig.ts'

describe('offset checkpoints', () => {
  test('are read as they are written, also for topics with dashes', () => {
    const offsets = new Map([
      ['a-topic-0', 5n],
      ['t-12', 9_007_199_254_740_993n],
    ])
    expect(formatOffsets(offsets)).toBe('0\n2\na-topic 0 5\nt 12 9007199254740993\n')
    expect(parseOffsets(formatOffsets(offsets))).toEqual(offsets)
    expect(parseOffsets(formatOffsets(new Map()))).toEqual(new Map())
  })

  test.each([
    '',
    '1\n0\n',
    '0\n',
    '0\nx\n',
    '0\n2\nt 0 1\n',
    '0\n1\nt 0\n',
    '0\n1\nt 0 -1\n',
    '0\n0\nt 0 1\n',
  ])('that say %j are damaged', text => {
    expect(parseOffsets(text)).toBeUndefined()
  })

  test('that are damaged count as empty, and everything is recovered', async () => {
    const rig = new Rig()
    await rig.log()
    await rig.manager.shutdown()
    await replaceFile(rig.disk, '/data', 'recovery-point-offset-checkpoint', 'damaged')
    await rig.start()
    expect(rig.manager.log('topic', 0)!.logEndOffset).toBe(0n)
    expect(rig.lines.some(line => line.message.includes('checkpoint file is damaged'))).toBe(true)
  })
})

test('leader epochs are read as they are written', () => {
  const entries = [
    { epoch: 0, startOffset: 0n },
    { epoch: 2, startOffset: 300n },
  ]
  expect(formatEpochs(entries)).toBe('0\n2\n0 0\n2 300\n')
  expect(parseEpochs(formatEpochs(entries))).toEqual(entries)
  expect(parseEpochs('0\n2\n0 0\n')).toBeUndefined()
})

describe('meta.properties', () => {
  const meta = { nodeId: 7, clusterId: 'TD6bj3TSQTaK7S6wczZByQ', directoryId: 'k12NP7yXgbZD9GlxvumifA' }

  test('are read as they are written, and as Java writes them', () => {
    expect(parseMetaProperties(formatMetaProperties(meta))).toEqual(meta)
    const java = '#\n#Fri Nov 20 23:47:27 UTC 2026\ncluster.id = a\\=b\\:c\n! note\nnode.id:7\r\nversion=1\n'
    expect(parseMetaProperties(java)).toEqual({ nodeId: 7, clusterId: 'a=b:c' })
  })

  test('of the old form name the broker', () => {
    expect(parseMetaProperties('version=0\nbroker.id=3\ncluster.id=x\n')).toEqual({
      nodeId: 3,
      clusterId: 'x',
    })
  })

  test('that make no sense say why', () => {
    expect(parseMetaProperties('version=9\n')).toBe('version 9 is not known')
    expect(parseMetaProperties('version=1\nnode.id=one\n')).toBe('node.id=one is not a number')
  })
})

test('partition.metadata holds the topic id', () => {
  const id = 'y2kTeV5WRiiy96_8cXBNJA'
  expect(parsePartitionMetadata(formatPartitionMetadata(id))).toBe(id)
  expect(parsePartitionMetadata('version: 0\ntopic_id: short')).toBeUndefined()
  expect(parsePartitionMetadata('')).toBeUndefined()
})

test('a file is replaced as a whole or not at all, whenever the power fails', async () => {
  for (let failAt = 1; failAt < 8; failAt++) {
    const rig = new Rig()
    await rig.disk.makeDirectory('/data')
    await replaceFile(rig.disk, '/data', 'file', 'old')
    rig.memory.syncAll()
    let calls = 0
    rig.memory.intercept = () => {
      if (++calls >= failAt) throw diskError('EBADF')
    }
    await replaceFile(rig.disk, '/data', 'file', 'the new text').catch(() => {})
    rig.memory.intercept = undefined
    rig.memory.crash('lost')
    expect(['old', 'the new text']).toContain(await rig.text('/data/file'))
  }
})
