from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nanotally.daemon import closeness
from nanotally.daemon.closeness import Closeness
from nanotally.frame import Frame

FRAME = Frame(number=1, grabbed_ns=0, wall_ns=0, image=np.zeros((48, 64), np.uint8), nm_per_px=(2.0, 2.0))


def test_what_was_found_out_holds_for_the_frames_to_come() -> None:
    own = Closeness(stills=False)
    assert own.scale_of(FRAME) is None
    own.remember(2.0)
    assert [own.scale_of(replace(FRAME, number=n)) for n in (2, 3)] == [2.0, 2.0]


@pytest.mark.parametrize(
    "change", [{"nm_per_px": (1.0, 1.0)}, {"field": (0, 0, 64, 40)}, {"image": np.zeros((40, 64), np.uint8)}]
)
def test_another_picture_is_found_out_anew(change: dict[str, object]) -> None:
    own = Closeness(stills=False)
    own.scale_of(FRAME)
    own.remember(4.0)
    assert own.scale_of(replace(FRAME, **change)) is None  # type: ignore[arg-type]


def test_so_is_what_was_found_out_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Closeness(stills=False)
    own.scale_of(FRAME)
    own.remember(4.0)
    now_ns = closeness.time.monotonic_ns()
    monkeypatch.setattr(closeness.time, "monotonic_ns", lambda: now_ns + round(closeness.EVERY_S * 1e9))
    assert own.scale_of(FRAME) is None
    own.remember(1.0)
    assert own.scale_of(FRAME) == 1.0


def test_a_change_is_worth_a_line() -> None:
    own = Closeness(stills=False)
    assert [own.remember(scale) for scale in (1.0, 2.0, 2.0, 1.0)] == [False, True, False, True]
    assert not Closeness(stills=True).remember(2.0)


def test_of_stills_each_is_found_out() -> None:
    own = Closeness(stills=True)
    own.scale_of(FRAME)
    own.remember(2.0)
    assert own.scale_of(FRAME) is None
