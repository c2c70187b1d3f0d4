from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from darknet_files import NETWORKS, cfg_text, random_weights, write_cfg
from hypothesis import given
from hypothesis import strategies as st

from nanotally.errors import BundleError
from nanotally.trainer.darknet.network import Network
from nanotally.trainer.darknet.weights import read_weights, write_weights

SMALL = """[net]
width=8
height=8
channels=1
[convolutional]
batch_normalize=1
filters=2
size=3
pad=1
activation=leaky
[convolutional]
filters=7
activation=linear
[yolo]
mask=0
anchors=4,4
classes=2
"""
SMALL_NUMBERS = (2 + 2 + 2 + 2 + 2 * 9, 7 + 7 * 2)
"""Of its two convolutions: beta, gamma, mean, variance and kernel, and bias and kernel."""
HEADER = struct.pack("<3iQ", 0, 2, 5, 6_400)


@pytest.fixture
def small(tmp_path: Path) -> Network:
    return write_cfg(tmp_path, SMALL)


def save(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "net.weights"
    path.write_bytes(data)
    return path


def numbers(count: int) -> bytes:
    return np.arange(count, dtype="<f4").tobytes()


@pytest.mark.parametrize(
    ("name", "classes", "size"),
    [
        ("yolov3-tiny", 80, 35_434_956), ("yolov3-tiny", 2, 34_714_236), ("yolov3-tiny", 1, 34_704_996),
        ("yolov4-tiny", 80, 24_251_276), ("yolov4-tiny", 2, 23_530_556), ("yolov4-tiny", 1, 23_521_316),
    ],
)  # fmt: skip
def test_files_have_the_length_of_darknets_own_and_a_round_trip_is_exact(
    name: str, classes: int, size: int, tmp_path: Path
) -> None:
    network = write_cfg(tmp_path, cfg_text(name, channels=3, classes=classes))
    path = tmp_path / "net.weights"
    write_weights(path, random_weights(network))
    assert path.stat().st_size == size
    write_weights(tmp_path / "again.weights", read_weights(path, network))
    assert (tmp_path / "again.weights").read_bytes() == path.read_bytes()


@given(
    version=st.tuples(st.integers(0, 999), st.integers(0, 999), st.integers(-(2**31), 2**31 - 1)),
    seen=st.integers(0, 2**32 - 1),
    body=st.binary(min_size=4 * sum(SMALL_NUMBERS), max_size=4 * sum(SMALL_NUMBERS)),
)
def test_any_bits_come_back(
    version: tuple[int, int, int], seen: int, body: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("weights")
    long_count = version[0] * 10 + version[1] >= 2
    data = struct.pack("<3i", *version) + struct.pack("<Q" if long_count else "<I", seen) + body
    weights = read_weights(save(folder, data), write_cfg(folder, SMALL))
    assert (weights.version, weights.seen) == (version, seen)
    write_weights(folder / "again.weights", weights)
    assert (folder / "again.weights").read_bytes() == data


def test_the_order_of_the_numbers(small: Network, tmp_path: Path) -> None:
    weights = read_weights(save(tmp_path, HEADER + numbers(sum(SMALL_NUMBERS))), small)
    first, second = weights.convolutions
    assert first.bias.tolist() == [0, 1]
    assert first.norm is not None
    assert first.norm.tolist() == [[2, 3], [4, 5], [6, 7]]  # gamma, mean, variance
    assert first.kernel[1, 0].tolist() == [[17, 18, 19], [20, 21, 22], [23, 24, 25]]
    assert second.bias.tolist() == list(range(26, 33))
    assert second.norm is None
    assert second.kernel[:2, :, 0, 0].tolist() == [[33, 34], [35, 36]]
    assert weights.seen == 6_400


ALL = sum(SMALL_NUMBERS)
MISFITS = {
    "empty": (b"", "does not begin with darknet's version"),
    "half a header": (HEADER[:10], "does not begin with darknet's version"),
    "no count of pictures": (HEADER[:14], "it ends inside convolution 1 of 2"),
    "nothing but a header": (HEADER, "it ends inside convolution 1 of 2"),
    "ends in the first": (HEADER + numbers(5), "it ends inside convolution 1 of 2"),
    "ends after the first": (HEADER + numbers(SMALL_NUMBERS[0]), "it ends after convolution 1 of 2: a start for"),
    "one number short": (HEADER + numbers(ALL - 1), f"{20 + 4 * (ALL - 1)} bytes, "),
    "one byte short": (HEADER + numbers(ALL)[:-1], "it ends inside convolution 2 of 2"),
    "one byte long": (HEADER + numbers(ALL) + b"\0", "too long"),
    "one number long": (HEADER + numbers(ALL + 1), "too long"),
    "transposed": (struct.pack("<3iQ", 0, 1001, 0, 0) + numbers(ALL), "does not begin with darknet's version"),
    "a picture": (b"\x89PNG\r\n\x1a\n" * 40, "does not begin with darknet's version"),
}


@pytest.mark.parametrize(("data", "says"), MISFITS.values(), ids=MISFITS.keys())
def test_a_file_of_another_length_or_kind_is_refused_in_one_line(
    data: bytes, says: str, small: Network, tmp_path: Path
) -> None:
    path = save(tmp_path, data)
    with pytest.raises(BundleError) as caught:
        read_weights(path, small)
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_of_another_number_of_classes_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.weights"
    write_weights(path, random_weights(write_cfg(tmp_path, cfg_text(name, classes=3))))
    with pytest.raises(BundleError, match="too long; it is of another network, or the cfg has another number of class"):
        read_weights(path, write_cfg(tmp_path, cfg_text(name)))


def test_a_place_that_cannot_be_read_or_written_is_named(small: Network, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere\.weights: cannot be read"):
        read_weights(tmp_path / "nowhere.weights", small)
    with pytest.raises(BundleError, match="cannot be written"):
        write_weights(tmp_path / "nowhere" / "net.weights", random_weights(small))
