"""CPU for the cleaning of a compacted topic, from the moment when there is something to clean to the end of the cleaning."""
import os
import time

import loads
import matrix
import process

# Bytes of values that a topic is filled with.
FILLED = 500_000_000
SEGMENT = 64 << 20
# Keys are drawn at random. Of as many records as keys times this number, so many are superseded.
TIMES = {"50 %": 1.594, "95 %": 20.0}
LIMIT_S = 120
PROPERTIES = {"log.cleaner.backoff.ms": "100"}


def run(bench, system_class):
    with system_class(bench.scratch, **PROPERTIES) as system:
        system.ready()
        bench.warm_up(system)
        # The first cleanings of a process are not yet compiled, where something has to be.
        for codec in matrix.CODECS:
            clean(system, f"warm-{codec}", matrix.SMALL, codec, "50 %", FILLED // 5)
        for shape in (matrix.SMALL, matrix.Shape("1 KB, keyed", 1024, True)):
            for codec in matrix.CODECS:
                for superseded in TIMES:
                    case = {"records": shape.name, "codec": codec, "superseded": superseded}
                    with bench.step("compaction", case, system) as add:
                        name = f"compacted-{shape.size}-{codec}-{superseded.split()[0]}"
                        add(*clean(system, name, shape, codec, superseded, FILLED // (10 if bench.quick else 1)))


def clean(system, name, shape, codec, superseded, filled):
    """Fills a topic, lets it be compacted, and answers what that took."""
    connection = system.connect()
    connection.create_topic(name, 1, {"segment.bytes": str(SEGMENT if filled == FILLED else SEGMENT // 10), "retention.ms": "-1",
                                      "file.delete.delay.ms": "100", "cleanup.policy": "delete"})
    records = filled // shape.size
    command = loads.own_produce(system, name, matrix.CACHE, shape, codec, records, keys=max(1, int(records / TIMES[superseded])))
    process.measured(system.pid, command, LIMIT_S)
    # What was written is on the disk, and the broker has nothing else to do.
    os.sync()
    time.sleep(1)
    idle = process.Watch(system.pid)
    time.sleep(1)
    idle = idle.read()
    folder = os.path.join(system.data, f"{name}-0")
    before, active = log_size(folder)
    watch = process.Watch(system.pid)
    connection.set_topic(name, {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001"})
    while cleaned_to(system, name) < active:
        if time.perf_counter() - watch.began > LIMIT_S:
            raise process.Failed(f"not clean after {LIMIT_S} s")
        time.sleep(0.02)
    used = watch.read()
    after, _ = log_size(folder)
    cpu = used["broker_cpu_s"] - idle["broker_cpu_s"] / idle["wall_s"] * used["wall_s"]
    connection.delete_topic(name)
    connection.socket.close()
    time.sleep(0.5)
    gb = before / 1e9
    return {"broker CPU s/GB": cpu / gb, "until clean, s": used["wall_s"], "GB": gb, "left, %": after / before * 100}, used


def log_size(folder):
    """The bytes of the segments that can be cleaned, and where the one begins that is written to."""
    segments = sorted(name for name in os.listdir(folder) if name.endswith(".log"))
    return sum(os.path.getsize(os.path.join(folder, name)) for name in segments[:-1]), int(segments[-1].removesuffix(".log"))


def cleaned_to(system, topic):
    """What both write down when a cleaning is through."""
    try:
        with open(os.path.join(system.data, "cleaner-offset-checkpoint")) as checkpoint:
            offsets = [line.split() for line in checkpoint if line.startswith(f"{topic} ")]
    except FileNotFoundError:
        return -1
    return int(offsets[0][2]) if offsets else -1
