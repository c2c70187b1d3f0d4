"""Fields of view that are sampled do not overlap."""

import numpy as np

from nanotally.daemon.tracking.ground import Ground

SIZE = np.array([640.0, 480.0])


def sample(ground: Ground, x: float, y: float, field: int = 0) -> bool:
    low = np.array([x, y])
    return ground.sample(field, low, low + SIZE)


def test_only_what_overlaps_nothing_is_sampled() -> None:
    ground = Ground()
    assert [sample(ground, x, 0) for x in (0, 100, 639, 640, 300, 1280)] == [True, False, False, True, False, True]
    assert sample(ground, 320, 480)
    assert not sample(ground, 300, 470)
    assert len(ground) == 4


def test_another_field_is_other_ground_until_it_is_joined() -> None:
    ground = Ground()
    assert sample(ground, 0, 0)
    assert sample(ground, 0, 0, field=1)
    ground.move(1, np.array([1000.0, 0.0]), into=0)
    assert not sample(ground, 1000, 0)
    assert sample(ground, 0, 0, field=1)
