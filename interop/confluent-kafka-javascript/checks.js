// confluent-kafka-javascript (librdkafka) as a user of a broker: admin, producer, consumer, groups. Usage: checks.js HOST:PORT [NAME]
'use strict'

const assert = require('node:assert/strict')
const { KafkaJS } = require('@confluentinc/kafka-javascript')
const { BOOTSTRAP, aName, check, main, raises, sleep, until } = require('harness')
const { Proxy } = require('proxy')

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const kafka = (broker = BOOTSTRAP) => new KafkaJS.Kafka({
  'bootstrap.servers': broker, 'reconnect.backoff.max.ms': 200, 'retry.backoff.ms': 20, kafkaJS: { logLevel: KafkaJS.logLevel.NOTHING } })

// Does something with a client, and disconnects it also after a failure.
async function using(client, use) {
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.disconnect()
  }
}

// One for all, as connecting and disconnecting takes it a second.
let administrator
async function admin(use) {
  if (!administrator) {
    const client = kafka().admin()
    administrator = client.connect().then(() => client)
  }
  return use(await administrator)
}

async function topic(numPartitions = 1, configs = {}) {
  const name = aName('ckj')
  const configEntries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  await admin(async client => {
    await client.createTopics({ topics: [{ topic: name, numPartitions, configEntries }] })
    // Apache Kafka answers a moment before the broker knows it.
    await until(async () => (await client.listTopics()).includes(name))
  })
  return name
}

const produce = (name, messages, config = {}, broker = BOOTSTRAP) =>
  using(kafka(broker).producer(config), client => client.send({ topic: name, messages }))
const numbered = (count, partition) => Array.from({ length: count }, (_, i) => ({ value: `value-${i}`, partition }))

// A consumer that runs, and keeps what it gets.
class Member {
  records = []

  constructor(name, group, { broker, ...options } = {}) {
    this.name = name
    this.client = kafka(broker).consumer({
      'group.id': group, 'auto.offset.reset': 'earliest', 'enable.auto.commit': false, 'heartbeat.interval.ms': 500, ...options })
  }

  async start() {
    await this.client.connect()
    await this.client.subscribe({ topics: [this.name].flat() })
    await this.client.run({ eachMessage: async ({ topic, partition, message }) => { this.records.push({ topic, partition, ...message }) } })
    return this
  }

  get assignment() {
    try {
      return this.client.assignment().map(each => each.partition)
    } catch {
      return []
    }
  }
  get offsets() { return this.records.map(record => Number(record.offset)) }
  get values() { return this.records.map(record => record.value?.toString() ?? null) }
  stop() { return this.client.disconnect() }
}

const member = (name, options, group = aName('group')) => new Member(name, group, options).start()

async function read(name, count, seconds = 20) {
  const reader = await member(name)
  try {
    await until(() => reader.records.length >= count, seconds)
    return reader
  } finally {
    // Not waited for, as that takes it seconds.
    reader.stop().catch(() => {})
  }
}

// --- admin ----------------------------------------------------------------------------------------------------------

check('topic is created, described and deleted', async () => {
  const name = await topic(3)
  await admin(async client => {
    const [described] = [await client.fetchTopicMetadata({ topics: [name] })].flatMap(each => each.topics ?? each)
    assert.deepEqual(described.partitions.map(p => p.partitionId).sort(), [0, 1, 2])
    assert.equal(await client.createTopics({ topics: [{ topic: name }] }), false)
    await client.deleteTopics({ topics: [name] })
    await until(async () => !(await client.listTopics()).includes(name))
    await raises('Unknown topic or partition', () => client.deleteTopics({ topics: [name] }))
  })
})

check('topic creation is refused', () => admin(async client => {
  const name = aName('ckj')
  const refused = (told, topic) => raises(told, () => client.createTopics({ topics: [{ topic: name, ...topic }] }))
  await refused('ERR_TOPIC_EXCEPTION', { topic: `${name}/x` })
  await refused('ERR_INVALID_REPLICATION_FACTOR', { replicationFactor: 99 })
  await refused('ERR_INVALID_CONFIG', { configEntries: [{ name: 'no.such.property', value: '1' }] })
  assert(!(await client.listTopics()).includes(name))
}))

check('records are deleted, offsets are listed', async () => {
  const name = await topic()
  await produce(name, numbered(5))
  await admin(async client => {
    await client.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '3' }] })
    const [{ low, high }] = await client.fetchTopicOffsets(name)
    assert.deepEqual([low, high], ['3', '5'])
    await raises('ERR_OFFSET_OUT_OF_RANGE', () => client.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '99' }] }))
  })
  assert.deepEqual((await read(name, 2)).offsets, [3, 4])
})

// --- producer -------------------------------------------------------------------------------------------------------

for (const codec of CODECS) {
  for (const [acks, idempotent] of [[0, false], [1, false], [-1, false], [-1, true]]) {
    check(`record returns acks=${acks} codec=${codec} idempotent=${idempotent}`, async () => {
      const name = await topic()
      const headers = { trace: Buffer.from([0, 255]), empty: Buffer.alloc(0) }
      const config = { acks, 'compression.type': codec, 'enable.idempotence': idempotent }
      await produce(name, [
        { key: 'k', value: 'v', headers, timestamp: '1234567890123' }, { key: 'tombstone', value: null }, { key: null, value: 'last' }], config)
      const { records } = await read(name, 3)
      const text = bytes => bytes && bytes.toString()
      assert.deepEqual(records.map(r => [r.offset, text(r.key), text(r.value)]), [['0', 'k', 'v'], ['1', 'tombstone', null], ['2', null, 'last']])
      assert.deepEqual(records[0].headers, headers)
      assert.equal(records[0].timestamp, '1234567890123')
    })
  }
  check(`large record returns codec=${codec}`, async () => {
    const name = await topic(), value = Buffer.alloc(998_400, Uint8Array.from({ length: 256 }, (_, i) => i))
    await produce(name, [{ value }], { 'compression.type': codec })
    assert((await read(name, 1)).records[0].value.equals(value))
  })
}

check('record that is too large is refused', async () => {
  const name = await topic(1, { 'max.message.bytes': '1000' })
  // Apache Kafka answers the creation of a topic a moment before its properties are in force.
  await sleep(1000)
  await raises('Message size too large', () => produce(name, [{ value: 'x'.repeat(5000) }]))
  await produce(name, [{ value: 'small' }])
})

for (const codec of ['none', 'lz4']) {
  check(`idempotent producer over a broken connection codec=${codec}`, async () => {
    const name = await topic(), proxy = await Proxy.start(BOOTSTRAP, 5), messages = numbered(2000)
    await produce(name, messages, { 'enable.idempotence': true, 'compression.type': codec, 'batch.num.messages': 50, 'linger.ms': 1 }, proxy.address)
    assert(proxy.cuts >= 5, `${proxy.cuts} cuts, ${proxy.produced} requests`)
    assert.deepEqual((await read(name, messages.length)).values, messages.map(each => each.value))
    const [{ high }] = await admin(client => client.fetchTopicOffsets(name))
    assert.equal(high, String(messages.length))
    proxy.close()
  })
}

// --- consumer and groups --------------------------------------------------------------------------------------------

check('seek', async () => {
  const name = await topic()
  await produce(name, numbered(10))
  const reader = await member(name)
  await until(() => reader.records.length === 10)
  reader.client.seek({ topic: name, partition: 0, offset: '7' })
  await until(() => reader.records.length === 13)
  assert.deepEqual(reader.offsets.slice(10), [7, 8, 9])
  await reader.stop()
})

check('pause and resume', async () => {
  const name = await topic(2)
  const reader = await member(name)
  await until(() => reader.assignment.length === 2)
  reader.client.pause([{ topic: name, partitions: [0] }])
  await produce(name, [...numbered(3, 0), ...numbered(3, 1)])
  await until(() => reader.records.length === 3)
  await sleep(1000)
  assert.deepEqual(reader.records.map(r => r.partition), [1, 1, 1])
  reader.client.resume([{ topic: name, partitions: [0] }])
  await until(() => reader.records.length === 6)
  await reader.stop()
})

check('consume from timestamps', async () => {
  const name = await topic(1, { 'message.timestamp.before.max.ms': String(2n ** 63n - 1n), 'retention.ms': '-1' })
  for (const timestamp of ['1000', '2000', '3000']) await produce(name, [{ value: 'x', timestamp }])
  await admin(async client => {
    const found = []
    for (const at of [1, 2000, 2001, 9000]) found.push((await client.fetchTopicOffsetsByTimestamp(name, at))[0].offset)
    assert.deepEqual(found, ['0', '1', '2', '3'])
  })
})

const committed = (client, groupId, name) =>
  client.fetchOffsets({ groupId, topics: [name] }).then(([{ partitions: [{ offset }] }]) => offset)

check('commit by hand', async () => {
  const name = await topic(), group = `${name}-group`
  await produce(name, numbered(10))
  const reader = await member(name, {}, group)
  await until(() => reader.records.length === 10)
  await reader.client.commitOffsets([{ topic: name, partition: 0, offset: '4' }])
  await reader.stop()
  await admin(async client => assert.equal(await committed(client, group, name), '4'))
  const again = await member(name, {}, group)
  await until(() => again.records.length === 6)
  assert.deepEqual(again.offsets, [4, 5, 6, 7, 8, 9])
  await again.stop()
})

check('commit automatically', async () => {
  const name = await topic(), group = `${name}-group`
  await produce(name, numbered(5))
  const reader = await member(name, { 'enable.auto.commit': true, 'auto.commit.interval.ms': 100 }, group)
  await until(() => reader.records.length === 5)
  await admin(client => until(async () => (await committed(client, group, name)) === '5'))
  await reader.stop()
})

for (const assignor of ['range', 'roundrobin', 'cooperative-sticky']) {
  check(`two members share, one dies, one joins assignor=${assignor}`, async () => {
    const name = await topic(4), group = `${name}-group`, proxy = await Proxy.start(BOOTSTRAP)
    const options = { 'session.timeout.ms': 6000, 'partition.assignment.strategy': assignor }
    const shares = (...members) => {
      const partitions = members.flatMap(each => each.assignment)
      return partitions.length === 4 && new Set(partitions).size === 4 && members.map(each => each.assignment.length).join()
    }
    const alive = await member(name, { 'client.id': 'alive', ...options }, group)
    const dying = await member(name, { 'client.id': 'dying', broker: proxy.address, ...options }, group)
    await until(() => shares(alive, dying) === '2,2')
    await produce(name, [0, 1, 2, 3].flatMap(partition => numbered(5, partition)))
    await until(() => alive.records.length === 10 && dying.records.length === 10)
    await admin(async client => {
      const { groups: [described] } = await client.describeGroups([group])
      assert.deepEqual(described.members.map(each => each.clientId).sort(), ['alive', 'dying'])
      proxy.close()
      await until(() => shares(alive) === '4')
    })
    const joined = await member(name, { 'client.id': 'joined', ...options }, group)
    await until(() => shares(alive, joined) === '2,2')
    await alive.stop()
    await until(() => shares(joined) === '4')
    await joined.stop()
  })
}

check('groups are listed and deleted', async () => {
  const name = await topic(), group = `${name}-group`
  await produce(name, numbered(3))
  const reader = await member(name, {}, group)
  await until(() => reader.records.length === 3)
  await reader.client.commitOffsets([{ topic: name, partition: 0, offset: '3' }])
  await admin(async client => {
    const listed = async () => (await client.listGroups()).groups.map(each => each.groupId)
    assert((await listed()).includes(group))
    await raises('ERR_NON_EMPTY_GROUP', () => client.deleteGroups([group]))
    await reader.stop()
    await client.deleteGroups([group])
    assert(!(await listed()).includes(group))
    await raises('ERR_GROUP_ID_NOT_FOUND', () => client.deleteGroups([group]))
  })
})

check('broker that is not there is an error in time', () =>
  raises('', () => new KafkaJS.Kafka({ kafkaJS: { brokers: ['127.0.0.1:1'], connectionTimeout: 1000, logLevel: KafkaJS.logLevel.NOTHING } }).producer().connect()))

main()
