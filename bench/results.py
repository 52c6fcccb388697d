"""What was found: one row a measurement, kept as JSON; a suite that runs again replaces its own rows."""
import json
import os
import statistics
import sys
import time

import process


class Results:
    """Rows of {suite, case, system, round, values | error, noisy, command}."""

    def __init__(self, file):
        self.file, self.rows, self.about = file, [], {}
        if os.path.exists(file):
            with open(file) as stored:
                found = json.load(stored)
            self.rows, self.about = found["rows"], found["about"]

    def forget(self, suites):
        self.rows = [row for row in self.rows if row["suite"] not in suites]
        for suite in suites:
            self.about.get("runs", {}).pop(suite, None)

    def add(self, suite, case, system, round_number, values=None, error=None, used=None, command=None):
        row = {"suite": suite, "case": case, "system": system, "round": round_number}
        if error is None:
            row["values"] = {key: value for key, value in values.items() if value is not None}
        else:
            row["error"] = error
        if used is not None:
            row["wall_s"], row["other_share"] = round(used["wall_s"], 2), round(used["other_share"], 3)
            row["noisy"] = used["other_share"] > process.NOISY
        if command:
            row["command"] = command
        self.rows.append(row)
        told = error or ", ".join(f"{key} {show(value)}" for key, value in row["values"].items() if not isinstance(value, list))
        noisy = "  NOISY" if row.get("noisy") else ""
        print(f"{time.strftime('%H:%M:%S')} {system:10} {suite}: {'; '.join(map(str, case.values()))}: {told}{noisy}", file=sys.stderr, flush=True)

    def save(self):
        os.makedirs(os.path.dirname(self.file), exist_ok=True)
        with open(self.file + ".new", "w") as file:
            file.write('{"about": ' + json.dumps(self.about, indent=1) + ',\n"rows": [\n')
            file.write(",\n".join(json.dumps(row) for row in self.rows) + "\n]}\n")
        os.replace(self.file + ".new", self.file)

    def cases(self, suite, **fixed):
        """The different cases of a suite, in the order in which they were measured first."""
        found = []
        for row in self.rows:
            if row["suite"] == suite and row["case"] not in found and fixed.items() <= row["case"].items():
                found.append(row["case"])
        return found

    def of(self, suite, case, system):
        return [row for row in self.rows if (row["suite"], row["case"], row["system"]) == (suite, case, system)]

    def cell(self, suite, case, system, metric):
        rows = self.of(suite, case, system)
        return Cell([row["values"][metric] for row in rows if metric in row.get("values", {})],
                    next((row["error"] for row in rows if "error" in row), None), any(row.get("noisy") for row in rows))

    def histogram(self, suite, case, system):
        """The rounds' latencies together: {µs: how many}."""
        counts = {}
        for row in self.of(suite, case, system):
            for value, count in row.get("values", {}).get("histogram_us", []):
                counts[value] = counts.get(value, 0) + count
        return dict(sorted(counts.items()))


class Cell:
    """One number of one system: the median of its rounds, and how far they lie apart."""

    def __init__(self, values, error, noisy):
        self.values, self.error, self.noisy = values, error, noisy

    @property
    def median(self):
        return statistics.median(self.values) if self.values else None

    def __str__(self):
        if not self.values:
            return "failed" if self.error else "–"
        low, high = min(self.values), max(self.values)
        spread = f" ({show(low)}–{show(high)})" if len(self.values) > 1 else ""
        return show(self.median) + spread + (" *" if self.noisy else "") + (" (a round failed)" if self.error else "")


def show(value):
    """Three digits are what these numbers are worth."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"


def percentile(counts, quantile):
    """The value that `quantile` of all lie at or below, in ms."""
    wanted, seen = quantile * sum(counts.values()), 0
    for value, count in counts.items():
        seen += count
        if seen >= wanted - 1e-9:
            return value / 1000
    return None
