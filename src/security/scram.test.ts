import { expect, test } from 'vitest'
import type { SaslStep } from './sasl.ts'
import { makeCredential, ScramExchange } from './scram.ts'

// The exchange of RFC 7677, section 3.
const NONCE = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
const CLIENT = 'rOprNGfwEbeRWgbNEkqO'
const credential = makeCredential(
  'SCRAM-SHA-256',
  'pencil',
  Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
)

function exchange() {
  return new ScramExchange({
    mechanism: 'SCRAM-SHA-256',
    nonce: NONCE,
    credential: user => (user === 'user' ? credential : undefined),
  })
}

const said = (step: SaslStep) => (step.kind === 'failed' ? step : step.token.toString())

test('SCRAM-SHA-256 speaks as the example of RFC 7677 does', () => {
  const server = exchange()
  expect(said(server.step(Buffer.from(`n,,n=user,r=${CLIENT}`)))).toBe(
    `r=${CLIENT}${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
  )
  const proof = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
  const last = server.step(Buffer.from(`c=biws,r=${CLIENT}${NONCE},p=${proof}`))
  expect(said(last)).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  expect(last).toMatchObject({ kind: 'authenticated', user: 'user' })
})

test('every changed character of the proof fails, and a finished exchange is used up', () => {
  const proof = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
  for (let at = 0; at < proof.length - 2; at++) {
    const wrong = proof.slice(0, at) + (proof[at] === 'A' ? 'B' : 'A') + proof.slice(at + 1)
    const server = exchange()
    server.step(Buffer.from(`n,,n=user,r=${CLIENT}`))
    expect(server.step(Buffer.from(`c=biws,r=${CLIENT}${NONCE},p=${wrong}`)).kind).toBe('failed')
    expect(server.step(Buffer.from(`c=biws,r=${CLIENT}${NONCE},p=${proof}`)).kind).toBe('failed')
  }
})

test.each([
  '',
  'n',
  'n,,',
  'n,,n=user',
  'n,,r=abc,n=user',
  'p=tls-unique,,n=user,r=abc',
  'n,,n=us=er,r=abc',
  'n,,n=user,r=',
  'n,,n=user,r=a b',
  'n,,m=ext,n=user,r=abc',
])('a first message %j is refused', message => {
  expect(exchange().step(Buffer.from(message)).kind).toBe('failed')
})
