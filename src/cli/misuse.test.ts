// What the commands say of what they cannot use. That it is one line, and an exit code, is in start.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { health } from './health.ts'
import { type ProxyCommandOptions, proxy } from './proxy.ts'
import { configOf } from './start.ts'
import { securityOverrides } from './start-security.ts'
import { UsageError } from './terminal.ts'
import { showTrace } from './trace.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klamm-misuse-'))
  for (const file of ['ca.pem', 'server.pem']) writeFileSync(join(folder, file), 'torn')
})
afterAll(() => rmSync(folder, { recursive: true }))

const start = (flags: object) => async () =>
  configOf({ profile: 'ci', override: ['listeners=PLAINTEXT://localhost:0'], ...flags })
const tls = (path: () => string) => () => securityOverrides({ tls: path() })
const proxied = (options: Partial<ProxyCommandOptions>) => () =>
  proxy({ to: 'localhost:9', port: 0, host: '127.0.0.1', seed: 0, ...options })

test.each<[string, () => Promise<unknown>, RegExp]>([
  ['encryption of no listener', start({ tls: '.' }), /^--tls: none of the listeners encrypts/],
  ['users of no listener', start({ user: ['alice:x'] }), /^--user: none of the listeners asks for users/],
  ['a broken certificate', tls(() => folder), /^--tls: .*delete ca\.pem and server\.pem/],
  ['a folder that is a file', tls(() => join(folder, 'ca.pem')), /^--tls: .*ca\.pem cannot be used/],
  ['a fault that is no file', proxied({ fault: ['faults.json'] }), /^--fault: faults\.json is neither JSON/],
  ['faults that are a directory', proxied({ fault: ['.'] }), /^--fault: \. is neither JSON nor a file/],
  ['an address that is not ours', proxied({ host: '192.0.2.1' }), /^--host, --port: cannot listen on/],
  ['a port beyond the last', () => health({ server: 'localhost:99999', timeout: 1 }), /^--server: /],
  [
    'an API that is not there',
    async () => showTrace('run.pcapng', { api: ['Prodce'] }),
    /^--api: There is no API Prodce/,
  ],
])('%s: refused, with what to do', async (_, command, pattern) => {
  const refusal = await command().then(
    () => undefined,
    error => error,
  )
  expect(refusal).toBeInstanceOf(UsageError)
  expect(refusal.message).toMatch(pattern)
})
