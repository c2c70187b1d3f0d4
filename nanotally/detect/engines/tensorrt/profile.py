"""Which batches a plan is made for."""

from __future__ import annotations

import msgspec

from nanotally.bundle import Manifest
from nanotally.detect.tiles import LARGEST_PX

Shape = tuple[int, int, int, int]
"""Tiles, channels, height and width."""

USUAL = (960, 1280)
"""Height and width that a plan for any size is fastest for: the frame of most microscopes, whole."""
MOST_WHOLE = 4
"""Whole fields in one batch: one of each of four microscopes."""
MOST_SQUARES = 16
"""Squares in one batch; a frame of 1280 x 960 px in squares of 416 has 12 to 17."""


class Profile(msgspec.Struct, frozen=True):
    """Shapes of the input: the smallest, the one that it shall be fastest for, the largest."""

    smallest: Shape
    usual: Shape
    largest: Shape


def profile_of(manifest: Manifest) -> Profile:
    """One profile for all that the detector may show the network.

    TensorRT chooses kernels for the usual shape, and they run with all others. A profile for each of the three scales
    would make the plan and its building three times as large; the coarser scales have a quarter of the pixels together.
    """
    stride, side = manifest.stride, manifest.input_size_px
    if stride is None:
        return Profile((1, 1, side, side), (MOST_SQUARES, 1, side, side), (MOST_SQUARES, 1, side, side))
    height, width = (-(-length // stride) * stride for length in USUAL)
    most = LARGEST_PX // stride * stride
    return Profile((1, 1, stride, stride), (1, 1, height, width), (MOST_WHOLE, 1, most, most))
