// Sends clicks in batches, with acknowledgement by all replicas.
const { Kafka, logLevel } = require('kafkajs')

class ClickSender {
  constructor(brokers) {
    const kafka = new Kafka({ clientId: 'clicks', brokers, logLevel: logLevel.NOTHING })
    this.producer = kafka.producer({ idempotent: true })
  }

  async send(page, users) {
    await this.producer.connect()
    await this.producer.send({
      topic: 'clicks',
      acks: -1,
      messages: users.map(user => ({ key: user, value: page, headers: { source: 'web' } })),
    })
    await this.producer.disconnect()
  }
}

module.exports = { ClickSender }
