"""The screen: what is known of a microscope, drawn into one picture. What is not live shows no count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanotally import draw
from nanotally.detections import Detections
from nanotally.opencv import cv2
from nanotally.overlay.microscope import Microscope
from nanotally.wire import DetectionsMessage

NO_PICTURE = (480, 640)
"""Height and width while there is none."""

FARTHEST_PX = 1e5
"""Corners beyond this, or nowhere, are not drawn."""

WORDS = {
    "live": "live",
    "partial": "scanning: the picture is half drawn",
    "frozen": "frozen: the same picture again",
    "blank": "blank: no picture in the signal",
    "unexamined": "not examined: the server that finds the particles does not answer",
    "stalled": "stalled: the source sends no frames",
    "lost": "signal lost",
    "ended": "the feed was read to its end",
    "no daemon": "daemon not heard",
    "stopped": "the daemon was stopped",
    "refused": "the daemon refuses this connection: other keys",
    "waiting": "waiting for the daemon",
}
BAD = (0, 94, 213)
"""Okabe and Ito's vermilion, BGR."""

Image = NDArray[np.uint8]


def screen(microscope: Microscope, *, now_s: float, refused: bool = False, contours: bool = False) -> Image:
    """(h, w, 3) uint8 BGR, in the size of the last picture.

    While frames are live: boxes, counts, unique counts, scale bar. Otherwise the last picture, dark and bare, and why.

    Args:
        microscope: what is known.
        now_s: monotonic clock.
        refused: whether the daemon does not let us in.
        contours: whether particles have their contour, where it is known, in place of their box.
    """
    told = microscope.picture.detections if microscope.picture else None
    grey = _decoded(microscope)
    word = _word(microscope, now_s, refused=refused)
    if word == "live" and told is not None:
        word = told.state
    if word != "live" or told is None:
        picture = np.asarray(cv2.cvtColor(grey // 3, cv2.COLOR_GRAY2BGR), np.uint8)
        _write(picture, [_sentence(word, microscope, now_s)], BAD, letters=2.0)
        return picture
    nm_per_px = _pixel_size(told)
    rows = _drawable(told.detections)
    traced = _contours(microscope)[rows] if contours else None
    picture = draw.overlay(grey, told.detections[rows], classes=told.classes, nm_per_px=nm_per_px, contours=traced)
    lines = [f"{WORDS[word]}   {told.age_ms:.0f} ms"]
    if told.unique is not None:
        lines.insert(0, "   ".join(f"{name} {many}" for name, many in told.unique.items()) + "   unique")
    if nm_per_px is None:
        lines.insert(0, "pixel size unknown")
    if told.truncated:
        lines.insert(0, "more particles than the model may report")
    _write(picture, lines, draw.INK, letters=1.0)
    return picture


def _word(microscope: Microscope, now_s: float, *, refused: bool) -> str:
    state = microscope.state(now_s)
    if state is None:
        signal = microscope.signal(now_s)
        return "refused" if refused else "waiting" if signal == "heard" else signal
    return state


def _sentence(word: str, microscope: Microscope, now_s: float) -> str:
    if word == "lost" and microscope.status is not None and microscope.status.message.fault:
        return f"{WORDS[word]}: {microscope.status.message.fault}"
    if word == "no daemon":
        return f"{WORDS[word]} for {now_s - microscope.since_s:.0f} s"
    return WORDS.get(word, word)


def _decoded(microscope: Microscope) -> Image:
    """The last picture, grey; black if there is none or it is damaged."""
    if microscope.picture is not None and microscope.picture.frame.image:
        raw = np.frombuffer(microscope.picture.frame.image, np.uint8)
        grey = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE)
        if grey is not None:
            return np.asarray(grey, np.uint8)
    return np.zeros(NO_PICTURE, np.uint8)


def _drawable(found: Detections) -> NDArray[np.bool_]:
    """(n,) particles that have a place in a picture."""
    return np.asarray((np.abs(np.nan_to_num(found.xyxy, nan=np.inf)) < FARTHEST_PX).all(axis=1))


def _contours(microscope: Microscope) -> NDArray[np.float32]:
    """(n, k, 2) contours of the last picture, NaN where there is none."""
    picture = microscope.picture
    assert picture is not None
    if picture.contours is None:
        return np.full((len(picture.detections.records), 1, 2), np.nan, np.float32)
    xy = picture.contours.xy
    return np.where(np.abs(xy) < FARTHEST_PX, xy, np.float32(np.nan))


def _pixel_size(told: DetectionsMessage) -> float | None:
    if told.nm_per_px is None or not 0 < told.nm_per_px[0] < np.inf:
        return None
    return told.nm_per_px[0]


def _write(picture: Image, lines: list[str], colour: tuple[int, ...], *, letters: float) -> None:
    """Write lines into the lower left corner, on a dark patch; their letters are so large if they fit."""
    height, width = picture.shape[:2]
    scale, thick = letters * max(0.4, min(height, width) / 900), max(1, round(min(height, width) / 500))
    shown = [line.encode("ascii", "replace").decode() for line in lines]
    widest = max(cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)[0][0] for line in shown)
    scale *= min(1.0, 0.96 * width / widest) if widest else 1.0
    sizes = [cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)[0] for line in shown]
    step = max(1, round(sizes[0][1] * 1.8))
    picture[max(0, height - step * len(shown) - step // 2) :, : max(w for w, _ in sizes) + step] //= 4
    for row, line in enumerate(shown):
        at = (step // 2, height - step // 2 - step * (len(shown) - 1 - row))
        cv2.putText(picture, line, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)
