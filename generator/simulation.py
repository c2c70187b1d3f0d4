"""What is simulated: the options of a `sim:` URI, as in `sim:?width=1280&fps=5`."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl

from nanotally.errors import SourceError

Pan = Literal["lissajous", "raster"]
LONGEST_SIDE, MOST_PIXELS = 32_000, 200e6
"""Pixels of a specimen: OpenCV's remap takes no more a side, and eight bytes of memory are held for each."""


def _within(default: float, low: float, high: float = 1e6) -> Any:
    """An option that is a number between two bounds."""
    return field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What is simulated. A disturbance is off where its size or its `_every` is at the default.

    Attributes:
        width: of the field of view, pixels.
        height: of the field of view, pixels.
        particles: the most particles on the whole specimen.
        size_px: geometric mean of the particles' sizes at magnification 1, pixels.
        fields: side of the specimen, in fields of view.
        fps: frames a second; 0: as fast as they are asked for, none is dropped.
        frames: how many; 0: without end.
        pan: path of the stage: a slow Lissajous figure, or line by line over the whole specimen and back.
        speed_px: the furthest that the stage moves from one frame to the next, along x in a Lissajous figure, pixels.
        drift_px: how far it drifts besides, in one direction until it is turned back at the border, pixels a frame.
        nm_per_px: pixel size at magnification 1.
        zoom: the magnification goes from 1 to this and back.
        zoom_frames: time from 1 to 1, frames.
        zoom_steps: steps in which it rises, each held until the next; 0: smoothly.
        defocus_px: the beam becomes a disc of up to this radius and sharp again, pixels.
        defocus_frames: time from sharp to sharp, frames.
        charging: signal that a flash of charging adds, as a share of what is there, and trails along the lines.
        charging_every: the last of so many frames has a flash.
        blank_every: the beam is blanked at the end of every so many frames; 0: never.
        blank_frames: for how long, frames.
        freeze_every: the frame grabber shows an old frame again at the end of every so many; 0: never.
        freeze_frames: for how long, frames.
        electrons: detected electrons a pixel at signal 1: less is noisier.
        seed: of everything.
    """

    width: int = _within(640, 64, 4096)
    height: int = _within(480, 64, 4096)
    particles: int = _within(120, 0)
    size_px: float = _within(34.0, 4, 600)
    fields: float = _within(1.6, 1, 50)
    fps: float = _within(5.0, 0)
    frames: int = _within(0, 0)
    pan: Pan = "lissajous"
    speed_px: float = _within(4.0, 0)
    drift_px: float = _within(0.0, 0)
    nm_per_px: float = _within(3.0, 1e-3)
    zoom: float = _within(1.0, 1, 8)
    zoom_frames: int = _within(100, 2)
    zoom_steps: int = _within(0, 0)
    defocus_px: float = _within(0.0, 0, 30)
    defocus_frames: int = _within(100, 2)
    charging: float = _within(0.0, 0, 10)
    charging_every: int = _within(10, 1)
    blank_every: int = _within(0, 0)
    blank_frames: int = _within(5, 1)
    freeze_every: int = _within(0, 0)
    freeze_frames: int = _within(5, 1)
    electrons: float = _within(60.0, 1)
    seed: int = _within(1, 0)

    @property
    def specimen_size(self) -> tuple[int, int]:
        """Height and width of the specimen at magnification 1, pixels."""
        return round(self.height * self.fields), round(self.width * self.fields)


def parse_sim(uri: str) -> Simulation:
    """The options in a `sim:` URI.

    Raises:
        SourceError: if an option is not known, has no sense or is out of range.
    """
    known = {option.name: option for option in fields(Simulation)}
    options: dict[str, Any] = {}
    for name, text in parse_qsl(uri.partition(":")[2].lstrip("?"), keep_blank_values=True):
        if name not in known:
            raise SourceError(f"{uri}: option {name!r} is not known; there are {', '.join(known)}")
        try:
            options[name] = _value(known[name], text)
        except ValueError as error:
            raise SourceError(f"{uri}: {name}={text!r}: expected {error}") from error
    simulation = Simulation(**options)
    height, width = simulation.specimen_size
    if max(height, width) > LONGEST_SIDE or height * width > MOST_PIXELS:
        raise SourceError(
            f"{uri}: a specimen of {width} x {height} pixels is too large; {LONGEST_SIDE} a side and "
            f"{MOST_PIXELS / 1e6:.0f} megapixels are the most, so give less width, height or fields"
        )
    for fault in ("blank", "freeze"):
        every, held = options.get(f"{fault}_every", 0), getattr(simulation, f"{fault}_frames")
        if every and held >= every:
            raise SourceError(f"{uri}: {fault}_frames={held} leaves nothing of {fault}_every={every}; give less")
    return simulation


def _value(option: Field[Any], text: str) -> float | str:
    """The value that `text` stands for; a ValueError says what was expected."""
    if "range" not in option.metadata:
        if text not in get_args(Pan):
            raise ValueError(f"one of {', '.join(get_args(Pan))}")
        return text
    low, high = option.metadata["range"]
    kind = int if isinstance(option.default, int) else float
    expected = f"a {'whole ' if kind is int else ''}number between {low:g} and {high:g}"
    try:
        value: float = kind(text)
    except ValueError as error:
        raise ValueError(expected) from error
    if not low <= value <= high:
        raise ValueError(expected)
    return value
