"""Ends a node at a bad moment, again and again, under load, and checks after every start that it kept its promises.

Rounds come in episodes; each begins with empty folders, and ends with everything read once more. A seed gives the same schedule,
as far as a process follows one. kill -9 leaves the page cache to the next process: what a loss of power does is not shown here.
"""
import argparse
import random
import shutil
import sys
import tempfile
import time

from confluent_kafka.admin import AdminClient, NewTopic

from admin import Admin
from clients import Clients
from groups import Committer, Group
from journal import Journal, PARTITIONS
from moments import MOMENTS, at_creation, at_start
from node import Node
from producer_ids import ProducerIds
from producers import LoadProducer, TOPICS
from verdict import Verdict, await_that

PRODUCERS = 5
ALIVE_DEADLINE_S = 30


class Episode:
    """One node from its empty folder on, and its load."""

    def __init__(self, options, seed, verdict):
        self.options, self.seed, self.verdict = options, seed, verdict
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="millstream-crash.")
        # With checkpoints all the time, and without any but those of a clean stop.
        checkpoint_ms = self.random.choice([100, 60000])
        self.node = Node(options.binary, self.folder, options.dirs, checkpoint_ms, verdict)
        self.producer_ids = ProducerIds(verdict)
        self.first = True

    def start(self):
        if not self.node.start():
            return False
        clients = Clients(self.node.bootstrap, self.folder)
        topics = [NewTopic(name, num_partitions=count, replication_factor=1) for name, (count, _) in TOPICS.items()]
        client = AdminClient(clients.config("set-up"))
        for future in client.create_topics(topics).values():
            future.result(timeout=20)
        self.journal = Journal(clients, self.verdict)
        self.journal.thread.start()
        self.producers = [LoadProducer(index, self.seed, clients, self.journal, self.verdict) for index in range(PRODUCERS)]
        self.admin = Admin(self.seed, clients, self.verdict)
        self.admin.start()
        self.groups = [Group(clients, automatic, self.verdict) for automatic in (False, True)]
        self.committers = [Committer(index, clients, self.verdict) for index in range(2)]
        return True

    def round(self):
        """Ends the node once, starts it, checks; what was done, in words."""
        moment = at_creation if self.first else self.random.choice(MOMENTS)
        self.first = False
        clean = moment is not at_start and self.random.random() < self.options.term
        if self.random.random() < 0.3:
            self.random.choice(self.producers).renew()
        when = moment(self, self.random)
        if clean:
            self.node.stop()
        else:
            self.node.kill()
        self.node.verify()
        acknowledged = sum(producer.acknowledged for producer in self.producers)
        did = f"{'SIGTERM' if clean else 'kill -9'} {moment.__name__.replace('_', ' ')} ({when})"
        if self.node.start():
            self.check()
            self.node.scan()
        now = sum(producer.acknowledged for producer in self.producers)
        commits = sum(committer.acknowledged for committer in self.committers) + sum(group.commits for group in self.groups)
        return f"{did}: ready in {self.node.start_ms} ms, {acknowledged} acknowledged before and {now - acknowledged} after, {commits} commits, {self.admin.changes} changes"

    def check(self):
        """What was acknowledged before is there; and the load goes on."""
        self.producer_ids.check(self.node.address)
        ends = self.journal.ends()
        before = [producer.acknowledged for producer in self.producers]
        await_that(lambda: f"the follower reads to {ends}, it is at { {tp: len(log) for tp, log in self.journal.log.items()} }",
                   self.verdict, ALIVE_DEADLINE_S, lambda: self.journal.has_read(ends))
        self.journal.compare()
        for group in [*self.groups, *self.committers]:
            group.check()
        with self.admin.lock:
            self.admin.check(self.node)
        await_that("every producer is acknowledged more", self.verdict, ALIVE_DEADLINE_S,
                   lambda: all(producer.acknowledged > count for producer, count in zip(self.producers, before)))

    def end(self):
        """Stops the load, and looks at everything as a whole."""
        for worker in [self.admin, *self.committers, *self.producers]:
            worker.ending.set()
        for worker in [self.admin, *self.committers, *self.producers]:
            worker.join(120)
            if worker.is_alive():
                self.verdict.violation(f"{type(worker).__name__} does not end")
        ends = self.journal.ends()
        await_that("the follower reads everything", self.verdict, ALIVE_DEADLINE_S, lambda: self.journal.has_read(ends))
        self.journal.compare()
        for tp, log in self.journal.log.items():
            if len(log) != ends[tp]:
                self.verdict.violation(f"{tp}: {len(log)} records, the acknowledged end at {ends[tp]}")
        for tp, pending in self.journal.pending.items():
            if pending:
                self.verdict.violation(f"{tp}: {len(pending)} acknowledged records are not in the log, the first is {pending[0]}")
        for group in self.groups:
            group.await_end(ends)
        for committer in self.committers:
            committer.check()
        self.journal.read_again()
        with self.admin.lock:
            self.admin.check(self.node)
            self.admin.check_folders(self.node)
        self.journal.ending.set()
        self.journal.thread.join(20)
        self.node.stop()
        self.node.verify()
        return sum(ends.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--dirs", type=int, default=1, help="how many log.dirs")
    parser.add_argument("--term", type=float, default=0, help="the share of rounds that end with SIGTERM, 0 to 1")
    parser.add_argument("--episode", type=int, default=25, help="rounds with one data folder")
    options = parser.parse_args()
    print(f"# {sys.argv[1:]}")
    verdict = Verdict()
    passed = failed = done = number = 0

    def conclude(name):
        nonlocal passed, failed
        found = verdict.take()
        passed, failed = passed + (not found), failed + bool(found)
        print(f"{'FAIL' if found else 'ok  '} {name}")
        for line in found:
            print(f"     | {line}")
        return not found

    while done < options.rounds:
        seed = f"{options.seed}.{number}"
        number += 1
        began = time.monotonic()
        episode = Episode(options, seed, verdict)
        sound = True
        if not episode.start():
            conclude(f"episode {seed}: it did not start; its folder is {episode.folder}")
            break
        for _ in range(min(options.episode, options.rounds - done)):
            done += 1
            words = episode.round()
            sound = conclude(f"round {done} (seed {seed}) {words}")
            if not sound:
                # What follows would say the same again.
                break
        if sound:
            records = episode.end()
            sound = conclude(f"episode {seed}: {records} records are in the log once and twice the same, {time.monotonic() - began:.0f} s")
        if sound:
            shutil.rmtree(episode.folder)
        else:
            episode.node.kill()
            print(f"     its folder is kept: {episode.folder}")
    print(f"{passed} passed, {failed} failed")
    # Threads of a failed episode still wait for their node.
    sys.stdout.flush()
    import os
    os._exit(failed > 0)


main()
