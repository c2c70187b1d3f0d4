"""Stop the stage when enough different particles were counted.

    python stop_stage.py 1000 tcp://127.0.0.1:5757

Replace `stop_stage` with what your stage's controller offers.
"""

import sys

from nanotally.wire import CountsMessage, Subscriber


def stop_stage():
    """Yours comes here."""
    print("stage stopped", flush=True)


def watch(subscriber, wanted, stop):
    """Call `stop` once `wanted` different particles were counted; answers how many."""
    for item in subscriber:
        if not isinstance(item, CountsMessage) or item.unique is None:
            continue  # a gap, or a frame in which nothing can be counted
        n = sum(item.unique.values())  # each particle once, however often it was seen
        print(f"frame {item.frame}: {n} of {wanted}", flush=True)
        if n >= wanted:
            stop()
            return n
    return None


if __name__ == "__main__":
    wanted, *endpoint = sys.argv[1:] or ["1000"]
    with Subscriber(*endpoint, kinds=["counts"]) as subscriber:
        watch(subscriber, int(wanted), stop_stage)
