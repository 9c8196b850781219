// Keeps the latest price of each article in memory, from a compacted topic.
import kafkajs from 'kafkajs'

export class LatestPrice {
  #prices = new Map()

  constructor(brokers, groupId) {
    const kafka = new kafkajs.Kafka({ clientId: 'prices', brokers, logLevel: kafkajs.logLevel.NOTHING })
    this.consumer = kafka.consumer({ groupId })
  }

  async start() {
    await this.consumer.connect()
    await this.consumer.subscribe({ topic: 'prices', fromBeginning: true })
    await this.consumer.run({
      eachMessage: async ({ message: { key, value } }) => {
        if (value === null) this.#prices.delete(key.toString())
        else this.#prices.set(key.toString(), Number(value))
      },
    })
  }

  of(article) {
    return this.#prices.get(article)
  }

  stop() {
    return this.consumer.disconnect()
  }
}
