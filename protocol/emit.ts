/**
 * The text of a message's two functions: `read(r, v)` and `write(w, v, value)`, with a branch where versions
 * differ. Each structure has a function of its own, named by its path. The traced form also keeps `trail`,
 * the path of the field at hand; it is run only to locate a failure, so that the usual form pays nothing for
 * it.
 */
import {
  defaultOf,
  emptyOf,
  type Field,
  type Fields,
  type FieldType,
  isWithin,
  type Message,
  parseVersions,
  type VersionRange,
} from './schema.ts'

interface Scope {
  readonly message: Message
  readonly traced: boolean
  /** Finished functions of structures, innermost first. */
  readonly functions: string[]
}

interface StructAt {
  readonly fields: Fields
  /** Empty for the message itself. */
  readonly path: string
  /** The versions in which it can occur. */
  readonly range: VersionRange
}

interface Present {
  readonly name: string
  readonly field: Field
  readonly range: VersionRange
}

export function emitReader(message: Message, traced = false): string {
  const scope: Scope = { message, traced, functions: [] }
  const name = readStruct(scope, { fields: message.fields, path: '', range: message.versions })
  return assemble(scope, name, 'read')
}

export function emitWriter(message: Message, traced = false): string {
  const scope: Scope = { message, traced, functions: [] }
  const name = writeStruct(scope, { fields: message.fields, path: '', range: message.versions })
  return assemble(scope, name, 'write')
}

function assemble(scope: Scope, name: string, verb: string): string {
  const source = `klamm-protocol/${scope.message.name}.${verb}${scope.traced ? '.traced' : ''}.js`
  return `'use strict'\n${scope.functions.join('\n')}\nreturn ${name}\n//# sourceURL=${source}\n`
}

// Versions

function overlap(a: VersionRange, b: VersionRange | null): VersionRange | null {
  if (b === null) return null
  const range = { first: Math.max(a.first, b.first), last: Math.min(a.last, b.last) }
  return range.first <= range.last ? range : null
}

/** What must hold of `v`, which is known to be within `around`, to be within `range`. */
function condition(range: VersionRange | null, around: VersionRange): string {
  if (range === null) return 'false'
  const parts: string[] = []
  if (range.first > around.first) parts.push(`v >= ${range.first}`)
  if (range.last < around.last) parts.push(`v <= ${range.last}`)
  return parts.length === 0 ? 'true' : parts.join(' && ')
}

function guarded(test: string, statements: string): string {
  if (test === 'true') return statements
  return test === 'false' ? '' : `if (${test}) {\n${statements}}\n`
}

/** An expression that is `text(v)` for each version, with no more branches than it needs. */
function byVersion(range: VersionRange, text: (version: number) => string): string {
  const runs: { last: number; text: string }[] = []
  for (let version = range.first; version <= range.last; version++) {
    const run = runs.at(-1)
    if (run?.text === text(version)) run.last = version
    else runs.push({ last: version, text: text(version) })
  }
  const branches = runs.map((run, i) =>
    i === runs.length - 1 ? run.text : `v <= ${run.last} ? ${run.text} : `,
  )
  return runs.length === 1 ? branches.join('') : `(${branches.join('')})`
}

function presentFields({ fields, range }: StructAt): { plain: Present[]; tagged: Present[] } {
  const plain: Present[] = []
  const tagged: Present[] = []
  for (const [name, field] of Object.entries(fields)) {
    const within = overlap(range, parseVersions(field.versions ?? '0+'))
    if (within === null) continue
    if (field.tag === undefined) plain.push({ name, field, range: within })
    else tagged.push({ name, field, range: within })
  }
  tagged.sort((a, b) => (a.field.tag ?? 0) - (b.field.tag ?? 0))
  return { plain, tagged }
}

function flexibleIn(scope: Scope, range: VersionRange): VersionRange | null {
  return overlap(range, scope.message.flexible)
}

function isNullableAt(field: Field, version: number): boolean {
  return field.nullable !== undefined && isWithin(parseVersions(field.nullable), version)
}

/** 'string' to 'compactNullableString': the name of the method of Reader and Writer. */
function method(scope: Scope, word: string, version: number, isNullable: boolean): string {
  const compact = isWithin(scope.message.flexible, version) ? 'compact' : ''
  const name = `${compact}${isNullable ? (compact ? 'Nullable' : 'nullable') : ''}`
  return name === '' ? word : name + word[0]?.toUpperCase() + word.slice(1)
}

const fixedSizes: Partial<Record<FieldType['kind'], number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  float64: 8,
  uuid: 16,
}

/**
 * The fewest bytes that a value takes; a count of more elements than fit is refused before it is believed.
 */
function minimumSize(message: Message, type: FieldType, version: number): number {
  const isFlexible = isWithin(message.flexible, version)
  const fixed = fixedSizes[type.kind]
  if (fixed !== undefined) return fixed
  if (type.kind === 'string') return isFlexible ? 1 : 2
  if (type.kind !== 'struct') return isFlexible ? 1 : 4
  let size = isFlexible ? 1 : 0
  for (const field of Object.values(type.fields)) {
    if (field.tag !== undefined || !isWithin(parseVersions(field.versions ?? '0+'), version)) continue
    size += field.type.kind === 'struct' && field.nullable ? 1 : minimumSize(message, field.type, version)
  }
  return size
}

function literal(type: FieldType, value: unknown): string {
  if (value === null) return 'null'
  switch (type.kind) {
    case 'int64':
      return `${value}n`
    case 'bytes':
      return 'EMPTY'
    case 'array':
      return '[]'
    case 'struct': {
      const given = value as Record<string, unknown>
      const parts = Object.entries(type.fields).map(
        ([name, { type }]) => `${name}: ${literal(type, given[name])}`,
      )
      return `{ ${parts.join(', ')} }`
    }
    default:
      return JSON.stringify(value)
  }
}

function defaultText(field: Field): string {
  return literal(field.type, defaultOf(field))
}

function traced(scope: Scope, cursor: string, step: string, statements: string): string {
  return scope.traced ? `${cursor}.trail.push(${step});\n${statements};${cursor}.trail.pop();\n` : statements
}

// Reading. A field's value is in a variable of its name behind a '$'.

function readStruct(scope: Scope, struct: StructAt): string {
  const { plain, tagged } = presentFields(struct)
  const names = Object.keys(struct.fields)
  const always = new Set(
    plain.filter(({ range }) => condition(range, struct.range) === 'true').map(p => p.name),
  )
  const variables = Object.entries(struct.fields).map(([name, field]) => {
    return always.has(name) ? `$${name}` : `$${name} = ${defaultText(field)}`
  })
  let text = names.length === 0 ? '' : `let ${variables.join(', ')}\n`
  for (const present of plain) {
    const statements = traced(scope, 'r', `'${present.name}'`, readField(scope, struct, present))
    text += guarded(condition(present.range, struct.range), statements)
  }
  const flexible = flexibleIn(scope, struct.range)
  text += guarded(condition(flexible, struct.range), readTags(scope, struct, tagged))
  text += `return { ${names.map(name => `${name}: $${name}`).join(', ')} }`
  const functionName = `read${scope.message.name}${struct.path}`
  scope.functions.push(`function ${functionName}(r, v) {\n${text}\n}`)
  return functionName
}

function readTags(scope: Scope, struct: StructAt, tagged: readonly Present[]): string {
  if (tagged.length === 0) return 'r.skipTags()\n'
  const around = flexibleIn(scope, struct.range) ?? struct.range
  const cases = tagged.map(present => {
    const test = condition(present.range, around)
    const read = traced(
      scope,
      'r',
      `'${present.name}'`,
      `${readField(scope, struct, present)}r.closeTag(end)\n`,
    )
    return `if (tag === ${present.field.tag}${test === 'true' ? '' : ` && ${test}`}) {\n${read}} else `
  })
  return `for (let n = r.tagCount(); n > 0; n--) {
const tag = r.uvarint(), end = r.tagEnd()
${cases.join('')}r.position = end
}
`
}

function readField(scope: Scope, struct: StructAt, { name, field, range }: Present): string {
  const { type } = field
  if (type.kind === 'array') return readArray(scope, struct, { name, field, range }, type.element)
  if (type.kind !== 'struct') {
    const expression = byVersion(range, version =>
      readScalar(scope, type, version, isNullableAt(field, version)),
    )
    return `$${name} = ${expression}\n`
  }
  const read = readStruct(scope, { fields: type.fields, path: `${struct.path}_${name}`, range })
  if (field.nullable === undefined) return `$${name} = ${read}(r, v)\n`
  const presence = `r.${field.tag === undefined ? 'isPresent' : 'isPresentInTag'}() ? ${read}(r, v) : null`
  const value = byVersion(range, version => (isNullableAt(field, version) ? presence : `${read}(r, v)`))
  return `$${name} = ${value}\n`
}

function readScalar(scope: Scope, type: FieldType, version: number, isNullable: boolean): string {
  if (type.kind !== 'string' && type.kind !== 'bytes') return `r.${type.kind}()`
  return `r.${method(scope, type.kind, version, isNullable)}()`
}

function readArray(
  scope: Scope,
  struct: StructAt,
  { name, field, range }: Present,
  element: FieldType,
): string {
  if (element.kind === 'array') throw new Error('the protocol has no arrays of arrays')
  const count = byVersion(range, version => {
    const size = minimumSize(scope.message, element, version)
    return `r.${method(scope, 'count', version, isNullableAt(field, version))}(${size})`
  })
  const value =
    element.kind === 'struct'
      ? `${readStruct(scope, { fields: element.fields, path: `${struct.path}_${name}`, range })}(r, v)`
      : byVersion(range, version => readScalar(scope, element, version, false))
  const each = traced(scope, 'r', "'[' + i + ']'", `$${name}[i] = ${value}\n`)
  const fill = `$${name} = new Array(count)\nfor (let i = 0; i < count; i++) {\n${each}}\n`
  const all = field.nullable === undefined ? fill : `if (count < 0) $${name} = null\nelse {\n${fill}}\n`
  return `{\nconst count = ${count}\n${all}}\n`
}

// Writing

function writeStruct(scope: Scope, struct: StructAt): string {
  const { plain, tagged } = presentFields(struct)
  let text = ''
  for (const present of plain) {
    const statements = traced(scope, 'w', `'${present.name}'`, writeField(scope, struct, present))
    text += guarded(condition(present.range, struct.range), statements)
  }
  const flexible = flexibleIn(scope, struct.range)
  text += guarded(condition(flexible, struct.range), writeTags(scope, struct, tagged))
  const functionName = `write${scope.message.name}${struct.path}`
  scope.functions.push(`function ${functionName}(w, v, o) {\n${text}}`)
  return functionName
}

function writeTags(scope: Scope, struct: StructAt, tagged: readonly Present[]): string {
  if (tagged.length === 0) return 'w.uvarint(0);\n'
  const around = flexibleIn(scope, struct.range) ?? struct.range
  const tests = tagged.map(({ name, field, range }) => {
    const test = condition(range, around)
    const value = `o.${name}`
    const differs = `${value} !== undefined && !(${isDefault(value, field)})`
    return test === 'true' ? differs : `${test} && ${differs}`
  })
  const counts = tests.map((test, i) => `const has${i} = ${test}\n`)
  const writes = tagged.map((present, i) => {
    const field = traced(scope, 'w', `'${present.name}'`, writeField(scope, struct, present))
    return `if (has${i}) {\nconst tag = w.openTag(${present.field.tag})\n${field}w.closeTag(tag)\n}\n`
  })
  const sum = tests.map((_, i) => `(has${i} ? 1 : 0)`).join(' + ')
  return `${counts.join('')}w.uvarint(${sum});\n${writes.join('')}`
}

/** An expression that holds where a tagged field need not be written. */
function isDefault(value: string, field: Field): string {
  const standard = defaultOf(field)
  const { type } = field
  if (standard === null) return `${value} === null`
  const notNull = field.nullable === undefined ? '' : `${value} !== null && `
  switch (type.kind) {
    case 'array':
      return `${notNull}${value}.length === 0`
    case 'bytes':
      return `${notNull}${value}.byteLength === 0`
    case 'struct': {
      const parts = Object.entries(type.fields).map(([name, inner]) => {
        const part = `${value}.${name}`
        return `(${part} === undefined || ${isDefault(part, inner)})`
      })
      return `${notNull}${parts.join(' && ')}`
    }
    default:
      return `${value} === ${literal(type, standard)}`
  }
}

function writeField(scope: Scope, struct: StructAt, { name, field, range }: Present): string {
  const { type } = field
  // A tagged field that was left out is not written at all.
  const isOmittable = field.defaultValue !== undefined && field.tag === undefined
  const given = isOmittable ? `o.${name} === undefined ? ${defaultText(field)} : o.${name}` : `o.${name}`
  if (type.kind !== 'array' && type.kind !== 'struct') {
    if (!isOmittable) return `${byVersion(range, version => writeScalar(scope, given, field, version))};\n`
    const written = byVersion(range, version => writeScalar(scope, `$${name}`, field, version))
    return `{\nconst $${name} = ${given};\n${written};\n}\n`
  }
  let text = `const $${name} = ${given};\n`
  if (type.kind === 'array') text += writeArray(scope, struct, { name, field, range }, type.element)
  else {
    const write = writeStruct(scope, { fields: type.fields, path: `${struct.path}_${name}`, range })
    text += writePresence(`$${name}`, field, `${write}(w, v, $${name});\n`)
  }
  return `{\n${text}}\n`
}

function writePresence(value: string, field: Field, write: string): string {
  if (field.nullable === undefined) return write
  const [word, no, yes] = field.tag === undefined ? ['int8', -1, 1] : ['uvarint', 0, 1]
  return `if (${value} === null) w.${word}(${no})\nelse {\nw.${word}(${yes})\n${write}}\n`
}

/** Null becomes empty in the versions in which a field that may be null elsewhere may not. */
function writeScalar(scope: Scope, value: string, field: Field, version: number): string {
  const { type } = field
  if (type.kind !== 'string' && type.kind !== 'bytes') return `w.${type.kind}(${value})`
  const isNullable = isNullableAt(field, version)
  const shown =
    field.nullable !== undefined && !isNullable
      ? `${value} === null ? ${literal(type, emptyOf(type))} : ${value}`
      : value
  return `w.${method(scope, type.kind, version, isNullable)}(${shown})`
}

function writeArray(
  scope: Scope,
  struct: StructAt,
  { name, field, range }: Present,
  element: FieldType,
): string {
  if (element.kind === 'array') throw new Error('the protocol has no arrays of arrays')
  const value = `$${name}`
  const inner = {
    fields: element.kind === 'struct' ? element.fields : {},
    path: `${struct.path}_${name}`,
    range,
  }
  const one =
    element.kind === 'struct'
      ? `${writeStruct(scope, inner)}(w, v, ${value}[i])`
      : byVersion(range, version => writeElement(scope, element, `${value}[i]`, version))
  const each = traced(scope, 'w', "'[' + i + ']'", `${one};\n`)
  const count = (size: string) =>
    byVersion(range, version => `w.${method(scope, 'count', version, false)}(${size})`)
  const all = `${count(`${value}.length`)};\nfor (let i = 0; i < ${value}.length; i++) {\n${each}}\n`
  if (field.nullable === undefined) return all
  const none = byVersion(range, version => {
    return `w.${method(scope, 'count', version, false)}(${isNullableAt(field, version) ? -1 : 0})`
  })
  return `if (${value} === null) ${none}\nelse {\n${all}}\n`
}

function writeElement(scope: Scope, type: FieldType, value: string, version: number): string {
  if (type.kind !== 'string' && type.kind !== 'bytes') return `w.${type.kind}(${value})`
  return `w.${method(scope, type.kind, version, false)}(${value})`
}

/** The names that emitted text uses for what is not in it. */
export const EMITTED_PARAMETERS = ['EMPTY'] as const
