"""CPU time and memory of processes, and one measured step: a load that runs against a broker, with a time limit."""
import os
import shlex
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()
NOISY = 0.10


class Failed(Exception):
    """A step that gave no number."""


def cpu_s(pid):
    """Seconds of CPU, user and system, that a process has used: what /proc/PID/stat says, without its steps of 10 ms."""
    # The clock of another process, as clock_getcpuclockid(3) makes it.
    return time.clock_gettime(~pid << 3 | 2)


def machine_cpu_s():
    """Seconds of CPU that anybody has used, or the hypervisor has kept."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def memory_mib(pid):
    """(resident, of that anonymous: what is not pages of files)."""
    found = {}
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            name, _, rest = line.partition(":")
            if name in ("VmRSS", "RssAnon"):
                found[name] = int(rest.split()[0]) / 1024
    if not found:
        raise Failed("the broker has ended")
    return found["VmRSS"], found["RssAnon"]


class Watch:
    """What the broker, and what others than the broker and the load, use from now on."""

    def __init__(self, pid):
        self.pid, self.client_s = pid, 0.0
        self.began, self.own = time.perf_counter(), time.process_time()
        self.broker, self.machine = cpu_s(pid), machine_cpu_s()

    def read(self):
        wall = time.perf_counter() - self.began
        broker = cpu_s(self.pid) - self.broker
        ours = broker + self.client_s + time.process_time() - self.own
        other = max(0.0, machine_cpu_s() - self.machine - ours)
        share = other / wall / CORES
        return {"wall_s": wall, "broker_cpu_s": broker, "client_cpu_s": self.client_s, "other_share": share}


def measured(pid, command, limit_s):
    """Runs a load against the broker `pid`: (its output, what was used, the broker's highest resident MiB)."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        watch = Watch(pid)
        load = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        highest, status, usage = 0.0, None, None
        try:
            while status is None:
                done, code, used = os.wait4(load.pid, os.WNOHANG)
                if done:
                    status, usage = os.waitstatus_to_exitcode(code), used
                    load.returncode = status
                    break
                if time.perf_counter() - watch.began > limit_s:
                    raise Failed(f"not done after {limit_s} s")
                highest = max(highest, memory_mib(pid)[0])
                time.sleep(0.05)
        finally:
            if status is None:
                load.kill()
                load.wait()
        watch.client_s = usage.ru_utime + usage.ru_stime
        used = watch.read()
        for stream in (output, errors):
            stream.seek(0)
        text, trouble = output.read(), errors.read()
    if status != 0:
        raise Failed(f"exit status {status}: {(trouble or text).strip()[-300:]}")
    return text + trouble, used, highest


def shown(command, names):
    """A command as a person would type it: `names` says what a long path is called."""
    parts = []
    for part in map(str, command):
        for path, name in names.items():
            part = part.replace(path, name)
        parts.append(f'"{part}"' if "$" in part else shlex.quote(part))
    return " ".join(parts)
