"""Open Inference Protocol: the network runs on a server that several daemons share.

NVIDIA Triton, OpenVINO Model Server and others speak version 2 of it over HTTP, with binary tensors:
https://github.com/kserve/open-inference-protocol and Triton's extension_binary_data.md.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from http import HTTPStatus
from json import dumps
from math import prod
from re import fullmatch
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detect.engines.lines import Answer, Lines, Place, Request
from nanotally.errors import EngineUnavailable

ANSWER_S = 10.0
"""In which all tiles of a batch must be answered."""
FIRST_ANSWER_S = 60.0
"""For the first batch: a server may get its GPU ready only then."""
CHECK_S = 2.0
"""In which the server must say what it has."""
ASK_AGAIN_S = 1.0
"""After a failure the server is left alone for so long; frames go on without it."""

LONGEST_WORDS = 200
"""Of a server's complaint, in bytes."""

SHA256 = "nanotally_sha256"
"""Parameter of a Triton model that says which network it is."""
JSON_LENGTH = "inference-header-content-length"
"""Header that says where in a body JSON ends and tensors begin."""


ANY = None
"""A size that is not known beforehand."""

T = TypeVar("T")


class Tensor(msgspec.Struct):
    """One that goes in or comes out, as the protocol names its facts."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = {}


class Metadata(msgspec.Struct):
    """What a server says of a model."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    versions: list[str] = []
    platform: str = ""


class Server(msgspec.Struct):
    """What a server says of itself."""

    name: str = "a server"
    version: str = ""


class Config(msgspec.Struct):
    """What Triton says of a model's configuration."""

    parameters: dict[str, dict[str, str]] = {}


class Outputs(msgspec.Struct):
    """Head of an answer."""

    outputs: list[Tensor]


class V2Engine:
    """The network of a bundle on a server.

    Every tile is a request of its own, several at once: what comes from all daemons the server makes into batches.
    After a failure the server is asked what it has before it is asked for particles again, so one that comes back with
    another network is not believed.

    Raises:
        EngineError: the address is none, or the server does not have this network ready.
    """

    name = "v2"

    def __init__(self, url: str, bundle: Bundle) -> None:
        self._place = Place.parse(url)
        self._manifest = bundle.manifest
        self._rows = 4 + len(bundle.manifest.classes)
        self.precision: str = bundle.manifest.precision
        self._fault: str | None = None
        self._again_s = 0.0
        self._within_s = FIRST_ANSWER_S
        self._lines = Lines(self._place)
        try:
            self.description = self._check()
        except EngineUnavailable:
            self.close()
            raise

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw output (n, channels, anchors) for `batch` (n, 1, height, width).

        Raises:
            EngineUnavailable: there is none. For a second from then on it is said again without asking.
        """
        if self._fault is not None and time.monotonic() < self._again_s:
            raise EngineUnavailable(self._fault)
        try:
            if self._fault is not None:
                self.close()
                self._lines = Lines(self._place)
                self._check()
            answers = self._lines.ask([self._question(tile) for tile in batch], within_s=self._within_s)
            raw = np.concatenate(self._outputs(answers))
        except EngineUnavailable as error:
            self._fault, self._again_s = str(error), time.monotonic() + ASK_AGAIN_S
            raise
        self._fault, self._within_s = None, ANSWER_S
        return raw

    def close(self) -> None:
        """Hang up."""
        self._lines.close()

    def _check(self) -> str:
        """What runs there, in a line; takes down how to ask for it.

        Raises:
            EngineUnavailable: it is not there, or another network.
        """
        place = self._place
        paths = f"{place.prefix}/v2", f"{place.path}/ready", place.path
        about, ready, metadata = self._lines.ask([Request("GET", path) for path in paths], within_s=CHECK_S)
        if ready.status != HTTPStatus.OK:
            raise self._unavailable(
                f"has no model {place.model} that is ready ({_said(ready)}); write its repository with "
                "`nanotally export --to triton`, and look at the server's log"
            )
        server, model = self._load(about, Server), self._load(metadata, Metadata)
        self._input, self._output = self._fitting(model)
        self._path = f"{place.path}/versions/{quote(model.versions[-1])}" if model.versions else place.path
        self._check_network()
        return f"{place.model} of {server.name} {server.version} at {place.scheme}://{place.host}:{place.port}"

    def _fitting(self, model: Metadata) -> tuple[str, str]:
        """Names of input and output, which are those of a network like the bundle's."""
        own = self._manifest
        side = -1 if own.stride else own.input_size_px
        wanted: tuple[list[int | None], ...] = [1, 1, side, side], [1, self._rows, ANY]
        found = []
        for tensors, shape in zip((model.inputs, model.outputs), wanted, strict=True):
            sizes = [-1 if size is ANY else size for size in shape]
            told = ", ".join(f"{one.name} {one.datatype} {one.shape}" for one in tensors)
            if len(tensors) != 1 or tensors[0].datatype != "FP32" or not _fits(tensors[0].shape, shape):
                raise self._unavailable(
                    f"serves {told or 'nothing'} where {own.name} has FP32 {sizes} (-1: any): "
                    "another network; write its repository with `nanotally export --to triton`"
                )
            found.append(tensors[0].name)
        return found[0], found[1]

    def _check_network(self) -> None:
        """Refuse another network than the bundle's, where the server tells which it has: only Triton does."""
        (answer,) = self._lines.ask([Request("GET", f"{self._path}/config")], within_s=CHECK_S)
        if answer.status == HTTPStatus.OK:
            told = self._load(answer, Config).parameters.get(SHA256, {}).get("string_value")
            if told not in (None, self._manifest.sha256):
                raise self._unavailable(
                    f"serves network {told[:12]}…, not {self._manifest.sha256[:12]}… of {self._manifest.name}: "
                    "name the bundle that is served, or write its repository anew"
                )

    def _question(self, tile: NDArray[np.float32]) -> Request:
        """For the output of a tile (1, height, width)."""
        pixels = np.ascontiguousarray(tile, "<f4")
        given = {
            "name": self._input,
            "shape": [1, *pixels.shape],
            "datatype": "FP32",
            "parameters": {"binary_data_size": pixels.nbytes},
        }
        wanted = {"name": self._output, "parameters": {"binary_data": True}}
        head = dumps({"inputs": [given], "outputs": [wanted]}, separators=(",", ":")).encode()
        headers = {JSON_LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}
        return Request("POST", f"{self._path}/infer", (head, pixels.data.cast("B")), headers)

    def _outputs(self, answers: list[Answer]) -> list[NDArray[np.float32]]:
        """Raw output (1, channels, anchors) of each answer."""
        raw = [self._read(answer) for answer in answers]
        if len({one.shape for one in raw}) > 1:
            raise self._unavailable("answered tiles of one size with outputs of several")
        return raw

    def _read(self, answer: Answer) -> NDArray[np.float32]:
        """Raw output (1, channels, anchors) of an answer."""
        self._refuse_fault(answer)
        length = answer.headers.get(JSON_LENGTH, "")
        if not fullmatch("[0-9]{1,9}", length):
            raise self._unavailable("answered without binary tensors; it must speak that extension of the protocol")
        head, tensor = answer.body[: int(length)], answer.body[int(length) :]
        output = next(iter(self._decode(head, Outputs).outputs), Tensor("", "nothing", []))
        shape = output.shape
        fits = output.datatype == "FP32" and _fits(shape, [1, self._rows, ANY]) and shape[2] > 0
        if not fits or 4 * prod(shape) != len(tensor):
            raise self._unavailable(f"answered {output.datatype} {shape} in {len(tensor)} bytes: not this network's")
        raw = np.frombuffer(tensor, "<f4").reshape(shape)
        if not np.isfinite(raw).all():  # it would be read as a field without particles
            raise self._unavailable("answered numbers that are none (NaN)")
        return raw.astype(np.float32, copy=False)

    def _load(self, answer: Answer, cls: type[T]) -> T:
        """What an answer in JSON says."""
        self._refuse_fault(answer)
        return self._decode(answer.body, cls)

    def _refuse_fault(self, answer: Answer) -> None:
        if answer.status != HTTPStatus.OK:
            raise self._unavailable(f"answered {_said(answer)}")

    def _decode(self, raw: bytes, cls: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._unavailable(f"answered no JSON of this protocol: {error}") from error

    def _unavailable(self, fault: str) -> EngineUnavailable:
        return EngineUnavailable(f"engine v2:{self._place.url}: the server {fault}")


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    """Whether each size is the wanted one, or is told to take any."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(want is ANY or size in (-1, want) for size, want in pairs)


def _said(answer: Answer) -> str:
    """Status of an answer, and the server's own words in a line."""
    words = answer.body[:LONGEST_WORDS].decode(errors="replace")
    return " ".join(f"{answer.status} {words}".split())
