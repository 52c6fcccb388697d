"""kafka-python as a user of a broker: admin, producer, consumer, groups. Usage: checks.py HOST:PORT [NAME]"""
import logging
import threading
import time
import uuid

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

from harness import BOOTSTRAP, CHECKS, a_name, check, check_each, main, until
from proxy import Proxy


def topic(partitions=1, **configs):
    name = a_name("py")
    with admin() as client:
        client.create_topics({name: {"num_partitions": partitions, "configs": configs}}, wait_for_metadata=True)
    return name


class admin:
    def __enter__(self):
        self.client = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
        return self.client

    def __exit__(self, *_):
        self.client.close()


def producer(**options):
    return KafkaProducer(**{"bootstrap_servers": BOOTSTRAP, **options})


def consumer(*topics, **options):
    return KafkaConsumer(*topics, **{"bootstrap_servers": BOOTSTRAP, "auto_offset_reset": "earliest", "enable_auto_commit": False, **options})


def produce(name, count, partition=None, **options):
    client = producer(**options)
    futures = [client.send(name, b"value-%d" % i, partition=partition) for i in range(count)]
    client.flush(timeout=20)
    client.close(timeout=10)
    return [future.get(timeout=10) for future in futures]


def send_one(name, value, **fields):
    """From a producer of its own, as a failed batch may take the ones after it along."""
    client = producer()
    try:
        return client.send(name, value, **fields).get(timeout=20)
    finally:
        client.close(timeout=10)


def poll(client, count, seconds=20):
    """The records that come, until there are `count` of them."""
    records = []
    end = time.monotonic() + seconds
    while len(records) < count and time.monotonic() < end:
        for batch in client.poll(timeout_ms=500).values():
            records.extend(batch)
    return records


class Member(threading.Thread):
    """A consumer that polls in a thread of its own, as its group needs while another one joins."""

    def __init__(self, *topics, **options):
        super().__init__(daemon=True)
        self.client = consumer(*topics, **options)
        self.records, self.left = [], False
        self.start()

    def run(self):
        try:
            while not self.left:
                # Long: where a poll times out just when the answer to SyncGroup has come, kafka-python 3.0.12 takes itself for joined
                # and forgets the assignment.
                for batch in self.client.poll(timeout_ms=2000).values():
                    self.records.extend(batch)
            self.client.close(autocommit=False)
        except errors.KafkaConnectionError:
            if not self.left:
                raise

    @property
    def assignment(self):
        return set(self.client.assignment())

    def leave(self):
        self.left = True
        self.join(20)
        assert not self.is_alive(), "the consumer does not close"

    def die(self, proxy):
        """Its connections break without a word; it gives up."""
        proxy.close()
        self.left = True


def shares(*members):
    """How many partitions each has, once no partition is of two."""
    all_of_them = [partition for member in members for partition in member.assignment]
    return sorted(len(member.assignment) for member in members) if len(set(all_of_them)) == len(all_of_them) else None


def raises(error, call):
    try:
        call()
    except error:
        return
    except Exception as other:
        raise AssertionError(f"{other!r} instead of {error.__name__}")
    raise AssertionError(f"no {error.__name__}")


def values(records):
    return [record.value for record in records]


# --- admin ---------------------------------------------------------------------------------------------------------

@check
def cluster_is_described():
    with admin() as client:
        cluster = client.describe_cluster()
        assert len(cluster["brokers"]) >= 1, cluster
        assert cluster["cluster_id"], cluster


@check
def api_versions_are_listed():
    with admin() as client:
        versions = client.api_versions()
        assert {"Produce", "Fetch", "JoinGroup", "CreateTopics"} <= {key.name for key in versions}, versions


@check
def topic_is_created_described_and_deleted():
    name = a_name("py-life")
    with admin() as client:
        client.create_topics({name: {"num_partitions": 3, "replication_factor": 1}}, wait_for_metadata=True)
        assert name in client.list_topics()
        described, = client.describe_topics([name])
        assert [p["partition_index"] for p in sorted(described["partitions"], key=lambda p: p["partition_index"])] == [0, 1, 2]
        assert described["is_internal"] is False
        client.delete_topics([name])
        until(lambda: name not in client.list_topics())


@check
def topic_is_described_by_id():
    name = topic(2)
    with admin() as client:
        by_name, = client.describe_topics([name])
        by_id, = client.describe_topics([uuid.UUID(str(by_name["topic_id"]))])
        assert by_id["name"] == name and len(by_id["partitions"]) == 2, by_id


@check
def topic_partitions_are_described():
    name = topic(4)
    with admin() as client:
        assert name in str(client.describe_topic_partitions([name], response_partition_limit=3))


@check
def partitions_are_added():
    name = topic(1)
    with admin() as client:
        client.create_partitions({name: 4})
        until(lambda: len(client.describe_topics([name])[0]["partitions"]) == 4)
        raises(errors.InvalidPartitionsError, lambda: client.create_partitions({name: 2}))
        raises(errors.UnknownTopicOrPartitionError, lambda: client.create_partitions({f"{name}-no": 2}))


@check
def topic_creation_is_refused():
    name = topic()
    with admin() as client:
        raises(errors.TopicAlreadyExistsError, lambda: client.create_topics([name]))
        raises(errors.InvalidTopicError, lambda: client.create_topics([f"{name}/x"]))
        raises(errors.InvalidReplicationFactorError, lambda: client.create_topics({f"{name}-x": {"replication_factor": 99}}))
        raises(errors.InvalidPartitionsError, lambda: client.create_topics({f"{name}-x": {"num_partitions": 0}}))
        raises(errors.InvalidConfigurationError, lambda: client.create_topics({f"{name}-x": {"configs": {"no.such.property": "1"}}}))
        assert f"{name}-x" not in client.list_topics()


@check
def topic_creation_is_only_validated():
    name = a_name("py-validated")
    with admin() as client:
        client.create_topics({name: {"num_partitions": 2}}, validate_only=True)
        assert name not in client.list_topics()


@check
def deletion_of_a_topic_that_is_not_there_is_refused():
    with admin() as client:
        raises(errors.UnknownTopicOrPartitionError, lambda: client.delete_topics([a_name("py-no")]))


@check
def topic_configs_are_changed():
    name = topic(**{"retention.ms": "1000000"})
    resource = lambda configs=None: [ConfigResource(ConfigResourceType.TOPIC, name, configs)]
    with admin() as client:
        def value(key):
            return client.describe_configs(resource(), config_filter="all")["topic"][name][key]["value"]
        assert value("retention.ms") == "1000000"
        assert value("segment.bytes") == "1073741824"
        client.alter_configs(resource({"retention.ms": "2000000", "cleanup.policy": "compact"}))
        until(lambda: value("retention.ms") == "2000000" and value("cleanup.policy") == "compact")
        client.reset_configs(resource({"cleanup.policy": None}))
        until(lambda: value("cleanup.policy") == "delete" and value("retention.ms") == "2000000")


@check
def broker_configs_are_described():
    with admin() as client:
        broker = str(client.describe_cluster()["brokers"][0]["broker_id"])
        configs = client.describe_configs([ConfigResource(ConfigResourceType.BROKER, broker)], config_filter="all")["broker"][broker]
        assert configs["message.max.bytes"]["value"] == "1048588", configs["message.max.bytes"]
        assert configs["node.id"]["value"] == broker


@check
def records_are_deleted():
    name = topic()
    produce(name, 5)
    partition = TopicPartition(name, 0)
    with admin() as client:
        deleted = client.delete_records({partition: 3})
        assert deleted[partition]["low_watermark"] == 3, deleted
        offsets = client.list_partition_offsets({partition: OffsetSpec.EARLIEST})
        assert offsets[partition].offset == 3, offsets


@check
def offsets_are_listed():
    name = topic()
    produce(name, 5)
    partition = TopicPartition(name, 0)
    with admin() as client:
        for spec, offset in ((OffsetSpec.EARLIEST, 0), (OffsetSpec.LATEST, 5)):
            assert client.list_partition_offsets({partition: spec})[partition].offset == offset, spec
        assert client.list_partition_offsets({partition: OffsetSpec.MAX_TIMESTAMP})[partition].offset >= 0


@check
def log_dirs_are_described():
    name = topic()
    produce(name, 1)
    with admin() as client:
        assert name in str(client.describe_log_dirs([name]))


# --- producer ------------------------------------------------------------------------------------------------------

def a_record_returns(**options):
    name = topic()
    headers = [("trace", b"\x00\xff"), ("trace", b"twice"), ("empty", b"")]
    client = producer(**options)
    sent = [
        client.send(name, b"v", key=b"k", headers=headers, timestamp_ms=1234567890123),
        client.send(name, None, key=b"tombstone"),
        client.send(name, b"", key=None),
    ]
    client.flush(timeout=20)
    offsets = [future.get(timeout=10).offset for future in sent]
    client.close(timeout=10)
    # Without an acknowledgement it does not know them.
    assert options["acks"] == 0 or offsets == [0, 1, 2], offsets
    reader = consumer(name)
    records = poll(reader, 3)
    reader.close()
    assert [(r.offset, r.key, r.value) for r in records] == [(0, b"k", b"v"), (1, b"tombstone", None), (2, None, b"")], records
    assert list(records[0].headers) == headers, records[0].headers
    assert records[0].timestamp == 1234567890123 and records[0].timestamp_type == 0, records[0]


for acks in (0, 1, "all"):
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        for idempotent in (False, True) if acks == "all" else (False,):
            CHECKS.append((
                f"record_returns acks={acks} codec={codec} idempotent={idempotent}",
                lambda a=acks, c=codec, i=idempotent: a_record_returns(acks=a, compression_type=c, enable_idempotence=i)))


@check_each(codec=[None, "gzip", "snappy", "lz4", "zstd"])
def large_record_returns(codec):
    name = topic()
    value = bytes(range(256)) * 3900
    client = producer(compression_type=codec, max_request_size=2_000_000)
    assert client.send(name, value).get(timeout=20).offset == 0
    client.close(timeout=10)
    reader = consumer(name)
    assert values(poll(reader, 1)) == [value]
    reader.close()


@check
def record_that_is_too_large_is_refused():
    name = topic(**{"max.message.bytes": "1000"})
    raises(errors.MessageSizeTooLargeError, lambda: send_one(name, b"x" * 5000))
    assert send_one(name, b"small").offset == 0


@check
def record_without_key_is_refused_by_a_compacted_topic():
    name = topic(**{"cleanup.policy": "compact"})
    # Apache Kafka answers the creation of a topic a moment before its properties are in force.
    time.sleep(1)
    raises(errors.InvalidRecordError, lambda: send_one(name, b"x"))
    assert send_one(name, b"x", key=b"k").offset == 0


@check
def thousands_of_idempotent_records_keep_their_order():
    name = topic()
    sent = produce(name, 5000, enable_idempotence=True, acks="all", linger_ms=2)
    assert [metadata.offset for metadata in sent] == list(range(5000))
    reader = consumer(name)
    assert values(poll(reader, 5000, 40)) == [b"value-%d" % i for i in range(5000)]
    reader.close()


@check_each(codec=[None, "lz4"])
def idempotent_producer_over_a_broken_connection(codec):
    name, proxy = topic(), Proxy(BOOTSTRAP, cut_every=5)
    client = producer(bootstrap_servers=proxy.address, enable_idempotence=True, compression_type=codec, batch_size=1000, linger_ms=1,
                      retry_backoff_ms=10, reconnect_backoff_ms=10, reconnect_backoff_max_ms=50)
    futures = [client.send(name, b"value-%d" % i, partition=0) for i in range(3000)]
    client.flush(timeout=30)
    assert proxy.cuts >= 5, f"{proxy.cuts} cuts, {proxy.produced} requests"
    assert [future.get(timeout=10).offset for future in futures] == list(range(3000))
    client.close(timeout=10)
    proxy.close()
    reader = consumer(name)
    assert [record.value for record in poll(reader, 3001, seconds=3)] == [b"value-%d" % i for i in range(3000)]
    reader.close()


@check
def keys_choose_the_same_partition():
    name = topic(6)
    client = producer()
    futures = [client.send(name, b"v", key=b"key-%d" % (i % 10)) for i in range(60)]
    client.flush(timeout=20)
    client.close(timeout=10)
    partitions = {}
    for i, future in enumerate(futures):
        partitions.setdefault(i % 10, set()).add(future.get(timeout=10).partition)
    assert all(len(found) == 1 for found in partitions.values()), partitions


@check
def topic_is_created_by_producing_to_it():
    name = a_name("py-auto")
    assert produce(name, 1)[0].offset == 0
    with admin() as client:
        assert name in client.list_topics()


# --- consumer ------------------------------------------------------------------------------------------------------

@check
def assignment_seek_and_positions():
    name = topic(2)
    produce(name, 10, partition=0)
    produce(name, 4, partition=1)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    reader = consumer()
    reader.assign([first, second])
    assert len(poll(reader, 14)) == 14
    assert reader.position(first) == 10 and reader.position(second) == 4
    assert reader.beginning_offsets([first]) == {first: 0} and reader.end_offsets([first, second]) == {first: 10, second: 4}
    reader.seek(first, 7)
    assert [r.offset for r in poll(reader, 3)] == [7, 8, 9]
    reader.seek_to_beginning(second)
    assert [r.offset for r in poll(reader, 4)] == [0, 1, 2, 3]
    reader.seek_to_end(first)
    assert reader.position(first) == 10
    reader.close()


@check
def seek_beyond_the_end_resets():
    name = topic()
    produce(name, 3)
    partition = TopicPartition(name, 0)
    reader = consumer()
    reader.assign([partition])
    reader.seek(partition, 1000)
    assert [r.offset for r in poll(reader, 3)] == [0, 1, 2]
    reader.close()


@check
def pause_and_resume():
    name = topic(2)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    reader = consumer()
    reader.assign([first, second])
    reader.pause(first)
    produce(name, 3, partition=0)
    produce(name, 3, partition=1)
    assert {r.partition for r in poll(reader, 6, 3)} == {1}
    reader.resume(first)
    assert [r.partition for r in poll(reader, 3)] == [0, 0, 0]
    reader.close()


@check
def offsets_for_times():
    name = topic(**{"message.timestamp.before.max.ms": str(2**63 - 1), "retention.ms": "-1"})
    client = producer()
    for stamp in (1000, 2000, 3000):
        client.send(name, b"x", timestamp_ms=stamp).get(timeout=10)
    client.close(timeout=10)
    partition = TopicPartition(name, 0)
    reader = consumer()
    found = {at: reader.offsets_for_times({partition: at})[partition] for at in (1, 2000, 2001, 9000)}
    reader.close()
    assert [found[at] and (found[at].offset, found[at].timestamp) for at in (1, 2000, 2001, 9000)] == \
        [(0, 1000), (1, 2000), (2, 3000), None], found


@check
def topic_that_is_read_while_it_is_written():
    name = topic()
    reader = consumer(name, fetch_max_wait_ms=5000)
    poll(reader, 1, 1)
    client = producer()
    for i in range(5):
        sent = time.monotonic()
        client.send(name, b"%d" % i).get(timeout=10)
        assert values(poll(reader, 1)) == [b"%d" % i]
        # A long poll is answered when the record is there, not when its time is over.
        assert time.monotonic() - sent < 3
    client.close(timeout=10)
    reader.close()


@check
def pattern_of_topics():
    first, second = topic(), topic()
    produce(first, 1)
    produce(second, 1)
    reader = consumer(group_id=f"{first}-group")
    reader.subscribe(pattern=f"^({first}|{second})$")
    assert {r.topic for r in poll(reader, 2)} == {first, second}
    reader.close()


@check
def read_committed_reads_what_no_transaction_wrote():
    name = topic()
    produce(name, 3)
    reader = consumer(name, isolation_level="read_committed")
    assert len(poll(reader, 3)) == 3
    reader.close()


# --- groups --------------------------------------------------------------------------------------------------------

@check
def commit_by_hand():
    name = topic()
    group, partition = f"{name}-group", TopicPartition(name, 0)
    produce(name, 10)
    reader = consumer(name, group_id=group)
    assert len(poll(reader, 10)) == 10
    reader.commit({partition: OffsetAndMetadata(4, "note", -1)})
    assert reader.committed(partition) == 4
    assert reader.committed(partition, metadata=True).metadata == "note"
    reader.close(autocommit=False)
    again = consumer(name, group_id=group)
    assert [r.offset for r in poll(again, 6)] == [4, 5, 6, 7, 8, 9]
    again.commit()
    assert again.committed(partition) == 10
    again.close(autocommit=False)
    with admin() as client:
        assert client.list_group_offsets(group)[group][partition].offset == 10


@check
def commit_automatically():
    name = topic()
    group, partition = f"{name}-group", TopicPartition(name, 0)
    produce(name, 5)
    reader = consumer(name, group_id=group, enable_auto_commit=True, auto_commit_interval_ms=100)
    assert len(poll(reader, 5)) == 5
    with admin() as client:
        def committed():
            reader.poll(timeout_ms=50)
            offsets = client.list_group_offsets(group)[group]
            return partition in offsets and offsets[partition].offset == 5
        until(committed)
    reader.close()


@check_each(assignor=["range", "roundrobin", "sticky"])
def two_members_share_one_dies_one_joins(assignor):
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
    strategy = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor}[assignor]
    name = topic(4)
    group = f"{name}-group"
    options = {"group_id": group, "partition_assignment_strategy": [strategy], "metadata_max_age_ms": 500, "heartbeat_interval_ms": 500,
               "session_timeout_ms": 6000}
    proxy = Proxy(BOOTSTRAP)
    alive = Member(name, client_id="alive", **options)
    dying = Member(name, client_id="dying", bootstrap_servers=proxy.address, **options)
    until(lambda: shares(alive, dying) == [2, 2])
    for partition in range(4):
        produce(name, 5, partition=partition)
    until(lambda: len(alive.records) == len(dying.records) == 10)
    with admin() as client:
        def described():
            return client.describe_groups([group])[group]
        until(lambda: described()["group_state"] == "Stable")
        assert described()["protocol_data"] == strategy.name, described()
        assert {member["client_id"] for member in described()["members"]} == {"alive", "dying"}
        dying.die(proxy)
        until(lambda: shares(alive) == [4])
        joined = Member(name, client_id="joined", **options)
        until(lambda: shares(alive, joined) == [2, 2])
        alive.leave()
        until(lambda: shares(joined) == [4])
        joined.leave()
        until(lambda: described()["group_state"] in ("Empty", "Dead"))


@check
def static_member_comes_back_to_its_partitions():
    name = topic(4)
    options = {"group_id": f"{name}-group", "session_timeout_ms": 20000, "heartbeat_interval_ms": 500}
    first = Member(name, group_instance_id="first", **options)
    second = Member(name, group_instance_id="second", **options)
    until(lambda: shares(first, second) == [2, 2])
    before = second.assignment
    second.leave()
    second = Member(name, group_instance_id="second", **options)
    until(lambda: second.assignment == before)
    assert len(first.assignment) == 2
    first.leave()
    second.leave()


@check
def groups_are_listed_and_deleted():
    name = topic()
    group, partition = f"{name}-group", TopicPartition(name, 0)
    produce(name, 3)
    reader = consumer(name, group_id=group)
    poll(reader, 3)
    reader.commit()
    with admin() as client:
        assert group in [g["group_id"] for g in client.list_groups()]
        assert group in [g["group_id"] for g in client.list_groups(states_filter=["Stable"])]
        assert group not in [g["group_id"] for g in client.list_groups(states_filter=["Empty"])]
        assert "NonEmptyGroup" in client.delete_groups([group])[group]
        reader.close(autocommit=False)
        altered = client.alter_group_offsets(group, {partition: OffsetAndMetadata(1, "", -1)})
        assert altered[partition] is errors.NoError, altered
        assert client.list_group_offsets(group)[group][partition].offset == 1
        deleted = client.delete_group_offsets(group, [partition])
        assert deleted[partition] is errors.NoError, deleted
        assert partition not in client.list_group_offsets(group)[group]


@check
def group_without_members_is_deleted():
    name = topic()
    group = f"{name}-group"
    produce(name, 3)
    reader = consumer(name, group_id=group)
    poll(reader, 3)
    reader.commit()
    reader.close(autocommit=False)
    with admin() as client:
        assert client.delete_groups([group])[group] == "OK"
        assert group not in [g["group_id"] for g in client.list_groups()]
        assert "GroupIdNotFound" in client.delete_groups([group])[group]


@check
def session_timeout_out_of_range_is_refused():
    name = topic()
    reader = consumer(name, group_id=f"{name}-group", session_timeout_ms=1000, heartbeat_interval_ms=300)
    raises(errors.InvalidSessionTimeoutError, lambda: poll(reader, 1, 10))
    reader.close(autocommit=False)


@check
def broker_that_is_not_there_is_an_error_in_time():
    raises(errors.KafkaError, lambda: KafkaProducer(bootstrap_servers="127.0.0.1:1", bootstrap_timeout_ms=2000, max_block_ms=2000).send("x", b"x").get(timeout=5))


# --- run -----------------------------------------------------------------------------------------------------------

logging.basicConfig(level=logging.CRITICAL)
main()
