/** `klamm options`: the reference of all options, made from the table that the broker itself goes by. */
import {
  BROKER_OPTIONS,
  CLIENT_METRICS_OPTIONS,
  GROUP_OPTIONS,
  type OptionTable,
  TOPIC_OPTIONS,
} from '../metadata/configs.ts'
import type { Option } from '../metadata/option.ts'
import { print, UsageError } from './terminal.ts'

const TABLES: readonly (readonly [string, OptionTable])[] = [
  ['Broker', BROKER_OPTIONS],
  ['Topic', TOPIC_OPTIONS],
  ['Group', GROUP_OPTIONS],
  ['Client metrics', CLIENT_METRICS_OPTIONS],
]
const EFFECTS = { now: '', later: 'accepted, not in use yet', none: 'accepted, means nothing here' }

export function printOptions(text: string | undefined, { markdown }: { readonly markdown?: boolean }): void {
  print(optionReference(text, markdown === true))
}

/** The options with `text` in their name, or all of them. */
export function optionReference(text: string | undefined, isMarkdown: boolean): string {
  const wanted = text?.toLowerCase() ?? ''
  const sections = TABLES.flatMap(([title, table]) => {
    const options = [...table.values()].filter(it => !it.isInternal && it.name.includes(wanted))
    return options.length > 0 ? [isMarkdown ? asMarkdown(title, options) : asText(title, options)] : []
  })
  if (sections.length === 0) throw new UsageError(`No option has ${text} in its name`)
  return isMarkdown ? ['# Options', ...sections].join('\n\n') : sections.join('\n\n')
}

function asText(title: string, options: readonly Option[]): string {
  return [
    `${title} options`,
    ...options.map(option => `\n  ${headOf(option)}\n      ${option.doc}`),
    '',
  ].join('\n')
}

function headOf(option: Option): string {
  const remarks = [option.type.toLowerCase(), option.check?.allowed, updateOf(option), EFFECTS[option.effect]]
  return `${option.name}=${option.defaultValue ?? ''}  (${remarks.filter(it => it).join('; ')})`
}

function updateOf({ update }: Option): string {
  return update === 'read-only' ? '' : 'can change while the broker runs'
}

function asMarkdown(title: string, options: readonly Option[]): string {
  const rows = options.map(option => {
    const remarks = [option.doc, option.check?.allowed, updateOf(option), EFFECTS[option.effect]]
    const prose = remarks
      .filter(it => it)
      .join(' · ')
      .replaceAll('|', '\\|')
    const value =
      option.defaultValue === null || option.defaultValue === '' ? '' : `\`${option.defaultValue}\``
    return `| \`${option.name}\` | ${option.type.toLowerCase()} | ${value} | ${prose} |`
  })
  return [`## ${title} options`, '', '| name | type | default | |', '|---|---|---|---|', ...rows, ''].join(
    '\n',
  )
}
