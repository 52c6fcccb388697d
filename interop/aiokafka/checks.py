"""aiokafka as a user of a broker: admin, producer, consumer, groups. Usage: checks.py HOST:PORT [NAME]"""
import asyncio
import contextlib
import logging
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from harness import BOOTSTRAP, CHECKS, a_name, check, check_each, main
from proxy import Proxy

CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor}


@contextlib.asynccontextmanager
async def started(client):
    """The client while it is needed; it stops in time also after a failure."""
    try:
        await client.start()
        yield client
    finally:
        await asyncio.wait_for(client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop(), 15)


def admin(**options):
    return started(AIOKafkaAdminClient(**{"bootstrap_servers": BOOTSTRAP, **options}))


def producer(**options):
    return started(AIOKafkaProducer(**{"bootstrap_servers": BOOTSTRAP, **options}))


def consumer(*topics, **options):
    return started(AIOKafkaConsumer(*topics, **{
        "bootstrap_servers": BOOTSTRAP, "auto_offset_reset": "earliest", "enable_auto_commit": False, **options}))


def accepted(answer):
    """The answer, when it tells of no error: aiokafka hands out what the broker answered as it is."""
    for name, *fields in getattr(answer, "topic_errors", None) or answer.topic_error_codes:
        if fields[0]:
            raise errors.for_code(fields[0])(name, *fields[1:])
    return answer


async def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not await what():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)


async def topic(partitions=1, **configs):
    name = a_name("aio")
    configs = {key.replace("_", "."): value for key, value in configs.items()}
    async with admin() as client:
        accepted(await client.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)]))

        # Apache Kafka answers a moment before the broker knows it.
        async def known():
            return name in await client.list_topics()
        await until(known)
    return name


async def produce(name, values, partition=0, **options):
    async with producer(**options) as client:
        sent = [await client.send(name, value, partition=partition) for value in values]
        return [await asyncio.wait_for(each, 30) for each in sent]


async def poll(client, count, seconds=20):
    """The records that come, until there are `count` of them."""
    records, end = [], time.monotonic() + seconds
    while len(records) < count and time.monotonic() < end:
        for batch in (await client.getmany(timeout_ms=200)).values():
            records += batch
    return records


async def read(name, count, seconds=20):
    async with consumer() as client:
        client.assign([TopicPartition(name, 0)])
        return await poll(client, count, seconds)


def values(records):
    return [record.value for record in records]


def offsets(records):
    return [record.offset for record in records]


@contextlib.contextmanager
def raises(error):
    try:
        yield
    except error as expected:
        assert str(expected), repr(expected)
        return
    raise AssertionError(f"no {error.__name__}")


# --- admin ---------------------------------------------------------------------------------------------------------

@check
async def cluster_is_described():
    async with admin() as client:
        cluster = await client.describe_cluster()
        assert [f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]] == [BOOTSTRAP], cluster
        assert cluster["cluster_id"], cluster


@check
async def topic_is_created_described_and_deleted():
    name = await topic(3)
    async with admin() as client:
        described, = await client.describe_topics([name])
        assert (described["error_code"], described["is_internal"]) == (0, False), described
        assert sorted(p["partition"] for p in described["partitions"]) == [0, 1, 2], described
        accepted(await client.delete_topics([name]))

        async def gone():
            return name not in await client.list_topics()
        await until(gone)


@check
async def topic_creation_is_only_validated():
    name = a_name("aio")
    async with admin() as client:
        accepted(await client.create_topics([NewTopic(name, 2, 1)], validate_only=True))
        assert name not in await client.list_topics()


@check
async def topic_creation_is_refused():
    name = await topic()
    async with admin() as client:
        for error, new in (
                (errors.TopicAlreadyExistsError, NewTopic(name, 1, 1)),
                (errors.InvalidTopicError, NewTopic(f"{name}/x", 1, 1)),
                (errors.InvalidReplicationFactorError, NewTopic(f"{name}-x", 1, 99)),
                (errors.InvalidPartitionsError, NewTopic(f"{name}-x", 0, 1)),
                (errors.InvalidConfigurationError, NewTopic(f"{name}-x", 1, 1, topic_configs={"no.such.property": "1"})),
                (errors.InvalidConfigurationError, NewTopic(f"{name}-x", 1, 1, topic_configs={"retention.ms": "soon"}))):
            with raises(error):
                accepted(await client.create_topics([new]))
        assert f"{name}-x" not in await client.list_topics()


@check
async def topic_that_is_not_there_is_an_error():
    name = a_name("no")
    async with admin() as client:
        with raises(errors.UnknownTopicOrPartitionError):
            accepted(await client.delete_topics([name]))
        with raises(errors.UnknownTopicOrPartitionError):
            accepted(await client.create_partitions({name: NewPartitions(2)}))


@check
async def partitions_are_added():
    name = await topic(1)
    async with admin() as client:
        accepted(await client.create_partitions({name: NewPartitions(4)}))

        async def added():
            return len((await client.describe_topics([name]))[0]["partitions"]) == 4
        await until(added)
        with raises(errors.InvalidPartitionsError):
            accepted(await client.create_partitions({name: NewPartitions(2)}))


async def configs_of(client, kind, name):
    answer, = await client.describe_configs([ConfigResource(kind, name)])
    (code, message, _, _, entries), = answer.resources
    assert code == 0, message
    return {entry[0]: entry[1] for entry in entries}


@check
async def topic_configs_are_changed():
    name = await topic(retention_ms="1000000")
    async with admin() as client:
        async def alter(**configs):
            configs = {key.replace("_", "."): value for key, value in configs.items()}
            answer, = await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs)])
            (code, message, _, _), = answer.resources
            if code:
                raise errors.for_code(code)(message)
        before = await configs_of(client, ConfigResourceType.TOPIC, name)
        assert (before["retention.ms"], before["segment.bytes"]) == ("1000000", "1073741824"), before
        # The old call: what it does not name goes back to its default.
        await alter(cleanup_policy="compact")

        async def altered():
            now = await configs_of(client, ConfigResourceType.TOPIC, name)
            return (now["cleanup.policy"], now["retention.ms"]) == ("compact", "604800000")
        await until(altered)
        with raises(errors.InvalidConfigurationError):
            await alter(retention_ms="soon")
        with raises(errors.InvalidConfigurationError):
            await alter(no_such_property="1")


@check
async def broker_configs_are_described():
    async with admin() as client:
        broker = str((await client.describe_cluster())["brokers"][0]["node_id"])
        configs = await configs_of(client, ConfigResourceType.BROKER, broker)
        assert (configs["message.max.bytes"], configs["node.id"]) == ("1048588", broker), configs


@check
async def records_are_deleted():
    name = await topic()
    await produce(name, [b"x"] * 5)
    async with admin() as client:
        assert await client.delete_records({TopicPartition(name, 0): RecordsToDelete(3)}) == {TopicPartition(name, 0): 3}
        assert offsets(await read(name, 2)) == [3, 4]
        with raises(errors.OffsetOutOfRangeError):
            await client.delete_records({TopicPartition(name, 0): RecordsToDelete(99)})


# --- producer ------------------------------------------------------------------------------------------------------

async def a_record_returns(**options):
    name = await topic()
    headers = [("trace", b"\x00\xff"), ("trace", b"twice"), ("empty", b""), ("null", None)]
    async with producer(**options) as client:
        sent = [
            await client.send(name, b"v", key=b"k", headers=headers, timestamp_ms=1234567890123),
            await client.send(name, None, key=b"tombstone"),
            await client.send(name, b"", key=None),
        ]
        delivered = [await asyncio.wait_for(each, 20) for each in sent]
    # Without an acknowledgement it does not know them.
    assert options["acks"] == 0 or offsets(delivered) == [0, 1, 2], delivered
    records = await read(name, 3)
    assert [(r.offset, r.key, r.value) for r in records] == [(0, b"k", b"v"), (1, b"tombstone", None), (2, None, b"")], records
    assert list(records[0].headers) == headers, records[0].headers
    assert (records[0].timestamp, records[0].timestamp_type) == (1234567890123, 0), records[0]


def record_returns(acks, codec, idempotent):
    async def call():
        await a_record_returns(acks=acks, compression_type=codec, enable_idempotence=idempotent)
    CHECKS.append((f"record_returns acks={acks} codec={codec} idempotent={idempotent}", call))


for codec in CODECS:
    for acks in (0, 1, "all"):
        record_returns(acks, codec, False)
    record_returns("all", codec, True)


@check_each(codec=CODECS)
async def large_record_returns(codec):
    name, value = await topic(), bytes(range(256)) * 3900
    await produce(name, [value], compression_type=codec)
    assert values(await read(name, 1)) == [value]


@check
async def record_that_is_too_large_is_refused():
    name = await topic(max_message_bytes="1000")
    # Apache Kafka answers the creation of a topic a moment before its properties are in force.
    await asyncio.sleep(1)
    with raises(errors.MessageSizeTooLargeError):
        await produce(name, [b"x" * 5000])
    assert offsets(await produce(name, [b"small"])) == [0]
    with raises(errors.MessageSizeTooLargeError):
        await produce(name, [b"x" * 2_000_000])


@check
async def topic_name_that_is_not_allowed_is_refused():
    # It asks for the topic again and again, and tells this when its time is over.
    with raises(errors.UnknownTopicOrPartitionError):
        await produce("a/b", [b"x"], partition=None, request_timeout_ms=1000)


@check
async def keys_choose_the_same_partition():
    name = await topic(6)
    async with producer() as client:
        sent = [await client.send(name, b"v", key=b"key-%d" % (i % 10)) for i in range(60)]
        partitions = [(await each).partition for each in sent]
    assert partitions == partitions[:10] * 6, partitions
    assert len(set(partitions)) > 1


@check_each(codec=[None, "lz4"])
async def idempotent_producer_over_a_broken_connection(codec):
    name, sent = await topic(), [b"value-%d" % i for i in range(1000)]
    proxy = Proxy(BOOTSTRAP, cut_every=5)
    delivered = await produce(name, sent, bootstrap_servers=proxy.address, enable_idempotence=True, compression_type=codec,
                              max_batch_size=400, retry_backoff_ms=20, request_timeout_ms=5000)
    assert proxy.cuts >= 5, f"{proxy.cuts} cuts, {proxy.produced} requests"
    records = await read(name, len(sent) + 1, 3)
    assert values(records) == sent, (len(records), values(records)[:20])
    # Of a batch that was stored already it is told no offset, as Apache Kafka keeps those of the last five only.
    assert all(told.offset in (at, -1) for at, told in enumerate(delivered)), delivered
    proxy.close()


# --- consumer ------------------------------------------------------------------------------------------------------

@check
async def assignment_seek_and_positions():
    name = await topic(2)
    await produce(name, [b"x"] * 10, 0)
    await produce(name, [b"x"] * 4, 1)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    async with consumer() as reader:
        reader.assign([first, second])
        assert len(await poll(reader, 14)) == 14
        assert (await reader.position(first), await reader.position(second)) == (10, 4)
        assert await reader.beginning_offsets([first]) == {first: 0}
        assert await reader.end_offsets([first, second]) == {first: 10, second: 4}
        reader.seek(first, 7)
        assert offsets(await poll(reader, 3)) == [7, 8, 9]
        await reader.seek_to_beginning(second)
        assert offsets(await poll(reader, 4)) == [0, 1, 2, 3]
        await reader.seek_to_end(first)
        assert await reader.position(first) == 10


@check
async def seek_beyond_the_end():
    name = await topic()
    await produce(name, [b"x"] * 3)
    async with consumer() as reader:
        reader.assign([TopicPartition(name, 0)])
        reader.seek(TopicPartition(name, 0), 1000)
        assert offsets(await poll(reader, 3)) == [0, 1, 2]
    async with consumer(auto_offset_reset="none") as reader:
        reader.assign([TopicPartition(name, 0)])
        reader.seek(TopicPartition(name, 0), 1000)
        with raises(errors.OffsetOutOfRangeError):
            await poll(reader, 1, 10)


@check
async def pause_and_resume():
    name = await topic(2)
    async with consumer() as reader:
        reader.assign([TopicPartition(name, 0), TopicPartition(name, 1)])
        reader.pause(TopicPartition(name, 0))
        await produce(name, [b"x"] * 3, 0)
        await produce(name, [b"x"] * 3, 1)
        assert [r.partition for r in await poll(reader, 6, 3)] == [1, 1, 1]
        reader.resume(TopicPartition(name, 0))
        assert [r.partition for r in await poll(reader, 3)] == [0, 0, 0]


@check
async def consume_from_timestamps():
    name = await topic(message_timestamp_before_max_ms=str(2**63 - 1), retention_ms="-1")
    async with producer() as client:
        for stamp in (1000, 2000, 3000):
            await client.send_and_wait(name, b"x", timestamp_ms=stamp)
    partition = TopicPartition(name, 0)
    async with consumer() as reader:
        reader.assign([partition])
        found = [(await reader.offsets_for_times({partition: at}))[partition] for at in (1, 2000, 2001, 9000)]
        assert [at and (at.offset, at.timestamp) for at in found] == [(0, 1000), (1, 2000), (2, 3000), None], found
        reader.seek(partition, found[1].offset)
        assert [r.timestamp for r in await poll(reader, 2)] == [2000, 3000]


@check
async def topic_that_is_read_while_it_is_written():
    name = await topic()
    async with consumer(fetch_max_wait_ms=5000) as reader, producer() as client:
        reader.assign([TopicPartition(name, 0)])
        await poll(reader, 1, 1)
        for i in range(5):
            sent = time.monotonic()
            await client.send_and_wait(name, b"%d" % i)
            assert values(await poll(reader, 1)) == [b"%d" % i]
            # A long poll is answered when the record is there, not when its time is over.
            assert time.monotonic() - sent < 3


@check
async def read_committed_reads_what_no_transaction_wrote():
    name = await topic()
    await produce(name, [b"x"] * 3)
    async with consumer(name, isolation_level="read_committed") as reader:
        assert len(await poll(reader, 3)) == 3


# --- groups --------------------------------------------------------------------------------------------------------

@check
async def commit_by_hand():
    name = await topic()
    group, partition = f"{name}-group", TopicPartition(name, 0)
    await produce(name, [b"x"] * 10)
    async with consumer(name, group_id=group) as reader:
        assert len(await poll(reader, 10)) == 10
        await reader.commit({partition: OffsetAndMetadata(4, "note")})
        assert await reader.committed(partition) == 4
    async with consumer(name, group_id=group) as again:
        assert offsets(await poll(again, 6)) == [4, 5, 6, 7, 8, 9]
        await again.commit()
        assert await again.committed(partition) == 10
    async with admin() as client:
        assert (await client.list_consumer_group_offsets(group))[partition].offset == 10


@check
async def commit_automatically():
    name = await topic()
    group, partition = f"{name}-group", TopicPartition(name, 0)
    await produce(name, [b"x"] * 5)
    async with consumer(name, group_id=group, enable_auto_commit=True, auto_commit_interval_ms=100) as reader, admin() as client:
        assert len(await poll(reader, 5)) == 5

        async def committed():
            found = (await client.list_consumer_group_offsets(group)).get(partition)
            return found is not None and found.offset == 5
        await until(committed)


class Member:
    """A consumer in a task of its own."""

    def __init__(self, name, group, **options):
        self.client = AIOKafkaConsumer(name, **{"bootstrap_servers": BOOTSTRAP, "group_id": group, "auto_offset_reset": "earliest",
                                                "enable_auto_commit": False, "heartbeat_interval_ms": 500, **options})
        self.records = []
        self.task = asyncio.create_task(self.run())

    async def run(self):
        await self.client.start()
        while True:
            for batch in (await self.client.getmany(timeout_ms=100)).values():
                self.records += batch

    def assignment(self):
        return self.client.assignment()

    async def leave(self):
        self.task.cancel()
        await asyncio.wait([self.task])
        await asyncio.wait_for(self.client.stop(), 15)

    def forget(self):
        self.task.cancel()


def shares(*members):
    """How many partitions each has; nothing while one of them is with two."""
    if len(set().union(*(member.assignment() for member in members))) != sum(len(member.assignment()) for member in members):
        return None
    return sorted(len(member.assignment()) for member in members)


async def shared(counts, *members):
    async def so():
        return shares(*members) == counts
    await until(so)


async def group_of(client, group):
    """State, assignor and client ids."""
    answer, = await client.describe_consumer_groups([group])
    (code, _, state, _, assignor, members, *_), = answer.groups
    assert code == 0, answer
    return state, assignor, {member[1] if isinstance(member[1], str) and member[1] in ("alive", "dying", "joined") else member[2] for member in members}


@check_each(assignor=list(ASSIGNORS))
async def two_members_share_one_dies_one_joins(assignor):
    name = await topic(4)
    group, options = f"{name}-group", {"partition_assignment_strategy": [ASSIGNORS[assignor]], "session_timeout_ms": 6000}
    proxy = Proxy(BOOTSTRAP)
    alive = Member(name, group, client_id="alive", **options)
    dying = Member(name, group, client_id="dying", bootstrap_servers=proxy.address, **options)
    await shared([2, 2], alive, dying)
    for partition in range(4):
        await produce(name, [b"x"] * 5, partition)

    async def all_came():
        return len(alive.records) == len(dying.records) == 10
    await until(all_came)
    async with admin() as client:
        assert await group_of(client, group) == ("Stable", ASSIGNORS[assignor].name, {"alive", "dying"}), await group_of(client, group)
        proxy.close()
        dying.forget()
        await shared([4], alive)
        joined = Member(name, group, client_id="joined", **options)
        await shared([2, 2], alive, joined)
        await alive.leave()
        await shared([4], joined)
        await joined.leave()

        async def empty():
            return (await group_of(client, group))[0] == "Empty"
        await until(empty)


@check
async def static_member_comes_back_to_its_partitions():
    name = await topic(4)
    group, options = f"{name}-group", {"session_timeout_ms": 20000}
    first = Member(name, group, group_instance_id="first", **options)
    second = Member(name, group, group_instance_id="second", **options)
    await shared([2, 2], first, second)
    before = second.assignment()
    await second.leave()
    second = Member(name, group, group_instance_id="second", **options)

    async def back():
        return second.assignment() == before
    await until(back)
    assert len(first.assignment()) == 2
    await first.leave()
    await second.leave()


@check
async def pattern_of_topics():
    first, second = await topic(), await topic()
    await produce(first, [b"x"])
    await produce(second, [b"x"])
    async with consumer(group_id=f"{first}-group") as reader:
        reader.subscribe(pattern=f"^({first}|{second})$")
        assert {r.topic for r in await poll(reader, 2)} == {first, second}


@check
async def groups_are_listed():
    name = await topic()
    await produce(name, [b"x"])
    async with consumer(name, group_id=f"{name}-group") as reader, admin() as client:
        await poll(reader, 1)
        assert (f"{name}-group", "consumer") in [each[:2] for each in await client.list_consumer_groups()]


@check
async def mistakes_of_a_member_are_told():
    name = await topic()
    with raises(errors.InvalidSessionTimeoutError):
        async with consumer(name, group_id=f"{name}-group", session_timeout_ms=1000, heartbeat_interval_ms=300) as reader:
            await poll(reader, 1, 10)
    member = Member(name, f"{name}-group", partition_assignment_strategy=[RangePartitionAssignor])
    await shared([1], member)
    with raises(errors.InconsistentGroupProtocolError):
        async with consumer(name, group_id=f"{name}-group", partition_assignment_strategy=[RoundRobinPartitionAssignor]) as reader:
            await poll(reader, 1, 10)
    await member.leave()


@check
async def broker_that_is_not_there_is_an_error_in_time():
    with raises(errors.KafkaConnectionError):
        async with producer(bootstrap_servers="127.0.0.1:1"):
            pass


logging.disable(logging.CRITICAL)
main()
