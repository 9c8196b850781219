/** Spans of time as people write them: `90s`, `7d`, `1d 12h`. */
import { UsageError } from './usage-error.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  min: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
  w: 7 * DAY_MS,
}

/** A thousand years: what is longer was meant otherwise. */
const LONGEST_MS = 365_250 * DAY_MS

const WHOLE = /^\s*(?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*)+$/i
const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/gi

/** In ms. Throws a UsageError for what is no span of time, or would lead back. */
export function durationMs(span: number | string): number {
  const ms = typeof span === 'number' ? span : typeof span === 'string' ? parsed(span) : Number.NaN
  if (ms < 0 || /^\s*-/.test(String(span))) {
    throw new UsageError(
      `clock.advance: ${span} leads back, and a clock only goes forward; reset() sets it back`,
    )
  }
  if (Number.isNaN(ms)) {
    const shown = typeof span === 'string' ? JSON.stringify(span) : String(span)
    const examples = '90s, 15m, 36h, 7d, 2w, 1d 12h, or a number of ms'
    throw new UsageError(`clock.advance: ${shown} is no span of time; write it as ${examples}`)
  }
  if (ms > LONGEST_MS) throw new UsageError(`clock.advance: ${span} is more than a thousand years`)
  return ms
}

function parsed(text: string): number {
  if (!WHOLE.test(text)) return Number.NaN
  let ms = 0
  for (const [, count, unit] of text.matchAll(PART)) {
    ms += Number(count) * (UNITS[unit!.toLowerCase()] ?? Number.NaN)
  }
  return ms
}
