import { consumingCases } from './rdkafka/consuming.ts'
import { groupCases } from './rdkafka/groups.ts'
import { modernCases } from './rdkafka/modern.ts'
import { producingCases } from './rdkafka/producing.ts'
import { transactionCases } from './rdkafka/transactions.ts'
import { suite } from './suite.ts'

const rdkafka = await suite({ client: 'node-rdkafka 3.6.1', position: 2 })
producingCases(rdkafka)
consumingCases(rdkafka)
groupCases(rdkafka)
modernCases(rdkafka)
transactionCases(rdkafka)
