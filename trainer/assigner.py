"""Which prediction learns which particle: ultralytics' assigner without the empty rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class PictureByPicture(torch.nn.Module):  # type: ignore[misc]
    """The same assignment, one picture at a time.

    ultralytics pads the particles of every picture to the number of the fullest one in the batch, and then works on
    (pictures, particles, predictions) numbers. With hundreds of particles in one picture and few in the next, that took
    a quarter of the time of training on a CPU.
    """

    def __init__(self, assigner: Any) -> None:
        super().__init__()
        self.assigner = assigner

    def forward(
        self, scores: Tensor, boxes: Tensor, points: Tensor, class_ids: Tensor, truths: Tensor, real: Tensor
    ) -> tuple[Tensor, ...]:
        """What `TaskAlignedAssigner` answers: class, box and score to learn, whether there is any, number of the truth.

        Args:
            scores: (pictures, predictions, classes), predicted.
            boxes: (pictures, predictions, 4), predicted.
            points: (predictions, 2), where each prediction is made.
            class_ids: (pictures, particles, 1).
            truths: (pictures, particles, 4), x1 y1 x2 y2 in pixels.
            real: (pictures, particles, 1), 0 for what only pads; that comes last.
        """
        parts = []
        for picture, held in enumerate(real.sum(dim=(1, 2)).int().tolist()):
            one, rows = slice(picture, picture + 1), slice(max(held, 1))
            parts.append(
                self.assigner(scores[one], boxes[one], points, class_ids[one, rows], truths[one, rows], real[one, rows])
            )
        return tuple(torch.cat(each) for each in zip(*parts, strict=True))
