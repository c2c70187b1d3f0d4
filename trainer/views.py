"""Views: what one tile of the detector would see of a micrograph, at a random scale, place and setting of the knobs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.detect.tiles import PAD
from nanotally.detections import Detections, area
from nanotally.opencv import cv2
from nanotally.trainer.pictures import Picture

LEAST_VISIBLE = 0.3
"""Share of a box that must lie in the view for it to stay labelled."""
SMALLEST_PX = 5.0
"""Boxes with a shorter side in the view are dropped: no network of this kind resolves them."""


def cut_view(
    picture: Picture, *, side_px: int, scale: float, turns: int, rng: Generator
) -> tuple[NDArray[np.uint8], Detections]:
    """One square view of `side_px`: the picture scaled by `scale`, turned by `turns` quarter turns, cut at random.

    Returns:
        The view, padded with the detector's own grey where the picture is smaller, and the boxes in it.
    """
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(picture.image, None, fx=scale, fy=scale, interpolation=shrink)
    height, width = image.shape
    x = int(rng.integers(0, max(width - side_px, 0) + 1))
    y = int(rng.integers(0, max(height - side_px, 0) + 1))
    part = image[y : y + side_px, x : x + side_px]
    view = np.full((side_px, side_px), PAD, np.uint8)
    view[: part.shape[0], : part.shape[1]] = part
    exact = np.array([width / picture.image.shape[1], height / picture.image.shape[0]] * 2, np.float32)
    whole = picture.detections.xyxy * exact - np.array([x, y, x, y], np.float32)
    seen = np.clip(whole, 0, [part.shape[1], part.shape[0]] * 2)
    keep = (area(seen) >= LEAST_VISIBLE * area(whole)) & ((seen[:, 2:] - seen[:, :2]).min(axis=1) >= SMALLEST_PX)
    boxes = seen[keep]
    for _ in range(turns % 4):
        boxes = np.stack([boxes[:, 1], side_px - boxes[:, 2], boxes[:, 3], side_px - boxes[:, 0]], axis=1)
    return np.ascontiguousarray(np.rot90(view, turns)), Detections(boxes, class_id=picture.detections.class_id[keep])


def without_difficult(picture: Picture) -> Picture:
    """The picture with difficult particles painted over in the detector's own grey, and without their labels.

    A difficult label left in would ask the network for what its author was not sure of; left out, it would punish the
    network for finding it. What lies in the box of another particle stays.
    """
    if not picture.difficult.any():
        return picture
    hidden = np.zeros(picture.image.shape, bool)
    for mark, rows in ((True, picture.difficult), (False, ~picture.difficult)):
        low = np.floor(picture.detections.xyxy[rows, :2]).astype(int).tolist()
        high = np.ceil(picture.detections.xyxy[rows, 2:]).astype(int).tolist()
        for (x1, y1), (x2, y2) in zip(low, high, strict=True):
            hidden[y1:y2, x1:x2] = mark
    kept = picture.detections[~picture.difficult]
    return replace(
        picture,
        image=np.where(hidden, np.uint8(PAD), picture.image),
        detections=kept,
        difficult=np.zeros(len(kept), bool),
    )


def typical_px(picture: Picture) -> float:
    """Median of the longer sides of the picture's boxes, pixels; 60 where there are none."""
    if not len(picture.detections):
        return 60.0
    return float(np.median(picture.detections.size.max(axis=1)))


def turn_knobs(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """The image at other settings of contrast, brightness, gamma, focus, noise and, rarely, of polarity."""
    signal = np.asarray(image / 255, np.float32)
    if rng.random() < 0.08:
        signal = 1 - signal
    if rng.random() < 0.3:
        signal = np.asarray(cv2.GaussianBlur(signal, (0, 0), rng.uniform(0.4, 1.6)), np.float32)
    curved = np.clip(signal, 0, 1) ** rng.uniform(0.6, 1.6)
    shown = (curved - 0.5) * rng.uniform(0.5, 1.3) + 0.5 + rng.uniform(-0.15, 0.15)
    if rng.random() < 0.4:
        shown = shown + rng.normal(0, rng.uniform(0.01, 0.1), shown.shape)
    return np.asarray(np.clip(shown * 255, 0, 255).round(), np.uint8)
