"""A few requests of Kafka's protocol by hand, for what must not wait for a client library's own start."""
import socket
import struct
import time

PRODUCE, METADATA, API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, INCREMENTAL_ALTER_CONFIGS = 0, 3, 18, 19, 20, 44
DEADLINE_S = 60


class Refused(Exception):
    """The broker answered with an error code."""


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
    """One connection. Each call waits for its answer."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb")

    def ask(self, api, version, body):
        frame = struct.pack(">hhi", api, version, 1) + string("bench") + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        return self.exactly(struct.unpack(">i", self.exactly(4))[0])

    def exactly(self, count):
        data = self.input.read(count)
        if len(data) < count:
            raise EOFError("the broker closed the connection")
        return data

    def api_versions(self):
        answer = self.ask(API_VERSIONS, 0, b"")
        if answer[4:6] != b"\0\0":
            raise Refused("ApiVersions")

    def create_topic(self, name, partitions, configs=None):
        pairs = b"".join(string(key) + string(value) for key, value in (configs or {}).items())
        topic = string(name) + struct.pack(">ihii", partitions, 1, 0, len(configs or {})) + pairs
        answer = self.ask(CREATE_TOPICS, 2, struct.pack(">i", 1) + topic + struct.pack(">i?", DEADLINE_S * 1000, False))
        error = struct.unpack(">h", answer[8 + 4 + 2 + len(name):][:2])[0]
        if error:
            raise Refused(f"CreateTopics: error {error}")

    def delete_topic(self, name):
        answer = self.ask(DELETE_TOPICS, 1, struct.pack(">i", 1) + string(name) + struct.pack(">i", DEADLINE_S * 1000))
        error = struct.unpack(">h", answer[8 + 4 + 2 + len(name):][:2])[0]
        if error:
            raise Refused(f"DeleteTopics: error {error}")

    def set_topic(self, name, configs):
        """Sets properties of a topic; others stay."""
        pairs = b"".join(string(key) + b"\0" + string(value) for key, value in configs.items())
        resource = b"\2" + string(name) + struct.pack(">i", len(configs)) + pairs
        answer = self.ask(INCREMENTAL_ALTER_CONFIGS, 0, struct.pack(">i", 1) + resource + b"\0")
        error = struct.unpack(">h", answer[4 + 4 + 4:][:2])[0]
        if error:
            raise Refused(f"IncrementalAlterConfigs: error {error}")

    def produce(self, topic, partitions, acks):
        """One record to each partition in one request: the partitions that refused it."""
        records = batch(b"a record")
        parts = b"".join(struct.pack(">ii", partition, len(records)) + records for partition in partitions)
        data = struct.pack(">i", 1) + string(topic) + struct.pack(">i", len(partitions)) + parts
        answer = self.ask(PRODUCE, 3, struct.pack(">hhi", -1, acks, DEADLINE_S * 1000) + data)
        at = 4 + 4 + 2 + len(topic) + 4
        results = struct.iter_unpack(">ihqq", answer[at:at + 22 * len(partitions)])
        return [partition for partition, error, _, _ in results if error]


def patiently(attempt):
    """Repeats until the broker takes it: a broker that has just started says no in several ways."""
    end = time.perf_counter() + DEADLINE_S
    while True:
        try:
            return attempt()
        except (Refused, OSError, EOFError):
            if time.perf_counter() > end:
                raise
            time.sleep(0.001)
