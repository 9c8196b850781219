import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { optionReference } from './options.ts'

const path = join(import.meta.dirname, '../../docs/options.md')

test('docs/options.md is what klamm options --markdown prints', () => {
  expect(readFileSync(path, 'utf8')).toBe(`${optionReference(undefined, true)}\n`)
})

test('options are found by any part of their name', () => {
  expect(optionReference('log.retention.hours', false)).toContain('log.retention.hours=168')
  expect(() => optionReference('no.such.option', false)).toThrow(/no\.such\.option/)
})
