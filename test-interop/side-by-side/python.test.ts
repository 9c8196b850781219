import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from '../harness/cache.ts'
import { runOk } from '../harness/processes.ts'
import { programSuite } from './program.ts'

const folder = join(import.meta.dirname, 'python')
const requirements = join(folder, 'requirements.txt')
const version = /confluent-kafka==(\S+)/.exec(readFileSync(requirements, 'utf8'))![1]!

const environment = await cached(
  `confluent-kafka-${version}-${process.platform}-${process.arch}`,
  async making => {
    await runOk('python3', ['-m', 'venv', making], { deadlineMs: 120_000 })
    const install = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '-r', requirements]
    await runOk(join(making, 'bin', 'python'), install, { deadlineMs: 300_000, echo: true })
  },
)

await programSuite({
  client: `confluent-kafka ${version} for Python`,
  position: 4,
  command: join(environment, 'bin', 'python'),
  args: ['-B', '-W', 'error', join(folder, 'main.py')],
})
