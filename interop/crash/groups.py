"""Committed offsets: what was acknowledged as committed is committed, whatever happens to the node."""
import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from journal import PARTITIONS
from verdict import await_that


# So that the log of the offsets grows fast enough to roll, and to be compacted, in every other round.
METADATA = "m" * 3000


class Member(threading.Thread):
    """A member of a group that shares the load."""

    def __init__(self, index, clients, group):
        super().__init__(daemon=True)
        self.group = group
        self.ending = threading.Event()
        self.client = Consumer(clients.config(
            f"{group.name}-{index}", group_id=group.name, auto_offset_reset="earliest", enable_auto_commit=group.automatic,
            auto_commit_interval_ms=50, session_timeout_ms=10000, heartbeat_interval_ms=500, fetch_wait_max_ms=20) |
            {"on_commit": self.on_commit})
        self.client.subscribe(sorted({topic for topic, _ in PARTITIONS}))
        self.start()

    def on_commit(self, error, offsets):
        if error is None:
            self.group.committed(offsets)

    def run(self):
        while not self.ending.is_set():
            records = [record for record in self.client.consume(200, 0.05) if not record.error()]
            for record in records:
                self.group.consumed[record.topic(), record.partition()].add(record.offset())
            if records and not self.group.automatic:
                try:
                    # What it commits, on_commit hears.
                    self.client.commit(asynchronous=False)
                except KafkaException:
                    pass
        self.client.close()


class Group:
    """A group of two members, committing one after the other, or leaving it to librdkafka."""

    def __init__(self, clients, automatic, verdict):
        self.clients, self.automatic, self.verdict = clients, automatic, verdict
        self.name = "automatic" if automatic else "manual"
        self.lock = threading.Lock()
        self.acknowledged = dict.fromkeys(PARTITIONS, 0)
        # What may not move back any more.
        self.floor = dict.fromkeys(PARTITIONS, 0)
        self.commits = 0
        self.consumed = {tp: set() for tp in PARTITIONS}
        self.members = [Member(index, clients, self) for index in range(2)]

    def committed(self, offsets):
        with self.lock:
            self.commits += 1
            for tp in offsets:
                if tp.error is None and tp.offset >= 0:
                    key = tp.topic, tp.partition
                    self.acknowledged[key] = max(self.acknowledged[key], tp.offset)

    def check(self):
        with self.lock:
            acknowledged = dict(self.acknowledged)
        # An automatic commit that was under way when the node ended is sent again by librdkafka after newer ones: the offset
        # then moves back by the client's own will. Only what was acknowledged a round ago cannot be met by that.
        floor = self.floor if self.automatic else {tp: max(self.floor[tp], acknowledged[tp]) for tp in PARTITIONS}
        observed = fetch_offsets(self.clients, self.name, self.verdict)
        for tp, offset in observed.items():
            if max(offset, 0) < floor[tp]:
                self.verdict.violation(f"group {self.name}: {tp[0]}-{tp[1]}: committed {offset}, it was {floor[tp]}")
        self.floor = acknowledged if self.automatic else {tp: max(offset, 0) for tp, offset in observed.items()} or floor
        return observed

    def await_end(self, ends):
        """The group consumes every record and commits that."""
        await_that(lambda: f"group {self.name} consumes everything: {[(tp, len(self.consumed[tp]), ends[tp]) for tp in PARTITIONS]}",
                   self.verdict, 60, lambda: all(len(self.consumed[tp]) >= ends[tp] for tp in PARTITIONS))
        for member in self.members:
            member.ending.set()
        for member in self.members:
            member.join(60)
            if member.is_alive():
                self.verdict.violation(f"a member of group {self.name} does not close")
        committed = self.check()
        if committed and committed != ends:
            self.verdict.violation(f"group {self.name}: committed {committed} at its end, the logs end at {ends}")


class Committer(threading.Thread):
    """Commits numbers that only grow, one commit after the other, as fast as they are answered: all partitions at once."""

    def __init__(self, index, clients, verdict):
        super().__init__(daemon=True)
        self.name_of_group, self.clients, self.verdict = f"alone-{index}", clients, verdict
        self.attempted = self.acknowledged = self.observed = 0
        self.ending = threading.Event()
        self.start()

    def run(self):
        client = Consumer(self.clients.config(self.name_of_group, group_id=self.name_of_group, enable_auto_commit=False))
        while not self.ending.is_set():
            number = self.attempted + 1
            self.attempted = number
            try:
                answer = client.commit(asynchronous=False, offsets=[TopicPartition(*tp, number, METADATA) for tp in PARTITIONS])
                if all(tp.error is None for tp in answer):
                    self.acknowledged = number
            except KafkaException:
                time.sleep(0.02)
        client.close()

    def check(self):
        least = max(self.acknowledged, self.observed)
        observed = set(fetch_offsets(self.clients, self.name_of_group, self.verdict).values())
        most = self.attempted
        if not observed:
            return
        if len(observed) > 1:
            # A commit is one batch of the log, and an answer is one look at the group.
            self.verdict.violation(f"group {self.name_of_group}: half a commit: {sorted(observed)}")
        if not all(least <= max(number, 0) <= most for number in observed):
            self.verdict.violation(f"group {self.name_of_group}: committed {sorted(observed)}, not within {least}..{most}")
        self.observed = max(max(observed), 0)


def fetch_offsets(clients, group, verdict, deadline_s=20):
    """{partition: committed offset} of all partitions, -1001 for none; empty when it was not answered."""
    client = Consumer(clients.config("committed-offsets", group_id=group, enable_auto_commit=False))
    end = time.monotonic() + deadline_s
    try:
        while True:
            try:
                answer = client.committed([TopicPartition(*tp) for tp in PARTITIONS], timeout=5)
                errors = [tp.error for tp in answer if tp.error]
                if not errors:
                    return {(tp.topic, tp.partition): tp.offset for tp in answer}
            except KafkaException as error:
                errors = [error]
            if time.monotonic() > end:
                verdict.violation(f"group {group}: its offsets cannot be fetched: {errors[0]}")
                return {}
            time.sleep(0.05)
    finally:
        client.close()
