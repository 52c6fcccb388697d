"""Where every part says what it found wrong."""
import threading


class Verdict:
    """The violations since they were last taken."""

    def __init__(self):
        self._lock = threading.Lock()
        self._found = []
        self._dropped = 0

    def violation(self, text):
        with self._lock:
            # One cause may be seen a thousand times.
            if len(self._found) < 20:
                self._found.append(text)
            else:
                self._dropped += 1

    def take(self):
        with self._lock:
            found, dropped = self._found, self._dropped
            self._found, self._dropped = [], 0
        return found + ([f"and {dropped} more"] if dropped else [])


def await_that(what, verdict, deadline_s, condition):
    """Waits for a condition; that it does not come in time is a violation."""
    import time
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            verdict.violation(f"not within {deadline_s} s: {what() if callable(what) else what}")
            return False
        time.sleep(0.01)
    return True
