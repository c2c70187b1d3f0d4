"""Counts into a CSV file, a row a second, until Ctrl-C.

    python log_to_csv.py counts.csv tcp://127.0.0.1:5757

`nanotally log --to counts.csv` does more: a row a frame, and what was sent while nobody logged is asked for.
"""

import csv
import sys

from nanotally.wire import CountsMessage, Subscriber


def log(path, endpoint="tcp://127.0.0.1:5757"):
    """Write what comes until the program is stopped."""
    with open(path, "w", newline="") as file, Subscriber(endpoint, kinds=["counts"]) as subscriber:  # noqa: PTH123
        table = csv.writer(file)
        table.writerow(["wall", "source", "frame", "state", "cubes", "quasi-spheres", "a square um", "missed before"])
        missed = 0
        for item in subscriber:
            if not isinstance(item, CountsMessage):
                missed += item.missed  # a Gap: the message behind it comes next
                continue
            counts = item.counts or {}  # None while nothing can be counted: an empty cell, never a zero
            found = [counts.get("cube"), counts.get("quasi_sphere"), item.density_per_um2]
            table.writerow([item.wall.isoformat(), item.origin.source, item.frame, item.state, *found, missed])
            file.flush()
            missed = 0


if __name__ == "__main__":
    try:
        log(*sys.argv[1:] or ["counts.csv"])
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
