"""The two brokers: each is started in a fresh folder, with the same properties, and always ended."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import process
import wire

# What is set for both, beside listeners and folders. A consumer group of one need not wait 3 s for company, and one
# broker cannot have three replicas.
PROPERTIES = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "log.retention.check.interval.ms": "1000",
    "offsets.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.replication.factor": "1",
}
# As in the distribution's start script.
JVM = ("-Xmx1G -Xms1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 "
       "-XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true").split()
END_S = 30


def free_ports(count):
    """Ports that nobody listens on, below those that the system gives to clients."""
    found = []
    while len(found) < count:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            if port not in found and probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found


class System:
    """A broker. `start` may be called again after `stop` or `kill`: it finds its data."""

    name = None

    def __init__(self, scratch, **more):
        self.folder = tempfile.mkdtemp(prefix=f"{self.name}.", dir=scratch)
        self.process = None
        self.port, self.controller = free_ports(2)
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller}",
            "log.dirs": self.data,
            **PROPERTIES, **self.own_properties(), **more,
        }
        self.properties = os.path.join(self.folder, "server.properties")
        with open(self.properties, "w") as file:
            file.writelines(f"{key}={value}\n" for key, value in properties.items())
        self.prepare()

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    @property
    def pid(self):
        return self.process.pid

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    def own_properties(self):
        return {}

    def prepare(self):
        pass

    def start(self):
        """Starts it and returns at once; `ready` waits."""
        self.began = time.perf_counter()
        with open(os.path.join(self.folder, "log"), "a") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def since_start_ms(self):
        return (time.perf_counter() - self.began) * 1000

    def connect(self):
        """A connection that was answered once."""
        def attempt():
            if self.process.poll() is not None:
                raise process.Failed(f"{self.name} ended at its start: {self.log_tail()}")
            connection = wire.Connection(self.port)
            connection.api_versions()
            return connection
        return wire.patiently(attempt)

    def ready(self):
        self.start()
        self.connect()
        return self

    def log_tail(self):
        with open(os.path.join(self.folder, "log")) as log:
            return log.read()[-300:]

    def live_heap_mib(self):
        """What is in use of a collected heap, where there is one."""
        return None

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Millstream(System):
    name = "millstream"
    binary = None
    # acks=all waits for the disk without being told.
    on_disk, in_cache = {}, {"millstream.acks.all.fsync": "false"}

    def own_properties(self):
        return {"admin.listener": ""}

    def command(self):
        return [self.binary, "server", self.properties]

    @classmethod
    def version(cls):
        return subprocess.run([cls.binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()


class Kafka(System):
    name = "kafka"
    jars = None
    log4j = None
    # Natural for Kafka: acks=all does not wait for the disk.
    on_disk, in_cache = {"flush.messages": "1"}, {}

    def prepare(self):
        """Formats the folder, which is not part of a start."""
        quick = ["java", "-Xmx256M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        identity = str(uuid.uuid4()).replace("-", "")[:22]
        command = [*quick, f"-Dlog4j2.configurationFile={self.log4j}", "-cp", f"{self.jars}/*",
                   "kafka.tools.StorageTool", "format", "-t", identity, "-c", self.properties]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise process.Failed(f"kafka-storage format: {(done.stderr or done.stdout)[-300:]}")

    def command(self):
        return ["java", *JVM, f"-Xlog:gc*:file={self.folder}/gc.log", "-Dinterop.level=INFO",
                f"-Dlog4j2.configurationFile={self.log4j}", "-cp", f"{self.jars}/*", "kafka.Kafka", self.properties]

    def live_heap_mib(self):
        def jcmd(what):
            return subprocess.run(["jcmd", str(self.pid), what], capture_output=True, text=True, timeout=30).stdout
        jcmd("GC.run")
        used = re.search(r"used (\d+)K", jcmd("GC.heap_info"))
        return int(used[1]) / 1024 if used else None

    @classmethod
    def version(cls):
        jar = next(name for name in os.listdir(cls.jars) if name.startswith("kafka-server-common-"))
        return "Apache Kafka " + jar.removeprefix("kafka-server-common-").removesuffix(".jar")
