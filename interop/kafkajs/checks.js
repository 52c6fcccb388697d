// kafkajs as a user of a broker: admin, producer, consumer, groups. Usage: checks.js HOST:PORT [NAME]
'use strict'

const assert = require('node:assert/strict')
const { AssignerProtocol, CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')
const lz4 = require('lz4-napi')
const zstd = require('zstd-codec').ZstdCodec
const { BOOTSTRAP, aName, check, main, raises, sleep, until } = require('harness')
const { Proxy } = require('proxy')

const CODECS = ['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD']
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: encoder => lz4.compressFrame(encoder.buffer),
  decompress: bytes => lz4.decompressFrame(bytes),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => {
  const simple = new Promise(resolve => zstd.run(codec => resolve(new codec.Simple())))
  return {
    compress: async encoder => Buffer.from((await simple).compress(encoder.buffer)),
    decompress: async bytes => Buffer.from((await simple).decompress(bytes)),
  }
}

const kafka = (broker = BOOTSTRAP, options = {}) => new Kafka({
  brokers: [broker], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 8 }, ...options })

// Does something with a client, and disconnects it also after a failure.
async function using(client, use) {
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.disconnect()
  }
}
const admin = use => using(kafka().admin(), use)

async function topic(numPartitions = 1, configs = {}) {
  const name = aName('kjs')
  const configEntries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  await admin(client => client.createTopics({ topics: [{ topic: name, numPartitions, configEntries }], waitForLeaders: true }))
  return name
}

const produce = (name, messages, { acks = -1, compression = 'None', idempotent = false } = {}) =>
  using(kafka().producer({ idempotent, ...(idempotent ? { maxInFlightRequests: 1 } : {}) }), client =>
    client.send({ topic: name, acks, compression: CompressionTypes[compression], messages }))
const numbered = (count, partition) => Array.from({ length: count }, (_, i) => ({ value: `value-${i}`, partition }))

// A consumer that runs, and keeps what it gets.
class Member {
  records = []
  assignment = []

  constructor(groupId, { broker = BOOTSTRAP, clientId = 'member', run = {}, ...options } = {}) {
    this.client = kafka(broker, { clientId }).consumer({ groupId, heartbeatInterval: 500, sessionTimeout: 10_000, maxWaitTimeInMs: 100, ...options })
    this.options = run
    this.client.on(this.client.events.GROUP_JOIN, ({ payload }) => { this.assignment = Object.values(payload.memberAssignment).flat() })
    this.client.on(this.client.events.CRASH, ({ payload }) => { this.crash = payload.error })
  }

  async start(topics) {
    await this.client.connect()
    await this.client.subscribe({ topics: [topics].flat(), fromBeginning: true })
    await this.client.run({ ...this.options, eachMessage: async ({ topic, partition, message }) => { this.records.push({ topic, partition, ...message }) } })
    return this
  }

  get offsets() { return this.records.map(record => Number(record.offset)) }
  get values() { return this.records.map(record => record.value?.toString() ?? null) }
  stop() { return this.client.disconnect() }
}

async function member(name, options = {}, groupId = aName('group')) {
  return new Member(groupId, { run: { autoCommit: false }, ...options }).start(name)
}

async function read(name, count, seconds = 20) {
  const reader = await member(name)
  try {
    await until(() => reader.records.length >= count, seconds)
    return reader
  } finally {
    await reader.stop()
  }
}

// --- admin ----------------------------------------------------------------------------------------------------------

check('cluster is described', () => admin(async client => {
  const cluster = await client.describeCluster()
  assert.deepEqual(cluster.brokers.map(broker => `${broker.host}:${broker.port}`), [BOOTSTRAP])
  assert(cluster.clusterId)
}))

check('topic is created, described and deleted', async () => {
  const name = await topic(3)
  await admin(async client => {
    assert((await client.listTopics()).includes(name))
    const { topics: [described] } = await client.fetchTopicMetadata({ topics: [name] })
    assert.deepEqual(described.partitions.map(p => p.partitionId).sort(), [0, 1, 2])
    assert(described.partitions.every(p => p.partitionErrorCode === 0 && p.isr.length === 1))
    assert.equal(await client.createTopics({ topics: [{ topic: name }] }), false)
    await client.deleteTopics({ topics: [name] })
    await until(async () => !(await client.listTopics()).includes(name))
  })
})

check('topic creation is only validated', () => admin(async client => {
  const name = aName('kjs')
  // Without waitForLeaders: it would wait for the leaders of what was not created.
  assert.equal(await client.createTopics({ topics: [{ topic: name, numPartitions: 2 }], validateOnly: true, waitForLeaders: false }), true)
  assert(!(await client.listTopics()).includes(name))
}))

check('topic creation is refused', () => admin(async client => {
  const name = aName('kjs')
  const refused = (type, topic) => raises(type, () => client.createTopics({ topics: [{ topic: name, ...topic }] }))
  await refused('INVALID_TOPIC_EXCEPTION', { topic: `${name}/x` })
  await refused('INVALID_REPLICATION_FACTOR', { replicationFactor: 99 })
  await refused('INVALID_PARTITIONS', { numPartitions: 0 })
  await refused('INVALID_CONFIG', { configEntries: [{ name: 'no.such.property', value: '1' }] })
  await refused('INVALID_CONFIG', { configEntries: [{ name: 'retention.ms', value: 'soon' }] })
  assert(!(await client.listTopics()).includes(name))
}))

check('topic that is not there is an error', () => admin(async client => {
  const name = aName('no')
  await raises('UNKNOWN_TOPIC_OR_PARTITION', () => client.deleteTopics({ topics: [name] }))
  await raises('UNKNOWN_TOPIC_OR_PARTITION', () => client.createPartitions({ topicPartitions: [{ topic: name, count: 2 }] }))
}))

check('partitions are added', async () => {
  const name = await topic()
  await admin(async client => {
    await client.createPartitions({ topicPartitions: [{ topic: name, count: 4 }] })
    await until(async () => (await client.fetchTopicMetadata({ topics: [name] })).topics[0].partitions.length === 4)
    await raises('INVALID_PARTITIONS', () => client.createPartitions({ topicPartitions: [{ topic: name, count: 2 }] }))
  })
})

const configsOf = async (client, type, name) => {
  const { resources: [{ configEntries }] } = await client.describeConfigs({ includeSynonyms: false, resources: [{ type, name }] })
  return Object.fromEntries(configEntries.map(entry => [entry.configName, entry.configValue]))
}

check('topic configs are changed', async () => {
  const name = await topic(1, { 'retention.ms': '1000000' })
  await admin(async client => {
    const alter = (key, value) => client.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries: [{ name: key, value }] }] })
    const before = await configsOf(client, ConfigResourceTypes.TOPIC, name)
    assert.deepEqual([before['retention.ms'], before['segment.bytes']], ['1000000', '1073741824'])
    // The old call: what it does not name goes back to its default.
    await alter('cleanup.policy', 'compact')
    await until(async () => {
      const now = await configsOf(client, ConfigResourceTypes.TOPIC, name)
      return now['cleanup.policy'] === 'compact' && now['retention.ms'] === '604800000'
    })
    await raises('INVALID_CONFIG', () => alter('retention.ms', 'soon'))
    await raises('INVALID_CONFIG', () => alter('no.such.property', '1'))
  })
})

check('broker configs are described', () => admin(async client => {
  const broker = String((await client.describeCluster()).brokers[0].nodeId)
  const configs = await configsOf(client, ConfigResourceTypes.BROKER, broker)
  assert.deepEqual([configs['message.max.bytes'], configs['node.id']], ['1048588', broker])
}))

check('records are deleted', async () => {
  const name = await topic()
  await produce(name, numbered(5))
  await admin(async client => {
    // A metadata call first, as it does not know where the topic is otherwise.
    await client.fetchTopicOffsets(name)
    await client.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '3' }] })
    const [{ low, high }] = await client.fetchTopicOffsets(name)
    assert.deepEqual([low, high], ['3', '5'])
    await raises('OFFSET_OUT_OF_RANGE', () => client.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '99' }] }))
  })
  assert.deepEqual((await read(name, 2)).offsets, [3, 4])
})

// --- producer -------------------------------------------------------------------------------------------------------

for (const compression of CODECS) {
  for (const [acks, idempotent] of [[0, false], [1, false], [-1, false], [-1, true]]) {
    check(`record returns acks=${acks} codec=${compression} idempotent=${idempotent}`, async () => {
      const name = await topic()
      const headers = { trace: [Buffer.from([0, 255]), Buffer.from('twice')], empty: Buffer.alloc(0) }
      const [answer] = await produce(name, [
        { key: 'k', value: 'v', headers, timestamp: '1234567890123' },
        { key: 'tombstone', value: null },
        { key: null, value: '' },
      ], { acks, compression, idempotent })
      // Without an acknowledgement it does not know it.
      if (acks !== 0) assert.deepEqual([answer.errorCode, answer.baseOffset], [0, '0'])
      const { records } = await read(name, 3)
      const text = bytes => bytes && bytes.toString()
      assert.deepEqual(records.map(r => [r.offset, text(r.key), text(r.value)]), [['0', 'k', 'v'], ['1', 'tombstone', null], ['2', null, '']])
      assert.deepEqual(records[0].headers, headers)
      assert.equal(records[0].timestamp, '1234567890123')
    })
  }
  check(`large record returns codec=${compression}`, async () => {
    const name = await topic(), value = Buffer.alloc(998_400, Uint8Array.from({ length: 256 }, (_, i) => i))
    await produce(name, [{ value }], { compression })
    assert((await read(name, 1)).records[0].value.equals(value))
  })
}

check('record that is too large is refused', async () => {
  const name = await topic(1, { 'max.message.bytes': '1000' })
  // Apache Kafka answers the creation of a topic a moment before its properties are in force.
  await sleep(1000)
  await raises('MESSAGE_TOO_LARGE', () => produce(name, [{ value: 'x'.repeat(5000) }]))
  assert.equal((await produce(name, [{ value: 'small' }]))[0].baseOffset, '0')
})

check('record without a key is refused by a compacted topic', async () => {
  const name = await topic(1, { 'cleanup.policy': 'compact' })
  await sleep(1000)
  await raises('INVALID_RECORD', () => produce(name, [{ value: 'x' }]))
})

check('topic name that is not allowed is refused', () => raises('INVALID_TOPIC_EXCEPTION', () => produce('a/b', [{ value: 'x' }])))

check('keys choose the same partition', async () => {
  const name = await topic(6)
  await produce(name, Array.from({ length: 60 }, (_, i) => ({ key: `key-${i % 10}`, value: 'v' })))
  const partitions = {}
  for (const record of (await read(name, 60)).records) (partitions[record.key] ??= new Set()).add(record.partition)
  assert(Object.values(partitions).every(found => found.size === 1) && Object.keys(partitions).length === 10)
})

for (const compression of ['None', 'LZ4']) {
  check(`idempotent producer over a broken connection codec=${compression}`, async () => {
    const name = await topic(), proxy = await Proxy.start(BOOTSTRAP, 5)
    const messages = numbered(300)
    await using(kafka(proxy.address).producer({ idempotent: true, maxInFlightRequests: 1 }), async client => {
      for (let i = 0; i < messages.length; i += 5) {
        await client.send({ topic: name, compression: CompressionTypes[compression], messages: messages.slice(i, i + 5) })
      }
    })
    assert(proxy.cuts >= 5, `${proxy.cuts} cuts, ${proxy.produced} requests`)
    assert.deepEqual((await read(name, messages.length)).values, messages.map(each => each.value))
    const [{ high }] = await admin(client => client.fetchTopicOffsets(name))
    assert.equal(high, String(messages.length))
    proxy.close()
  })
}

// --- consumer -------------------------------------------------------------------------------------------------------

check('seek', async () => {
  const name = await topic()
  await produce(name, numbered(10))
  const reader = await member(name)
  await until(() => reader.records.length === 10)
  reader.client.seek({ topic: name, partition: 0, offset: '7' })
  await until(() => reader.records.length === 13)
  assert.deepEqual(reader.offsets.slice(10), [7, 8, 9])
  // Beyond the end it starts anew, as it was subscribed from the beginning.
  reader.client.seek({ topic: name, partition: 0, offset: '1000' })
  await until(() => reader.records.length === 23)
  await reader.stop()
})

check('pause and resume', async () => {
  const name = await topic(2)
  const reader = await member(name)
  reader.client.pause([{ topic: name, partitions: [0] }])
  // A fetch that was on its way ends first.
  await sleep(1000)
  await produce(name, [...numbered(3, 0), ...numbered(3, 1)])
  await until(() => reader.records.length === 3)
  await sleep(1000)
  assert.deepEqual(reader.records.map(r => r.partition), [1, 1, 1])
  reader.client.resume([{ topic: name, partitions: [0] }])
  await until(() => reader.records.length === 6)
  assert.deepEqual(reader.records.slice(3).map(r => r.partition), [0, 0, 0])
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
  const reader = await member(name)
  await until(() => reader.records.length === 3)
  reader.client.seek({ topic: name, partition: 0, offset: '1' })
  await until(() => reader.records.length === 5)
  assert.deepEqual(reader.records.slice(3).map(r => r.timestamp), ['2000', '3000'])
  await reader.stop()
})

check('topic that is read while it is written', async () => {
  const name = await topic()
  const reader = await member(name, { maxWaitTimeInMs: 1000 })
  await using(kafka().producer(), async client => {
    for (let i = 1; i <= 5; i++) {
      const sent = Date.now()
      await client.send({ topic: name, messages: [{ value: 'x' }] })
      await until(() => reader.records.length === i)
      // A long poll is answered when the record is there, not when its time is over.
      assert(Date.now() - sent < 3000)
    }
  })
  await reader.stop()
})

check('read committed and uncommitted', async () => {
  const name = await topic()
  await produce(name, numbered(3))
  for (const readUncommitted of [false, true]) {
    const reader = await member(name, { readUncommitted })
    await until(() => reader.records.length === 3)
    await reader.stop()
  }
})

// --- groups ---------------------------------------------------------------------------------------------------------

const committed = (client, groupId, name) =>
  client.fetchOffsets({ groupId, topics: [name] }).then(([{ partitions: [{ offset, metadata }] }]) => [offset, metadata])

check('commit by hand', async () => {
  const name = await topic(), group = `${name}-group`
  await produce(name, numbered(10))
  const reader = await member(name, {}, group)
  await until(() => reader.records.length === 10)
  await reader.client.commitOffsets([{ topic: name, partition: 0, offset: '4', metadata: 'note' }])
  await reader.stop()
  await admin(async client => assert.deepEqual(await committed(client, group, name), ['4', 'note']))
  const again = await member(name, {}, group)
  await until(() => again.records.length === 6)
  assert.deepEqual(again.offsets, [4, 5, 6, 7, 8, 9])
  await again.stop()
})

check('commit automatically', async () => {
  const name = await topic(), group = `${name}-group`
  await produce(name, numbered(5))
  const reader = await member(name, { run: { autoCommit: true, autoCommitInterval: 100 } }, group)
  await until(() => reader.records.length === 5)
  await admin(client => until(async () => (await committed(client, group, name))[0] === '5'))
  await reader.stop()
})

check('two members share, one dies, one joins', async () => {
  const name = await topic(4), group = `${name}-group`
  const proxy = await Proxy.start(BOOTSTRAP)
  const options = { sessionTimeout: 6000, rebalanceTimeout: 8000 }
  const shares = (...members) => {
    const partitions = members.flatMap(each => each.assignment)
    return partitions.length === 4 && new Set(partitions).size === 4 && members.map(each => each.assignment.length).sort().join()
  }
  const alive = await member(name, { clientId: 'alive', ...options }, group)
  const dying = await member(name, { clientId: 'dying', broker: proxy.address, retry: { retries: 0 }, ...options }, group)
  await until(() => shares(alive, dying) === '2,2')
  await produce(name, [0, 1, 2, 3].flatMap(partition => numbered(5, partition)))
  await until(() => alive.records.length === 10 && dying.records.length === 10)
  await admin(async client => {
    const described = async () => (await client.describeGroups([group])).groups[0]
    const { state, members, protocol, protocolType } = await described()
    assert.deepEqual([state, protocol, protocolType], ['Stable', 'RoundRobinAssigner', 'consumer'])
    assert.deepEqual(members.map(each => each.clientId).sort(), ['alive', 'dying'])
    const parts = members.map(each => AssignerProtocol.MemberAssignment.decode(each.memberAssignment).assignment[name].length)
    assert.deepEqual(parts, [2, 2])
    proxy.close()
    await until(() => shares(alive) === '4')
    const joined = await member(name, { clientId: 'joined', ...options }, group)
    await until(() => shares(alive, joined) === '2,2')
    await alive.stop()
    await until(() => shares(joined) === '4')
    await joined.stop()
    await until(async () => (await described()).state === 'Empty')
  })
})

check('pattern of topics', async () => {
  const first = await topic(), second = await topic()
  await produce(first, numbered(1))
  await produce(second, numbered(1))
  const reader = await member([new RegExp(`^(${first}|${second})$`)])
  await until(() => reader.records.length === 2)
  assert.deepEqual(reader.records.map(r => r.topic).sort(), [first, second].sort())
  await reader.stop()
})

check('groups are listed, altered and deleted', async () => {
  const name = await topic(), group = `${name}-group`
  await produce(name, numbered(3))
  const reader = await member(name, {}, group)
  await until(() => reader.records.length === 3)
  await admin(async client => {
    const listed = async () => (await client.listGroups()).groups.map(each => each.groupId)
    assert((await listed()).includes(group))
    await raises('NON_EMPTY_GROUP', () => client.deleteGroups([group]))
    await raises('The consumer group must have no running instances', () =>
      client.setOffsets({ groupId: group, topic: name, partitions: [{ partition: 0, offset: '1' }] }))
    await reader.stop()
    await client.setOffsets({ groupId: group, topic: name, partitions: [{ partition: 0, offset: '1' }] })
    assert.equal((await committed(client, group, name))[0], '1')
    await client.resetOffsets({ groupId: group, topic: name, earliest: true })
    // What it commits stands for the earliest, and it finds out the offset when it reads.
    assert.equal((await committed(client, group, name))[0], '-2')
    await client.deleteGroups([group])
    assert(!(await listed()).includes(group))
    await raises('GROUP_ID_NOT_FOUND', () => client.deleteGroups([group]))
  })
})

check('session timeout out of range is refused', async () => {
  const name = await topic()
  const reader = new Member(`${name}-group`, { sessionTimeout: 1000, heartbeatInterval: 300, retry: { retries: 0 } })
  await reader.start(name).catch(error => { reader.crash = error })
  await until(() => reader.crash, 10)
  await raises('INVALID_SESSION_TIMEOUT', () => { throw reader.crash })
  await reader.stop()
})

check('broker that is not there is an error in time', () =>
  raises('ECONNREFUSED', () => kafka('127.0.0.1:1', { retry: { retries: 1, initialRetryTime: 100 } }).admin().connect()))

main()
