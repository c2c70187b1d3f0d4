"""A camera for tests in place of linuxpy's: what `linuxpy.video.device` offers, as far as `v4l2:` uses it.

Its behaviour is that of the kernel's driver `vivid` as seen in a virtual machine; see docs/sources.md.
"""

from __future__ import annotations

import enum
import os
import threading
import time
from collections import deque
from contextlib import AbstractContextManager
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple


class BufferFlag(enum.IntFlag):
    ERROR = 0x40
    TIMESTAMP_MONOTONIC = 0x2000


class V4L2Error(Exception):
    pass


class PixelFormat(NamedTuple):
    fourcc: str

    def human_str(self) -> str:
        return self.fourcc


class Camera:
    """What is behind the device file, and stays when a program closes it.

    Attributes:
        offers: FOURCC and bytes a pixel of each format.
        sizes: a driver takes the first of these if another is asked for, and does not say so.
        fault: errno that every access gives.
        silent: it fills no buffer, as one whose cable is out at the far end.
        flags: of every buffer.
        lost: frames that are numbered and not delivered before the next one.
        clock_ns: what stamps a buffer.
        delivers: makes the bytes of frame `number`.
    """

    def __init__(self) -> None:
        self.offers = {"YUYV": 2, "GREY": 1, "Y16 ": 2}
        self.sizes = [(64, 48), (32, 24)]
        self.layout = SimpleNamespace(
            width=64, height=48, bytes_per_line=128, size=6144, pixel_format=PixelFormat("YUYV")
        )
        self.fault = 0
        self.silent = False
        self.flags = BufferFlag.TIMESTAMP_MONOTONIC
        self.lost = 0
        self.clock_ns = time.monotonic_ns
        self.delivers = lambda number: bytes([10 + 8 * (number % 30)]) * self.layout.size

    def check(self) -> None:
        if self.fault:
            raise OSError(self.fault, os.strerror(self.fault))

    def module(self) -> ModuleType:
        """To be put where `linuxpy.video.device` is looked for."""
        module: Any = ModuleType("linuxpy.video.device")
        module.Device = lambda path: Device(self)
        module.VideoCapture, module.BufferFlag, module.V4L2Error = Capture, BufferFlag, V4L2Error
        return module


class Device(AbstractContextManager["Device"]):
    """An open device file. A pipe is readable when a buffer is ready, so that `select` is the real one."""

    def __init__(self, camera: Camera) -> None:
        camera.check()
        self.camera = camera
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK)
        offers = [SimpleNamespace(pixel_format=PixelFormat(fourcc)) for fourcc in camera.offers]
        self.info = SimpleNamespace(buffer_formats=lambda _: offers)

    def fileno(self) -> int:
        return self.reading

    def __exit__(self, *_: object) -> None:
        os.close(self.reading)
        os.close(self.writing)


class Capture:
    """A stream: buffers that are filled 100 times a second until there are no more free ones."""

    def __init__(self, device: Device, size: int) -> None:
        self.device, self.camera, self.size = device, device.camera, size
        self.buffer = self
        self.type = 1
        self.filled: deque[SimpleNamespace] = deque()
        self.over = threading.Event()

    def get_format(self) -> SimpleNamespace:
        self.camera.check()
        return SimpleNamespace(**vars(self.camera.layout))

    def set_format(self, width: int, height: int, fourcc: str) -> None:
        camera = self.camera
        if fourcc not in camera.offers:
            fourcc = next(iter(camera.offers))
        if (width, height) not in camera.sizes:
            width, height = camera.sizes[0]
        stride = width * camera.offers[fourcc]
        camera.layout = SimpleNamespace(
            width=width, height=height, bytes_per_line=stride, size=stride * height, pixel_format=PixelFormat(fourcc)
        )

    def arm(self) -> None:
        self.camera.check()

    def stream_on(self) -> None:
        self.thread = threading.Thread(target=self._fill)
        self.thread.start()

    def stream_off(self) -> None:
        self.over.set()
        self.thread.join()
        self.camera.check()

    def disarm(self) -> None:
        self.camera.check()

    def _fill(self) -> None:
        sequence = 0
        while not self.over.wait(0.01):
            camera = self.camera
            if not camera.silent and len(self.filled) < self.size:
                sequence += camera.lost
                stamp_ns, data = camera.clock_ns(), camera.delivers(sequence)
                stamp = SimpleNamespace(secs=stamp_ns // 10**9, usecs=stamp_ns % 10**9 // 1000)
                raw = SimpleNamespace(timestamp=stamp)
                self.filled.append(SimpleNamespace(data=data, frame_nb=sequence, flags=camera.flags, buff=raw))
                os.write(self.device.writing, b".")
            sequence += 1

    def raw_read(self) -> SimpleNamespace:
        self.camera.check()
        os.read(self.device.reading, 1)  # BlockingIOError when nothing is ready, as from the real one
        return self.filled.popleft()
