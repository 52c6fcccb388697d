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
    yield "p99 end to end, page cache", 0.5, of(results, "latency", "p99, ms", cached)
    yield "p99.9 end to end, page cache", 0.5, of(results, "latency", "p99.9, ms", cached)
    for metric in ("p99, ms", "p99.9, ms"):
        yield f"{metric.split(',')[0]} at 1,000/s: millstream on disk, Kafka's acks=all in page cache", 1.0, disk_against_cache(results, metric)


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
