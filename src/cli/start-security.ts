/** What `klamm start --tls` and `--user` stand for: files made when missing, and Kafka's own options. */
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { makeCertificates } from '../platform/throwaway-certificates.ts'
import { UsageError } from './terminal.ts'

export interface SecurityFlags {
  /** The folder of the certificates. */
  readonly tls?: string | undefined
  readonly user?: readonly string[] | undefined
}

export const AUTHORITY_FILE = 'ca.pem'
const SERVER_FILE = 'server.pem'
const OWNER_ONLY = 0o600
const DAY_MS = 24 * 3_600_000

export function protocolOf({ tls, user }: SecurityFlags): string {
  if (user?.length) return tls === undefined ? 'SASL_PLAINTEXT' : 'SASL_SSL'
  return tls === undefined ? 'PLAINTEXT' : 'SSL'
}

/** As `--override` takes them. */
export async function securityOverrides(flags: SecurityFlags): Promise<string[]> {
  const { tls, user = [] } = flags
  if (tls !== undefined) await certificatesIn(tls)
  return [
    ...(tls === undefined
      ? []
      : ['ssl.keystore.type=PEM', `ssl.keystore.location=${resolve(tls, SERVER_FILE)}`]),
    ...(user.length === 0 ? [] : [`klamm.sasl.users=${user.join(',')}`]),
  ]
}

async function certificatesIn(folder: string): Promise<void> {
  try {
    await ensureCertificates(folder)
  } catch (error) {
    const why = (error as Error).message
    throw new UsageError(
      `--tls: the folder ${resolve(folder)} cannot be used (${why}); delete ${AUTHORITY_FILE} and ` +
        `${SERVER_FILE} there to have them made anew, or give another folder`,
    )
  }
}

/** The same authority as before as long as it is good, so that clients need not learn another. */
async function ensureCertificates(folder: string): Promise<void> {
  const paths = { ca: join(folder, AUTHORITY_FILE), server: join(folder, SERVER_FILE) }
  if (existsSync(paths.ca) && existsSync(paths.server)) {
    const { validTo } = new X509Certificate(readFileSync(paths.server))
    if (Date.parse(validTo) > Date.now() + DAY_MS) return
  }
  const { ca, certificateChain, key } = await makeCertificates()
  mkdirSync(folder, { recursive: true })
  writeFileSync(paths.ca, ca)
  writeFileSync(paths.server, certificateChain + key, { mode: OWNER_ONLY })
}
