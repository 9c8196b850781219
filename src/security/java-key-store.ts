/**
 * The stores that Java keeps keys and certificates in, as PEM: JKS, the old format, and the certificates of
 * PKCS#12, the newer one. (The key of a PKCS#12 store Node reads by itself.)
 */
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import { loadForge } from '../platform/forge.ts'

export interface JavaKeyStore {
  /** Of the first private key; undefined where the store has none. */
  readonly identity: { readonly key: string; readonly certificateChain: string } | undefined
  /** All certificates that are trusted as they are, as PEM. */
  readonly trusted: string
}

export interface StorePasswords {
  readonly store: string
  /** Of the key; that of the store unless told. */
  readonly key?: string | undefined
}

const JKS_MAGIC = 0xfe_ed_fe_ed
const DIGEST_BYTES = 20
/** What Java mixes into the digest of a JKS store. */
const WHITENER = 'Mighty Aphrodite'
/** Of the one cipher that protects keys in JKS, Sun's own. */
const KEY_PROTECTOR = '060a2b060104012a02110101'
const PRIVATE_KEY_ENTRY = 1
const CERTIFICATE_ENTRY = 2

export function isJks(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32BE(0) === JKS_MAGIC
}

/** Throws, in words, where the password is wrong or the store is damaged. */
export function readJks(bytes: Buffer, passwords: StorePasswords): JavaKeyStore {
  const content = bytes.subarray(0, -DIGEST_BYTES)
  const password = utf16(passwords.store)
  const digest = sha1(password, Buffer.from(WHITENER), content)
  const said = bytes.subarray(-DIGEST_BYTES)
  if (said.length !== DIGEST_BYTES || !timingSafeEqual(digest, said)) {
    throw new Error('its password is wrong, or it is damaged')
  }
  const reader = new StoreReader(content)
  reader.uint32()
  const version = reader.uint32()
  let identity: JavaKeyStore['identity']
  const trusted: string[] = []
  for (let left = reader.uint32(); left > 0; left--) {
    const kind = reader.uint32()
    reader.text()
    reader.skip(8)
    if (kind === PRIVATE_KEY_ENTRY) {
      const sealed = reader.bytes()
      const chain = Array.from({ length: reader.uint32() }, () => reader.certificate(version))
      identity ??= {
        key: unsealed(sealed, passwords.key ?? passwords.store),
        certificateChain: chain.join(''),
      }
    } else if (kind === CERTIFICATE_ENTRY) {
      trusted.push(reader.certificate(version))
    } else {
      throw new Error(`it has an entry of kind ${kind}, which is neither a key nor a certificate`)
    }
  }
  return { identity, trusted: trusted.join('') }
}

/** The certificates of a PKCS#12 store that stand without a key, as PEM. */
export async function trustedInPkcs12(bytes: Buffer, password: string): Promise<string> {
  const forge = await loadForge()
  const store = forge.pkcs12.pkcs12FromAsn1(forge.asn1.fromDer(bytes.toString('binary')), password)
  const bags = store.getBags({ bagType: forge.pki.oids.certBag! })[forge.pki.oids.certBag!] ?? []
  const certificates = bags.map(({ cert, asn1 }) => {
    const der = forge.asn1.toDer(cert ? forge.pki.certificateToAsn1(cert) : asn1).getBytes()
    return pem('CERTIFICATE', Buffer.from(der, 'binary'))
  })
  return certificates.join('')
}

class StoreReader {
  private readonly content: Buffer
  private at = 0

  constructor(content: Buffer) {
    this.content = content
  }

  uint32(): number {
    this.at += 4
    return this.content.readUInt32BE(this.at - 4)
  }

  skip(count: number): void {
    this.at += count
  }

  text(): string {
    const size = this.content.readUInt16BE(this.at)
    this.at += 2 + size
    return this.content.toString('utf8', this.at - size, this.at)
  }

  bytes(): Buffer {
    const size = this.uint32()
    if (size > this.content.length - this.at) throw new Error('it ends too early')
    this.at += size
    return this.content.subarray(this.at - size, this.at)
  }

  certificate(version: number): string {
    if (version > 1) this.text()
    return new X509Certificate(this.bytes()).toString()
  }
}

/** Sun's protection of a key: a salt, the key under a stream of digests, and a digest to check it by. */
function unsealed(sealed: Buffer, password: string): string {
  const oid = sealed.indexOf(Buffer.from(KEY_PROTECTOR, 'hex'))
  if (oid < 0) throw new Error('its key is protected in a way that JKS does not know')
  // The algorithm's parameters are NULL; then comes the octet string with what is sealed.
  const protectedKey = octetsOf(sealed, oid + KEY_PROTECTOR.length / 2)
  const secret = utf16(password)
  let block = protectedKey.subarray(0, DIGEST_BYTES)
  const hidden = protectedKey.subarray(DIGEST_BYTES, -DIGEST_BYTES)
  const key = Buffer.alloc(hidden.length)
  for (let at = 0; at < hidden.length; at += DIGEST_BYTES) {
    block = sha1(secret, block)
    for (let i = at; i < Math.min(at + DIGEST_BYTES, hidden.length); i++) key[i] = hidden[i]! ^ block[i - at]!
  }
  if (!timingSafeEqual(sha1(secret, key), protectedKey.subarray(-DIGEST_BYTES))) {
    throw new Error('the password of its key is wrong')
  }
  return pem('PRIVATE KEY', key)
}

/** The content of the octet string that follows a NULL, in DER. */
function octetsOf(der: Buffer, from: number): Buffer {
  const at = der[from] === 0x05 ? from + 2 : from
  if (der[at] !== 0x04) throw new Error('its key is not as JKS has it')
  const first = der[at + 1]!
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  const start = at + 2 + lengthBytes
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes)
  return der.subarray(start, start + length)
}

function sha1(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** As Java digests a password: two bytes a character, the high one first. */
function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/(.{64})(?=.)/g, '$1\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}
