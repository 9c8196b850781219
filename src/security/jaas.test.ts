import { expect, test } from 'vitest'
import { parseLoginModule } from './jaas.ts'

const parsed = (text: string) => {
  const module = parseLoginModule(text)
  return module && [module.name, Object.fromEntries(module.settings)]
}

test('a login module is read with its settings, quoted in either way', () => {
  const text = `
    org.example.Module required
      username="admin" password='it''s' user_alice="a \\"quoted\\" one" debug=true ;`
  expect(parsed(text.replace("'it''s'", `'its'`))).toEqual([
    'org.example.Module',
    { username: 'admin', password: 'its', user_alice: 'a "quoted" one', debug: 'true' },
  ])
  expect(parsed('M required;')).toEqual(['M', {}])
})

test.each([
  '',
  'M',
  'M required',
  'M sometimes a="b";',
  'M required a;',
  'M required a="b" ="c";',
  'M required a="b',
])('%j is no login module', text => {
  expect(parseLoginModule(text)).toBeUndefined()
})
