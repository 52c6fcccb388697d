"""Many partitions at once: until the topic is answered, until each has taken a record, and what they cost."""
import time

import process


def run(bench, system):
    for count in (1000, 5000):
        with bench.step("partitions", {"partitions": count}, system) as add:
            connection = system.connect()
            name = f"wide-{count}"
            resident, live = process.memory_mib(system.pid)[0], system.live_heap_mib()
            watch = process.Watch(system.pid)
            connection.create_topic(name, count)
            answered = time.perf_counter() - watch.began
            left = list(range(count))
            while left:
                left = connection.produce(name, left, acks=1)
                # Asking without a pause would be a load of its own.
                time.sleep(0.02 if left else 0)
                if time.perf_counter() - watch.began > 120:
                    raise process.Failed(f"{len(left)} partitions took no record within 120 s")
            used = watch.read()
            time.sleep(1 if bench.quick else 3)
            grown = process.memory_mib(system.pid)[0] - resident
            live = None if live is None else (system.live_heap_mib() - live) * 1024 / count
            idle = process.Watch(system.pid)
            time.sleep(2 if bench.quick else 5)
            idle = idle.read()
            add({"answered, s": answered, "each has a record, s": used["wall_s"], "broker CPU, s": used["broker_cpu_s"],
                 "resident, KiB each": grown * 1024 / count, "live heap, KiB each": live,
                 "idle CPU after, % of a core": idle["broker_cpu_s"] / idle["wall_s"] * 100}, used)
