"""As many records a second as come through, and the broker's CPU time for them: the fair figure, because the clients
share the machine's cores with the broker."""
import loads
import matrix
import process

# Records for each step, so that it takes some seconds: (page cache, on disk).
COUNTS = {matrix.SMALL: (2_000_000, 800_000), matrix.LARGE: (500_000, 100_000)}
STEP_S = 40


def run(bench, system):
    highest = 0.0
    for client in loads.CLIENTS:
        for mode, shape, codec in matrix.ALL + [(matrix.NATURAL, shape, "none") for shape in COUNTS]:
            plain_only = client == "rdkafka_performance" and codec != "none"
            if plain_only or (mode == matrix.NATURAL and client != "kafka-perf-test (Java)"):
                continue
            highest = max(highest, there_and_back(bench, system, client, mode, shape, codec))
    bench.results.add("throughput", {"what": "memory under load"}, system.name, bench.round, {"resident, MiB": highest} if highest else None,
                      error=None if highest else "no load ran")


def there_and_back(bench, system, client, mode, shape, codec):
    """Produces a topic, and reads what was written to the page cache."""
    produce, produce_rate, consume, consume_rate = loads.CLIENTS[client]
    which = {"direction": "produce", "client": client, **matrix.case(mode, shape, codec)}
    if shape.keyed and not loads.knows_keys(client):
        which["records"] = f"{shape.size} B, unkeyed"
    records = COUNTS[shape][mode.acks == "all"] // (10 if bench.quick else 1)
    highest = 0.0
    try:
        with bench.topic(system, mode) as topic:
            highest = step(bench, system, which,
                           lambda: produce(system, topic, mode, shape, codec, records), produce_rate, records, shape)
            if mode == matrix.CACHE and highest:
                found = step(bench, system, {"direction": "consume", "client": client, "records": which["records"], "codec": codec},
                             lambda: consume(system, topic, records), consume_rate, records, shape)
                highest = max(highest, found)
    except bench.TROUBLE as trouble:
        bench.results.add("throughput", which, system.name, bench.round, error=bench.told(trouble))
    return highest


def step(bench, system, case, command, rate, records, shape):
    """One load; answers the broker's highest resident memory, 0 when it failed."""
    highest = 0.0
    with bench.step("throughput", case, system) as add:
        line = command()
        output, used, highest = process.measured(system.pid, line, STEP_S)
        per_s, gb = rate(output, records), records * shape.size / 1e9
        add({"records/s": per_s, "MB/s": per_s * shape.size / 1e6, "broker CPU s/GB": used["broker_cpu_s"] / gb,
             "broker CPU s/M records": used["broker_cpu_s"] / records * 1e6,
             "client CPU s/GB": used["client_cpu_s"] / gb}, used, line)
    return highest
