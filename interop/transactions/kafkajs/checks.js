// Transactions of kafkajs, which knows of no transactions v2. Usage: checks.js HOST:PORT [NAME]
'use strict'

const assert = require('node:assert/strict')
const { Kafka, logLevel } = require('kafkajs')
const { BOOTSTRAP, aName, check, main, raises, sleep, until } = require('harness')

const kafka = new Kafka({ brokers: [BOOTSTRAP], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 20, maxRetryTime: 300, retries: 10 } })
const admin = kafka.admin()

async function topic(numPartitions = 1) {
  await admin.connect()
  const name = aName('kafkajs')
  await admin.createTopics({ topics: [{ topic: name, numPartitions }], waitForLeaders: true })
  return name
}

// Producers stay until the end: the process ends them.
async function producer(transactionalId, options = {}) {
  const client = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true, ...options })
  await client.connect()
  return client
}

async function values(name, count, readUncommitted = false) {
  const seen = []
  const consumer = kafka.consumer({ groupId: aName('reader'), readUncommitted, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topic: name, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => { seen.push(message.value.toString()) } })
  try {
    await until(() => seen.length >= count)
    // And no more than that.
    await sleep(200)
    return seen
  } finally {
    await consumer.disconnect()
  }
}

const send = (to, name, ...contents) => to.send({ topic: name, messages: contents.map(value => ({ value, partition: 0 })) })

check('kafkajs: commit and abort', async () => {
  const name = await topic()
  const client = await producer(name)
  const first = await client.transaction()
  await send(first, name, 'committed')
  await first.commit()
  const second = await client.transaction()
  await send(second, name, 'aborted')
  await second.abort()
  const third = await client.transaction()
  await send(third, name, 'last')
  await third.commit()
  assert.deepEqual(await values(name, 2), ['committed', 'last'])
  assert.deepEqual(await values(name, 3, true), ['committed', 'aborted', 'last'])
})

check('kafkajs: an open transaction holds readers back', async () => {
  const name = await topic()
  const [one, other] = [await producer(`${name}-1`), await producer(`${name}-2`)]
  const open = await one.transaction()
  await send(open, name, 'first')
  const behind = await other.transaction()
  await send(behind, name, 'second')
  await behind.commit()
  assert.deepEqual(await values(name, 0), [])
  await open.commit()
  assert.deepEqual(await values(name, 2), ['first', 'second'])
})

check('kafkajs: many transactions of many partitions', async () => {
  const name = await topic(6)
  const client = await producer(name)
  const wanted = []
  for (let turn = 0; turn < 30; turn += 1) {
    const transaction = await client.transaction()
    const messages = Array.from({ length: 6 }, (_, partition) => ({ value: String(turn), partition }))
    await transaction.send({ topic: name, messages })
    if (turn % 3 === 0) {
      await transaction.abort()
    } else {
      await transaction.commit()
      wanted.push(...messages.map(each => each.value))
    }
  }
  assert.deepEqual((await values(name, wanted.length)).sort(), wanted.sort())
})

check('kafkajs: a second producer fences the first', async () => {
  const name = await topic()
  const first = await producer(name)
  const open = await first.transaction()
  await send(open, name, 'first')
  const second = await producer(name)
  const next = await second.transaction()
  await send(next, name, 'second')
  await raises('INVALID_PRODUCER_EPOCH', () => open.commit())
  await next.commit()
  assert.deepEqual(await values(name, 1), ['second'])
})

check('kafkajs: offsets are committed with the transaction', async () => {
  const name = await topic()
  const client = await producer(name)
  const offset = async () => (await admin.fetchOffsets({ groupId: name, topics: [name] }))[0].partitions[0].offset
  for (const [end, at, wanted] of [['abort', '5', '-1'], ['commit', '6', '6'], ['abort', '7', '6']]) {
    const transaction = await client.transaction()
    await transaction.sendOffsets({ consumerGroupId: name, topics: [{ topic: name, partitions: [{ partition: 0, offset: at }] }] })
    await transaction[end]()
    await until(async () => (await offset()) === wanted)
  }
})

main()
