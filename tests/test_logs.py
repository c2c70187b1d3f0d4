"""What becomes of a line that a program logs."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import pytest

from nanotally import logs
from nanotally.logs import MOST, Bounded, set_up_logging


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Without the handlers that pytest has while a test runs."""
    root = logging.getLogger()
    before, level, root.handlers = root.handlers, root.level, []
    yield root
    root.handlers = before
    root.setLevel(level)


def told_to(stream: TextIO, root: logging.Logger, environment: dict[str, str] | None = None) -> logging.Logger:
    """A logger of a program that logs to a stream."""
    root.handlers = []
    set_up_logging(environment or {}, stream)
    return logging.getLogger("a")


def test_on_a_terminal_a_line_has_its_time(root: logging.Logger) -> None:
    said = io.StringIO()
    told_to(said, root, {"JOURNAL_STREAM": "1:2"}).warning("source %s lost", "main")
    assert said.getvalue().endswith(" WARNING source main lost\n")
    assert said.getvalue()[:4].isdecimal()


def test_in_the_journal_every_line_has_its_priority(root: logging.Logger, tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as stream:
        facts = os.fstat(stream.fileno())
        log = told_to(stream, root, {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"})
        log.info("publishing")
        log.debug("not told")
        try:
            raise ValueError("of two\nlines")
        except ValueError:
            log.exception("failed")
    first, *others = (tmp_path / "journal").read_text().splitlines()
    assert first == "<6>INFO publishing"
    assert len(others) > 3
    assert {line[:3] for line in others} == {"<3>"}


def test_a_flood_is_cut_and_counted_and_other_lines_pass(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(logs, "time", SimpleNamespace(monotonic=lambda: now_s))
    said = io.StringIO()
    log = told_to(said, root)
    for number in range(3 * MOST):
        log.info("somebody subscribes to %s", number)
    log.info("another line")
    assert len(said.getvalue().splitlines()) == MOST + 1
    now_s += logs.EVERY_S
    log.info("somebody subscribes to %s", "it")
    log.info("somebody subscribes to %s", "once more")
    told = said.getvalue().splitlines()[-2:]
    assert told[0].endswith(f"somebody subscribes to it (and {2 * MOST} such lines before it)")
    assert told[1].endswith("somebody subscribes to once more")


def test_what_is_known_of_lines_does_not_grow_with_their_figures() -> None:
    bounded = Bounded()
    for number in range(1000):
        bounded.filter(logging.LogRecord("a", logging.INFO, "", 0, "frame %d", (number,), None))
    assert len(bounded._kinds) == 1
