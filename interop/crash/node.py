"""The node under test: one process, ended and started again on the same ports and folders."""
import os
import re
import signal
import socket
import subprocess
import time

START_DEADLINE_S = 20
STOP_DEADLINE_S = 20
BAD_LINE = re.compile(r"panicked| ERROR ")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Node:
    def __init__(self, binary, folder, dirs, checkpoint_ms, verdict):
        self.binary, self.folder, self.verdict = binary, folder, verdict
        self.dirs = [os.path.join(folder, f"data-{index}") for index in range(dirs)]
        port, controller = free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        self.address = ("127.0.0.1", port)
        self.log_path = os.path.join(folder, "log")
        self.scanned = 0
        self.process = None
        self.start_ms = 50
        properties = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": ",".join(self.dirs),
            "admin.listener": "",
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": 2,
            "offsets.topic.replication.factor": 1,
            "group.initial.rebalance.delay.ms": 0,
            # So that what seldom happens happens in every round: segments roll, checkpoints are taken.
            "log.segment.bytes": 1048576,
            "offsets.topic.segment.bytes": 1048576,
            "log.flush.offset.checkpoint.interval.ms": checkpoint_ms,
            "log.flush.start.offset.checkpoint.interval.ms": checkpoint_ms,
            "log.retention.check.interval.ms": 100,
            "log.segment.delete.delay.ms": 200,
        }
        self.properties = os.path.join(folder, "server.properties")
        with open(self.properties, "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in properties.items())

    def spawn(self):
        """Starts the process and does not wait."""
        with open(self.log_path, "ab") as log:
            self.spawned_at = log.tell()
            self.process = subprocess.Popen([self.binary, "server", self.properties], stdout=log, stderr=log)
        self.spawned = time.monotonic()

    def start(self):
        """Starts it and waits until it is ready."""
        self.spawn()
        while time.monotonic() < self.spawned + START_DEADLINE_S:
            if b" ready in " in self.said():
                self.start_ms = round((time.monotonic() - self.spawned) * 1000)
                return True
            if self.process.poll() is not None:
                self.verdict.violation(f"the node ended at its start, status {self.process.returncode}: {self.said()[-500:]!r}")
                return False
            time.sleep(0.002)
        self.verdict.violation(f"the node was not ready after {START_DEADLINE_S} s")
        return False

    def said(self):
        """What this process has logged."""
        with open(self.log_path, "rb") as log:
            log.seek(self.spawned_at)
            return log.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        elif self.process.returncode != 0:
            self.verdict.violation(f"the node ended by itself, status {self.process.returncode}")
        self.process.wait()
        self.scan()

    def stop(self):
        """The clean stop."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_DEADLINE_S)
            if status != 0:
                self.verdict.violation(f"the clean stop ended with status {status}")
        except subprocess.TimeoutExpired:
            self.verdict.violation(f"the clean stop took more than {STOP_DEADLINE_S} s")
            self.process.kill()
            self.process.wait()
        self.scan()

    def verify(self):
        """What the files are, while nobody has them open: what the next start cuts or writes anew, and nothing else, may be wrong."""
        command = [self.binary, "log", "verify", *self.dirs]
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=STOP_DEADLINE_S)
        lines = [line for line in found.stdout.splitlines() if "(past the recovery point" not in line]
        # The last line counts what was found.
        if len(lines) > 1 or found.returncode not in (0, 1):
            self.verdict.violation(f"log verify, exit code {found.returncode}: {' | '.join(lines[:5])[:1000]}")

    def scan(self):
        """Looks for panics and errors in what was logged since the last time."""
        with open(self.log_path, errors="replace") as log:
            log.seek(self.scanned)
            for line in log:
                if BAD_LINE.search(line):
                    self.verdict.violation(f"the node logged: {line.strip()}")
            self.scanned = log.tell()

    def partition_folders(self):
        """(folder name, its path) of every partition on disk."""
        for directory in self.dirs:
            for name in sorted(os.listdir(directory)):
                path = os.path.join(directory, name)
                if os.path.isdir(path):
                    yield name, path

    def files(self, topic, suffix=".log"):
        """The files of a topic's partitions with their sizes; what vanishes meanwhile is left out."""
        found = {}
        for directory in self.dirs:
            try:
                for name in os.listdir(directory):
                    if name.rsplit("-", 1)[0] == topic:
                        for file in os.scandir(os.path.join(directory, name)):
                            if file.name.endswith(suffix):
                                found[file.path] = file.stat().st_size
            except FileNotFoundError:
                pass
        return found
