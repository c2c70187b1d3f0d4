"""A darknet `.weights` file: a header, then float32 numbers of convolution after convolution, all little-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.errors import BundleError
from nanotally.trainer.darknet.network import Convolution, Network

VERSION = struct.Struct("<3i")
HIGHEST_VERSION = 999
"""Of major and minor. Darknet takes higher ones as a sign that matrices are transposed; files of these networks have
0.1 or 0.2."""


@dataclass(frozen=True, eq=False)
class Filters:
    """The numbers of one convolution.

    Attributes:
        bias: (filters,) float32; beta, where there is batch normalisation.
        norm: (3, filters) float32, gamma, running mean and running variance; None without batch normalisation.
        kernel: (filters, channels, height, width) float32.
    """

    bias: NDArray[np.float32]
    norm: NDArray[np.float32] | None
    kernel: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Weights:
    """What a file holds.

    Attributes:
        convolutions: in the order of the cfg.
        version: major, minor, revision.
        seen: how many pictures the network was trained with.
    """

    convolutions: tuple[Filters, ...]
    version: tuple[int, int, int] = (0, 2, 5)
    seen: int = 0


def read_weights(path: Path, network: Network) -> Weights:
    """Read the weights of `network`. What is read and written again is the same file, byte for byte.

    Raises:
        BundleError: if the file cannot be read, does not begin as darknet's files do, or does not hold exactly
            as many numbers as `network` needs. OpenCV, for one, takes a file that is too short.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    version = VERSION.unpack_from(data) if len(data) >= VERSION.size else (-1,)
    if not all(0 <= number <= HIGHEST_VERSION for number in version[:2]):
        raise BundleError(f"{path}: does not begin with darknet's version; is this a .weights file?")
    seen = _seen(version)
    start = VERSION.size + seen.size
    needed = [layer.numbers for layer in network.layers if isinstance(layer, Convolution)]
    if len(data) != start + 4 * sum(needed):
        reason = _misfit(len(data) - start, needed)
        raise BundleError(f"{path}: {len(data)} bytes, {network.path} needs {start + 4 * sum(needed)}: {reason}")
    numbers = np.frombuffer(data, "<f4", offset=start)
    return Weights(tuple(_cut(numbers, network)), version, *seen.unpack_from(data, VERSION.size))


def _seen(version: tuple[int, ...]) -> struct.Struct:
    """How the number of pictures is written: with 8 bytes from version 0.2 on, before with 4."""
    return struct.Struct("<Q" if version[0] * 10 + version[1] >= 2 else "<I")


def _misfit(size: int, needed: list[int]) -> str:
    """What is wrong with `size` bytes of numbers, given how many numbers each convolution needs."""
    if size > 4 * sum(needed):
        return "too long; it is of another network, or the cfg has another number of classes"
    ends = [4 * end for end in accumulate(needed)]
    whole = sum(end <= size for end in ends)
    if whole and size == ends[whole - 1]:
        return f"it ends after convolution {whole} of {len(needed)}: a start for training, not a trained network"
    return f"it ends inside convolution {whole + 1} of {len(needed)}; it was cut short, or is of another network"


def _cut(numbers: NDArray[np.float32], network: Network) -> Iterator[Filters]:
    """Bias, normalisation and kernel of each convolution, which is how they follow one another in the file."""
    start = 0

    def take(*shape: int) -> NDArray[np.float32]:
        nonlocal start
        start += prod(shape)
        return numbers[start - prod(shape) : start].reshape(shape)

    for layer in network.layers:
        if isinstance(layer, Convolution):
            filters = layer.kernel[0]
            yield Filters(take(filters), take(3, filters) if layer.normalised else None, take(*layer.kernel))


def write_weights(path: Path, weights: Weights) -> None:
    """Write a `.weights` file.

    Raises:
        BundleError: if it cannot be written.
    """
    head = VERSION.pack(*weights.version) + _seen(weights.version).pack(weights.seen)
    arrays = [
        array
        for filters in weights.convolutions
        for array in (filters.bias, filters.norm, filters.kernel)
        if array is not None
    ]
    try:
        path.write_bytes(b"".join([head, *(array.astype("<f4").tobytes() for array in arrays)]))
    except OSError as error:
        raise BundleError(f"{path}: cannot be written ({error.strerror})") from error
