/** Subscriptions by regular expression (KIP-848): what they stand for, and when that is found out. */

import { describe, expect, test } from 'vitest'
import { ConsumerDriver } from './testing/consumer-driver.ts'
import { regexProblem } from './topic-regex.ts'

/** A group of one that subscribes by this expression alone. */
function subscribed(regex: string, ...topics: readonly string[]): ConsumerDriver {
  const driver = new ConsumerDriver()
  for (const topic of topics) driver.topic(topic, 1)
  driver.enters('a', [], { subscribedTopicNames: null, subscribedTopicRegex: regex })
  return driver
}

function settled(driver: ConsumerDriver): string {
  driver.advance(100)
  driver.beats('a')
  return driver.has('a')
}

describe('T157 subscriptions by regular expression', () => {
  test('names are matched whole', () => {
    expect(settled(subscribed('orders.*', 'orders', 'orders-1', 'my-orders'))).toBe('orders-1: 0, orders: 0')
    expect(settled(subscribed('orders', 'orders', 'orders-1'))).toBe('orders: 0')
  })

  test('internal topics are topics, as for Kafka', () => {
    expect(settled(subscribed('.*', '__consumer_offsets', 't'))).toBe('__consumer_offsets: 0, t: 0')
  })

  test('what matches nothing is a subscription to nothing', () => {
    const driver = subscribed('nothing', 't')
    expect(settled(driver)).toBe('')
    expect(driver.group.state).toBe('Stable')
  })

  test.each([
    ['(', 'missing closing )'],
    ['(?=ahead)', 'invalid or unsupported Perl syntax'],
    ['(a)\\1', 'invalid escape sequence'],
    ['a{1001}', 'invalid repeat count'],
  ])('%s is none of RE2/J, and is refused', (regex, problem) => {
    expect(regexProblem(regex)).toBe(problem)
    const driver = new ConsumerDriver()
    const said = { subscribedTopicNames: null, subscribedTopicRegex: regex }
    expect(driver.enters('a', [], said)).toBe('INVALID_REGULAR_EXPRESSION')
    expect(driver.log).toEqual([])
  })

  test('the names of a subscription in another order are no change', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 1)
    driver.topic('u', 1)
    driver.enters('a', ['t', 'u'])
    const { epoch } = driver.group
    driver.beats('a', undefined, { subscribedTopicNames: ['u', 't'] })
    expect(driver.group.epoch).toBe(epoch)
  })

  test('what a group subscribes to is what its members name and what their expressions stand for', () => {
    const driver = subscribed('orders.*', 'orders', 'orders-1', 't')
    settled(driver)
    driver.enters('b', ['t', 'orders'])
    const topics = () => [...driver.consumerGroup.subscribedTopics()].sort()
    expect(topics()).toEqual(['orders', 'orders-1', 't'])
    driver.restart()
    expect(topics()).toEqual(['orders', 'orders-1', 't'])
    driver.leaves('a')
    expect(topics()).toEqual(['orders', 't'])
    driver.beats('b', undefined, { subscribedTopicNames: ['t'] })
    expect(topics()).toEqual(['t'])
    driver.leaves('b')
    expect(topics()).toEqual([])
  })

  test('a hostile expression over a thousand topics holds nobody up', () => {
    const driver = new ConsumerDriver()
    for (let i = 0; i < 1_000; i++) driver.topic(`${'a'.repeat(i % 60)}-${i}`, 1)
    const said = { subscribedTopicNames: null, subscribedTopicRegex: '((a*)*(a?){50})*x' }
    driver.enters('a', [], said)
    expect(settled(driver)).toBe('')
  })
})
