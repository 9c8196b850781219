import { join } from 'node:path'
import { confluentVersion, pythonWithConfluent } from '../harness/python.ts'
import { programSuite } from './program.ts'

await programSuite({
  client: `confluent-kafka ${confluentVersion} for Python`,
  position: 4,
  command: await pythonWithConfluent(),
  args: ['-B', '-W', 'error', join(import.meta.dirname, 'python', 'main.py')],
})
