"""What a broker takes when nobody wants anything of it, and what connections and groups add."""
import subprocess
import time

import loads
import process


def run(bench, system_class):
    with system_class(bench.scratch) as system:
        with bench.step("memory", {"what": "start for memory"}, system):
            system.ready()
        if system.process.poll() is None:
            idle(bench, system)
            connections(bench, system, 200 if bench.quick else 2000)
            groups(bench, system, 100 if bench.quick else 500)


def idle(bench, system):
    with bench.step("memory", {"what": "idle"}, system) as add:
        time.sleep(2 if bench.quick else 5)
        watch, seconds = process.Watch(system.pid), 3 if bench.quick else 8
        time.sleep(seconds)
        used = watch.read()
        resident, anonymous = process.memory_mib(system.pid)
        add({"resident, MiB": resident, "anonymous, MiB": anonymous, "live heap, MiB": system.live_heap_mib(),
             "CPU, % of a core": used["broker_cpu_s"] / used["wall_s"] * 100}, used)


def growth(bench, system, what, count, grow):
    """What `grow`, a context, adds for each of `count`."""
    with bench.step("memory", {"what": what, "count": count}, system) as add:
        live = system.live_heap_mib()
        resident, watch = process.memory_mib(system.pid)[0], process.Watch(system.pid)
        with grow():
            broker_cpu_s = watch.read()["broker_cpu_s"]
            time.sleep(2)
            grown = process.memory_mib(system.pid)[0] - resident
            live = None if live is None else (system.live_heap_mib() - live) * 1024 / count
            add({"resident, KiB each": grown * 1024 / count, "live heap, KiB each": live,
                 "broker CPU, ms each": broker_cpu_s * 1000 / count})


class Held:
    """Connections, while inside."""

    def __init__(self, command):
        self.command = [str(part) for part in command]

    def __enter__(self):
        self.holder = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if not self.holder.stdout.readline():
            self.__exit__()
            raise process.Failed("the connections could not be opened")

    def __exit__(self, *_):
        self.holder.stdin.close()
        try:
            self.holder.wait(20)
        except subprocess.TimeoutExpired:
            self.holder.kill()
            self.holder.wait()
        self.holder.stdout.close()


def connections(bench, system, count):
    command = [loads.Tools.own, "connections", "--bootstrap", system.bootstrap, "--count", count]
    growth(bench, system, "a connection", count, lambda: Held(command))


class Made:
    """Groups, whose members stay for two minutes."""

    def __init__(self, command):
        self.command = [str(part) for part in command]

    def __enter__(self):
        try:
            done = subprocess.run(self.command, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            raise process.Failed("the groups were not made after 60 s") from None
        if done.returncode:
            raise process.Failed(done.stderr.strip()[-300:])

    def __exit__(self, *_):
        pass


def groups(bench, system, count):
    def command(topic, number):
        return [loads.Tools.own, "groups", "--bootstrap", system.bootstrap, "--topic", topic, "--count", number]
    try:
        with bench.topic(system) as topic:
            # The first one creates __consumer_offsets with its 50 partitions, which are not a group's cost.
            with Made(command(topic, 1)):
                growth(bench, system, "a group of one member", count, lambda: Made(command(topic, count)))
    except bench.TROUBLE as trouble:
        bench.results.add("memory", {"what": "a group of one member", "count": count}, system.name, bench.round, error=bench.told(trouble))
