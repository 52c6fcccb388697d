"""confluent-kafka-python as a user of a broker: admin, producer, consumer, groups. Usage: checks.py HOST:PORT [NAME]"""
import logging
import threading
import time

from confluent_kafka import (OFFSET_BEGINNING, OFFSET_END, TIMESTAMP_CREATE_TIME, Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, ConsumerGroupType,
                             KafkaError, KafkaException, Producer, TopicCollection, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource, NewPartitions, NewTopic,
                                   OffsetSpec, ResourceType)

from harness import BOOTSTRAP, CHECKS, a_name, check, check_each, main, until
from proxy import Proxy

QUIET = logging.getLogger("librdkafka")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def config(**options):
    named = {key.replace("_", "."): value for key, value in options.items()}
    return {"bootstrap.servers": BOOTSTRAP, "logger": QUIET, "broker.address.family": "v4", "reconnect.backoff.max.ms": 500, **named}


ADMIN = AdminClient(config())


def admin():
    # One for all: what it was asked for ends in an error when it goes away.
    return ADMIN


def all_of(futures):
    return {key: future.result(20) for key, future in futures.items()}


def topic(partitions=1, **configs):
    name = a_name("ckp")
    configs = {key.replace("_", "."): value for key, value in configs.items()}
    all_of(admin().create_topics([NewTopic(name, partitions, 1, config=configs)]))
    # Apache Kafka answers a moment before the broker knows it.
    until(lambda: name in admin().list_topics(timeout=10).topics)
    return name


def consumer(group=None, **options):
    return Consumer(config(**{"group_id": group or a_name("alone"), "auto_offset_reset": "earliest", "enable_auto_commit": False, **options}))


def produce(name, values, partition=0, **options):
    """Sends them all; what was delivered, in the order of delivery."""
    delivered, errors = [], []

    def on_delivery(error, record):
        (errors if error else delivered).append(error or record)
    client = Producer(config(**options))
    for value in values:
        fields = value if isinstance(value, dict) else {"value": value}
        client.produce(name, partition=partition, on_delivery=on_delivery, **fields)
        client.poll(0)
    assert client.flush(25) == 0, "not everything was delivered in time"
    if errors:
        raise KafkaException(errors[0])
    return delivered


def poll(client, count, seconds=20):
    """The records that come, until there are `count` of them."""
    records, end = [], time.monotonic() + seconds
    while len(records) < count and time.monotonic() < end:
        for record in client.consume(count - len(records), 0.2):
            if record.error():
                raise KafkaException(record.error())
            records.append(record)
    return records


def read(name, count, partition=0, offset=OFFSET_BEGINNING, seconds=20, **options):
    client = consumer(**options)
    client.assign([TopicPartition(name, partition, offset)])
    records = poll(client, count, seconds)
    client.close()
    return records


def values(records):
    return [record.value() for record in records]


def offsets(records):
    return [record.offset() for record in records]


def raises(code, call):
    try:
        call()
    except KafkaException as error:
        assert error.args[0].code() == code, error
        assert error.args[0].str(), error
        return
    raise AssertionError(f"no error {code}")


class Member(threading.Thread):
    """A consumer that polls in a thread of its own, as its group needs while another one joins."""

    def __init__(self, name, group, **options):
        super().__init__(daemon=True)
        self.client = consumer(group, **options)
        self.records, self.ending, self.assignment = [], False, set()
        self.client.subscribe([name])
        self.start()

    def run(self):
        while not self.ending:
            self.records += [record for record in self.client.consume(100, 0.1) if not record.error()]
            self.assignment = {(tp.topic, tp.partition) for tp in self.client.assignment()}
        self.assignment = set()
        self.client.close()

    def leave(self):
        self.ending = True
        self.join(20)
        assert not self.is_alive(), "the consumer does not close"


def shares(*members):
    """How many partitions each has; nothing while one of them is with two."""
    if len(set().union(*(member.assignment for member in members))) != sum(len(member.assignment) for member in members):
        return None
    return sorted(len(member.assignment) for member in members)


# --- admin ---------------------------------------------------------------------------------------------------------

@check
def cluster_is_described():
    cluster = admin().describe_cluster().result(20)
    assert cluster.cluster_id and cluster.controller is not None, cluster
    assert [f"{node.host}:{node.port}" for node in cluster.nodes] == [BOOTSTRAP], cluster.nodes


@check
def topic_is_created_described_and_deleted():
    client, name = admin(), a_name("ckp")
    all_of(client.create_topics([NewTopic(name, 3, 1)]))
    assert sorted(client.list_topics(timeout=10).topics[name].partitions) == [0, 1, 2]
    described = client.describe_topics(TopicCollection([name]))[name].result(20)
    assert (described.name, [p.id for p in described.partitions], described.is_internal) == (name, [0, 1, 2], False), described
    assert all(len(p.replicas) == len(p.isr) == 1 and p.leader for p in described.partitions)
    all_of(client.delete_topics([name]))
    until(lambda: name not in client.list_topics(timeout=10).topics)


@check
def topic_creation_is_only_validated():
    client, name = admin(), a_name("ckp")
    all_of(client.create_topics([NewTopic(name, 2, 1)], validate_only=True))
    assert name not in client.list_topics(timeout=10).topics


@check
def topic_creation_is_refused():
    client, name = admin(), topic()

    def create(new):
        return lambda: all_of(client.create_topics([new]))
    raises(KafkaError.TOPIC_ALREADY_EXISTS, create(NewTopic(name, 1, 1)))
    raises(KafkaError.TOPIC_EXCEPTION, create(NewTopic(f"{name}/x", 1, 1)))
    raises(KafkaError.INVALID_REPLICATION_FACTOR, create(NewTopic(f"{name}-x", 1, 99)))
    raises(KafkaError.INVALID_CONFIG, create(NewTopic(f"{name}-x", 1, 1, config={"no.such.property": "1"})))
    raises(KafkaError.INVALID_CONFIG, create(NewTopic(f"{name}-x", 1, 1, config={"retention.ms": "soon"})))
    assert f"{name}-x" not in client.list_topics(timeout=10).topics


@check
def topic_that_is_not_there_is_an_error():
    client, name = admin(), a_name("no")
    raises(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: all_of(client.delete_topics([name])))
    raises(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: all_of(client.describe_topics(TopicCollection([name]))))
    raises(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: all_of(client.create_partitions([NewPartitions(name, 2)])))
    raises(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: all_of(client.describe_configs([ConfigResource(ResourceType.TOPIC, name)])))


@check
def partitions_are_added():
    client, name = admin(), topic(1)
    all_of(client.create_partitions([NewPartitions(name, 4)]))
    until(lambda: len(client.list_topics(timeout=10).topics[name].partitions) == 4)
    raises(KafkaError.INVALID_PARTITIONS, lambda: all_of(client.create_partitions([NewPartitions(name, 2)])))


@check
def topic_configs_are_changed():
    client, name = admin(), topic(retention_ms="1000000")

    def entry(key):
        return all_of(client.describe_configs([ConfigResource(ResourceType.TOPIC, name)])).popitem()[1][key]

    def change(key, value, operation):
        change = ConfigEntry(key, value, incremental_operation=operation)
        all_of(client.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, name, incremental_configs=[change])]))
    assert entry("retention.ms").value == "1000000" and entry("retention.ms").source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    assert entry("segment.bytes").value == "1073741824" and entry("segment.bytes").is_default
    change("retention.ms", "2000000", AlterConfigOpType.SET)
    change("cleanup.policy", "compact", AlterConfigOpType.APPEND)
    until(lambda: entry("retention.ms").value == "2000000" and set(entry("cleanup.policy").value.split(",")) == {"compact", "delete"})
    change("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT)
    until(lambda: entry("cleanup.policy").value == "compact")
    change("cleanup.policy", None, AlterConfigOpType.DELETE)
    until(lambda: entry("cleanup.policy").value == "delete")
    raises(KafkaError.INVALID_CONFIG, lambda: change("retention.ms", "soon", AlterConfigOpType.SET))
    raises(KafkaError.INVALID_CONFIG, lambda: change("no.such.property", "1", AlterConfigOpType.SET))
    assert entry("retention.ms").value == "2000000"


@check
def broker_configs_are_described():
    client = admin()
    broker = str(client.describe_cluster().result(20).controller.id)
    configs = all_of(client.describe_configs([ConfigResource(ResourceType.BROKER, broker)])).popitem()[1]
    assert configs["message.max.bytes"].value == "1048588" and configs["node.id"].value == broker


@check
def records_are_deleted():
    client, name = admin(), topic()
    produce(name, [b"x"] * 5)
    deleted = all_of(client.delete_records([TopicPartition(name, 0, 3)])).popitem()[1]
    assert deleted.low_watermark == 3, deleted.low_watermark
    assert offsets(read(name, 2)) == [3, 4]
    raises(KafkaError.OFFSET_OUT_OF_RANGE, lambda: all_of(client.delete_records([TopicPartition(name, 0, 99)])))


@check
def offsets_are_listed():
    client, name = admin(), topic()
    produce(name, [{"value": b"x", "timestamp": now} for now in (now_ms() - 1000, now_ms(), now_ms() - 2000)], linger_ms=100)

    def listed(spec):
        return all_of(client.list_offsets({TopicPartition(name, 0): spec})).popitem()[1].offset
    assert [listed(spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp())] == [0, 3, 1]


def now_ms():
    return int(time.time() * 1000)


# --- producer ------------------------------------------------------------------------------------------------------

def a_record_returns(acks, codec, idempotent):
    name = topic()
    headers = [("trace", b"\x00\xff"), ("trace", b"twice"), ("empty", b""), ("null", None)]
    delivered = produce(name, [
        {"value": b"v", "key": b"k", "headers": headers, "timestamp": 1234567890123},
        {"value": None, "key": b"tombstone"},
        {"value": b"", "key": None},
    ], acks=acks, compression_type=codec, enable_idempotence=idempotent)
    # Without an acknowledgement it does not know them.
    assert acks == "0" or offsets(delivered) == [0, 1, 2], offsets(delivered)
    records = read(name, 3)
    assert [(r.offset(), r.key(), r.value()) for r in records] == [(0, b"k", b"v"), (1, b"tombstone", None), (2, None, b"")]
    assert records[0].headers() == headers and records[1].headers() is None, records[0].headers()
    assert records[0].timestamp() == (TIMESTAMP_CREATE_TIME, 1234567890123), records[0].timestamp()


for acks in ("0", "1", "all"):
    for codec in CODECS:
        for idempotent in (False, True) if acks == "all" else (False,):
            CHECKS.append((f"record_returns acks={acks} codec={codec} idempotent={idempotent}",
                           lambda a=acks, c=codec, i=idempotent: a_record_returns(a, c, i)))


@check_each(codec=CODECS)
def large_record_returns(codec):
    name, value = topic(), bytes(range(256)) * 3900
    produce(name, [value], compression_type=codec)
    assert values(read(name, 1)) == [value]


@check
def record_that_is_too_large_is_refused():
    name = topic(max_message_bytes="1000")
    # Apache Kafka answers the creation of a topic a moment before its properties are in force.
    time.sleep(1)
    raises(KafkaError.MSG_SIZE_TOO_LARGE, lambda: produce(name, [b"x" * 5000]))
    assert offsets(produce(name, [b"small"])) == [0]
    try:
        produce(name, [b"x" * 2_000_000])
    except KafkaException as error:
        assert error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE, error
    else:
        raise AssertionError("its own limit")


@check
def record_of_an_unknown_topic_is_refused():
    name = topic()
    raises(KafkaError._UNKNOWN_PARTITION, lambda: produce(name, [b"x"], partition=7, message_timeout_ms=5000))
    raises(KafkaError.TOPIC_EXCEPTION, lambda: produce(f"{name}/x", [b"x"], message_timeout_ms=5000))


@check
def keys_choose_the_same_partition():
    name = topic(6)
    delivered = produce(name, [{"value": b"v", "key": b"key-%d" % (i % 10)} for i in range(60)], partition=-1)
    partitions = {}
    for record in delivered:
        partitions.setdefault(record.key(), set()).add(record.partition())
    assert len(partitions) == 10 and all(len(found) == 1 for found in partitions.values()), partitions
    assert len(set().union(*partitions.values())) > 1


@check_each(codec=["none", "lz4"])
def idempotent_producer_over_a_broken_connection(codec):
    name, sent = topic(), [b"value-%d" % i for i in range(3000)]
    proxy = Proxy(BOOTSTRAP, cut_every=5)
    delivered = produce(name, sent, bootstrap_servers=proxy.address, enable_idempotence=True, compression_type=codec,
                        batch_num_messages=50, linger_ms=1, retry_backoff_ms=10, reconnect_backoff_ms=10, reconnect_backoff_max_ms=50)
    assert proxy.cuts >= 5, f"{proxy.cuts} cuts, {proxy.produced} requests"
    assert values(delivered) == sent and offsets(delivered) == list(range(3000))
    assert values(read(name, 3001, seconds=3)) == sent
    proxy.close()


# --- consumer ------------------------------------------------------------------------------------------------------

@check
def assignment_seek_and_positions():
    name = topic(2)
    produce(name, [b"x"] * 10, 0)
    produce(name, [b"x"] * 4, 1)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    reader = consumer()
    reader.assign([TopicPartition(name, 0, OFFSET_BEGINNING), TopicPartition(name, 1, 2)])
    assert len(poll(reader, 12)) == 12
    assert [tp.offset for tp in reader.position([first, second])] == [10, 4]
    assert reader.get_watermark_offsets(first, timeout=10) == (0, 10)
    reader.seek(TopicPartition(name, 0, 7))
    assert offsets(poll(reader, 3)) == [7, 8, 9]
    reader.seek(TopicPartition(name, 1, OFFSET_BEGINNING))
    assert offsets(poll(reader, 4)) == [0, 1, 2, 3]
    reader.seek(TopicPartition(name, 0, OFFSET_END))
    assert poll(reader, 1, 1) == []
    reader.close()


@check
def seek_beyond_the_end():
    name = topic()
    produce(name, [b"x"] * 3)
    assert offsets(read(name, 3, offset=1000)) == [0, 1, 2]
    raises(KafkaError._AUTO_OFFSET_RESET, lambda: read(name, 1, offset=1000, auto_offset_reset="error"))


@check
def pause_and_resume():
    name = topic(2)
    first, second = TopicPartition(name, 0, OFFSET_BEGINNING), TopicPartition(name, 1, OFFSET_BEGINNING)
    reader = consumer()
    reader.assign([first, second])
    reader.pause([first])
    produce(name, [b"x"] * 3, 0)
    produce(name, [b"x"] * 3, 1)
    assert [r.partition() for r in poll(reader, 6, 3)] == [1, 1, 1]
    reader.resume([first])
    assert [r.partition() for r in poll(reader, 3)] == [0, 0, 0]
    reader.close()


@check
def consume_from_timestamps():
    name = topic(message_timestamp_before_max_ms=str(2**63 - 1), retention_ms="-1")
    produce(name, [{"value": b"x", "timestamp": stamp} for stamp in (1000, 2000, 3000)])
    reader = consumer()
    found = [reader.offsets_for_times([TopicPartition(name, 0, at)], timeout=10)[0].offset for at in (1, 2000, 2001, 9000)]
    assert found == [0, 1, 2, OFFSET_END], found
    reader.assign(reader.offsets_for_times([TopicPartition(name, 0, 1500)], timeout=10))
    assert [r.timestamp()[1] for r in poll(reader, 2)] == [2000, 3000]
    reader.close()


@check
def topic_that_is_read_while_it_is_written():
    name = topic()
    reader = consumer(fetch_wait_max_ms=5000)
    reader.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
    poll(reader, 1, 1)
    for i in range(5):
        sent = time.monotonic()
        produce(name, [b"%d" % i])
        assert values(poll(reader, 1)) == [b"%d" % i]
        # A long poll is answered when the record is there, not when its time is over.
        assert time.monotonic() - sent < 3
    reader.close()


@check
def end_of_a_partition_and_read_committed():
    name = topic()
    produce(name, [b"x"] * 3)
    reader = consumer(isolation_level="read_committed", enable_partition_eof=True)
    reader.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
    came = []
    until(lambda: came.extend(reader.consume(10, 0.2)) or any(r.error() for r in came))
    assert len(came) == 4 and came[3].error().code() == KafkaError._PARTITION_EOF and came[3].offset() == 3
    reader.close()


@check
def unknown_topic_is_an_error_of_the_consumer():
    reader = consumer(allow_auto_create_topics=False)
    reader.subscribe([a_name("no")])
    raises(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: poll(reader, 1, 10))
    reader.close()


# --- groups --------------------------------------------------------------------------------------------------------

@check
def commit_by_hand():
    name = topic()
    group, partition = f"{name}-group", TopicPartition(name, 0)
    produce(name, [b"x"] * 10)
    reader = consumer(group)
    reader.subscribe([name])
    records = poll(reader, 10)
    assert len(records) == 10
    reader.commit(offsets=[TopicPartition(name, 0, 4, "note")], asynchronous=False)
    committed, = reader.committed([partition], timeout=10)
    assert (committed.offset, committed.metadata) == (4, "note"), committed
    reader.close()
    again = consumer(group)
    again.subscribe([name])
    records = poll(again, 6)
    assert offsets(records) == [4, 5, 6, 7, 8, 9]
    again.commit(message=records[3], asynchronous=False)
    assert again.committed([partition], timeout=10)[0].offset == 8
    again.commit(asynchronous=False)
    again.close()
    assert group_offsets(group) == {(name, 0): 10}


def group_offsets(group):
    listed = all_of(admin().list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])).popitem()[1]
    return {(tp.topic, tp.partition): tp.offset for tp in listed.topic_partitions}


@check
def commit_automatically():
    name = topic()
    group = f"{name}-group"
    produce(name, [b"x"] * 5)
    reader = consumer(group, enable_auto_commit=True, auto_commit_interval_ms=100)
    reader.subscribe([name])
    assert len(poll(reader, 5)) == 5
    until(lambda: reader.consume(1, 0.1) == [] and group_offsets(group) == {(name, 0): 5})
    reader.close()


@check_each(assignor=["range", "roundrobin", "cooperative-sticky"])
def two_members_share_one_dies_one_joins(assignor):
    name = topic(4)
    group, client = f"{name}-group", admin()
    options = {"partition_assignment_strategy": assignor, "session_timeout_ms": 6000, "heartbeat_interval_ms": 500}
    proxy = Proxy(BOOTSTRAP)
    alive = Member(name, group, client_id="alive", **options)
    dying = Member(name, group, client_id="dying", bootstrap_servers=proxy.address, **options)
    until(lambda: shares(alive, dying) == [2, 2])
    for partition in range(4):
        produce(name, [b"x"] * 5, partition)
    until(lambda: len(alive.records) == len(dying.records) == 10)

    def described():
        return all_of(client.describe_consumer_groups([group])).popitem()[1]
    until(lambda: described().state == ConsumerGroupState.STABLE)
    assert {member.client_id for member in described().members} == {"alive", "dying"}
    assert sorted(len(member.assignment.topic_partitions) for member in described().members) == [2, 2]
    assert described().partition_assignor == assignor, described().partition_assignor
    proxy.close()
    until(lambda: shares(alive) == [4])
    joined = Member(name, group, client_id="joined", **options)
    until(lambda: shares(alive, joined) == [2, 2])
    alive.leave()
    until(lambda: shares(joined) == [4])
    joined.leave()
    until(lambda: described().state == ConsumerGroupState.EMPTY)


@check
def static_member_comes_back_to_its_partitions():
    name = topic(4)
    group = f"{name}-group"
    options = {"session_timeout_ms": 20000, "heartbeat_interval_ms": 500}
    first = Member(name, group, group_instance_id="first", **options)
    second = Member(name, group, group_instance_id="second", **options)
    until(lambda: shares(first, second) == [2, 2])
    before = set(second.assignment)
    second.leave()
    second = Member(name, group, group_instance_id="second", **options)
    until(lambda: second.assignment == before)
    assert len(first.assignment) == 2
    first.leave()
    second.leave()


@check
def consumer_protocol_two_members_share_and_one_leaves():
    name = topic(4)
    group, client = f"{name}-group", admin()
    first = Member(name, group, client_id="first", group_protocol="consumer")
    until(lambda: shares(first) == [4])
    second = Member(name, group, client_id="second", group_protocol="consumer", group_remote_assignor="range")
    until(lambda: shares(first, second) == [2, 2])
    for partition in range(4):
        produce(name, [b"x"] * 5, partition)
    until(lambda: len(first.records) == len(second.records) == 10)

    def described():
        return all_of(client.describe_consumer_groups([group])).popitem()[1]
    until(lambda: described().state == ConsumerGroupState.STABLE)
    assert described().type == ConsumerGroupType.CONSUMER, described().type
    assert {member.client_id for member in described().members} == {"first", "second"}
    assert sorted(len(member.assignment.topic_partitions) for member in described().members) == [2, 2]
    first.leave()
    until(lambda: shares(second) == [4])
    second.leave()
    until(lambda: described().state == ConsumerGroupState.EMPTY)


@check
def consumer_protocol_static_member_comes_back_to_its_partitions():
    name = topic(4)
    group = f"{name}-group"
    first = Member(name, group, group_instance_id="first", group_protocol="consumer")
    second = Member(name, group, group_instance_id="second", group_protocol="consumer")
    until(lambda: shares(first, second) == [2, 2])
    before = set(second.assignment)
    second.leave()
    second = Member(name, group, group_instance_id="second", group_protocol="consumer")
    until(lambda: second.assignment == before)
    assert len(first.assignment) == 2
    first.leave()
    second.leave()


@check
def consumer_protocol_members_of_both_protocols_share():
    name = topic(4)
    group = f"{name}-group"
    classic = Member(name, group, session_timeout_ms=6000, heartbeat_interval_ms=500)
    until(lambda: shares(classic) == [4])
    member = Member(name, group, group_protocol="consumer")
    until(lambda: shares(classic, member) == [2, 2])
    member.leave()
    until(lambda: shares(classic) == [4])
    classic.leave()


@check
def pattern_of_topics():
    first, second = topic(), topic()
    produce(first, [b"x"])
    produce(second, [b"x"])
    reader = consumer()
    reader.subscribe([f"^({first}|{second})$"])
    assert {r.topic() for r in poll(reader, 2)} == {first, second}
    reader.close()


@check
def groups_are_listed_altered_and_deleted():
    client, name = admin(), topic()
    group = f"{name}-group"
    produce(name, [b"x"] * 3)
    reader = consumer(group)
    reader.subscribe([name])
    assert len(poll(reader, 3)) == 3
    reader.commit(asynchronous=False)

    def listed(**options):
        return [g.group_id for g in client.list_consumer_groups(**options).result(20).valid]
    assert group in listed() and group in listed(states={ConsumerGroupState.STABLE}) and group not in listed(states={ConsumerGroupState.EMPTY})
    raises(KafkaError.NON_EMPTY_GROUP, lambda: all_of(client.delete_consumer_groups([group])))
    altered = ConsumerGroupTopicPartitions(group, [TopicPartition(name, 0, 1)])

    def alter():
        return all_of(client.alter_consumer_group_offsets([altered])).popitem()[1].topic_partitions[0].error
    assert alter().code() == KafkaError.UNKNOWN_MEMBER_ID
    reader.close()
    assert alter() is None
    assert group_offsets(group) == {(name, 0): 1}
    all_of(client.delete_consumer_groups([group]))
    assert group not in listed()
    raises(KafkaError.GROUP_ID_NOT_FOUND, lambda: all_of(client.delete_consumer_groups([group])))


@check
def mistakes_of_a_member_are_told():
    name = topic()

    def fails(code, **options):
        reader = consumer(f"{name}-group", **options)
        reader.subscribe([name])
        raises(code, lambda: poll(reader, 1, 10))
        reader.close()
    fails(KafkaError.INVALID_SESSION_TIMEOUT, session_timeout_ms=1000, heartbeat_interval_ms=300)
    member = Member(name, f"{name}-group", partition_assignment_strategy="range")
    until(lambda: shares(member) == [1])
    fails(KafkaError.INCONSISTENT_GROUP_PROTOCOL, partition_assignment_strategy="roundrobin")
    member.leave()


@check
def broker_that_is_not_there_is_an_error_in_time():
    lost = AdminClient(config(bootstrap_servers="127.0.0.1:1"))
    raises(KafkaError._TRANSPORT, lambda: lost.list_topics(timeout=2))
    raises(KafkaError._MSG_TIMED_OUT, lambda: produce("x", [b"x"], bootstrap_servers="127.0.0.1:1", message_timeout_ms=2000))


main()
