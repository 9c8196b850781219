// Bills orders: each record of `orders` becomes one of `invoices`, by the same key.
import kafkajs from 'kafkajs'

export class Billing {
  constructor(brokers) {
    const kafka = new kafkajs.Kafka({ clientId: 'billing', brokers, logLevel: kafkajs.logLevel.NOTHING })
    this.producer = kafka.producer()
    this.consumer = kafka.consumer({ groupId: 'billing' })
  }

  async start() {
    await this.producer.connect()
    await this.consumer.connect()
    await this.consumer.subscribe({ topic: 'orders', fromBeginning: true })
    await this.consumer.run({ eachMessage: ({ message }) => this.bill(message) })
  }

  async bill({ key, value }) {
    const { quantity, price } = JSON.parse(value.toString())
    const invoice = { amount: quantity * price }
    await this.producer.send({ topic: 'invoices', messages: [{ key, value: JSON.stringify(invoice) }] })
  }

  async stop() {
    await this.consumer.disconnect()
    await this.producer.disconnect()
  }
}
