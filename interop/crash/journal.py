"""What was acknowledged and what the log holds, compared: every record exactly once, in order, for ever at its offset."""
import threading
import time

from confluent_kafka import Consumer, KafkaError, TopicPartition

from producers import TOPICS, sent_by, value_of

PARTITIONS = [(topic, p) for topic, (count, _) in TOPICS.items() for p in range(count)]


class Journal:
    """Follows the log from its beginning without a group."""

    def __init__(self, clients, verdict):
        self.clients, self.verdict = clients, verdict
        self.lock = threading.Lock()
        # What the log holds: at index offset, (producer, sequence).
        self.log = {tp: [] for tp in PARTITIONS}
        self.next_sequence = {}
        # Acknowledged and not compared yet; and how far the acknowledged reach.
        self.pending = {tp: [] for tp in PARTITIONS}
        self.end = {tp: 0 for tp in PARTITIONS}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)

    def acknowledged(self, topic, partition, offset, producer, sequence):
        with self.lock:
            self.pending[topic, partition].append((offset, producer, sequence))
            self.end[topic, partition] = max(self.end[topic, partition], offset + 1)

    def ends(self):
        with self.lock:
            return dict(self.end)

    def has_read(self, ends):
        return all(len(self.log[tp]) >= end for tp, end in ends.items())

    def reader(self, name):
        consumer = Consumer(self.clients.config(
            name, group_id=name, enable_auto_commit=False, auto_offset_reset="error", check_crcs=True, fetch_wait_max_ms=20, fetch_error_backoff_ms=10))
        consumer.assign([TopicPartition(topic, p, 0) for topic, p in PARTITIONS])
        return consumer

    def follow(self):
        consumer = self.reader("follower")
        while not self.ending.is_set():
            for record in consumer.consume(1000, 0.05):
                if record.error():
                    self.refused("follower", record)
                else:
                    self.read(record)
        consumer.close()

    def refused(self, who, record):
        if not record.error().retriable() and record.error().code() != KafkaError._TRANSPORT:
            self.verdict.violation(f"{who}: {record.topic()}-{record.partition()}: {record.error()}")

    def read(self, record):
        tp = record.topic(), record.partition()
        at = f"{tp[0]}-{tp[1]} offset {record.offset()}"
        producer, sequence = sent_by(record.value())
        if record.value() != value_of(producer, sequence, TOPICS[tp[0]][1]):
            self.verdict.violation(f"{at}: not the bytes that producer {producer} sent as {sequence}")
        if record.offset() != len(self.log[tp]):
            self.verdict.violation(f"{at}: expected offset {len(self.log[tp])}")
            return
        expected = self.next_sequence.get((tp, producer), 0)
        if sequence < expected:
            self.verdict.violation(f"{at}: producer {producer} sequence {sequence} again, after {expected - 1}")
        elif sequence > expected:
            self.verdict.violation(f"{at}: producer {producer} sequence {sequence}, and {expected} is missing")
        self.next_sequence[tp, producer] = sequence + 1
        self.log[tp].append((producer, sequence))

    def compare(self):
        """Everything acknowledged that the follower has read so far is at its offset."""
        with self.lock:
            for tp, pending in self.pending.items():
                log = self.log[tp]
                for offset, *sent in pending:
                    if offset < len(log) and log[offset] != tuple(sent):
                        self.verdict.violation(f"{tp[0]}-{tp[1]} offset {offset}: acknowledged as {sent}, the log has {log[offset]}")
                self.pending[tp] = [row for row in pending if row[0] >= len(log)]

    def read_again(self):
        """Reads the whole log once more: it is what the follower saw as it grew."""
        ends = {tp: len(log) for tp, log in self.log.items()}
        position = {tp: 0 for tp in PARTITIONS}
        consumer = self.reader("second-reader")
        deadline = time.monotonic() + 60
        while any(position[tp] < ends[tp] for tp in PARTITIONS):
            if time.monotonic() > deadline:
                self.verdict.violation(f"the second reading did not end: {position} of {ends}")
                break
            for record in consumer.consume(1000, 0.1):
                if record.error():
                    self.refused("second reading", record)
                    continue
                tp = record.topic(), record.partition()
                if position[tp] < ends[tp] and (record.offset() != position[tp] or sent_by(record.value()) != self.log[tp][record.offset()]):
                    self.verdict.violation(f"{tp[0]}-{tp[1]} offset {record.offset()}: the second reading differs, expected offset {position[tp]}")
                    return
                position[tp] = record.offset() + 1
        consumer.close()
