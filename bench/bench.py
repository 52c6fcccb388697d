"""One run: rounds, the order of the systems in them, and what every step of a suite needs."""
import contextlib
import itertools
import os
import struct
import subprocess
import tempfile
import time

import loads
import matrix
import process
import systems
import wire
from suites import compaction, latency, limits, memory, partitions, start, throughput

COLD = {"start": start.run, "memory": memory.run, "compaction": compaction.run}
# In this order, on one broker that has warmed up. Partitions come last: they stay.
WARM = {"throughput": throughput.run, "latency": latency.run, "retention": latency.retention,
        "producers50": latency.producers50, "partitions": partitions.run}
SUITES = ["limits", *COLD, *WARM]
WARM_UP_S = 16


def told(trouble):
    """A failure in a line; those that nobody foresaw, with their kind."""
    return str(trouble) if isinstance(trouble, (process.Failed, wire.Refused)) else f"{type(trouble).__name__}: {trouble}"


class Bench:
    # What makes a step fail, and not the run.
    TROUBLE = (process.Failed, wire.Refused, OSError, EOFError, ValueError, LookupError, struct.error, subprocess.SubprocessError)

    def __init__(self, results, suites, rounds, minutes, quick, names):
        self.results, self.suites, self.rounds, self.minutes, self.quick = results, suites, rounds, minutes, quick
        self.names, self.round, self.own_pid = names, 0, os.getpid()
        self.done = 0
        self.topics = itertools.count(1)

    def run(self):
        began, longest = time.monotonic(), 0.0
        pair = [systems.Millstream, systems.Kafka]
        with tempfile.TemporaryDirectory(prefix="millstream-bench.") as self.scratch:
            self.names[self.scratch] = "$TMPDIR"
            for self.round in range(1, self.rounds + 1):
                since = time.monotonic()
                if since + longest > began + self.minutes * 60:
                    print(f"round {self.round} would not end within {self.minutes} minutes: left out", flush=True)
                    break
                if "limits" in self.suites:
                    limits.run(self)
                for system_class in pair if self.round % 2 else pair[::-1]:
                    self.one_system(system_class)
                self.done = self.round
                self.results.save()
                longest = max(longest, time.monotonic() - since)

    def one_system(self, system_class):
        for suite, run in COLD.items():
            if suite in self.suites:
                self.guarded(suite, system_class, lambda run=run: run(self, system_class))
                self.results.save()
        warm = [suite for suite in WARM if suite in self.suites]
        if not warm:
            return
        try:
            with system_class(self.scratch) as system:
                system.ready()
                self.warm_up(system)
                for suite in warm:
                    # What was written before is not to be written back during the next suite.
                    os.sync()
                    self.guarded(suite, system_class, lambda suite=suite: WARM[suite](self, system))
                    self.results.save()
        except self.TROUBLE as trouble:
            for suite in warm:
                self.results.add(suite, {"what": "the broker"}, system_class.name, self.round, error=told(trouble))

    def guarded(self, suite, system_class, run):
        try:
            run()
        except self.TROUBLE as trouble:
            self.results.add(suite, {"what": "the suite"}, system_class.name, self.round, error=told(trouble))

    def warm_up(self, system):
        """Produces and consumes until everything has been compiled that is going to be."""
        end = time.monotonic() + (5 if self.quick else WARM_UP_S)
        for mode, shape, codec in itertools.cycle(matrix.ALL):
            if time.monotonic() > end:
                return
            records = 20_000 if mode.fsync else 200_000
            with self.topic(system, mode) as topic:
                process.measured(system.pid, loads.own_produce(system, topic, mode, shape, codec, records), 60)
                process.measured(system.pid, loads.own_consume(system, topic, records), 60)

    @contextlib.contextmanager
    def topic(self, system, mode=matrix.CACHE, configs=None):
        """A new topic, which is deleted again."""
        name = f"bench-{next(self.topics)}"
        connection = system.connect()
        connection.create_topic(name, matrix.PARTITIONS, {**mode.topic_configs(system), **(configs or {})})
        # A leader that is known is not yet one that takes records.
        wire.patiently(lambda: self.written(connection, name, range(matrix.PARTITIONS), acks=1))
        try:
            yield name
        finally:
            with contextlib.suppress(*self.TROUBLE):
                connection.delete_topic(name)
            connection.socket.close()

    @contextlib.contextmanager
    def step(self, suite, case, system):
        """One measurement: `add(values, used, command)` once, or its failure."""
        def add(values, used=None, command=None):
            line = command and process.shown(command, self.names)
            self.results.add(suite, case, system.name, self.round, values, used=used, command=line)
        try:
            yield add
        except self.TROUBLE as trouble:
            self.results.add(suite, case, system.name, self.round, error=told(trouble))

    def written(self, connection, topic, partitions, acks):
        """Raises unless each of the partitions has taken a record."""
        if connection.produce(topic, list(partitions), acks):
            raise wire.Refused("Produce")

    patiently = staticmethod(wire.patiently)
    told = staticmethod(told)
