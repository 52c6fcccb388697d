"""The axes that throughput and latency are measured along, and what each means for a topic and a producer."""
import itertools
from dataclasses import dataclass

PARTITIONS = 4


@dataclass(frozen=True)
class Mode:
    """How long an acknowledgement waits."""
    name: str
    acks: str
    fsync: bool

    def topic_configs(self, system):
        # Deleted files go at once, so that they are neither written back nor counted into the next step.
        configs = {"file.delete.delay.ms": "100"}
        if self.acks == "all":
            configs |= system.on_disk if self.fsync else system.in_cache
        return configs


DISK = Mode("on disk", "all", True)
CACHE = Mode("page cache", "1", False)
NATURAL = Mode("acks=all in page cache", "all", False)


@dataclass(frozen=True)
class Shape:
    """What a record is like."""
    name: str
    size: int
    keyed: bool


SMALL = Shape("100 B, keyed", 100, True)
LARGE = Shape("1 KB, unkeyed", 1024, False)

CODECS = ["none", "lz4"]
ALL = [(mode, shape, codec) for shape, codec, mode in itertools.product([SMALL, LARGE], CODECS, [DISK, CACHE])]


def case(mode, shape, codec, **more):
    """How a result says where on the axes it is."""
    return {**more, "mode": mode.name, "records": shape.name, "codec": codec}
