/** Checks of single options that the general ones do not cover. */
import { type Check, type OptionValue, sentence } from './option.ts'

/** -1 stands for the library's own default. */
export const GZIP_LEVEL: Check = {
  allowed: '[1,...,9] or -1',
  refuse: (value, name) => {
    const level = value as number
    if (level === -1 || (level >= 1 && level <= 9)) return undefined
    return sentence(name, `${level}`, 'Value must be between 1 and 9 or equal to -1')
  },
}

export const NON_EMPTY: Check = {
  allowed: 'non-empty string',
  refuse: (value, name) => (value === '' ? sentence(name, '', 'String must be non-empty') : undefined),
}

/** A list with at least one entry. */
export const NOT_EMPTY: Check = {
  allowed: 'at least one value',
  refuse: (value, name) =>
    (value as readonly string[]).length === 0 ? `Configuration '${name}' must not be empty.` : undefined,
}

/** Entries of Kafka's quorum, which are only recognised here. */
export function eachLike(form: string, pattern: RegExp): Check {
  return {
    allowed: form,
    refuse: (value, name) => {
      const wrong = (value as readonly string[]).find(entry => !pattern.test(entry))
      return wrong === undefined ? undefined : sentence(name, wrong, `Expected ${form}`)
    },
  }
}

/** Of the replica lists that replication quotas apply to. */
export const THROTTLED_REPLICAS: Check = {
  allowed: '[partitionId]:[brokerId],[partitionId]:[brokerId],...',
  toleratesEmptyEntries: true,
  refuse: (value, name) => {
    const entries = value as readonly string[]
    const isList = entries.every(entry => /^[0-9]+:[0-9]+$/.test(entry))
    if (isList || (entries.length === 1 && (entries[0] === '*' || entries[0] === ''))) return undefined
    const format = '[partitionId]:[brokerId],[partitionId]:[brokerId],...'
    const why = `${name} must be the literal '*' or a list of replicas in the following format: ${format}`
    return sentence(name, `[${entries.join(', ')}]`, why)
  },
}

export const SHARE_OFFSET_RESET: Check = {
  allowed: '[latest, earliest, by_duration:PnDTnHnMn.nS]',
  refuse: (value, name) => {
    if (isShareOffsetReset(value)) return undefined
    const why =
      `Invalid value \`${value}\` for configuration ${name}. ` +
      "The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
    return sentence(name, `${value}`, why)
  },
}

const DURATION =
  /^([-+]?)P(?=.)([-+]?[0-9]+D)?(T(?=.)([-+]?[0-9]+H)?([-+]?[0-9]+M)?([-+]?[0-9]+([.,][0-9]{0,9})?S)?)?$/i

function isShareOffsetReset(value: OptionValue): boolean {
  if (typeof value !== 'string') return false
  if (value === 'latest' || value === 'earliest') return true
  const [strategy, duration, ...rest] = value.split(':')
  return (
    strategy === 'by_duration' &&
    rest.length === 0 &&
    DURATION.test(duration ?? '') &&
    !/-/.test(duration ?? '')
  )
}
