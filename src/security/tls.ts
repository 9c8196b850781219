/**
 * A listener's TLS settings from Kafka's `ssl.*` options. What is wrong is said with the option to change.
 */
import type { Disk, TlsSettings } from '../platform/platform.ts'
import { isJks, readJks, trustedInPkcs12 } from './java-key-store.ts'
import type { ListenerOptionsOf } from './listener-options.ts'

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
  const storePassword = options.text('ssl.keystore.password') ?? undefined
  if (!isJks(bytes)) return { pfx: bytes, passphrase: storePassword ?? keyPassword }
  const store = { options, option: 'ssl.keystore.location', path: location }
  const passwords = { store: storePassword ?? keyPassword ?? '', key: keyPassword }
  const { identity } = await opened(store, async () => readJks(bytes, passwords))
  if (identity) return { certificateChain: identity.certificateChain, key: identity.key }
  throw new Error(`${options.name(store.option)}: ${location} has no key in it`)
}

async function trusted(options: ListenerOptionsOf, disk: Disk): Promise<string | undefined> {
  const inline = options.text('ssl.truststore.certificates')
  if (inline !== null) return inline
  const location = options.text('ssl.truststore.location')
  if (location !== null) {
    const bytes = await read(options, { disk, option: 'ssl.truststore.location', path: location })
    if (isPem(bytes)) return bytes.toString('utf8')
    const password = options.text('ssl.truststore.password') ?? ''
    const store = { options, option: 'ssl.truststore.location', path: location }
    const certificates = await opened(store, async () =>
      isJks(bytes) ? readJks(bytes, { store: password }).trusted : trustedInPkcs12(bytes, password),
    )
    if (certificates !== '') return certificates
    throw new Error(`${options.name(store.option)}: ${location} has no certificate in it`)
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

/** What is wrong with a store is said with the option that names it. */
async function opened<T>(
  store: StoreFile & { readonly options: ListenerOptionsOf },
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open()
  } catch (error) {
    const { options, option, path } = store
    throw new Error(`${options.name(option)}: ${path} cannot be opened: ${(error as Error).message}`)
  }
}

function isPem(bytes: Buffer): boolean {
  return bytes.includes('-----BEGIN ')
}
