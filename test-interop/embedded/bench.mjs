// npm run embedded:bench: how soon brokers inside the process are there, new again, and how much they take; beside
// kfake, inside a Go process, in the same run, the rounds alternating. A clean build has to be there, and Go.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, Klamm } from './built.mjs'

const RUNS = 20
const FEW_RUNS = 10
const TOPICS = Array.from({ length: 100 }, (_, index) => `t${index}`)
const RECORDS_PER_TOPIC = 1_000

async function startToProduce(client = connect) {
  const begin = performance.now()
  const klamm = await Klamm.start({ topics: ['a'] })
  const connected = await client(klamm)
  await connected.produce('a')
  const took = performance.now() - begin
  await connected.close()
  await klamm.close()
  return took
}

/** A client as suites use it; its own work counts too. */
async function kafkajsAt({ bootstrapServers }) {
  const { default: kafkajs } = await import('kafkajs')
  const kafka = new kafkajs.Kafka({ brokers: [bootstrapServers], logLevel: kafkajs.logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  return {
    produce: topic => producer.send({ topic, messages: [{ value: 'x' }] }),
    close: () => producer.disconnect(),
  }
}

async function fill(client) {
  for (const topic of TOPICS) await client.produce(topic, RECORDS_PER_TOPIC)
}

async function resets(options) {
  const klamm = await Klamm.start(options)
  const client = await connect(klamm)
  const times = []
  for (let run = 0; run < FEW_RUNS + 3; run++) {
    if (!options.topics) await client.createTopics(TOPICS)
    await fill(client)
    const begin = performance.now()
    await klamm.reset()
    times.push(performance.now() - begin)
  }
  await client.close()
  await klamm.close()
  return times.slice(3)
}

async function snapshots() {
  const klamm = await Klamm.start({ topics: TOPICS })
  const client = await connect(klamm)
  await fill(client)
  const times = { snapshot: [], fork: [], restore: [] }
  const timed = async (name, task) => {
    const begin = performance.now()
    const result = await task()
    times[name].push(performance.now() - begin)
    return result
  }
  for (let run = 0; run < FEW_RUNS; run++) {
    const snapshot = await timed('snapshot', () => klamm.snapshot())
    const fork = await timed('fork', () => klamm.fork())
    await fork.close()
    await timed('restore', () => klamm.restore(snapshot))
  }
  await client.close()
  await klamm.close()
  return times
}

async function fifty() {
  const open = []
  for (let index = 0; index < 50; index++) {
    const klamm = await Klamm.start({ topics: ['a'] })
    const client = await connect(klamm)
    await client.produce('a')
    open.push(client, klamm)
  }
  const rssBytes = process.memoryUsage().rss
  for (const each of open) await each.close()
  return rssBytes
}

async function klammRound() {
  for (let run = 0; run < 3; run++) await startToProduce()
  const figures = { starts: [], kafkajs: [], resets: [], resetsOfGiven: [] }
  for (let run = 0; run < RUNS; run++) figures.starts.push(await startToProduce())
  for (let run = 0; run < RUNS; run++) figures.kafkajs.push(await startToProduce(kafkajsAt))
  figures.resets = await resets({})
  figures.resetsOfGiven = await resets({ topics: TOPICS })
  return { ...figures, ...(await snapshots()), rssOf50: await fifty() }
}

function buildKfake() {
  const program = join(import.meta.dirname, '..', 'dist', 'embedded', 'kfake-inside')
  mkdirSync(join(program, '..'), { recursive: true })
  execFileSync('go', ['build', '-o', program, '.'], {
    cwd: join(import.meta.dirname, 'go'),
    env: { ...process.env, CGO_ENABLED: '0' },
    stdio: 'inherit',
  })
  return program
}

const median = values => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const ms = values => (values?.length ? median(values).toFixed(1) : '')
const mb = bytes => (bytes / 1e6).toFixed(0)

/** Each round in a process of its own. */
function round(command, args) {
  const { stdout, status, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

function merged(rounds) {
  const names = Object.keys(rounds[0])
  return Object.fromEntries(
    names.map(name => [
      name,
      Array.isArray(rounds[0][name]) ? rounds.flatMap(each => each[name]) : rounds.map(each => each[name]),
    ]),
  )
}

function main() {
  const kfake = buildKfake()
  const self = fileURLToPath(import.meta.url)
  const rounds = { klamm: [], kfake: [] }
  for (let index = 0; index < 3; index++) {
    rounds.klamm.push(round(process.execPath, [self, 'round']))
    rounds.kfake.push(round(kfake, []))
  }
  const klamm = merged(rounds.klamm)
  const other = merged(rounds.kfake)
  const rows = [
    ['start to the first acknowledged record, ms', ms(klamm.starts), ms(other.starts)],
    ['the same with kafkajs, ms', ms(klamm.kafkajs), ''],
    ['as new, with 100 topics and 100,000 records, ms', ms(klamm.resets), ms(other.resets)],
    ['the same, the 100 topics there again, ms', ms(klamm.resetsOfGiven), ''],
    ['snapshot of that, ms', ms(klamm.snapshot), ''],
    ['fork of that, ms', ms(klamm.fork), ''],
    ['restore of that, ms', ms(klamm.restore), ''],
    ['50 brokers at once, the whole process, MB', mb(median(klamm.rssOf50)), mb(median(other.rssOf50))],
  ]
  console.log('| figure | Klamm | kfake |\n|---|---:|---:|')
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
}

if (process.argv[2] === 'round') console.log(JSON.stringify(await klammRound()))
else main()
