"""What a run needs: our binaries, Kafka's jars, librdkafka's program, a Python with matplotlib; and what they are."""
import hashlib
import os
import platform
import subprocess
import sys

import loads
import systems

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CACHE = os.environ.get("MILLSTREAM_INTEROP_CACHE", os.path.expanduser("~/.cache/millstream-interop"))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))


def output_of(*command, limit_s=1800):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=limit_s, cwd=ROOT).stdout.strip()


def prepare():
    """Builds and fetches what is missing; answers how the long paths are called in the commands that are shown."""
    given = os.environ.get("MILLSTREAM")
    packages = ["--package", "millstream-bench", *([] if given else ["--package", "millstream"])]
    output_of("cargo", "build", "--locked", "--release", *packages)
    systems.Millstream.binary = os.path.abspath(given or os.path.join(TARGET, "release", "millstream"))
    loads.Tools.own = os.path.join(TARGET, "release", "millstream-bench")
    jars = output_of(os.path.join(ROOT, "interop/lib/get-kafka"), "tools")
    systems.Kafka.jars = loads.Tools.jars = jars
    systems.Kafka.log4j = loads.Tools.log4j = os.path.join(ROOT, "interop/lib/log4j2.properties")
    folder = rdkafka()
    loads.Tools.rdkafka = folder and os.path.join(folder, "bin/rdkafka_performance")
    loads.Tools.payloads = payloads()
    return {os.path.join(TARGET, "release", ""): "", jars: "$JARS", loads.Tools.payloads: "$PAYLOADS",
            os.path.join(folder or "\0", "bin", ""): "", os.path.join(ROOT, ""): ""}


def rdkafka():
    script = os.path.join(ROOT, "interop/lib/get-rdkafka")
    try:
        return output_of(script)
    except (OSError, subprocess.SubprocessError) as trouble:
        print(f"rdkafka_performance is left out: {trouble}", file=sys.stderr)
        return None


def payloads():
    folder = os.path.join(CACHE, "bench-payloads")
    os.makedirs(folder, exist_ok=True)
    for size in (100, 1024):
        with open(os.path.join(folder, f"{size}.txt"), "w") as file:
            subprocess.run([loads.Tools.own, "payload", "--size", str(size)], stdout=file, check=True, timeout=60)
    return folder


def about():
    """The machine and the versions."""
    def first(file, name):
        with open(file) as lines:
            return next((line.split(":")[1].strip() for line in lines if line.startswith(name)), "unknown")
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=30).stderr.splitlines()
    filesystem = output_of("findmnt", "-no", "FSTYPE", "-T", os.environ.get("TMPDIR", "/tmp"))
    return {
        "machine": f"{os.cpu_count()} cores of {first('/proc/cpuinfo', 'model name')}, "
                   f"{int(first('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB, "
                   f"{platform.system()} {platform.release()}, data on {filesystem}",
        "millstream": f"{systems.Millstream.version()}, {built_from()}",
        "kafka": f"{systems.Kafka.version()}, JVM options {' '.join(systems.JVM)}",
        "java": next((line for line in java if "version" in line), "unknown"),
        "librdkafka": os.path.basename(os.path.dirname(os.path.dirname(loads.Tools.rdkafka))).rsplit("-", 1)[0] if loads.Tools.rdkafka else "not here",
    }


def built_from():
    if os.environ.get("MILLSTREAM"):
        with open(systems.Millstream.binary, "rb") as file:
            return f"a binary that was given (sha256 {hashlib.sha256(file.read()).hexdigest()[:12]})"
    changed = " with changes" if output_of("git", "status", "--porcelain", "--untracked-files=no", "--", "crates", "Cargo.lock") else ""
    return f"commit {output_of('git', 'rev-parse', '--short', 'HEAD')}{changed}, release build"


def python_with_matplotlib():
    """The interpreter of a cached environment with what requirements.txt pins."""
    requirements = os.path.join(HERE, "requirements.txt")
    with open(requirements, "rb") as file:
        folder = os.path.join(CACHE, "bench-" + hashlib.sha256(file.read()).hexdigest()[:16])
    python = os.path.join(folder, "bin/python")
    if not os.path.exists(os.path.join(folder, ".complete")):
        output_of(sys.executable, "-m", "venv", "--clear", folder)
        output_of(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements)
        open(os.path.join(folder, ".complete"), "w").close()
    return python
