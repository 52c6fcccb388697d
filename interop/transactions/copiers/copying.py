"""Kills copiers, and the broker under them, at random, and looks at the end whether every record was copied exactly once.

A copier of each of three clients reads what transactions committed, and writes it with its own transactions, which hold its offsets as
well. Two instances of each share a group. A feeder commits and aborts into their inputs meanwhile.
"""
import argparse
import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "crash"))

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from node import Node
from verdict import Verdict, await_that

PARTITIONS = 4
INSTANCES = 2
DRAIN_DEADLINE_S = 120
CLIENTS = {"bootstrap.servers": None, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 10, "log_level": 0}


class Broker(Node):
    """A millstream, or an Apache Kafka."""

    def __init__(self, binary, jars, folder, verdict):
        super().__init__(binary, folder, 1, 500, verdict)
        self.jars = jars
        with open(self.properties, "a") as file:
            file.write("transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\ntransaction.state.log.num.partitions=3\n"
                       "transaction.abort.timed.out.transaction.cleanup.interval.ms=200\ngroup.min.session.timeout.ms=1000\n"
                       "transaction.state.log.segment.bytes=1048576\n")
        if jars:
            self.java = ["java", "-Xmx400M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={HERE.parent.parent}/lib/log4j2.properties", "-cp", f"{jars}/*"]
            subprocess.run([*self.java, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", self.properties], check=True, stdout=subprocess.DEVNULL)

    def spawn(self):
        if not self.jars:
            return super().spawn()
        with open(self.log_path, "ab") as log:
            self.spawned_at = log.tell()
            self.process = subprocess.Popen([*self.java[:1], "-Dinterop.level=INFO", *self.java[1:], "kafka.Kafka", self.properties], stdout=log, stderr=log)
        self.spawned = time.monotonic()

    def start(self):
        if not self.jars:
            return super().start()
        self.spawn()
        return await_that("Apache Kafka starts", self.verdict, 60, lambda: b"Kafka Server started" in self.said())

    def stop(self):
        if not self.jars:
            return super().stop()
        # A JVM that a signal ends says so in its exit status.
        self.process.terminate()
        self.process.wait(60)

    def scan(self):
        if not self.jars:
            super().scan()

    def verify(self):
        if not self.jars:
            super().verify()


class Copier:
    """One instance of one client's, started anew whenever it ended."""

    def __init__(self, kind, command, index, bootstrap):
        self.kind, self.index = kind, index
        self.command = [*command, bootstrap, f"in-{kind}", f"out-{kind}", f"group-{kind}", str(index)]
        self.copied, self.transactions, self.endings, self.ending = 0, 0, collections.Counter(), False
        self.process = None
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()

    def _keep(self):
        while not self.ending:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for line in self.process.stdout:
                word, _, rest = line.strip().partition(" ")
                if word == "copied":
                    self.copied += int(rest)
                    self.transactions += 1
                else:
                    self.endings[line.strip()[:300]] += 1
            self.process.wait()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()

    def end(self):
        self.ending = True
        self.kill()
        self.thread.join(20)


class Feeder(threading.Thread):
    """Commits and aborts into every input, through whatever happens to the broker. What it committed is what a reader of what is
    committed reads there: it does not know more itself."""

    def __init__(self, kinds, bootstrap, seed):
        super().__init__(daemon=True)
        self.kinds, self.bootstrap, self.random = kinds, bootstrap, random.Random(seed)
        self.ending, self.count = threading.Event(), 0
        self.start()

    def run(self):
        while not self.ending.is_set():
            try:
                self._feed()
            except KafkaException:
                time.sleep(0.1)

    def _feed(self):
        producer = Producer({**CLIENTS, "bootstrap.servers": self.bootstrap, "transactional.id": "feeder", "transaction.timeout.ms": 10000, "linger.ms": 0})
        producer.init_transactions(20)
        while not self.ending.is_set():
            producer.begin_transaction()
            for kind in self.kinds:
                for _ in range(self.random.randrange(40)):
                    producer.produce(f"in-{kind}", partition=self.random.randrange(PARTITIONS), value=f"record {self.count}")
                    self.count += 1
            if self.random.random() < 0.25:
                producer.flush(20)
                producer.abort_transaction(20)
            else:
                producer.commit_transaction(20)
            self.ending.wait(0.05)


def read(bootstrap, topic, isolation="read_committed"):
    """All that there is, by partition: (offset, key, value)."""
    consumer = Consumer({**CLIENTS, "bootstrap.servers": bootstrap, "group.id": "nobody", "isolation.level": isolation, "enable.auto.commit": False,
                         "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found, ended = {partition: [] for partition in range(PARTITIONS)}, set()
    deadline = time.monotonic() + 60
    while len(ended) < PARTITIONS and time.monotonic() < deadline:
        for record in consumer.consume(1000, 0.2):
            if not record.error():
                found[record.partition()].append((record.offset(), record.key(), record.value()))
            elif record.error().name() == "_PARTITION_EOF":
                ended.add(record.partition())
    consumer.close()
    return found if len(ended) == PARTITIONS else None


class Run:
    def __init__(self, options, verdict):
        self.verdict, self.random = verdict, random.Random(options.seed)
        self.folder = tempfile.mkdtemp(prefix="interop-copier.")
        self.broker = Broker(options.binary, options.kafka, self.folder, verdict)
        commands = {"java": options.java.split("\t"), "franz-go": [options.kgo, "copy"], "librdkafka": [sys.executable, str(HERE / "copier.py")]}
        self.commands = {kind: command for kind, command in commands.items() if not options.only or kind == options.only}
        self.broker_share = options.broker
        self.kills, self.broker_kills = collections.Counter(), 0

    def start(self, seed):
        if not self.broker.start():
            return False
        admin = AdminClient({**CLIENTS, "bootstrap.servers": self.broker.bootstrap})
        topics = [NewTopic(f"{side}-{kind}", num_partitions=PARTITIONS, replication_factor=1) for kind in self.commands for side in ("in", "out")]
        for future in admin.create_topics(topics).values():
            future.result(timeout=30)
        self.feeder = Feeder(list(self.commands), self.broker.bootstrap, seed)
        self.copiers = [Copier(kind, command, index, self.broker.bootstrap) for kind, command in self.commands.items() for index in range(INSTANCES)]
        return True

    def transactions(self, kind):
        return sum(copier.transactions for copier in self.copiers if copier.kind == kind)

    def round(self):
        """Kills one copier, at work where its kind comes to it soon, and at times the broker."""
        victim = self.random.choice(self.copiers)
        before = self.transactions(victim.kind)
        deadline = time.monotonic() + 6
        while self.transactions(victim.kind) == before and time.monotonic() < deadline:
            time.sleep(0.005)
        # Somewhere within the transactions that follow.
        time.sleep(self.random.random() * 0.15)
        did = []
        both = self.random.sample(["copier", "broker"], 2) if self.random.random() < self.broker_share else ["copier"]
        for what in both:
            if what == "copier":
                victim.kill()
                self.kills[victim.kind] += 1
                did.append(f"{victim.kind} {victim.index}")
            else:
                self.broker.kill()
                self.broker.verify()
                self.broker_kills += 1
                did.append("the broker")
                if not self.broker.start():
                    return " and ".join(did)
        return " and ".join(did) + ", " + ", ".join(f"{kind} {self.transactions(kind)}" for kind in self.commands) + " transactions so far"

    def end(self):
        self.feeder.ending.set()
        self.feeder.join(90)
        fed = {kind: read(self.broker.bootstrap, f"in-{kind}") for kind in self.commands}
        for kind, wanted in fed.items():
            if wanted is None or not any(wanted.values()):
                self.verdict.violation(f"the input of {kind} cannot be read, or is empty")
                continue
            self.drain(kind, wanted)
        for copier in self.copiers:
            copier.end()
        for kind, wanted in fed.items():
            if wanted is not None:
                self.compare(kind, wanted, read(self.broker.bootstrap, f"out-{kind}"))
        # And once more from the disk.
        self.broker.stop()
        self.broker.verify()
        self.broker.start()
        for kind, wanted in fed.items():
            if wanted is not None:
                self.compare(kind, wanted, read(self.broker.bootstrap, f"out-{kind}"))
        self.broker.stop()
        return fed

    def drain(self, kind, wanted):
        count = sum(len(records) for records in wanted.values())
        seen = []

        def copied():
            found = read(self.broker.bootstrap, f"out-{kind}")
            seen[:] = [sum(len(records) for records in found.values()) if found else "what cannot be read"]
            return found is not None and seen[0] >= count
        await_that(lambda: f"{kind} copies all of {count} records, it has copied {seen}", self.verdict, DRAIN_DEADLINE_S, copied)

    def compare(self, kind, wanted, found):
        if found is None:
            self.verdict.violation(f"the output of {kind} cannot be read to its end")
            return
        for partition in range(PARTITIONS):
            want = [(str(offset).encode(), b"copied " + value) for offset, _, value in wanted[partition]]
            have = [(key, value) for _, key, value in found[partition]]
            if want == have:
                continue
            copies = collections.Counter(have)
            twice = [key for key, count in copies.items() if count > 1]
            lost = [key for key in want if key not in copies]
            place = next((i for i, (w, h) in enumerate(zip(want, have)) if w != h), min(len(want), len(have)))
            self.verdict.violation(f"{kind} partition {partition}: {len(want)} records, {len(have)} copies; lost {len(lost)} {lost[:3]}, twice {len(twice)} {twice[:3]}, "
                                   f"the first difference at {place}: {want[place:place + 1]} and {have[place:place + 1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=3600, help="no more rounds after that")
    parser.add_argument("--broker", type=float, default=0.4, help="the share of rounds that kill the broker as well, 0 to 1")
    parser.add_argument("--only", choices=["java", "franz-go", "librdkafka"])
    parser.add_argument("--binary", default="")
    parser.add_argument("--kafka", default="", help="the jars of an Apache Kafka, to run instead of the binary")
    parser.add_argument("--java", required=True)
    parser.add_argument("--kgo", required=True)
    options = parser.parse_args()
    verdict, started = Verdict(), time.monotonic()
    run = Run(options, verdict)
    violations, rounds, fed = [], 0, {}
    try:
        if run.start(options.seed):
            while rounds < options.rounds and time.monotonic() < started + options.seconds and not violations:
                rounds += 1
                print(f"round {rounds}: {run.round()}", flush=True)
                violations = verdict.take()
            if not violations:
                fed = run.end()
    finally:
        for copier in getattr(run, "copiers", []):
            copier.end()
        if run.broker.process and run.broker.process.poll() is None:
            run.broker.kill()
    violations += verdict.take()
    for copier in getattr(run, "copiers", []):
        for ending, count in copier.endings.most_common(4):
            print(f"     {copier.kind} {copier.index}: {count} times {ending}")
    for kind in run.commands:
        count = sum(len(records) for records in (fed.get(kind) or {}).values())
        what = f"copier: {kind}: {count} records, {run.transactions(kind)} transactions, killed {run.kills[kind]} times, the broker {run.broker_kills} times"
        print(f"{'ok  ' if fed and not any(kind in violation for violation in violations) else 'FAIL'} {what}")
    for violation in violations:
        print(f"FAIL copier, seed {options.seed}, round {rounds}\n     | {violation}")
    if violations:
        print(f"     the folder is kept: {run.folder}")
    else:
        shutil.rmtree(run.folder)
    bad = sum(any(kind in violation for violation in violations) or not fed for kind in run.commands)
    failed = len(violations) + bad
    print(f"{len(run.commands) - bad} passed, {failed} failed")
    os._exit(1 if failed else 0)


main()
