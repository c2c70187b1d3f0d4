"""A darknet network: its layers, with their shapes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Shape = tuple[int, int, int]
"""Channels, height, width."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What every layer has.

    Attributes:
        shape: of what it answers.
    """

    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Convolution(Layer):
    """A convolution with bias, or batch normalisation after it, and its activation.

    Attributes:
        kernel: shape of the kernel: filters, input channels, height, width.
        stride: step, pixels.
        padding: zeros on each side, pixels.
        normalised: True if there is batch normalisation.
        leaky: True: leaky rectifier of slope 0.1; False: linear.
    """

    kernel: tuple[int, int, int, int]
    stride: int
    padding: int
    normalised: bool
    leaky: bool

    @property
    def numbers(self) -> int:
        """How many numbers it has in a `.weights` file."""
        filters, channels, height, width = self.kernel
        return filters * (channels * height * width + (4 if self.normalised else 1))


@dataclass(frozen=True, kw_only=True)
class MaxPool(Layer):
    """A maximum over squares.

    Attributes:
        size: side of the square, pixels.
        stride: step, pixels.
        padding: pixels added to each axis in total; of an odd number the larger part lies right and below.
    """

    size: int
    stride: int
    padding: int


@dataclass(frozen=True, kw_only=True)
class Route(Layer):
    """Earlier layers, one after the other along the channels; of each only one of `groups` equal parts.

    Attributes:
        layers: their indices, from 0.
        groups: into how many parts the channels are cut.
        group: the part that is taken, from 0.
    """

    layers: tuple[int, ...]
    groups: int
    group: int


@dataclass(frozen=True, kw_only=True)
class Upsample(Layer):
    """Every pixel becomes a square.

    Attributes:
        factor: its side.
    """

    factor: int


@dataclass(frozen=True, kw_only=True)
class Yolo(Layer):
    """A head: boxes from what the convolution before it answers.

    Attributes:
        anchors: width and height of each, network pixels.
        classes: how many.
        scale_xy: by how much centres may reach beyond their cell (`scale_x_y`).
    """

    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_xy: float


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network after its `.cfg`.

    Attributes:
        path: the file.
        channels: of the input, 1 (grey) or 3.
        side_px: of the square input.
        layers: in the order of the file.
    """

    path: Path
    channels: int
    side_px: int
    layers: tuple[Layer, ...]

    @property
    def classes(self) -> int:
        """How many every head tells apart."""
        return next(layer.classes for layer in self.layers if isinstance(layer, Yolo))
