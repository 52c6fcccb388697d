"""The loads: which command, and what its output says. Each answers (records a second, the command that ran)."""
import json
import math
import os
import re

import process


class Tools:
    """Where the clients are; set once."""
    jars = None         # Apache Kafka's
    log4j = None
    own = None          # millstream-bench
    rdkafka = None      # rdkafka_performance, or None
    payloads = None     # folder of files with the records' values, one a line


def java(name, *arguments):
    return ["java", "-Xmx512M", f"-Dlog4j2.configurationFile={Tools.log4j}", "-cp", f"{Tools.jars}/*",
            f"org.apache.kafka.tools.{name}", *arguments]


def payload_file(size):
    return os.path.join(Tools.payloads, f"{size}.txt")


def java_produce(system, topic, mode, shape, codec, records):
    idempotence = [] if mode.acks == "all" else ["enable.idempotence=false"]
    return java("ProducerPerformance", "--bootstrap-server", system.bootstrap, "--topic", topic,
                "--num-records", records, "--payload-file", payload_file(shape.size), "--throughput", -1,
                "--command-property", f"acks={mode.acks}", f"compression.type={codec}", "batch.size=65536",
                "linger.ms=5", *idempotence)


def java_consume(system, topic, records):
    return java("ConsumerPerformance", "--bootstrap-server", system.bootstrap, "--topic", topic,
                "--num-records", records, "--timeout", 20000)


def own_produce(system, topic, mode, shape, codec, records, rate=0, keys=None):
    return [Tools.own, "produce", "--bootstrap", system.bootstrap, "--topic", topic, "--records", records,
            "--size", shape.size, *(["--keyed"] if shape.keyed else []), "--acks", mode.acks, "--codec", codec,
            *(["--rate", rate] if rate else []), *(["--keys", keys] if keys else [])]


def own_consume(system, topic, records):
    return [Tools.own, "consume", "--bootstrap", system.bootstrap, "--topic", topic, "--records", records]


def rdkafka_produce(system, topic, mode, shape, codec, records):
    return [Tools.rdkafka or missing(), "-P", "-t", topic, "-b", system.bootstrap, "-s", shape.size, "-c", records,
            "-a", -1 if mode.acks == "all" else mode.acks, "-z", codec, "-X", "linger.ms=5",
            "-X", "queue.buffering.max.messages=500000", "-i", 60000]


def rdkafka_consume(system, topic, records):
    return [Tools.rdkafka or missing(), "-G", f"bench-{topic}", "-t", topic, "-b", system.bootstrap, "-c", records,
            "-X", "auto.offset.reset=earliest", "-i", 60000]


def missing():
    raise process.Failed("rdkafka_performance is not here: interop/lib/get-rdkafka could not build it")


def latency(system, topic, mode, shape, codec, rate, seconds, warmup, producers=1):
    return [Tools.own, "latency", "--bootstrap", system.bootstrap, "--topic", topic, "--rate", rate,
            "--seconds", seconds, "--warmup", warmup, "--size", shape.size, *(["--keyed"] if shape.keyed else []),
            "--producers", producers, "--set", f"acks={mode.acks}", "--set", f"compression.type={codec}"]


def json_line(output):
    """What a millstream-bench command found."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise process.Failed(f"no answer: {output.strip()[-200:]}")
    return json.loads(lines[-1])


def coarse(histogram):
    """Latencies in steps of 3 %, each named by its highest value: enough for a curve, and a third to be stored."""
    counts = {}
    for value, count in histogram:
        step = math.ceil(math.log(value, 1.03))
        highest, before = counts.get(step, (0, 0))
        counts[step] = max(highest, value), before + count
    return [list(counts[step]) for step in sorted(counts)]


def rate_of_own(output, records):
    found = json_line(output)
    if found["records"] < records:
        raise process.Failed(f"{found['records']} of {records} records")
    return found["records_per_s"]


def rate_of_java_producer(output, records):
    found = re.findall(r"(\d+) records sent, ([\d.]+) records/sec", output)
    if not found or int(found[-1][0]) != records:
        raise process.Failed(f"not {records} records: {output.strip()[-200:]}")
    return float(found[-1][1])


def rate_of_java_consumer(output, records):
    """Without the time that joining the group takes: the last column but none, fetch.nMsg.sec."""
    rows = [line.split(", ") for line in output.splitlines() if line.count(", ") >= 9]
    if not rows or int(rows[-1][4]) < records:
        raise process.Failed(f"not {records} records: {output.strip()[-200:]}")
    return float(rows[-1][9])


def rate_of_rdkafka(output, records):
    produced = re.findall(r"(\d+) delivered.*?in \d+ms: (\d+) msgs/s", output)
    consumed = re.findall(r"% (\d+) messages.*?consumed in \d+ms: (\d+) msgs/s", output)
    found = produced or consumed
    if not found or int(found[-1][0]) < records:
        raise process.Failed(f"not {records} records: {output.strip()[-200:]}")
    return float(found[-1][1])


# name → (produce, its rate, consume, its rate)
CLIENTS = {
    "kafka-perf-test (Java)": (java_produce, rate_of_java_producer, java_consume, rate_of_java_consumer),
    "rdkafka_performance": (rdkafka_produce, rate_of_rdkafka, rdkafka_consume, rate_of_rdkafka),
    "millstream's client": (own_produce, rate_of_own, own_consume, rate_of_own),
}


def knows_keys(client):
    """The others send records without a key, or all with the same one."""
    return CLIENTS[client][0] is own_produce
