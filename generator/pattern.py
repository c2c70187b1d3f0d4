"""Pattern files: the resolution of a source micrograph and the templates that were cut from it (paper section 2.3).

The grammar is written down in `docs/pattern-file.md`.
"""

from __future__ import annotations

import math
import re
from bisect import bisect
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.random import Generator

from nanotally.detections import CLASSES
from nanotally.errors import PatternError
from nanotally.generator.bodies import CUBE, Image, Sprite
from nanotally.opencv import cv2

OPTIONS = ("class", "weight", "mask")
DIRECTIVES = ("nm_per_px", "background")
LONGEST_PX = 8192
"""The longest side of a canvas."""


@dataclass(frozen=True, eq=False)
class Template:
    """One particle cut from a micrograph.

    Attributes:
        image: (h, w) float32, grey 0 to 1.
        alpha: (h, w) float32, 1 on the particle, 0 beside it.
        class_id: index into `CLASSES`.
        weight: how much more often than a template of weight 1 it is drawn.
    """

    image: Image
    alpha: Image
    class_id: int
    weight: float

    @cached_property
    def size_px(self) -> float:
        """Edge length of a cube, equivalent circular diameter of a quasi-sphere."""
        whole = float(self.alpha.sum())
        return math.sqrt(whole) if self.class_id == CUBE else 2 * math.sqrt(whole / math.pi)


@dataclass(frozen=True, eq=False)
class Pattern:
    """A group of templates from one micrograph.

    Attributes:
        width: of the source micrograph, pixels.
        height: of the source micrograph, pixels.
        templates: in the order of the file; a repeated one stands twice.
        nm_per_px: pixel size of the source, or None.
        background: grey level of the canvas, 0 to 255.
    """

    width: int
    height: int
    templates: tuple[Template, ...]
    nm_per_px: float | None = None
    background: int = 18

    @cached_property
    def shares(self) -> list[float]:
        """The weights of the templates up to each of them, added up."""
        return list(accumulate(template.weight for template in self.templates))


def read_pattern(path: Path) -> Pattern:
    """Read a pattern file and its templates.

    Raises:
        PatternError: naming file, line and what was expected there.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PatternError(f"{path}: cannot be read as a pattern file: {error}") from error
    size: tuple[int, int] | None = None
    templates: list[Template] = []
    facts: dict[str, float] = {}
    for number, line in enumerate(lines, start=1):
        text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        where = f"{path}:{number}"
        if not text:
            continue
        if text.startswith("@"):
            name, value = _directive(text, where)
            facts[name] = value
        elif size is None:
            size = _resolution(text, where)
        else:
            templates.append(_template(text, size, path.parent, where))
    if size is None:
        raise PatternError(f"{path}: no resolution line; expected width and height first, as in `1280 960`")
    if not templates:
        raise PatternError(f"{path}: no template lines; expected one image file a line after the resolution")
    nm_per_px = facts.get("nm_per_px")
    return Pattern(*size, tuple(templates), nm_per_px, int(facts.get("background", Pattern.background)))


def _directive(text: str, where: str) -> tuple[str, float]:
    name, value = [*text[1:].split(maxsplit=1), "", ""][:2]
    if name not in DIRECTIVES:
        raise PatternError(f"{where}: @{name} is not known; there are @{' and @'.join(DIRECTIVES)}")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9 or (name == "background" and number > 255) or (name == "nm_per_px" and number == 0):
        span = "from 0 to 255" if name == "background" else "above 0"
        raise PatternError(f"{where}: expected a number {span} after @{name}, found {value!r}")
    return name, number


def _resolution(text: str, where: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})\s*[\sx×,;]\s*(\d{1,5})", text, re.IGNORECASE)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (min(size) > 0 and max(size) <= LONGEST_PX):
        raise PatternError(
            f"{where}: expected width and height as in `1280 960`, 1 to {LONGEST_PX} px a side, found {text!r}"
        )
    return size


def _template(text: str, size: tuple[int, int], folder: Path, where: str) -> Template:
    words = text.split()
    split = next((i for i, word in enumerate(words) if "=" in word), len(words))
    name, options = " ".join(words[:split]), dict(word.partition("=")[::2] for word in words[split:])
    unknown = [key for key in options if key not in OPTIONS]
    if not name or unknown:
        raise PatternError(f"{where}: expected `file {' '.join(f'[{o}=...]' for o in OPTIONS)}`, found {text!r}")
    class_name = options.get("class", CLASSES[0])
    if class_name not in CLASSES:
        raise PatternError(f"{where}: class {class_name!r} is not one of {', '.join(CLASSES)}")
    try:
        weight = float(options.get("weight", "1"))
    except ValueError:
        weight = 0.0
    if not 0 < weight < 1e6:
        raise PatternError(f"{where}: expected a weight above 0 and below 1e6, found {options['weight']!r}")
    image, alpha = _load(folder, name, where)
    if image.shape[1] > size[0] or image.shape[0] > size[1]:
        raise PatternError(
            f"{where}: {name!r} is {image.shape[1]}x{image.shape[0]} px, more than the micrograph it was cut from "
            f"({size[0]}x{size[1]})"
        )
    if "mask" in options:
        mask, _ = _load(folder, options["mask"], where)
        if mask.shape != image.shape:
            raise PatternError(
                f"{where}: mask is {mask.shape[1]}x{mask.shape[0]}, template {image.shape[1]}x{image.shape[0]}"
            )
        alpha = (mask > 0.5).astype(np.float32)
    if not (alpha >= 0.5).any():
        raise PatternError(f"{where}: the mask of {name!r} is empty")
    return Template(image, alpha, CLASSES.index(class_name), weight)


def _load(folder: Path, name: str, where: str) -> tuple[Image, Image]:
    """Grey image and alpha (all 1 where the file has none), both (h, w) float32, 0 to 1."""
    try:
        raw = cv2.imdecode(np.frombuffer((folder / name).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    except OSError as error:
        raise PatternError(f"{where}: template {name!r} cannot be read ({error.strerror})") from error
    except (ValueError, cv2.error):
        raw = None
    highest = {"uint8": 255, "uint16": 65535}.get(raw.dtype.name) if raw is not None else None
    if raw is None or highest is None:
        raise PatternError(f"{where}: template {name!r} is not an image of 8 or 16 bits")
    whole = np.asarray(raw / highest, np.float32)
    if whole.ndim == 2:
        return whole, np.ones_like(whole)
    grey = np.asarray(whole[..., :3].mean(axis=2), np.float32)
    return grey, np.asarray(whole[..., 3], np.float32) if whole.shape[2] == 4 else np.ones_like(grey)


def draw_template(
    pattern: Pattern, rng: Generator, *, size_px: float | None = None, level: float | None = None
) -> Sprite:
    """A template of the pattern, drawn by weight and turned by a uniform angle.

    Args:
        pattern: where it is from.
        rng: of the draws.
        size_px: to bring it to; None: it keeps its own.
        level: median signal to bring it to, 0 to 1; None: it keeps its own.
    """
    shares = pattern.shares
    template = pattern.templates[bisect(shares, rng.random() * shares[-1])]
    scale = 1.0 if size_px is None else size_px / template.size_px
    sprite = turned(template, 360 * rng.random(), scale=scale)
    if level is None:
        return sprite
    own = float(np.median(template.image[template.alpha >= 0.5]))
    return replace(sprite, signal=sprite.signal * np.float32(level / max(own, 0.01)))


def turned(template: Template, degrees: float, *, scale: float = 1.0) -> Sprite:
    """A template turned by an angle, counter-clockwise, and magnified."""
    h, w = template.image.shape
    turn = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), degrees, scale)
    along, across = abs(float(turn[0, 0])), abs(float(turn[0, 1]))  # times the scale
    size = int(w * along + h * across) + 3, int(w * across + h * along) + 3
    turn[0, 2] += (size[0] - w) / 2
    turn[1, 2] += (size[1] - h) / 2
    signal = cv2.warpAffine(template.image, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(template.alpha, turn, size, flags=cv2.INTER_LINEAR)
    return Sprite(
        np.asarray(signal, np.float32), np.asarray(alpha, np.float32), template.class_id, template.size_px * scale,
        math.radians(-degrees),
    )  # fmt: skip
