/**
 * A listener's TLS settings from Kafka's `ssl.*` options. What is wrong is said with the option to change.
 */
import type { Disk, TlsSettings } from '../platform/platform.ts'
import type { ListenerOptionsOf } from './listener-options.ts'

/** How a Java key store begins; the newer kind, PKCS#12, is a DER sequence. */
const JKS_MAGIC = 0xfe_ed_fe_ed

/** Rejects with an Error whose message says what to do. */
export async function tlsSettings(options: ListenerOptionsOf, disk: Disk): Promise<TlsSettings> {
  const protocols = options.list('ssl.enabled.protocols').filter(name => /^TLSv1\.[23]$/.test(name))
  if (protocols.length === 0) {
    throw new Error(`${options.name('ssl.enabled.protocols')}: only TLSv1.2 and TLSv1.3 are served`)
  }
  const ciphers = options.list('ssl.cipher.suites').join(':')
  return {
    ...(await ownIdentity(options, disk)),
    trusted: await trusted(options, disk),
    clientCertificate: options.string('ssl.client.auth') as TlsSettings['clientCertificate'],
    minVersion: protocols.includes('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: protocols.includes('TLSv1.3') ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: ciphers === '' ? undefined : ciphers,
  }
}

type Identity = Pick<TlsSettings, 'pfx' | 'certificateChain' | 'key' | 'passphrase'>

async function ownIdentity(options: ListenerOptionsOf, disk: Disk): Promise<Identity> {
  const keyPassword = options.text('ssl.key.password') ?? undefined
  const chain = options.text('ssl.keystore.certificate.chain')
  const key = options.text('ssl.keystore.key')
  if (chain !== null && key !== null) return { certificateChain: chain, key, passphrase: keyPassword }
  const location = options.text('ssl.keystore.location')
  if (location === null) {
    const other = 'ssl.keystore.certificate.chain and ssl.keystore.key'
    const location = options.name('ssl.keystore.location')
    throw new Error(`${location}, or ${other}: a TLS listener needs a certificate and its key`)
  }
  const bytes = await read(options, { disk, option: 'ssl.keystore.location', path: location })
  if (isPem(bytes)) {
    const text = bytes.toString('utf8')
    return { certificateChain: text, key: text, passphrase: keyPassword }
  }
  refuseJks(options, { bytes, option: 'ssl.keystore.location', path: location })
  return { pfx: bytes, passphrase: options.text('ssl.keystore.password') ?? keyPassword }
}

async function trusted(options: ListenerOptionsOf, disk: Disk): Promise<string | undefined> {
  const inline = options.text('ssl.truststore.certificates')
  if (inline !== null) return inline
  const location = options.text('ssl.truststore.location')
  if (location !== null) {
    const bytes = await read(options, { disk, option: 'ssl.truststore.location', path: location })
    if (isPem(bytes)) return bytes.toString('utf8')
    throw new Error(
      `${options.name('ssl.truststore.location')}: ${location} is not PEM, the one form of a trust store ` +
        'that is read here; keytool -list -rfc writes it',
    )
  }
  if (options.string('ssl.client.auth') === 'none') return undefined
  throw new Error(
    `${options.name('ssl.truststore.location')}: ssl.client.auth asks for certificates of clients, ` +
      'so name those who may have signed them',
  )
}

interface StoreFile {
  readonly option: string
  readonly path: string
}

async function read(options: ListenerOptionsOf, file: StoreFile & { readonly disk: Disk }): Promise<Buffer> {
  try {
    return await file.disk.readFile(file.path)
  } catch (error) {
    throw new Error(`${options.name(file.option)}: ${file.path} cannot be read: ${(error as Error).message}`)
  }
}

function refuseJks(options: ListenerOptionsOf, file: StoreFile & { readonly bytes: Buffer }): void {
  if (file.bytes.length < 4 || file.bytes.readUInt32BE(0) !== JKS_MAGIC) return
  throw new Error(
    `${options.name(file.option)}: ${file.path} is a JKS store, which only Java reads; make it ` +
      'PKCS#12 with keytool -importkeystore -deststoretype pkcs12, or PEM',
  )
}

function isPem(bytes: Buffer): boolean {
  return bytes.includes('-----BEGIN ')
}
