import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { classPath, javaOptions, kafkaVersion } from '../harness/kafka-jars.ts'
import { runOk } from '../harness/processes.ts'
import { programSuite } from './program.ts'

const sources = join(import.meta.dirname, 'java')
const classes = join(import.meta.dirname, '..', 'dist', 'side-by-side-java')
mkdirSync(classes, { recursive: true })
const files = readdirSync(sources).filter(name => name.endsWith('.java'))
await runOk('javac', ['-Xlint:all,-varargs', '-Werror', '-cp', classPath, '-d', classes, ...files], {
  cwd: sources,
})

await programSuite({
  client: `Kafka's Java clients ${kafkaVersion}`,
  position: 3,
  command: 'java',
  args: [...javaOptions, '-cp', `${classes}:${classPath}`, 'Main'],
})
