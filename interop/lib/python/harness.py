"""Checks of a Python client: functions, plain or async, each with a deadline, and one total at the end.

A folder's checks.py registers them with `check` and `check_each`, and ends with `main()`. Its arguments: HOST:PORT [NAME].
"""
import asyncio
import inspect
import os
import sys
import threading
import time
import traceback
import uuid

BOOTSTRAP = sys.argv[1]
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
RUN = uuid.uuid4().hex[:8]
DEADLINE_S = 45
CHECKS = []


def check(function):
    CHECKS.append((function.__name__, function))
    return function


def check_each(**parameter):
    """One check for each value of one parameter."""
    (name, values), = parameter.items()

    def register(function):
        for value in values:
            CHECKS.append((f"{function.__name__} {name}={value}", bound(function, value)))
        return function
    return register


def bound(function, value):
    if inspect.iscoroutinefunction(function):
        async def call():
            await function(value)
        return call
    return lambda: function(value)


def a_name(prefix):
    return f"{prefix}-{RUN}-{uuid.uuid4().hex[:8]}"


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def outcome(function):
    """Runs one check within its deadline; what went wrong, or nothing."""
    trouble = []

    def call():
        try:
            if inspect.iscoroutinefunction(function):
                asyncio.run(asyncio.wait_for(function(), DEADLINE_S - 1))
            else:
                function()
        except BaseException:
            trouble.append(traceback.format_exc())
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    if thread.is_alive():
        stack = "".join(traceback.format_stack(sys._current_frames()[thread.ident])[-3:])
        trouble.append(f"no end after {DEADLINE_S} s\n{stack}")
    return trouble


def main():
    passed = failed = 0
    for name, function in CHECKS:
        if ONLY not in name:
            continue
        started = time.monotonic()
        trouble = outcome(function)
        seconds = time.monotonic() - started
        if trouble:
            failed += 1
            print(f"FAIL {name} ({seconds:.1f} s)\n     | " + "\n     | ".join(trouble[0].strip().splitlines()[-8:]))
        else:
            passed += 1
            print(f"ok   {name} ({seconds:.1f} s)")
    print(f"{passed} passed, {failed} failed")
    sys.stdout.flush()
    # A thread that hangs does not hold the process.
    os._exit(1 if failed or not passed else 0)
