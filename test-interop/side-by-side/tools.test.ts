import { afterAll } from 'vitest'
import { kafkaVersion } from '../harness/kafka-jars.ts'
import { suite } from './suite.ts'
import { consumerGroupToolCases } from './tools/consumer-groups.ts'
import { groupToolCases } from './tools/groups.ts'
import { loadToolCases } from './tools/loads.ts'
import { resetCases } from './tools/resets.ts'
import { closeTools, prepareTools } from './tools/run.ts'
import { transactionToolCases } from './tools/transactions.ts'

await prepareTools()
const tools = await suite({ client: `Kafka's tools ${kafkaVersion}`, position: 7 })
afterAll(closeTools)
groupToolCases(tools)
consumerGroupToolCases(tools)
resetCases(tools)
loadToolCases(tools)
transactionToolCases(tools)
