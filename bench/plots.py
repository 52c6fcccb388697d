"""The plots, as SVG: one colour a system throughout."""
import math
import os

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (the back end comes first)

import aims  # noqa: E402
import matrix  # noqa: E402
from results import show  # noqa: E402

COLOURS = {"millstream": "#0b7a75", "kafka": "#d17a22", "machine": "#555555"}
NAMES = {"millstream": "millstream", "kafka": "Apache Kafka"}
QUANTILES = [0, 0.9, 0.99, 0.999, 0.9999, 0.99999]
STYLE = {"svg.hashsalt": "millstream", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "axes.spines.top": False,
         "axes.spines.right": False, "axes.titlesize": 10.5, "legend.frameon": False, "figure.facecolor": "white"}


def draw(results, folder):
    with pyplot.rc_context(STYLE):
        for name, figure in (("ratios", ratios), ("throughput", throughput), ("cpu", cpu), ("memory", memory), ("latency", latency), ("latency-loaded", latency_loaded)):
            drawn = figure(results)
            path = os.path.join(folder, f"{name}.svg")
            if drawn is None:
                if os.path.exists(path):
                    os.remove(path)
                continue
            drawn.savefig(path, metadata={"Date": None}, bbox_inches="tight")
            pyplot.close(drawn)


def ratios(results):
    """Each aim: what was found, and where the aim lies."""
    found = [(what, aim, values) for what, aim, values in aims.headlines(results) if values]
    if not found:
        return None
    figure, axes = pyplot.subplots(figsize=(9, 0.55 * len(found) + 1.2))
    for y, (_, aim, values) in enumerate(reversed(found)):
        mean = aims.geometric_mean(values)
        axes.barh(y, 1 - mean, left=mean, height=0.5, color=COLOURS["millstream"] if mean <= aim else "#b3382c", alpha=0.85)
        axes.plot([min(values), max(values)], [y, y], color="black", linewidth=1)
        axes.plot([aim, aim], [y - 0.38, y + 0.38], color="black", linewidth=2)
        axes.text(max(1.1, max(values) * 1.1), y, f"{show(mean)} (aim: {show(aim)})", va="center")
    axes.set_yticks(range(len(found)), [what for what, _, _ in reversed(found)])
    axes.set_xscale("log")
    axes.axvline(1, color=COLOURS["kafka"], linewidth=2)
    axes.set_xlabel("share of what Apache Kafka takes: the longer the bar, the better\nthick mark: the aim; thin line: best to worst case", fontsize=9)
    return figure


def bars(axes, results, suite, cases, metric, label, limit=None):
    for offset, system in ((-0.2, "millstream"), (0.2, "kafka")):
        for x, case in enumerate(cases):
            cell = results.cell(suite, case, system, metric)
            if cell.median is None:
                axes.text(x + offset, 0.02, "failed", rotation=90, fontsize=7, ha="center", va="bottom", color=COLOURS[system], transform=axes.get_xaxis_transform())
                continue
            spread = [[max(0, cell.median - min(cell.values))], [max(cell.values) - cell.median]]
            axes.bar(x + offset, cell.median, 0.38, color=COLOURS[system], label=NAMES[system] if x == 0 else None, yerr=spread, error_kw={"linewidth": 0.8})
    if limit:
        axes.axhline(limit, color=COLOURS["machine"], linestyle="--", linewidth=1, label="bare loop, no broker")
    axes.set_xticks(range(len(cases)), [label(case) for case in cases], rotation=40, ha="right", fontsize=8)
    axes.set_xlim(-0.6, len(cases) - 0.4)
    axes.set_ylabel(metric)
    axes.grid(axis="y", linewidth=0.3)


def panels(results, metric, produce_limit=None, consume_limit=None):
    """One panel for each client that produces, one for all that consume."""
    produce, consume = (results.cases("throughput", direction=direction) for direction in ("produce", "consume"))
    if not produce and not consume:
        return None
    clients = list(dict.fromkeys(case["client"] for case in produce))
    figure, axes = pyplot.subplots(len(clients) + 1, 1, figsize=(9, 3.4 * (len(clients) + 1)), squeeze=False)
    for ax, client in zip(axes[:, 0], clients):
        bars(ax, results, "throughput", [case for case in produce if case["client"] == client], metric,
             lambda case: f"{case['mode']}\n{case['records']}, {case['codec']}", produce_limit)
        ax.set_title(f"produce: {client}")
    last = axes[-1, 0]
    bars(last, results, "throughput", consume, metric, lambda case: f"{case['client']}\n{case['records']}, {case['codec']}", consume_limit)
    last.set_title("consume")
    handles = {label: handle for ax in figure.axes for handle, label in zip(*ax.get_legend_handles_labels())}
    figure.tight_layout()
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncol=3, bbox_to_anchor=(0.5, 1))
    return figure


def throughput(results):
    return panels(results, "MB/s")


def cpu(results):
    def limit(loop):
        return results.cell("limits", {"loop": loop}, "machine", "cpu_s_per_gb").median
    figure = panels(results, "broker CPU s/GB", limit("receive_check_write"), limit("sendfile"))
    for ax in figure.axes if figure else []:
        ax.set_yscale("log")
    return figure


def memory(results):
    shown = [("memory", case, "resident, MiB", "idle\nMiB") for case in results.cases("memory", what="idle")]
    shown += [("throughput", case, "resident, MiB", "under load\nMiB") for case in results.cases("throughput", what="memory under load")]
    shown += [("partitions", case, "resident, KiB each", f"a partition of {case['partitions']:,}\nKiB") for case in results.cases("partitions") if "partitions" in case]
    shown += [("memory", case, "resident, KiB each", f"{case['what']}\nKiB") for case in results.cases("memory") if "count" in case]
    if not shown:
        return None
    figure, axes = pyplot.subplots(figsize=(9, 3.8))
    for offset, system in ((-0.2, "millstream"), (0.2, "kafka")):
        for x, (suite, case, metric, _) in enumerate(shown):
            value = results.cell(suite, case, system, metric).median
            if value is not None and value > 0:
                axes.bar(x + offset, value, 0.38, color=COLOURS[system], label=NAMES[system] if x == 0 else None)
                axes.text(x + offset, value * 1.05, show(value), ha="center", va="bottom", fontsize=8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(shown)), [label for *_, label in shown], fontsize=8)
    axes.set_ylabel("resident memory")
    axes.legend()
    return figure


def curve(axes, results, suite, case, system, **style):
    """Latency over the share of records that are faster, stretched towards the rare ones."""
    counts = results.histogram(suite, case, system)
    total, seen, xs, ys = sum(counts.values()), 0, [], []
    for value, count in counts.items():
        xs.append(-math.log10(1 - seen / total))
        ys.append(value / 1000)
        seen += count
    if total:
        xs.append(math.log10(total))
        ys.append(ys[-1])
        axes.plot(xs, ys, color=COLOURS[system], **{"label": NAMES[system], "linewidth": 1.8, **style})


def grid(results, rows):
    """Panels of curves: rows of (suite, case, title)."""
    width = max(map(len, rows))
    figure, axes = pyplot.subplots(len(rows), width, figsize=(3.1 * width, 3.1 * len(rows)), squeeze=False, sharex=True, sharey=True)
    for line, row in zip(axes, rows):
        for ax, (suite, case, title) in zip(line, row):
            for system in NAMES:
                curve(ax, results, suite, case, system)
            natural = {**case, "mode": matrix.NATURAL.name}
            if case["mode"] == matrix.DISK.name and natural in results.cases(suite):
                curve(ax, results, suite, natural, "kafka", linestyle="--", label="Apache Kafka, acks=all in page cache")
            ax.set_title(title, fontsize=9)
            ax.set_yscale("log")
            ax.grid(linewidth=0.3)
            ax.set_xticks([-math.log10(1 - q) for q in QUANTILES], ["p0", "p90", "p99", "p99.9", "p99.99", "p99.999"], fontsize=7)
            ax.set_xlim(0, 4.2)
        line[0].set_ylabel("end-to-end latency, ms")
    handles = {label: handle for ax in figure.axes for handle, label in zip(*ax.get_legend_handles_labels())}
    figure.tight_layout()
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="lower center", ncol=len(handles), bbox_to_anchor=(0.5, -0.04))
    return figure


def latency(results):
    """1,000 a second: a row for each way of acknowledging, a column for each kind of record."""
    known = results.cases("latency")
    rows = []
    for mode in (matrix.CACHE, matrix.DISK):
        cases = [(shape, codec, matrix.case(mode, shape, codec, rate=1_000)) for shape in (matrix.SMALL, matrix.LARGE) for codec in matrix.CODECS]
        rows.append([("latency", case, f"{mode.name}: {shape.name}, {codec}") for shape, codec, case in cases if case in known])
    rows = [row for row in rows if row]
    return grid(results, rows) if rows else None


def latency_loaded(results):
    """10,000 a second, 50 producers, retention."""
    rows = []
    for mode in (matrix.CACHE, matrix.DISK):
        cases = [("latency", matrix.case(mode, matrix.SMALL, "none", rate=10_000), "10,000/s"),
                 ("producers50", matrix.case(mode, matrix.SMALL, "none", rate=1_000), "50 producers, 1,000/s"),
                 ("retention", matrix.case(mode, matrix.LARGE, "none", rate=1_000), "while retention runs, 1,000/s")]
        rows.append([(suite, case, f"{mode.name}: {title}") for suite, case, title in cases if case in results.cases(suite)])
    rows = [row for row in rows if row]
    return grid(results, rows) if rows else None
