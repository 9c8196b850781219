import { describe, expect, test } from 'vitest'
import { parsePublished, publishedAddress } from './reflection.ts'

const ends = (localAddress: string, remoteAddress: string) => ({
  localAddress,
  remoteAddress,
  localPort: 9092,
})
const container = {
  published: { host: 'localhost', port: 19092 },
  gateways: ['172.17.0.1', 'fd00:17::1'],
}
const PUBLISHED = { host: 'localhost', port: 19092 }

describe('the address that a client is told', () => {
  test('is the one that it connected to, where nothing is published', () => {
    expect(publishedAddress(ends('172.17.0.2', '172.17.0.1'), undefined)).toBeUndefined()
  })

  test.each([
    ['the gateway', '172.17.0.2', '172.17.0.1'],
    ['the gateway of IPv6', 'fd00:17::2', 'fd00:17::1'],
    ['a forwarder that borrows our own address', '10.0.2.100', '10.0.2.100'],
    ['a public address that reached a private one', '172.17.0.2', '151.101.1.1'],
    ['a public IPv6 address that reached a private one', 'fd00:17::2', '2a04:4e42::1'],
  ])('is the published one for %s', (_, local, remote) => {
    expect(publishedAddress(ends(local, remote), container)).toEqual(PUBLISHED)
  })

  test.each([
    ['another container', '172.17.0.2', '172.17.0.3'],
    ['another private network', '10.42.1.7', '192.168.3.4'],
    ['a peer behind carrier-grade translation', '10.42.1.7', '100.64.0.9'],
    ['loopback', '127.0.0.1', '127.0.0.1'],
    ['loopback of IPv6', '::1', '::1'],
    ['a public address that reached a public one', '8.8.8.8', '9.9.9.9'],
    ['a neighbour on the link', 'fe80::2', 'fe80::1'],
  ])('is the one that it connected to, for %s', (_, local, remote) => {
    expect(publishedAddress(ends(local, remote), container)).toBeUndefined()
  })

  test("has the listener's own port where no other is published", () => {
    const published = { host: 'localhost', port: undefined }
    expect(
      publishedAddress(ends('172.17.0.2', '172.17.0.1'), { published, gateways: ['172.17.0.1'] }),
    ).toEqual({ host: 'localhost', port: 9092 })
  })
})

test.each([
  ['', undefined],
  ['localhost', { host: 'localhost', port: undefined }],
  ['localhost:19092', { host: 'localhost', port: 19092 }],
  ['[::1]:19092', { host: '::1', port: 19092 }],
  ['[::1]', { host: '::1', port: undefined }],
  ['fd00::1', { host: 'fd00::1', port: undefined }],
])('the published address %j', (text, expected) => {
  expect(parsePublished(text)).toEqual(expected)
})
