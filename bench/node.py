#!/usr/bin/env python3
"""What a node costs: time from its start to the first answer and to the first record acknowledged (acks=all), and what it takes
when idle, with 1,000 partitions, with 10,000 connections. Prints a table; needs Python alone.

    cargo build --release && bench/node.py [--binary FILE] [--starts N]
"""
import argparse
import os
import platform
import resource
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import time

PRODUCE, METADATA, API_VERSIONS, CREATE_TOPICS = 0, 3, 18, 19
DEADLINE_S = 30


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def batch(value):
    """A record batch (magic 2) of one record without a key."""
    body = b"\0" + b"\0" + b"\0" + b"\1" + bytes([len(value) * 2]) + value + b"\0"
    now = int(time.time() * 1000)
    rest = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + bytes([len(body) * 2]) + body
    return struct.pack(">qiibI", 0, 9 + len(rest), 0, 2, crc32c(rest)) + rest


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, api, version, body):
        frame = struct.pack(">hhi", api, version, 1) + string("bench") + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        return self.exactly(struct.unpack(">i", self.exactly(4))[0])

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError("the node closed the connection")
            data += part
        return data

    def api_versions(self):
        answer = self.ask(API_VERSIONS, 0, b"")
        assert answer[4:6] == b"\0\0", answer

    def create_topic(self, name, partitions):
        topic = string(name) + struct.pack(">ihii", partitions, 1, 0, 0)
        answer = self.ask(CREATE_TOPICS, 2, struct.pack(">i", 1) + topic + struct.pack(">i?", DEADLINE_S * 1000, False))
        error = struct.unpack(">h", answer[8 + 4 + 2 + len(name):][:2])[0]
        assert error == 0, f"CreateTopics: error {error}"

    def produce(self, topic, partition):
        records = batch(b"a record")
        data = struct.pack(">i", 1) + string(topic) + struct.pack(">iii", 1, partition, len(records)) + records
        answer = self.ask(PRODUCE, 3, struct.pack(">hhi", -1, -1, DEADLINE_S * 1000) + data)
        error = struct.unpack(">h", answer[4 + 4 + 2 + len(topic) + 4 + 4:][:2])[0]
        assert error == 0, f"Produce: error {error}"


class Node:
    def __init__(self, binary, folder):
        probe = socket.create_server(("127.0.0.1", 0))
        self.port = probe.getsockname()[1]
        probe.close()
        self.began = time.perf_counter()
        options = [f"listeners=PLAINTEXT://127.0.0.1:{self.port}", f"log.dirs={folder}", "admin.listener="]
        arguments = [part for option in options for part in ("--override", option)]
        self.process = subprocess.Popen([binary, "server", *arguments], stderr=subprocess.DEVNULL)

    def connect(self):
        while True:
            try:
                return Connection(self.port)
            except ConnectionRefusedError:
                if time.perf_counter() - self.began > DEADLINE_S or self.process.poll() is not None:
                    raise
                time.sleep(0.0002)

    def since_start_ms(self):
        return (time.perf_counter() - self.began) * 1000

    def memory_mib(self):
        """(resident, of that its own: what is not file pages that others share)."""
        found = {}
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                name, _, rest = line.partition(":")
                if name in ("VmRSS", "RssAnon"):
                    found[name] = int(rest.split()[0]) / 1024
        return found["VmRSS"], found["RssAnon"]

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settled_memory(self):
        time.sleep(3)
        return "{:.1f} MiB resident, {:.1f} MiB of it anonymous".format(*self.memory_mib())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE_S) == 0


def row(what, value):
    print(f"{what:<58} {value}", flush=True)


def spread(values):
    values = sorted(values)
    return f"median {statistics.median(values):.1f} ms, worst {values[-1]:.1f} ms of {len(values)}"


def starts(binary, count):
    fresh, acknowledged, again, again_acknowledged = [], [], [], []
    for _ in range(count):
        with tempfile.TemporaryDirectory(prefix="millstream-bench.") as folder:
            node = Node(binary, folder)
            connection = node.connect()
            connection.api_versions()
            fresh.append(node.since_start_ms())
            connection.create_topic("first", 1)
            connection.produce("first", 0)
            acknowledged.append(node.since_start_ms())
            node.stop()
            node = Node(binary, folder)
            connection = node.connect()
            connection.api_versions()
            again.append(node.since_start_ms())
            connection.produce("first", 0)
            again_acknowledged.append(node.since_start_ms())
            node.stop()
    row("start in an empty folder to the first answer", spread(fresh))
    row("  ... and to the first record acknowledged (topic created)", spread(acknowledged))
    row("start on its data to the first answer", spread(again))
    row("  ... and to the first record acknowledged", spread(again_acknowledged))


def idle(binary):
    with tempfile.TemporaryDirectory(prefix="millstream-bench.") as folder:
        node = Node(binary, folder)
        connection = node.connect()
        connection.api_versions()
        row("idle", node.settled_memory())
        before, seconds = node.cpu_s(), 30
        time.sleep(seconds)
        row(f"idle CPU over {seconds} s", f"{(node.cpu_s() - before) / seconds * 100:.2f} % of a core")
        connection.create_topic("one", 1)
        for _ in range(100):
            connection.produce("one", 0)
        row("one partition with 100 records, idle again", node.settled_memory())
        node.stop()


def partitions(binary, count):
    with tempfile.TemporaryDirectory(prefix="millstream-bench.") as folder:
        node = Node(binary, folder)
        connection = node.connect()
        began = time.perf_counter()
        connection.create_topic("wide", count)
        row(f"creating {count} partitions", f"{(time.perf_counter() - began) * 1000:.0f} ms")
        for partition in range(count):
            connection.produce("wide", partition)
        row(f"{count} partitions with a record each", node.settled_memory())
        before, seconds = node.cpu_s(), 15
        time.sleep(seconds)
        row(f"{count} partitions, idle CPU over {seconds} s", f"{(node.cpu_s() - before) / seconds * 100:.2f} % of a core")
        node.stop()
        node = Node(binary, folder)
        node.connect().api_versions()
        row(f"{count} partitions, start to the first answer", f"{node.since_start_ms():.0f} ms")
        row(f"{count} partitions, after the start", node.settled_memory())
        node.stop()


def connections(binary, count):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < count + 100:
        return row(f"{count} connections", f"not measured: only {most} open files are allowed here")
    with tempfile.TemporaryDirectory(prefix="millstream-bench.") as folder:
        node = Node(binary, folder)
        first = node.connect()
        first.api_versions()
        held = []
        for _ in range(count):
            held.append(Connection(node.port))
            held[-1].api_versions()
        row(f"{count} connections, each answered once, idle", node.settled_memory())
        for connection in held:
            connection.socket.close()
        row("  ... and after they closed", node.settled_memory())
        node.stop()


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(here, "../target/release/millstream"))
    parser.add_argument("--starts", type=int, default=20)
    options = parser.parse_args()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    row("machine", f"{os.cpu_count()} x {cpu}, {platform.system()} {platform.release()}")
    starts(options.binary, options.starts)
    idle(options.binary)
    partitions(options.binary, 1000)
    connections(options.binary, 10000)


main()
