"""Markdown tables that set the two systems side by side."""
from results import Cell, percentile, show

SYSTEMS = {"millstream": "millstream", "kafka": "Apache Kafka"}
POOLED = {"p99.99, ms": 0.9999}


def cell(results, suite, case, system, metric):
    """A round alone has too few records for the rarest: those are taken from all rounds together."""
    found = results.cell(suite, case, system, metric)
    if metric in POOLED and found.values:
        pooled = percentile(results.histogram(suite, case, system), POOLED[metric])
        return Cell([pooled], found.error, found.noisy)
    return found


def ratio(results, suite, case, metric):
    """millstream's median as a share of Apache Kafka's, or None."""
    ours, theirs = (cell(results, suite, case, system, metric).median for system in SYSTEMS)
    return None if ours is None or not theirs or theirs < 0 else ours / theirs


def shown_ratio(value):
    return "–" if value is None else f"**{show(value)}**"


def head(columns):
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]


def by_system(results, suite, cases, columns, metrics):
    """A row for each system, and one for the ratios."""
    # Not those that say that a whole suite failed: they are listed elsewhere.
    cases = [case for case in cases if all(column in case for column in columns)]
    if not cases:
        return "*Not measured yet.*"
    metrics = [metric for metric in metrics if any(results.cell(suite, case, system, metric).values for case in cases for system in SYSTEMS)]
    if not metrics:
        return "*Failed: see below.*"
    lines = head([*columns, "", *metrics])
    for case in cases:
        for number, (system, name) in enumerate(SYSTEMS.items()):
            where = [f"{case[column]:,}" if isinstance(case[column], int) else case[column] for column in columns] if number == 0 else [""] * len(columns)
            lines.append("| " + " | ".join([*where, name, *(str(cell(results, suite, case, system, metric)) for metric in metrics)]) + " |")
        ratios = [shown_ratio(ratio(results, suite, case, metric)) for metric in metrics]
        lines.append("| " + " | ".join([*[""] * len(columns), "ratio", *ratios]) + " |")
    return "\n".join(lines)


def side_by_side(results, suite, cases, columns, metrics):
    """A row for each case: for each metric both systems and the ratio."""
    if not cases:
        return "*Not measured yet.*"
    titles = [title for metric in metrics for title in (f"{metric}: millstream", "Apache Kafka", "ratio")]
    lines = head([*columns, *titles])
    for case in sorted(cases, key=lambda case: case["client"] + case.get("mode", "")):
        cells = [text for metric in metrics
                 for text in (*(str(cell(results, suite, case, system, metric)) for system in SYSTEMS), shown_ratio(ratio(results, suite, case, metric)))]
        lines.append("| " + " | ".join([*(case[column] for column in columns), *cells]) + " |")
    return "\n".join(lines)
