import { expect, test } from 'vitest'
import { loadConfig } from '../config.ts'
import { ClusterImage, configKey } from '../metadata/image.ts'
import { consumerGroupSettings } from './consumer-settings.ts'

function settingsWith(set: Record<string, string>, options: Record<string, string> = {}) {
  const { config } = loadConfig({ options })
  const configs = new Map(Object.entries(set).map(([name, value]) => [`consumer.${name}`, value]))
  const image = ClusterImage.empty().with(1n, { configs: [[configKey('group', 'g'), configs]] })
  return consumerGroupSettings('g', image, config!)
}

test('what is set for a group goes before what is set for the broker', () => {
  expect(settingsWith({ 'session.timeout.ms': '50000' })).toEqual({
    sessionTimeoutMs: 50_000,
    heartbeatIntervalMs: 5_000,
    assignmentIntervalMs: 1_000,
  })
  expect(settingsWith({}, { 'group.consumer.session.timeout.ms': '46000' }).sessionTimeoutMs).toBe(46_000)
})

test('what was set is kept within the bounds that the broker has now', () => {
  const set = {
    'session.timeout.ms': '1000',
    'heartbeat.interval.ms': '20000',
    'assignment.interval.ms': '99999',
  }
  expect(settingsWith(set)).toEqual({
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 15_000,
    assignmentIntervalMs: 15_000,
  })
})
