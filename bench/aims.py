"""What we want to be, as ratios to Apache Kafka, and whether we are."""
import math

import matrix
from results import show
from tables import cell, head, ratio


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def of(results, suite, metric, wanted=lambda case: True):
    """The ratios of all cases that have one; 0 would be a CPU time too short to be seen."""
    found = (ratio(results, suite, case, metric) for case in results.cases(suite) if wanted(case))
    return [max(value, 1e-3) for value in found if value is not None]


def headlines(results):
    """(what, the aim, the ratios)."""
    def produce(case):
        return case.get("direction") == "produce"

    def consume(case):
        return case.get("direction") == "consume"

    def cached(case):
        return case.get("mode") == matrix.CACHE.name

    yield "start to the first acknowledged record, in an empty folder", 1 / 100, of(
        results, "start", "first acknowledged record, ms", lambda case: case.get("start") == "in an empty folder")
    yield "idle memory, resident", 1 / 25, of(results, "memory", "resident, MiB", lambda case: case.get("what") == "idle")
    yield "broker CPU per GB produced", 0.7, of(results, "throughput", "broker CPU s/GB", produce)
    yield "broker CPU per GB consumed", 0.9, of(results, "throughput", "broker CPU s/GB", consume)
    yield "broker CPU per GB cleaned", 0.5, of(results, "compaction", "broker CPU s/GB")
    for what, aim, metric in (("broker CPU to create 5,000 partitions", 1 / 10, "broker CPU, s"), ("memory of a broker with 5,000 partitions, resident", 1 / 10, "resident in all, MiB")):
        yield what, aim, of(results, "partitions", metric, lambda case: case.get("partitions") == 5_000)
    yield "restart with 6,000 partitions after kill -9", 1 / 5, of(
        results, "partitions", "each has a record, s", lambda case: case.get("what") == "restart")
    yield "broker CPU per GB produced against a bare receive-check-write loop, 1 KB", 1.5, against_loop(results, "produce", "receive_check_write")
    yield "broker CPU per GB consumed against a bare sendfile loop, 1 KB", 1.25, against_loop(results, "consume", "sendfile")
    yield "p99 end to end, page cache", 0.5, of(results, "latency", "p99, ms", cached)
    yield "p99.9 end to end, page cache", 0.5, of(results, "latency", "p99.9, ms", cached)
    for metric in ("p99, ms", "p99.9, ms"):
        yield f"{metric.split(',')[0]} at 1,000/s: millstream on disk, Kafka's acks=all in page cache", 1.0, disk_against_cache(results, metric)


def against_loop(results, direction, loop):
    """What we take for what the machine cannot do without: librdkafka's and our own client, whose batches are large."""
    bare = results.cell("limits", {"loop": loop}, "machine", "cpu_s_per_gb").median
    cases = results.cases("throughput", direction=direction, records=matrix.LARGE.name, codec="none")
    wanted = [case for case in cases if "Java" not in case["client"] and case.get("mode", matrix.CACHE.name) == matrix.CACHE.name]
    found = (results.cell("throughput", case, "millstream", "broker CPU s/GB").median for case in wanted)
    return [ours / bare for ours in found if ours is not None and bare]


def disk_against_cache(results, metric):
    def median(system, mode):
        case = matrix.case(mode, matrix.SMALL, "none", rate=1_000)
        return cell(results, "latency", case, system, metric).median
    ours, theirs = median("millstream", matrix.DISK), median("kafka", matrix.NATURAL)
    return [ours / theirs] if ours and theirs else []


def verdict(aim, ratios):
    met = sum(value <= aim for value in ratios)
    if met == len(ratios):
        return "met"
    mean = geometric_mean(ratios)
    return f"met on average, in {met} of {len(ratios)} cases" if mean <= aim else f"**missed** ({met} of {len(ratios)} cases meet it)"


def table(results):
    lines = head(["", "aim", "found", "from best to worst case", "cases", ""])
    for what, aim, ratios in headlines(results):
        if ratios:
            spread = f"{show(min(ratios))}–{show(max(ratios))}" if len(ratios) > 1 else "–"
            lines.append(f"| {what} | ≤ {show(aim)} | **{show(geometric_mean(ratios))}** | {spread} | {len(ratios)} | {verdict(aim, ratios)} |")
        else:
            lines.append(f"| {what} | ≤ {show(aim)} | – | – | 0 | not measured |")
    return "\n".join(lines)
