"""Many partitions at once: until the topic is answered, until each has taken a record, and what they cost."""
import time

import process


COUNTS = (1000, 5000)
LIMIT_S = 120


def run(bench, system):
    for count in COUNTS:
        with bench.step("partitions", {"partitions": count}, system) as add:
            connection = system.connect()
            name = f"wide-{count}"
            resident, live = process.memory_mib(system.pid)[0], system.live_heap_mib()
            watch = process.Watch(system.pid)
            connection.create_topic(name, count)
            answered = time.perf_counter() - watch.began
            fill(connection, name, count, watch)
            used = watch.read()
            time.sleep(1 if bench.quick else 3)
            in_all = process.memory_mib(system.pid)[0]
            grown = in_all - resident
            live = None if live is None else (system.live_heap_mib() - live) * 1024 / count
            idle = process.Watch(system.pid)
            time.sleep(2 if bench.quick else 5)
            idle = idle.read()
            add({"answered, s": answered, "each has a record, s": used["wall_s"], "broker CPU, s": used["broker_cpu_s"],
                 "resident in all, MiB": in_all, "resident, KiB each": grown * 1024 / count, "live heap, KiB each": live,
                 "idle CPU after, % of a core": idle["broker_cpu_s"] / idle["wall_s"] * 100}, used)
    restart(bench, system)


def fill(connection, name, count, watch):
    """A record for each partition, however long it takes them to have a leader."""
    left = list(range(count))
    while left:
        left = connection.produce(name, left, acks=1)
        # Asking without a pause would be a load of its own.
        time.sleep(0.02 if left else 0)
        if time.perf_counter() - watch.began > LIMIT_S:
            raise process.Failed(f"{len(left)} partitions took no record within {LIMIT_S} s")


def restart(bench, system):
    """From the start of the process, after one that was killed, until each partition takes a record again."""
    with bench.step("partitions", {"what": "restart", "restart of partitions": sum(COUNTS)}, system) as add:
        system.kill()
        system.start()
        watch = process.Watch(system.pid)
        connection = system.connect()
        answered = system.since_start_ms() / 1000
        for count in COUNTS:
            fill(connection, f"wide-{count}", count, watch)
        add({"first answer, s": answered, "each has a record, s": system.since_start_ms() / 1000, "broker CPU, s": process.cpu_s(system.pid),
             "resident in all, MiB": process.memory_mib(system.pid)[0]}, watch.read())
