#!/usr/bin/env python3
"""Writes performance.md and its plots from performance/results.json: report.py FOLDER. Needs what requirements.txt pins."""
import os
import sys

import aims
import plots
from results import Results
from tables import by_system, side_by_side

ACK = ["mode", "records", "codec"]


def runs(results):
    lines = ["| suite | day | rounds | failed | noisy |", "|---|---|---|---|---|"]
    for suite, run in results.about.get("runs", {}).items():
        rows = [row for row in results.rows if row["suite"] == suite]
        failed, noisy = (sum(bool(row.get(key)) for row in rows) for key in ("error", "noisy"))
        quick = ", **quick: the numbers mean nothing**" if run["quick"] else ""
        lines.append(f"| {suite} | {run['day']}{quick} | {run['rounds']} | {failed} of {len(rows)} | {noisy} of {len(rows)} |")
    return "\n".join(lines)


def failures(results):
    rows = [row for row in results.rows if "error" in row]
    if not rows:
        return "Nothing failed."
    lines = [f"- {row['system']}, round {row['round']}, {row['suite']}: {'; '.join(map(str, row['case'].values()))}: `{one_line(row['error'])}`" for row in rows]
    return "\n".join(lines)


def one_line(text):
    return " ".join(text.replace("`", "'").split())[:240]


def commands(results):
    """The command of each kind of load, as it ran in the last round against each broker."""
    found = {}
    for row in results.rows:
        if "command" in row:
            case = row["case"]
            kind = (row["suite"], case.get("direction"), case.get("client"), case.get("mode"), case.get("codec"), case.get("rate"))
            if case.get("codec") != "lz4":
                found[kind] = row["command"]
    return "\n".join(dict.fromkeys(found.values()))


def limits(results):
    lines = ["| loop | what | found |", "|---|---|---|"]
    what = {"sendfile": "256 MiB in the page cache to a loopback socket, again and again; the sender's CPU",
            "receive_check_write": "64 KiB from a loopback socket, CRC-32C, write to a file; the receiver's CPU",
            "receive_check_write_again": "the same into a file that begins anew every 256 MiB: no page of memory is new to the virtual machine",
            "fdatasync_4k": "append 4 KiB, fdatasync", "fdatasync_64k": "append 64 KiB, fdatasync",
            "echo_1000_per_s": "1 KiB to a socket and back at 1,000 a second, each from its due time, two threads: what the scheduler leaves of any latency"}
    units = {"gb_per_s": "GB/s", "cpu_s_per_gb": "CPU s/GB", "syncs_per_s": "syncs/s", "p50_ms": "ms at p50", "p99_ms": "ms at p99", "p999_ms": "ms at p99.9"}
    for case in results.cases("limits"):
        cells = ((results.cell("limits", case, "machine", metric), unit) for metric, unit in units.items())
        found = ", ".join(f"{cell} {unit}" for cell, unit in cells if cell.values)
        lines.append(f"| {case['loop']} | {what.get(case['loop'], '')} | {found or 'failed'} |")
    return "\n".join(lines)


def page(results):
    about = results.about
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.md")) as template:
        text = template.read()
    latency = ["p50, ms", "p99, ms", "p99.9, ms", "p99.99, ms", "max, ms", "sent late at most, ms", "broker CPU s/M records"]
    memory = ["resident, MiB", "anonymous, MiB", "live heap, MiB", "CPU, % of a core"]
    each = ["resident, KiB each", "live heap, KiB each", "broker CPU, ms each"]
    partitions = ["answered, s", "each has a record, s", "broker CPU, s", "resident in all, MiB", "resident, KiB each", "live heap, KiB each", "idle CPU after, % of a core"]
    compaction = ["broker CPU s/GB", "until clean, s", "GB", "left, %"]
    produce, consume = results.cases("throughput", direction="produce"), results.cases("throughput", direction="consume")
    cpu = ["broker CPU s/GB", "broker CPU s/M records"]
    growth = [case for case in results.cases("memory") if "count" in case]
    parts = {
        "machine": about.get("machine", ""), "millstream": about.get("millstream", ""), "kafka": about.get("kafka", ""),
        "java": about.get("java", ""), "librdkafka": about.get("librdkafka", ""),
        "runs": runs(results), "failures": failures(results), "commands": commands(results), "limits": limits(results),
        "aims": aims.table(results),
        "start": by_system(results, "start", results.cases("start"), ["start"], ["first answer, ms", "first acknowledged record, ms"]),
        "memory": by_system(results, "memory", results.cases("memory", what="idle"), ["what"], memory),
        "load": by_system(results, "throughput", results.cases("throughput", what="memory under load"), ["what"], ["resident, MiB"]),
        "each": by_system(results, "memory", growth, ["what", "count"], each),
        "partitions": by_system(results, "partitions", results.cases("partitions"), ["partitions"], partitions),
        "restart": by_system(results, "partitions", results.cases("partitions", what="restart"), ["restart of partitions"],
                             ["first answer, s", "each has a record, s", "broker CPU, s"]),
        "compaction": by_system(results, "compaction", results.cases("compaction"), ["records", "codec", "superseded"], compaction),
        "produce_rate": side_by_side(results, "throughput", produce, ["client", *ACK], ["MB/s", "records/s"]),
        "produce_cpu": side_by_side(results, "throughput", produce, ["client", *ACK], cpu),
        "consume_rate": side_by_side(results, "throughput", consume, ["client", "records", "codec"], ["MB/s", "records/s"]),
        "consume_cpu": side_by_side(results, "throughput", consume, ["client", "records", "codec"], cpu),
        "latency": by_system(results, "latency", results.cases("latency"), ["rate", *ACK], latency),
        "producers50": by_system(results, "producers50", results.cases("producers50"), ["rate", *ACK], latency),
        "retention": by_system(results, "retention", results.cases("retention"), ["rate", *ACK], latency),
    }
    for name, part in parts.items():
        text = text.replace("{{" + name + "}}", part)
    return text


def main(folder):
    results = Results(os.path.join(folder, "performance/results.json"))
    plots.draw(results, os.path.join(folder, "performance"))
    with open(os.path.join(folder, "performance.md"), "w") as file:
        file.write(page(results))
    print(os.path.join(folder, "performance.md"))


if __name__ == "__main__":
    main(sys.argv[1])
