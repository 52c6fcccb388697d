"""Topics that come, change and go, and what an acknowledgement of each change promises."""
import random
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType)

NAMES = [f"admin-{index}" for index in range(6)]


class Topic:
    """What is known of one topic. None: a change was asked for, and nobody knows whether it happened."""

    def __init__(self):
        self.exists = False
        self.partitions = self.retention_ms = None
        # Of partition 0: the log's start and end.
        self.start = self.end = 0


class Admin(threading.Thread):
    """Makes one change after the other. Whoever checks takes `lock`, and finds nothing under way."""

    def __init__(self, seed, clients, verdict):
        super().__init__(daemon=True)
        self.random = random.Random(f"{seed} admin")
        self.clients, self.verdict = clients, verdict
        self.client = AdminClient(clients.config("admin"))
        self.topics = {name: Topic() for name in NAMES}
        self.lock = threading.Lock()
        self.ending = threading.Event()
        # Set when a change is sent, for who wants to kill the node just then.
        self.busy = threading.Event()
        self.changes = 0

    def run(self):
        while not self.ending.is_set():
            with self.lock:
                self.change(*self.random.choice(list(self.topics.items())))
            time.sleep(self.random.random() * 0.06)

    def change(self, name, topic):
        if topic.exists is None:
            return
        if not topic.exists:
            change = self.create
        else:
            change = self.random.choice([self.delete, self.alter, self.grow, self.produce, self.produce, self.delete_records])
        self.busy.set()
        change(name, topic)
        self.busy.clear()

    def ask(self, call, already=()):
        """Whether a change was acknowledged: True, or None when nobody knows. `already`: what a repetition is told."""
        try:
            for future in call().values():
                future.result(timeout=60)
        except KafkaException as error:
            code = error.args[0].code()
            if code in already:
                return True
            # _NOENT: the node ended just when the client looked for a partition's leader; it asks once. _DESTROY_BROKER: the request
            # waited for a connection that the client gave up.
            if code not in (KafkaError._NOENT, KafkaError._DESTROY_BROKER, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._ALL_BROKERS_DOWN):
                self.verdict.violation(f"admin: {error.args[0]}")
            return None
        self.changes += 1
        return True

    def create(self, name, topic):
        partitions, retention_ms = self.random.randrange(1, 4), self.random.randrange(10**9, 10**10)
        new = NewTopic(name, num_partitions=partitions, replication_factor=1, config={"retention.ms": str(retention_ms)})
        topic.exists = self.ask(lambda: self.client.create_topics([new], operation_timeout=5), [KafkaError.TOPIC_ALREADY_EXISTS])
        topic.partitions, topic.retention_ms = partitions, retention_ms
        topic.start = topic.end = 0

    def delete(self, name, topic):
        deleted = self.ask(lambda: self.client.delete_topics([name], operation_timeout=5), [KafkaError.UNKNOWN_TOPIC_OR_PART])
        topic.exists = None if deleted is None else False

    def alter(self, name, topic):
        retention_ms = self.random.randrange(10**9, 10**10)
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[
            ConfigEntry("retention.ms", str(retention_ms), incremental_operation=AlterConfigOpType.SET)])
        done = self.ask(lambda: self.client.incremental_alter_configs([resource]))
        topic.retention_ms = retention_ms if done else None

    def grow(self, name, topic):
        if topic.partitions is None or topic.partitions > 6:
            return
        # Where the answer to the first attempt was lost, the repetition is told that the topic has that many.
        done = self.ask(lambda: self.client.create_partitions([NewPartitions(name, topic.partitions + 1)], operation_timeout=5),
                        [KafkaError.INVALID_PARTITIONS])
        topic.partitions = topic.partitions + 1 if done else None

    def produce(self, name, topic):
        """A few records, acknowledged or not known."""
        producer = Producer(self.clients.config("admin-producer", enable_idempotence=True, acks="all", delivery_timeout_ms=60000))
        failed = []
        for _ in range(3):
            producer.produce(name, b"x", partition=0, on_delivery=lambda error, _: error and failed.append(error))
        if producer.flush(60) or failed:
            self.verdict.violation(f"{name}: records failed: {failed[:1] or 'no answer'}")
            topic.end = None
        elif topic.end is not None:
            topic.end += 3

    def delete_records(self, name, topic):
        if topic.end:
            done = self.ask(lambda: self.client.delete_records([TopicPartition(name, 0, topic.end)], operation_timeout=5))
            topic.start = topic.end if done else None

    def check(self, node):
        """With the lock held and the node up: everything acknowledged holds; what was not known is known now."""
        found = self.client.list_topics(timeout=20).topics
        for name, topic in self.topics.items():
            there = name in found and found[name].error is None
            if topic.exists is not None and topic.exists != there:
                self.verdict.violation(f"{name}: {'exists' if there else 'is gone'}, and the opposite was acknowledged")
            topic.exists = there
            if there:
                self.check_topic(name, topic, len(found[name].partitions))

    def check_topic(self, name, topic, partitions):
        if topic.partitions not in (None, partitions):
            self.verdict.violation(f"{name}: has {partitions} partitions, {topic.partitions} were acknowledged")
        resource = ConfigResource(ResourceType.TOPIC, name)
        configs = list(self.client.describe_configs([resource]).values())[0].result(timeout=20)
        retention_ms = int(configs["retention.ms"].value)
        if topic.retention_ms not in (None, retention_ms):
            self.verdict.violation(f"{name}: retention.ms is {retention_ms}, {topic.retention_ms} was acknowledged")
        reader = Consumer(self.clients.config("admin-reader", group_id="admin-reader"))
        start, end = reader.get_watermark_offsets(TopicPartition(name, 0), timeout=20)
        reader.close()
        if topic.start not in (None, start) or topic.end not in (None, end):
            self.verdict.violation(f"{name}-0: the log is {start}..{end}, {topic.start}..{topic.end} was acknowledged")
        topic.partitions, topic.retention_ms, topic.start, topic.end = partitions, retention_ms, start, end

    def check_folders(self, node):
        """On disk is each partition once, and nothing that nobody knows."""
        found = self.client.list_topics(timeout=20).topics
        wanted = sorted(f"{name}-{p}" for name, topic in found.items() for p in topic.partitions)
        def there():
            return sorted(name for name, _ in node.partition_folders() if name != "__cluster_metadata-0" and not name.endswith("-stray"))
        end = time.monotonic() + 10
        while there() != wanted and time.monotonic() < end:
            time.sleep(0.05)
        if there() != wanted:
            self.verdict.violation(f"folders that should not be: {sorted(set(there()) - set(wanted))}, missing: {sorted(set(wanted) - set(there()))}, "
                                   f"twice: {sorted({name for name in there() if there().count(name) > 1})}")
