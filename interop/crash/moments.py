"""The moments at which a node is ended. Each waits for its moment, and says in a word when that was."""
import time


def at_random(episode, rng):
    """Anywhere under load."""
    wait_s = rng.random() * 0.8
    time.sleep(wait_s)
    return f"{wait_s * 1000:.0f} ms"


def at_roll(episode, rng):
    """A segment of the load begins."""
    return when_it_appears(episode, rng, "roll")


def at_offsets_roll(episode, rng):
    """A segment of the log of the committed offsets begins."""
    return when_it_appears(episode, rng, "__consumer_offsets")


def when_it_appears(episode, rng, topic):
    delay_s = rng.random() * 0.02
    before = set(episode.node.files(topic))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        if set(episode.node.files(topic)) - before:
            time.sleep(delay_s)
            return f"{delay_s * 1000:.0f} ms after it began"
    return "it did not come"


def at_change(episode, rng):
    """A topic is created, changed or deleted."""
    delay_s = rng.random() * 0.006
    episode.admin.busy.clear()
    episode.admin.busy.wait(2)
    time.sleep(delay_s)
    return f"{delay_s * 1000:.1f} ms after it was sent"


def at_start(episode, rng):
    """While it recovers, once or more often."""
    times = rng.randrange(1, 4)
    for _ in range(times):
        episode.node.kill()
        episode.node.spawn()
        time.sleep(rng.random() * episode.node.start_ms / 1000)
    return f"{times} times"


def at_creation(episode, rng):
    """The topic of the committed offsets has just come; only the first round of an episode has this moment."""
    delay_s = rng.random() * 0.03
    end = time.monotonic() + 5
    while not episode.node.files("__consumer_offsets") and time.monotonic() < end:
        time.sleep(0.0005)
    time.sleep(delay_s)
    return f"{delay_s * 1000:.0f} ms after it began"


MOMENTS = [at_random, at_random, at_random, at_roll, at_offsets_roll, at_change, at_start]
