/**
 * The part of Java's JAAS syntax that Kafka's options use: one login module, a control flag, and settings.
 * `org.example.Module required name="value" other='x';`
 */

export interface LoginModule {
  readonly name: string
  readonly settings: ReadonlyMap<string, string>
}

const TOKEN = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s="';]+)|([=;]))/y
const FLAG = /^(required|requisite|sufficient|optional)$/i

/** Undefined where the text is no such entry. */
export function parseLoginModule(text: string): LoginModule | undefined {
  const tokens = tokensOf(text.trim())
  const [name, flag, ...rest] = tokens ?? []
  if (name === undefined || flag === undefined || !FLAG.test(flag.text) || rest.pop()?.text !== ';') {
    return undefined
  }
  const settings = new Map<string, string>()
  for (let i = 0; i < rest.length; i += 3) {
    const [key, equals, value] = rest.slice(i, i + 3)
    if (!key || equals?.text !== '=' || equals.isQuoted || !value) return undefined
    settings.set(key.text, value.text)
  }
  return { name: name.text, settings }
}

function tokensOf(text: string): { readonly text: string; readonly isQuoted: boolean }[] | undefined {
  const tokens: { text: string; isQuoted: boolean }[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text)
    if (!match) return undefined
    const quoted = match[1] ?? match[2]
    tokens.push({
      text: quoted === undefined ? (match[3] ?? match[4] ?? '') : quoted.replace(/\\(.)/g, '$1'),
      isQuoted: quoted !== undefined,
    })
  }
  return tokens
}
