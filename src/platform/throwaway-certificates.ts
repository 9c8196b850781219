/**
 * A certificate authority and a server certificate for one run of a test suite: made in memory, good for a
 * few days and for this machine's own names, and never meant to be kept.
 */
import { generateKeyPair, randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import { loadForge } from './forge.ts'

export interface ThrowawayCertificates {
  /** What clients have to trust. */
  readonly ca: string
  /** Of the server, with the authority's behind it. */
  readonly certificateChain: string
  readonly key: string
}

const VALID_MS = 7 * 24 * 3_600_000
/** Clocks of containers and virtual machines may be behind. */
const BACKDATED_MS = 24 * 3_600_000
const KEY_BITS = 2048
const AUTHORITY = 'Klamm throw-away authority'
/** GeneralName choices of X.509. */
const DNS_NAME = 2
const IP_ADDRESS = 7

/** The private key of the authority is forgotten at once. Takes some hundreds of milliseconds. */
export async function makeCertificates(hosts: readonly string[] = []): Promise<ThrowawayCertificates> {
  const forge = await loadForge()
  const [authority, server] = await Promise.all([newKeys(), newKeys()])

  interface Spec {
    readonly subject: string
    readonly publicKey: string
    readonly extensions: object[]
  }
  const sign = ({ subject, publicKey, extensions }: Spec) => {
    const certificate = forge.pki.createCertificate()
    certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
    certificate.serialNumber = `01${randomBytes(15).toString('hex')}`
    certificate.validity.notBefore = new Date(Date.now() - BACKDATED_MS)
    certificate.validity.notAfter = new Date(Date.now() + VALID_MS)
    certificate.setSubject([{ name: 'commonName', value: subject }])
    certificate.setIssuer([{ name: 'commonName', value: AUTHORITY }])
    certificate.setExtensions(extensions)
    certificate.sign(forge.pki.privateKeyFromPem(authority.privateKey), forge.md.sha256.create())
    return forge.pki.certificateToPem(certificate)
  }
  const ca = sign({
    subject: AUTHORITY,
    publicKey: authority.publicKey,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const certificate = sign({
    subject: 'localhost',
    publicKey: server.publicKey,
    extensions: [
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: alternativeNames(hosts) },
    ],
  })
  return { ca, certificateChain: certificate + ca, key: server.privateKey }
}

function alternativeNames(hosts: readonly string[]): object[] {
  const names = new Set(['localhost', '127.0.0.1', '::1', hostname(), ...hosts.filter(host => host !== '')])
  return Array.from(names, name =>
    /^[0-9.]+$/.test(name) || name.includes(':')
      ? { type: IP_ADDRESS, ip: name }
      : { type: DNS_NAME, value: name },
  )
}

function newKeys(): Promise<{ readonly publicKey: string; readonly privateKey: string }> {
  return promisify(generateKeyPair)('rsa', {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}
