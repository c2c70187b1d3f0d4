"""What the tests of bodies share: plain habits and materials, any habit there is, and where a sprite lies."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nanotally.generator.bodies import DRAW, OTHERS, Habit, Material, Sprite

SHARP = Habit(roundness=0.0, tilt_rad=0.0)
ROUND = Habit(irregularity=0.0)
BARE = {"tilt_gain": 0.0, "edge_gain": 0.0, "side_gain": 0.0, "roughness": 0.0}
PLAIN = Material(**BARE)
ALL = DRAW | OTHERS

seeds = st.integers(0, 2**32 - 1)
edges = st.floats(20, 100)
shares = st.floats(0, 1)
habits = st.builds(
    Habit,
    roundness=st.floats(0, 0.9),
    truncation=shares,
    concavity=st.floats(0, 0.3),
    oblong=st.floats(1, 3),
    tilt_rad=st.floats(0, 1.5),
    irregularity=st.floats(0, 0.1),
    elongation=st.floats(1, 3),
    facets=st.integers(0, 30),
    shell=shares,
)


def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def moment(sprite: Sprite, order: int) -> complex:
    """Mean of (x + iy)^order over the covered area, from its centre of gravity; order 1: from the sprite's middle."""
    y, x = np.indices(sprite.alpha.shape)
    place = x + 1j * y - (sprite.alpha.shape[0] - 1) * (1 + 1j) / 2
    centre = np.average(place, weights=sprite.alpha)
    return complex(centre if order == 1 else np.average((place - centre) ** order, weights=sprite.alpha))
