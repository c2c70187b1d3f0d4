"""`zmq:tcp://127.0.0.1:PORT`: frames that another program pushes, such as a few lines of Python on the SEM's PC.

A message has two parts, a header in JSON and the pixels; `docs/sources.md` has every key, and
`examples/send_frames.py` sends such messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
import zmq
from numpy.typing import NDArray
from zmq.utils.monitor import recv_monitor_message

from nanotally.daemon.endpoint import fault_without_keys
from nanotally.daemon.gate import OPEN_GATE, Gate
from nanotally.daemon.sources.grey import to_grey, window_of
from nanotally.daemon.sources.live import LiveSource
from nanotally.errors import SourceError
from nanotally.frame import Frame
from nanotally.wire.ipv6 import allow_ipv6

WAITING_MESSAGES = 2
"""Messages that may wait in the socket: what waits gets old."""

DRAINED_AT_MOST = 64
"""Messages that one read looks through for the newest, so that a flood cannot hold it."""

LARGEST_MESSAGE = 2**29
"""Bytes. Half a gigabyte is 16384 x 16384 pixels of 16 bits; a sender of more is cut off."""

HEARTBEAT_MS, SILENCE_MS = 1000, 3000
"""How often a sender is asked whether it is there, and when it is given up: a cut cable says nothing by itself."""

Side = Annotated[int, msgspec.Meta(ge=1, le=65535)]


@dataclass(frozen=True)
class PushedHeader:
    """What a sender says of its picture. Keys that are not known are passed over.

    Attributes:
        width, height: pixels.
        dtype: of a sample; uint16 little-endian.
        channels: 1 grey, 3 red, green, blue.
        bits: of a sample that are used, so that 12 bits in uint16 are not dark. None: all.
        nm_per_px: pixel size, one number or (x, y).
        databar_px: height of the databar at the bottom.
        name: of the picture.
    """

    width: Side
    height: Side
    dtype: Literal["uint8", "uint16"] = "uint8"
    channels: Literal[1, 3] = 1
    bits: Annotated[int, msgspec.Meta(ge=1, le=16)] | None = None
    nm_per_px: float | tuple[float, float] | None = None  # msgspec 0.22.0 crashes if a range stands in this union
    databar_px: Annotated[int, msgspec.Meta(ge=0)] = 0
    name: Annotated[str, msgspec.Meta(max_length=255)] = ""

    def __post_init__(self) -> None:
        if self.databar_px >= self.height:
            raise ValueError(f"databar_px {self.databar_px} leaves nothing of height {self.height}")
        if self.pixel_size_nm is not None and not all(0 < size < 1e6 for size in self.pixel_size_nm):
            raise ValueError(f"nm_per_px {self.nm_per_px} is not above 0 and below 1e6")

    @property
    def bits_used(self) -> int:
        """Of a sample."""
        return min(self.bits or 16, 8 * np.dtype(self.dtype).itemsize)

    @property
    def pixel_size_nm(self) -> tuple[float, float] | None:
        """Pixel size (x, y)."""
        return (self.nm_per_px, self.nm_per_px) if isinstance(self.nm_per_px, float) else self.nm_per_px


class PushedSource(LiveSource):
    """A PULL socket that is bound; senders connect with PUSH. The newest message wins.

    When the last sender has gone the feed is lost: silence of a sender that is there is something else.
    """

    def __init__(self, uri: str, gate: Gate = OPEN_GATE) -> None:
        """Bind behind a gate.

        Raises:
            SourceError: the endpoint makes no sense, can be reached by everybody, or is taken.
        """
        super().__init__(uri)
        endpoint = uri.partition(":")[2]
        _check_reach(uri, endpoint, gate)
        self._connections: set[int] = set()  # by descriptor, also of strangers who never say that they are senders
        self._had_sender = False
        context = zmq.Context()
        self._held.callback(context.destroy, linger=0)
        self._socket = context.socket(zmq.PULL)
        self._held.callback(gate.guard(self._socket))
        self._held.callback(self._socket.close, linger=0)
        self._socket.setsockopt(zmq.RCVHWM, WAITING_MESSAGES)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENCE_MS)
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )
        self._held.callback(self._socket.disable_monitor)
        allow_ipv6(self._socket, endpoint)
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise SourceError(f"{uri}: cannot listen there: {error.strerror.lower()}") from error

    def _wait(self, timeout_s: float) -> Frame | None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        poller.poll(round(timeout_s * 1000))
        self._follow_senders()  # before the messages: what a sender sent before it went is there by now
        frame = self._newest()
        if frame is None and self._had_sender and not self._connections:
            raise SourceError(f"{self.uri}: the sender has gone")
        return frame

    def _follow_senders(self) -> None:
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)
            if event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._had_sender = True
            elif event["event"] == zmq.EVENT_ACCEPTED:
                self._connections.add(event["value"])
            else:
                self._connections.discard(event["value"])

    def _newest(self) -> Frame | None:
        """The newest message that makes a frame, of those that wait; the others are counted."""
        newest = None
        for _ in range(DRAINED_AT_MOST):
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            try:
                header, image = read_message(parts)
            except (ValueError, msgspec.ValidationError) as error:
                self._pass_over(str(error))
                continue
            newest = self._of(header, image)
        return newest

    def _of(self, header: PushedHeader, image: NDArray[np.uint8]) -> Frame:
        return self._frame(
            image,
            nm_per_px=header.pixel_size_nm,
            pixel_size_from=None if header.nm_per_px is None else "sender",
            field=(0, 0, header.width, header.height - header.databar_px) if header.databar_px else None,
            name=header.name,
            window=window_of(header.bits_used),
        )


def read_message(parts: list[bytes]) -> tuple[PushedHeader, NDArray[np.uint8]]:
    """Header and grey image (h, w) uint8 of a message.

    Raises:
        ValueError: it has not two parts, no JSON, or not as many pixels as it says.
        msgspec.ValidationError: a key of the header is missing or out of range.
    """
    if len(parts) != 2:
        raise ValueError(f"{len(parts)} parts; a message has two, header and pixels")
    try:
        header = msgspec.json.decode(parts[0], type=PushedHeader)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise ValueError(f"the header is not JSON: {error}") from error
    dtype = np.dtype(header.dtype).newbyteorder("<")
    wanted = header.height * header.width * header.channels * dtype.itemsize
    if len(parts[1]) != wanted:
        raise ValueError(f"{len(parts[1])} bytes of pixels; the header says {wanted}")
    shape = (header.height, header.width) if header.channels == 1 else (header.height, header.width, header.channels)
    pixels = np.frombuffer(parts[1], dtype).reshape(shape)
    return header, to_grey(pixels, bits=header.bits_used)


def _check_reach(uri: str, endpoint: str, gate: Gate) -> None:
    try:
        fault = fault_without_keys(endpoint)
    except ValueError as error:
        raise SourceError(f"{uri}: expected zmq:tcp://127.0.0.1:PORT or zmq:ipc:///run/frames.ipc") from error
    if fault and not gate.is_locked:
        raise SourceError(f"{uri}: {fault}")
