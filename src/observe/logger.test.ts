import { describe, expect, test } from 'vitest'
import { createLogger, jsonReplacer, type LogLevel, silentLogger, streamLogger } from './logger.ts'

function capture(isPretty: boolean, level: LogLevel = 'debug') {
  const lines: string[] = []
  return { lines, logger: createLogger({ level, isPretty, write: line => lines.push(line) }) }
}

describe('for a machine', () => {
  test('each line is a JSON object with its level by name, its time and its message', () => {
    const { lines, logger } = capture(false)
    logger.info('Started', { port: 9092 })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 'info',
      time: expect.any(Number),
      message: 'Started',
      port: 9092,
    })
  })

  test('int64, bytes, maps and errors with their causes can be logged', () => {
    const { lines, logger } = capture(false)
    const cause = Object.assign(new Error('EIO: fsync'), { code: 'EIO' })
    logger.error('Failed', {
      offset: 5n,
      far: 2n ** 62n,
      records: Buffer.alloc(1_000),
      key: Buffer.from('k'),
      configs: new Map([['a', 1n]]),
      error: new Error('append', { cause }),
    })
    expect(JSON.parse(lines[0]!)).toMatchObject({
      offset: 5,
      far: '4611686018427387904',
      records: expect.stringMatching(/^A+\w*=*\.\.\. \(1000 bytes\)$/),
      key: 'aw==',
      configs: { a: 1 },
      error: {
        message: 'append',
        stack: expect.stringContaining('append'),
        cause: { code: 'EIO', message: 'EIO: fsync' },
      },
    })
  })

  test('a value that contains itself is cut short', () => {
    const { lines, logger } = capture(false)
    const value: Record<string, unknown> = {}
    value.self = value
    logger.info('Loop', { value })
    expect(lines[0]).toContain('...')
  })
})

describe('for a person', () => {
  test('each line is a line of text: time, level, message, fields', () => {
    const { lines, logger } = capture(true)
    logger.warn('Closing the connection', { connection: 'a-b', count: 3, offset: 7n, list: [1] })
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}Closing the connection connection=a-b count=3 offset=7 list=\[1\]\n$/,
    )
  })

  test('an error shows its stack and its cause below the line', () => {
    const { lines, logger } = capture(true)
    logger.error('Failed', { error: new Error('append', { cause: new Error('disk') }) })
    const [first, second, ...rest] = lines[0]!.split('\n')
    expect(first).toMatch(/ERROR Failed$/)
    expect(second).toBe('    Error: append')
    expect(rest.join('\n')).toMatch(/ {4}caused by: Error: disk\n {4} {4}at /)
  })

  test('a message cannot forge a line or move the cursor', () => {
    const { lines, logger } = capture(true)
    logger.warn('Name: a\nb', { clientId: 'x\n17:00:00.000 ERROR forged\u001b[2J' })
    expect(lines[0]?.match(/\n/g)).toHaveLength(1)
    expect(lines[0]).not.toContain('\u001b')
  })

  test('colours are for terminals whose owner has not asked for none', () => {
    const written: string[] = []
    const stream = { isTTY: true, write: (text: string) => written.push(text) }
    streamLogger(stream, 'info', {}).info('a')
    streamLogger(stream, 'info', { NO_COLOR: '1' }).info('b')
    streamLogger({ write: stream.write }, 'info', {}).info('c')
    expect(written[0]).toContain('\u001b[32mINFO ')
    expect(written[1]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}b\n$/)
    expect(JSON.parse(written[2]!)).toMatchObject({ message: 'c' })
  })
})

test('levels below the one that is set cost nothing and write nothing', () => {
  const { lines, logger } = capture(false, 'warn')
  logger.info('no')
  logger.debug('no')
  logger.error('yes')
  expect(lines).toHaveLength(1)
  expect([logger.isEnabled('info'), logger.isEnabled('warn')]).toEqual([false, true])
  expect(silentLogger.isEnabled('error')).toBe(false)
})

test('a child adds its fields to all its lines', () => {
  const { lines, logger } = capture(false)
  logger.child({ broker: 1 }).child({ topic: 't', epoch: 2n }).info('x', { partition: 0 })
  expect(JSON.parse(lines[0]!)).toMatchObject({ broker: 1, topic: 't', epoch: 2, partition: 0 })
})

test('the replacer makes JSON of whatever the protocol decodes to', () => {
  const value = {
    a: 1n,
    b: [2n ** 63n - 1n],
    bytes: Buffer.from('hi'),
    plain: new Uint8Array([1]),
    text: 'x',
  }
  expect(JSON.parse(JSON.stringify(value, jsonReplacer))).toEqual({
    a: 1,
    b: ['9223372036854775807'],
    bytes: 'aGk=',
    plain: 'AQ==',
    text: 'x',
  })
})
