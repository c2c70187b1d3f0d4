"""How darknet trains: learning rate, sizes of the input, and what is done to a picture before it is shown.

Source: AlexeyAB's darknet, its cfgs of yolov3-tiny and yolov4-tiny, and the paper's section 2.4.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BURN_IN = 1_000 / 200_080
"""Share of the schedule in which the learning rate rises: 1,000 batches of the paper's 200,080."""
POWER = 4
"""With which it rises."""
BATCH = 64
"""Pictures a step, over which darknet takes the mean of the gradients."""
MOMENTUM = 0.9
DECAY = 0.0005
"""Of the weights."""
JITTER = 0.3
"""How far each side of a picture is cut off, or set out, at most: share of width or height."""
EXPOSURE = 1.5
"""Factor by which a picture becomes brighter or darker at most."""
SIZES = 1.4
"""Factor by which the input becomes larger or smaller at most."""
BATCHES_OF_ONE_SIZE = 10
STRIDE_PX = 32
"""Of which sizes are multiples."""

Window = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Darknet:
    """What a schedule of darknet's leaves open, as the paper had it.

    Attributes:
        resize: factor of a zoom on top of the jitter; 1 for YOLOv3-tiny, 1.5 for YOLOv4-tiny.
        decays_at: shares of the schedule from which the learning rate is a tenth. The steps of the stock cfgs, 400,000
            and 450,000, lie behind the paper's last batch: nothing decays.
        letterbox: keep a picture's shape in the square input; False: squeeze it.
        turns: also turn pictures by quarters, and mirror them upside down; False: left and right only.
        averages: keep a moving average of the weights; False: the weights as they are.
        selects: the checkpoint that is best on the validation pictures is the result; False: the last one is.
    """

    resize: float = 1.0
    decays_at: tuple[float, ...] = ()
    letterbox: bool = False
    turns: bool = False
    averages: bool = False
    selects: bool = False

    def learning_rate(self, done: float) -> float:
        """Share of the full learning rate when the share `done` of the schedule is over."""
        if done < BURN_IN:
            return float((done / BURN_IN) ** POWER)
        return 0.1 ** sum(done >= share for share in self.decays_at)

    def window(self, width: int, height: int) -> Window:
        """The part of a picture that fills the input, drawn at random: left, top, right, bottom in its pixels.

        It may reach beyond the picture. With `letterbox` it is square.
        """
        near, far = (random.uniform((1 - self.resize) / 2, (1 - 1 / self.resize) / 2) for _ in range(2))
        left, top, right, bottom = (random.uniform(-JITTER, JITTER) for _ in range(4))
        return self._in_shape(
            (left + near) * width, (top + near) * height, (1 - right - far) * width, (1 - bottom - far) * height
        )

    def _in_shape(self, left: float, top: float, right: float, bottom: float) -> Window:
        if not self.letterbox:
            return left, top, right, bottom
        short = (right - left) - (bottom - top)
        across, down = max(-short, 0.0) / 2, max(short, 0.0) / 2
        return left - across, top - down, right + across, bottom + down

    def orientation(self) -> NDArray[np.float64]:
        """How a picture lies, drawn at random: (2, 2), a turn by quarters and a mirror image about the middle."""
        mirrored = np.diag([random.choice([-1.0, 1.0]), random.choice([-1.0, 1.0]) if self.turns else 1.0])
        quarters = random.randrange(4) if self.turns else 0
        return np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), quarters) @ mirrored


def view_matrix(window: Window, orientation: NDArray[np.float64], side_px: int) -> NDArray[np.float64]:
    """(3, 3) matrix from pixels of a picture to pixels of the input, which shows `window` in `orientation`."""
    left, top, right, bottom = window
    to_middle = np.array([[1, 0, -(left + right) / 2], [0, 1, -(top + bottom) / 2], [0, 0, 1]])
    fit = np.eye(3)
    fit[:2, :2] = orientation @ np.diag([side_px / (right - left), side_px / (bottom - top)])
    fit[:2, 2] = side_px / 2
    return np.asarray(fit @ to_middle)


def exposure() -> float:
    """Factor for the grey levels, drawn at random."""
    return _factor(EXPOSURE, random.uniform(-1, 1))


def input_side_px(side_px: int, batch: int, *, seed: int) -> int:
    """Side of the input in batch number `batch`: another one every ten batches, 320 to 608 pixels for 416.

    The mean is above `side_px`, because darknet adds a stride before it rounds.
    """
    drawn = random.Random(f"{seed} {batch // BATCHES_OF_ONE_SIZE}").uniform(-1, 1)
    return round(_factor(SIZES, drawn) * side_px / STRIDE_PX + 1) * STRIDE_PX


def _factor(most: float, drawn: float) -> float:
    """From 1 to `most` as `drawn` goes from 0 to 1; its inverse as `drawn` goes from 0 to -1."""
    factor = 1 + (most - 1) * abs(drawn)
    return factor if drawn > 0 else 1 / factor
