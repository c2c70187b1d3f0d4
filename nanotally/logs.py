"""Lines of the log: on a terminal with their time, in systemd's journal with their priority, and never a flood."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import TextIO

PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""Of syslog(3). In front of a line they are what `journalctl -p` sorts by, see sd-daemon(3)."""

MOST = 20
EVERY_S = 10.0
"""Of lines that differ only in their figures so many are written in this time; the next one counts the others."""


def set_up_logging(environment: Mapping[str, str] = os.environ, stream: TextIO | None = None) -> None:
    """Write what programs log, from INFO on, to `stream`; None: to stderr."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    line = "%(levelname)s %(message)s"
    to_journal = _is_journal(environment, stream)
    handler.setFormatter(Prioritised(line) if to_journal else logging.Formatter(f"%(asctime)s {line}"))
    handler.addFilter(Bounded())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class Prioritised(logging.Formatter):
    """Puts the priority in front of every line: a traceback has many."""

    def format(self, record: logging.LogRecord) -> str:
        """As `logging.Formatter`."""
        prefix = f"<{PRIORITIES.get(record.levelname, 6)}>"
        return prefix + super().format(record).replace("\n", f"\n{prefix}")


class Bounded(logging.Filter):
    """Lets `MOST` lines of a kind pass in `EVERY_S`. Kinds are the texts in the source, before figures are put in."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """As `logging.Filter`."""
        kind, now_s = (record.name, str(record.msg)), time.monotonic()
        began_s, many = self._kinds.get(kind, (now_s, 0))
        if now_s - began_s >= EVERY_S:
            if many > MOST:
                record.msg, record.args = f"{record.getMessage()} (and {many - MOST} such lines before it)", ()
            began_s, many = now_s, 0
        self._kinds[kind] = began_s, many + 1
        return many < MOST


def _is_journal(environment: Mapping[str, str], stream: TextIO) -> bool:
    """Whether a stream goes to systemd's journal, as systemd.exec(5) says: JOURNAL_STREAM is its device and inode."""
    try:
        facts = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{facts.st_dev}:{facts.st_ino}"
