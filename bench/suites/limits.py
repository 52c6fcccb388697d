"""What this machine does without a broker: the bare loops of millstream-bench."""
import loads
import process


def run(bench):
    line = [loads.Tools.own, "limits", "--folder", bench.scratch, *(["--megabytes", 500, "--seconds", 1] if bench.quick else ["--seconds", 5])]
    try:
        # There is no broker: what this process uses is next to nothing.
        output, used, _ = process.measured(bench.own_pid, line, 120)
        for loop, found in loads.json_line(output).items():
            bench.results.add("limits", {"loop": loop}, "machine", bench.round, found, used=used, command=process.shown(line, bench.names))
    except bench.TROUBLE as trouble:
        bench.results.add("limits", {"loop": "all"}, "machine", bench.round, error=bench.told(trouble))
