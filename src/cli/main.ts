#!/usr/bin/env node
/**
 * The command line: what can be said, and the help that teaches it. What the commands do is in the files
 * beside, which are loaded when they are asked for. The only file that knows commander.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { fail, packageVersion, tolerateLostReaders } from './terminal.ts'

const START_EXAMPLES = `
Examples:
  klamm start                                        a durable broker on port 9092, data in ./data
  klamm start --port 9093 --data-dir /var/lib/klamm  somewhere else
  klamm start --profile ci                           in memory, on a free port, for a test run
  klamm start --config server.properties             with the settings of a Kafka that you have
  klamm start --override num.partitions=3 --override log.retention.hours=1
  klamm start --profile ci --json --control-port 0   for a test suite: addresses as JSON, and a control API

klamm alone is klamm start. Every option of Kafka's server.properties goes into --config or
--override by its own name; klamm options lists them, klamm options retention those with
"retention" in their name.`

const IMPORT_EXAMPLES = `
Stop Kafka first. Examples:
  klamm import --from /var/lib/kafka --dry-run
  klamm import --from /var/lib/kafka --to ./data     a copy; Kafka's files are only read
  klamm import --from /var/lib/kafka                 in place; adds a file, and changes none`

const EXPORT_EXAMPLES = `
Stop Klamm first. Examples:
  klamm export --from ./data --dry-run
  klamm export --from ./data --to /var/lib/kafka     a copy; Klamm's files are only read
  klamm export --from ./data                         in place; klamm import is the way back

It prints the lines that Kafka's server.properties needs. Kafka 4.3 or later, with KRaft.`

const DUMP_EXAMPLES = `
Examples:
  klamm log dump ./data/orders-0                          the batches of all its segments
  klamm log dump ./data/orders-0 --print-data             with their records, keys and values
  klamm log dump ./data/__consumer_offsets-7 --deep       what groups have committed
  klamm log dump 00000000000000004711.timeindex           an index, a snapshot, a checkpoint
  klamm log dump ./data/orders-0 --from-offset 4000 --max-records 10 --print-data --json

Files are only read; the broker may be running. The files of Apache Kafka are the same.`

const CONFORMANCE_EXAMPLES = `
Examples:
  klamm conformance --bootstrap localhost:9092                 all cases that apply, some two minutes
  klamm conformance --persona 4.3 --html report.html           a broker that passes for Kafka 4.3
  klamm conformance --only produce --only T051                 an area, and what a trap gave rise to
  klamm conformance --user alice:secret --mechanism SCRAM-SHA-256 --tls-ca ca.pem

Whatever it makes has a name of its own and is removed at the end, also after Ctrl-C. The exit code is
0 where all that applies passed, 1 where something differs, 2 where the broker could not be examined.`

const VERIFY_EXAMPLES = `
Examples:
  klamm log verify ./data                 everything in a data directory
  klamm log verify ./data/orders-0        one partition
  klamm log verify ./data --json | jq     one line for each finding, and one for the whole
  klamm log verify ./data --repair        mend what can be mended without a loss

Without --repair nothing is changed, and the broker may be running. The exit code is 0 where all is
sound (or mended), 2 where damage was found, and 1 where it could not be looked at.`

const TRACE_EXAMPLES = `
Examples:
  klamm trace run.pcapng                                  one line for each request and its response
  klamm trace run.pcapng --api Produce --topic orders     only some of them
  klamm trace run.pcapng --errors --detail                what went wrong, field by field
  klamm trace run.pcapng --json | jq .request.groupId     for programs

A line tells the time, the client id, the API with its version and correlation id, what was asked, how
long the answer took and what it said. Secrets of SASL are not in the captures that Klamm writes.`

const PROXY_EXAMPLES = `
Examples:
  klamm proxy --to localhost:9092 --port 19092            what do my clients say? point them at port 19092
  klamm proxy --to localhost:9092 --record run.pcapng     and keep it, for klamm trace
  klamm proxy --to localhost:9093 --replay run.pcapng     does another broker answer the same?
  klamm proxy --to localhost:9092 --fault '{ "api": "Produce", "topic": "orders", "nth": 3,
      "effect": { "error": "NOT_LEADER_OR_FOLLOWER" } }'
  klamm proxy --to localhost:9092 --fault faults.json --seed 7

Faults: a rule says which requests (api, version, topic, partition, client, group, transactionalId), how
often (nth, times, probability), and the effect: error, delayMs, drop, silence, truncate, corrupt,
throttleMs, staleMetadata, coordinatorMoved; with "when": "after" the broker serves the request first.
Both sides are plaintext. Replaying exits with code 2 where answers differ.`

const program = new Command('klamm')
  .description('A Kafka-protocol broker: durable, light, and ready at once.')
  .version(packageVersion(), '-V, --version')
  .addHelpText('after', '\nBegin with klamm start. klamm help <command> tells more, with examples.')
  .showHelpAfterError('(klamm --help, or klamm help <command>, tells more)')
  .showSuggestionAfterError()

program
  .command('start')
  .description('run a broker until Ctrl-C or SIGTERM')
  .option('-c, --config <file>', 'read options from a properties file, such as a server.properties')
  .option('-p, --port <number>', 'listen on this port; 0 takes a free one (default: 9092)', parsePort)
  .option('-d, --data-dir <directory>', 'keep the data here (default: ./data)')
  .addOption(
    new Option('--profile <name>', 'what the options are set over: ci starts fast and keeps nothing')
      .choices(['default', 'ci'])
      .default('default'),
  )
  .option('--persona <version>', 'be this Kafka: 2.8, 3.3, 3.9, 4.0, 4.3 or 4.4 (default: wide, all at once)')
  .option('-o, --override <name=value>', 'set one option; may be repeated; wins over the file', collect)
  .option('--env', 'take options from KAFKA_* and KLAMM_* environment variables too')
  .option('--tls [folder]', 'encrypt, with certificates made in this folder when missing (klamm-tls)')
  .option('-u, --user <name:password>', 'let only users in (PLAIN, SCRAM); may be repeated', collect)
  .option(
    '--ready-file <file>',
    'write the addresses there as JSON when clients can connect; gone at the end',
  )
  .option('--json', 'print one line of JSON with the addresses when clients can connect')
  .option('--control-port <number>', 'serve the HTTP control API on this port of 127.0.0.1', parsePort)
  .option('-v, --verbose', 'log what the broker does in detail')
  .addHelpText('after', START_EXAMPLES)
  .action(async options => (await import('./start.ts')).start(options))

program
  .command('health')
  .description('tell whether a broker is ready, by asking it as a client does; exit code 1 if not')
  .option('-s, --server <host:port>', 'the broker (default: the one that klamm start runs here)')
  .option('--env', 'find its listeners in KAFKA_* and KLAMM_* environment variables')
  .option('--timeout <ms>', 'wait no longer for the answer', parseTimeout, 2_000)
  .action(async options => (await import('./health.ts')).health(options))

program
  .command('conformance')
  .description('tell whether a broker, any broker, behaves like Apache Kafka 4.3')
  .option('-b, --bootstrap <host:port>', 'the broker', '127.0.0.1:9092')
  .option('--persona <version>', 'it is to advertise and serve what this Kafka does, such as 4.3')
  .option('--only <area>', 'an area, a source such as T051, or a part of a name; may be repeated', collect)
  .option('--list', 'tell the cases, and ask no broker')
  .option('--junit <file>', "write the results as JUnit's XML")
  .option('--html <file>', 'write a page that shows the frames of what failed')
  .option('-u, --user <name:password>', 'who asks, by SASL')
  .option('--mechanism <name>', 'PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512', 'PLAIN')
  .option('--tls', 'encrypt')
  .option('--tls-ca <file>', 'encrypt; the authority to trust, as PEM')
  .option('--parallel <cases>', 'how many at a time', parseCount, 16)
  .addHelpText('after', CONFORMANCE_EXAMPLES)
  .action(async options => (await import('./conformance.ts')).conformance(options))

program
  .command('import')
  .description('take over the data of a stopped Apache Kafka (KRaft): topics, ids, configs and records')
  .requiredOption(
    '-f, --from <directory>',
    "its data directory; may be repeated for each of Kafka's log.dirs",
    collect,
  )
  .option('-t, --to <directory>', 'copy into this new directory; without it, the data is used where it is')
  .option('-n, --dry-run', 'only tell what would be taken over')
  .option('--unclean', 'take a Kafka that was not stopped in order; make sure that it does not run')
  .option('--incomplete', 'leave out topics that are not whole on this node; take replicas out of sync')
  .addHelpText('after', IMPORT_EXAMPLES)
  .action(async options => (await import('./house/import.ts')).importKafka(options))

program
  .command('export')
  .description("make a stopped Klamm's data an Apache Kafka's (KRaft): topics, ids, configs, records, groups")
  .requiredOption(
    '-f, --from <directory>',
    'its data directory; may be repeated for each of log.dirs',
    collect,
  )
  .option(
    '-t, --to <directory>',
    "copy into this new directory; without it, the data becomes Kafka's in place",
  )
  .option('-n, --dry-run', 'only tell what would be exported')
  .addHelpText('after', EXPORT_EXAMPLES)
  .action(async options => (await import('./house/export.ts')).exportKlamm(options))

const log = program.command('log').description('look into the files of a log, check them, mend them')

log
  .command('dump')
  .description('show what is in the files of a log: batches, records, indexes, snapshots, checkpoints')
  .argument('[paths...]', 'files, directories of partitions, or data directories')
  .option('--deep', 'show the records of batches too; those of internal topics in words')
  .option('--print-data', 'show keys, values and headers of records')
  .option('--all', 'of directories, show indexes, snapshots and checkpoints too')
  .option('--from-offset <offset>', 'begin here', parseOffset)
  .option('--to-offset <offset>', 'end here, this one included', parseOffset)
  .option('--max-records <count>', 'show no more records than this', parseCount)
  .addOption(
    new Option('--decode <what>', "what is in the records (default: by the directory's name)").choices([
      'offsets',
      'transactions',
      'share-state',
      'metadata',
      'none',
    ]),
  )
  .option('--json', 'one JSON object a line')
  // As kafka-dump-log calls them.
  .addOption(new Option('--files <list>').argParser(splitList).hideHelp())
  .addOption(new Option('--deep-iteration').implies({ deep: true }).hideHelp())
  .addOption(new Option('--print-data-log').implies({ printData: true }).hideHelp())
  .addHelpText('after', DUMP_EXAMPLES)
  .action(async (paths, options) => (await import('./log/dump.ts')).dump(paths, options))

log
  .command('verify')
  .description(
    'check the files of logs: batches, indexes, snapshots, checkpoints; say what is wrong and where',
  )
  .argument('<paths...>', 'data directories, or directories of partitions')
  .option('--repair', 'mend what can be mended without a loss; refused while a broker runs there')
  .option('--json', 'one JSON object a line')
  .addHelpText('after', VERIFY_EXAMPLES)
  .action(async (paths, options) => (await import('./log/verify.ts')).verify(paths, options))

program
  .command('trace')
  .description('show a capture file: requests and responses between Kafka clients and brokers, decoded')
  .argument('<file>', 'written by trace.save, klamm proxy --record, or tcpdump (pcapng)')
  .option('-a, --api <name>', 'only this API, such as Produce; may be repeated', collect)
  .option('-c, --client <id>', 'only this client id; may be repeated', collect)
  .option('-t, --topic <name>', 'only what is about this topic; may be repeated', collect)
  .option('-e, --errors', 'only what told an error, was struck by a fault, or lost its connection')
  .option('-d, --detail', 'all fields of the messages')
  .option('--json', 'one JSON object a line')
  .addHelpText('after', TRACE_EXAMPLES)
  .action(async (file, options) => (await import('./trace.ts')).showTrace(file, options))

program
  .command('proxy')
  .description('stand between Kafka clients and brokers: show, record, disturb; or replay a recording')
  .requiredOption(
    '--to <host:port>',
    'the broker; several, separated by commas, where clients begin with any',
  )
  .option(
    '-p, --port <number>',
    'listen here; further brokers get the ports behind; 0: free ones',
    parsePort,
    0,
  )
  .option('--host <address>', 'the address to listen on', '127.0.0.1')
  .option('--advertised-host <host>', 'what clients are told to connect to (default: where they came in)')
  .option('-r, --record <file>', 'write what is said to this file, as pcapng')
  .option('--replay <file>', 'send the requests of a recording again, and tell what is answered otherwise')
  .option('-f, --fault <rule>', 'a fault rule as JSON, or a file of them; may be repeated', collect)
  .option('--seed <number>', 'of what fault rules choose by chance', parseSeed, 0)
  .option('-q, --quiet', 'do not print what is said')
  .option('-d, --detail', 'print all fields of the messages')
  .option('--json', 'one JSON object a line')
  .addHelpText('after', PROXY_EXAMPLES)
  .action(async options => (await import('./proxy.ts')).proxy(options))

program
  .command('options')
  .description('list the options of brokers, topics, groups and client metrics, with defaults')
  .argument('[text]', 'only options with this text in their name')
  .option('--markdown', 'as Markdown tables')
  .action(async (text, options) => (await import('./options.ts')).printOptions(text, options))

program
  .command('doctor')
  .description('tell which native parts this machine has, and check that they work')
  .action(async () => (await import('./doctor.ts')).doctor())

program
  .command('kafka-tool <script> [args...]', { hidden: true })
  .description("what stands in for Kafka's shell scripts in the container image")
  .allowUnknownOption()
  .helpOption(false)
  .action(async (script, args) => (await import('./kafka-tools.ts')).kafkaTool(script, args))

program
  .command('codec')
  .description("print the code that reads and writes a message of Kafka's protocol")
  .argument('<message>', 'its name, for example FetchRequest or OffsetCommitValue')
  .action(async name => (await import('./codec.ts')).printCodec(name))

tolerateLostReaders()
try {
  await program.parseAsync(withCommand(process.argv))
} catch (error) {
  fail(error)
}

/** Without a command, `npx klamm` say, it is `start`. */
function withCommand(argv: readonly string[]): string[] {
  const [node = '', script = '', ...given] = argv
  const isStart = given.length === 0 || /^-(?!-help$|h$|-version$|V$)/.test(given[0]!)
  return [node, script, ...(isStart ? ['start'] : []), ...given]
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('A port is a number from 0 to 65535.')
}

function parseTimeout(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A time in milliseconds, from 1 on.')
}

function parseSeed(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A seed is a number from 0 on.')
}

function parseOffset(text: string): bigint {
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  throw new InvalidArgumentError('An offset is a number from 0 on.')
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A number from 1 on.')
}

function splitList(text: string): string[] {
  return text.split(',')
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
