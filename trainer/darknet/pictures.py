"""Training pictures shown as darknet shows them, for ultralytics' loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from ultralytics.data.augment import Compose, Format, RandomPerspective
from ultralytics.data.dataset import YOLODataset

from nanotally.opencv import cv2
from nanotally.trainer.darknet.training import Darknet, exposure, view_matrix


class View(RandomPerspective):  # type: ignore[misc]
    """A random part of a picture, in a random orientation, brighter or darker; boxes go along."""

    def __init__(self, darknet: Darknet, side_px: int) -> None:
        super().__init__(size=(side_px, side_px))
        self.darknet = darknet

    def get_params(self, labels: dict[str, Any]) -> dict[str, Any]:
        """What is drawn for one picture; `scale` is by how much areas grow, as a length."""
        height, width = labels["img"].shape[:2]
        matrix = view_matrix(self.darknet.window(width, height), self.darknet.orientation(), self.size[0])
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
        return {
            "M": matrix.astype(np.float32), "scale": scale, "orig_shape": (height, width), "size": self.size,
            "exposure": exposure(),
        }  # fmt: skip

    def apply_image(self, labels: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """The picture itself; what lies beyond it has its mean grey level."""
        image = labels["img"]
        centres = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV counts from the middle of the first pixel
        matrix = np.linalg.inv(centres) @ params["M"] @ centres
        shown = cv2.warpAffine(image, matrix[:2], dsize=self.size, borderValue=(float(image.mean()),))
        labels["img"] = cv2.convertScaleAbs(shown, alpha=params["exposure"])[..., None]
        labels["resized_shape"] = self.size[::-1]
        return labels


class Pictures(YOLODataset):  # type: ignore[misc]
    """A part of a training set; pictures are squeezed into the input, or keep their shape, as `darknet` says."""

    def __init__(self, darknet: Darknet, **options: Any) -> None:
        self.darknet = darknet
        super().__init__(**options)

    def load_image(self, i: int, rect_mode: bool = True, resize_short: bool = False) -> Any:
        """Picture number `i`, its size in the file and its size now."""
        return super().load_image(i, rect_mode and self.darknet.letterbox, resize_short)

    def build_transforms(self, hyp: Any) -> Any:
        """What is done to a picture: darknet's view when training, what ultralytics does when judging."""
        if not self.augment:
            return super().build_transforms(hyp)
        return Compose(
            [View(self.darknet, self.imgsz), Format(bbox_format="xywh", normalize=True, batch_idx=True, bgr=0.0)]
        )
