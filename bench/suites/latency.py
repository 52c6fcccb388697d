"""End-to-end latency at fixed rates, open loop: alone, with 50 producers, and while retention deletes segments."""
import subprocess

import loads
import matrix
import process

SLACK_S = 40
# The cases that the aims speak of get more time.
MAIN = [(mode, matrix.SMALL, "none") for mode in (matrix.DISK, matrix.CACHE, matrix.NATURAL)]
# A megabyte is the least that Kafka takes.
RETENTION = {"segment.bytes": "1048576", "retention.bytes": "2097152"}
BULK_RECORDS_S = 20_000


def run(bench, system):
    for mode, shape, codec in MAIN:
        one(bench, system, "latency", mode, shape, codec, 1_000, 10)
    for mode, shape, codec in matrix.ALL:
        if (mode, shape, codec) not in MAIN:
            one(bench, system, "latency", mode, shape, codec, 1_000, 5)
    for mode in (matrix.DISK, matrix.CACHE):
        one(bench, system, "latency", mode, matrix.SMALL, "none", 10_000, 6)


def producers50(bench, system):
    for mode in (matrix.DISK, matrix.CACHE):
        one(bench, system, "producers50", mode, matrix.SMALL, "none", 1_000, 7, producers=50)


def retention(bench, system):
    """A bulk load of 1 KB records beside the measured ones; both topics keep 2 MiB of each partition in segments of 1."""
    for mode in (matrix.DISK, matrix.CACHE):
        case = matrix.case(mode, matrix.LARGE, "none", rate=1_000)
        try:
            with bench.topic(system, matrix.CACHE, RETENTION) as bulk:
                seconds = 3 if bench.quick else 7
                command = loads.own_produce(system, bulk, matrix.CACHE, matrix.LARGE, "none", BULK_RECORDS_S * (seconds + 4), BULK_RECORDS_S)
                load = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    one(bench, system, "retention", mode, matrix.LARGE, "none", 1_000, 7, configs=RETENTION)
                finally:
                    load.kill()
                    load.wait()
        except bench.TROUBLE as trouble:
            bench.results.add("retention", case, system.name, bench.round, error=bench.told(trouble))


def one(bench, system, suite, mode, shape, codec, rate, seconds, producers=1, configs=None):
    case = matrix.case(mode, shape, codec, rate=rate)
    seconds, warmup = (3, 1) if bench.quick else (seconds, 2 if seconds > 6 else 1)
    with bench.step(suite, case, system) as add, bench.topic(system, mode, configs) as topic:
        line = loads.latency(system, topic, mode, shape, codec, rate, seconds, warmup, producers)
        output, used, _ = process.measured(system.pid, line, seconds + warmup + SLACK_S)
        found = loads.json_line(output)
        if found["failed"]:
            raise process.Failed(f"{found['failed']} of {found['records']} records were not acknowledged")
        add({"p50, ms": found["p50_ms"], "p99, ms": found["p99_ms"], "p99.9, ms": found["p999_ms"],
             "p99.99, ms": found["p9999_ms"], "max, ms": found["max_ms"],
             "broker CPU s/M records": used["broker_cpu_s"] / found["records"] * 1e6,
             "sent late at most, ms": found["sent_late_max_ms"], "histogram_us": loads.coarse(found["histogram_us"])}, used, line)
