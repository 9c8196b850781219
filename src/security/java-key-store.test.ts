import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { expect, test } from 'vitest'
import { isJks, readJks, trustedInPkcs12 } from './java-key-store.ts'

const fixtures = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures', 'java-key-stores.json'), 'utf8'),
) as Readonly<Record<string, string>>
const store = (name: string) => Buffer.from(fixtures[name]!, 'base64')
const fingerprints = (pem: string) =>
  (pem.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(
    it => new X509Certificate(it).fingerprint256,
  )

test('a key and its certificate come out of JKS as Java put them in', () => {
  expect(isJks(store('key.jks'))).toBe(true)
  const { identity, trusted } = readJks(store('key.jks'), { store: 'changeit', key: 'keypass' })
  expect(fingerprints(identity!.certificateChain)).toEqual(fingerprints(fixtures['certificate.jks']!))
  const certificate = new X509Certificate(identity!.certificateChain)
  expect(certificate.checkPrivateKey(createPrivateKey(identity!.key))).toBe(true)
  expect(trusted).toBe('')
  createSecureContext({ key: identity!.key, cert: identity!.certificateChain })
})

test('certificates come out of trust stores of both kinds', async () => {
  const { trusted, identity } = readJks(store('trust.jks'), { store: 'changeit' })
  expect(identity).toBeUndefined()
  expect(fingerprints(trusted)[0]).toBe(fingerprints(fixtures['certificate.jks']!)[0])
  expect(isJks(store('trust.pkcs12'))).toBe(false)
  const both = fingerprints(await trustedInPkcs12(store('trust.pkcs12'), 'changeit'))
  expect(both.sort()).toEqual(
    [...fingerprints(fixtures['certificate.jks']!), ...fingerprints(fixtures['certificate.pkcs12']!)].sort(),
  )
})

test('wrong passwords and damage are told', async () => {
  expect(() => readJks(store('key.jks'), { store: 'changed', key: 'keypass' })).toThrow(
    'password is wrong, or',
  )
  expect(() => readJks(store('key.jks'), { store: 'changeit' })).toThrow('the password of its key is wrong')
  const damaged = store('trust.jks')
  damaged[40] = damaged[40]! ^ 1
  expect(() => readJks(damaged, { store: 'changeit' })).toThrow('damaged')
  for (let size = 4; size < damaged.length; size += 37) {
    expect(() => readJks(damaged.subarray(0, size), { store: 'changeit' })).toThrow()
  }
  await expect(trustedInPkcs12(store('trust.pkcs12'), 'changed')).rejects.toThrow(/password/i)
})
