"""Idempotent producers with acks=all. Every record says who sent it, to be found again: producer, sequence, and bytes that follow from both."""
import random
import threading
import time

from confluent_kafka import Producer

POOL = random.Random(7).randbytes(1 << 16)
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# topic: partitions, bytes of a value.
TOPICS = {"load": (4, 150), "roll": (2, 6000)}


def value_of(producer, sequence, size):
    start = (sequence * 7919) % (len(POOL) - size)
    return b"%d %d " % (producer, sequence) + POOL[start:start + size]


def sent_by(value):
    """(producer, sequence) that a record claims."""
    producer, sequence, _ = value.split(b" ", 2)
    return int(producer), int(sequence)


class LoadProducer(threading.Thread):
    """One producer of the load; sequences count from 0 in each partition."""

    def __init__(self, index, seed, clients, journal, verdict, per_second=250):
        super().__init__(daemon=True)
        self.index, self.clients, self.journal, self.verdict = index, clients, journal, verdict
        self.random = random.Random(f"{seed} producer {index}")
        # It sends 5 at once, on average.
        self.pause_s = 5 / per_second
        self.next = {(topic, p): 0 for topic, (count, _) in TOPICS.items() for p in range(count)}
        self.acknowledged = 0
        self.outstanding = 0
        self.ending = threading.Event()
        self.renewing = threading.Event()
        self.client = None
        self.start()

    def renew(self):
        """Asks for a new producer id: the client is flushed and replaced."""
        self.renewing.set()

    def connect(self):
        codec = CODECS[self.index % len(CODECS)]
        self.client = Producer(self.clients.config(
            f"producer-{self.index}", enable_idempotence=True, acks="all", compression_codec=codec, linger_ms=self.index,
            delivery_timeout_ms=180000, queue_buffering_max_messages=2000))

    def run(self):
        self.connect()
        while not self.ending.is_set():
            if self.renewing.is_set():
                self.flush()
                self.connect()
                self.renewing.clear()
            for _ in range(self.random.randrange(1, 10)):
                self.send()
            self.client.poll(0)
            time.sleep(self.pause_s)
        self.flush()

    def flush(self):
        if self.client.flush(90):
            self.verdict.violation(f"producer {self.index}: {self.outstanding} records not acknowledged after 90 s")

    def send(self):
        topic = "roll" if self.random.random() < 0.2 else "load"
        count, size = TOPICS[topic]
        partition = self.random.randrange(count)
        sequence = self.next[topic, partition]

        def delivered(error, message):
            self.outstanding -= 1
            if error is None:
                self.acknowledged += 1
                self.journal.acknowledged(topic, partition, message.offset(), self.index, sequence)
            else:
                self.verdict.violation(f"producer {self.index}: {topic}-{partition} sequence {sequence} failed: {error.str()} {fatal(self.client)}")
        try:
            self.client.produce(topic, value_of(self.index, sequence, size), key=b"%d" % self.index, partition=partition, on_delivery=delivered)
        except BufferError:
            self.client.poll(0.05)
            return
        except Exception as error:
            self.verdict.violation(f"producer {self.index}: {error} {fatal(self.client)}")
            # The records that it still had are lost to this run, and said to be.
            self.ending.set()
            return
        self.outstanding += 1
        self.next[topic, partition] = sequence + 1


def fatal(client):
    error = getattr(client, "fatal_error", lambda: None)()
    return f"(fatal: {error})" if error else ""
