"""Requests that were refused: every one counted, few told."""

import pytest

from nanotally.daemon import refusals as module
from nanotally.daemon.refusals import Refusals


def test_all_are_counted_and_a_flood_is_one_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = Refusals("control")
    for _ in range(1000):
        refusals.add("not a request")
    assert refusals.count == 1000
    assert caplog.messages == ["control: refused: not a request (1 so far)"]
    monkeypatch.setattr(module, "WARN_EVERY_S", 0.0)
    other = Refusals("replay")
    other.add("a")
    other.add("b")
    assert caplog.messages[1:] == ["replay: refused: a (1 so far)", "replay: refused: b (2 so far)"]
