from __future__ import annotations

import numpy as np

from nanotally.daemon.config import SourceConfig
from nanotally.daemon.preparation import Preparation
from nanotally.frame import Frame


def frames(number: int, *, same: bool = False) -> list[Frame]:
    """Noise about a bright lower half; below it a databar that the source knows of."""
    made = []
    for n in range(number):
        image = np.random.default_rng(0 if same else n).normal(100, 10, (60, 80))
        image[25:50] += 60
        image[50:] = 0
        made.append(Frame(n, n, n, image.clip(0, 255).astype(np.uint8), field=(0, 0, 80, 50)))
    return made


def prepared(config: SourceConfig, given: list[Frame], *, stills: bool = False) -> list[Frame | None]:
    preparation = Preparation(config)
    return [preparation.take(frame, stills=stills) for frame in given]


def test_states_are_judged_within_the_region() -> None:
    config = SourceConfig(uri="x:", roi=(0, 20, 80, 60))
    told = prepared(config, [*frames(2), *frames(2, same=True)])
    assert [frame and frame.state for frame in told] == ["live", "live", "live", "frozen"]
    assert told[0] is not None
    assert told[0].field == (0, 20, 80, 50)


def test_stills_are_neither_compared_nor_averaged() -> None:
    config = SourceConfig(uri="x:", average="block", average_frames=4)
    told = prepared(config, frames(3, same=True), stills=True)
    assert [frame and frame.state for frame in told] == ["live"] * 3


def test_averaging_comes_after_judging() -> None:
    config = SourceConfig(uri="x:", average="block", average_frames=3, nm_per_px=2.0)
    given = frames(3)
    frozen = Frame(3, 3, 3, given[2].image, field=(0, 0, 80, 50))
    told = prepared(config, [*given, frozen])
    assert told[:2] == [None, None]
    assert told[2] is not None
    assert told[2].image[:25].std() < 10 / 3**0.5 * 1.1
    assert told[2].nm_per_px == (2.0, 2.0)
    assert told[3] is not None
    assert told[3].state == "frozen"
