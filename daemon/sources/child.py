"""A program that writes pictures to us: what `gst:` and `rtsp:` have in common.

A decoder or driver that hangs or crashes takes its own process with it, not the daemon, and a process can always be
ended, whatever it waits for. Pictures come as PGM (Netpbm, binary, 8 bits), which tells its size in every picture.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from io import BufferedReader
from typing import IO, ClassVar

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.mailbox import Mailbox
from nanotally.daemon.sources.live import LiveSource
from nanotally.errors import SourceError
from nanotally.frame import Frame

START_S = 1.5
"""Longest that opening waits for a first picture or a failure. A child that is still silent then may yet speak."""

END_S = 0.5
"""How long a child that was asked to end has before it is killed."""

LONGEST_SIDE = 65535

PGM = re.compile(rb"P5\s+(\d+)\s+(\d+)\s+255\n")
PGM_HEADER_LINES = 3  # as GStreamer and `rtsp_client.py` write it: P5, width and height, 255


class ChildSource(LiveSource):
    """A process that writes one PGM after the other. A thread takes them as they come and keeps the newest.

    When the process ends, for whatever reason, the feed is lost.

    Attributes:
        program: what the process is called in messages.
    """

    program: ClassVar[str]

    def __init__(self, uri: str, command: Callable[[int], list[str]], *, environment: dict[str, str] | None = None):
        """Start it.

        Args:
            uri: of the source.
            command: the command line, given the number of the file descriptor that pictures are written to. Not
                stdout, on which drivers print messages.
            environment: set for the child besides the daemon's own.

        Raises:
            SourceError: it cannot be started, or ended before it gave a picture.
        """
        super().__init__(uri)
        self._newest: Mailbox[Frame] = Mailbox()
        self._said: deque[str] = deque(maxlen=20)
        self._fault = ""
        self._spoke = threading.Event()
        self._ending = threading.Lock()
        self._ended = False
        reading, writing = os.pipe()
        argv = command(writing)
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                pass_fds=(writing,),
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C is for the daemon, which then ends the child
            )
        except OSError as error:
            os.close(reading)
            raise SourceError(f"{uri}: {argv[0]} cannot be started: {error.strerror}") from error
        finally:
            os.close(writing)
        assert self._process.stderr is not None
        listener = threading.Thread(target=self._listen, args=(self._process.stderr,), name="child-messages")
        pump = threading.Thread(target=self._pump, args=(os.fdopen(reading, "rb"), listener), name="child-pictures")
        for thread in (listener, pump):
            thread.daemon = True
            self._held.callback(thread.join)
            thread.start()
        self._held.callback(self._end)
        self._spoke.wait(START_S)
        if self._number == 0 and not pump.is_alive():
            self.close()
            raise self._lost()

    def _wait(self, timeout_s: float) -> Frame | None:
        try:
            return self._newest.take(timeout_s)
        except EOFError:
            raise self._lost() from None

    def _pump(self, pipe: BufferedReader, listener: threading.Thread) -> None:
        """Take pictures until there are no more."""
        with pipe:
            try:
                while (taken := read_pgm(pipe)) is not None:
                    image, grabbed_ns = taken
                    self._newest.put(self._frame(image, grabbed_ns=grabbed_ns))
                    self._spoke.set()
            except ValueError as error:
                self._fault = str(error)
        self._end()
        listener.join()
        self._newest.finish()
        self._spoke.set()

    def _listen(self, messages: IO[str]) -> None:
        """Keep the last lines: the child must not wait because nobody reads them."""
        with messages:
            self._said.extend(messages)

    def _end(self) -> None:
        """End the child and all that it started. May come twice, and from two threads."""
        with self._ending:
            if self._ended:  # its number may be that of somebody else's process by now
                return
            if self._fault or self._closing.is_set():
                self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._ended = True

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _lost(self) -> SourceError:
        lines = [line for line in map(str.strip, self._said) if line]
        telling = [line for line in lines if line.startswith(("ERROR", "WARNING:"))] or lines[-1:]  # as GStreamer says
        reason = self._fault or (telling or ["it said nothing"])[0]
        return SourceError(f"{self.uri}: {self.program} ended with {self._process.returncode}: {reason[:300]}")


def read_pgm(pipe: BufferedReader) -> tuple[NDArray[np.uint8], int] | None:
    """The next picture, (h, w) uint8, and the monotonic clock when it began to come; None at the end.

    Raises:
        ValueError: that is not a PGM of 8 bits.
    """
    header = pipe.readline(16)
    began_ns = time.monotonic_ns()
    if not header:
        return None
    header += b"".join(pipe.readline(16) for _ in range(PGM_HEADER_LINES - 1))
    match = PGM.fullmatch(header)
    if match is None:
        raise ValueError(f"pictures must come as PGM, not as {header[:24]!r}")
    width, height = int(match[1]), int(match[2])
    if not 0 < width <= LONGEST_SIDE or not 0 < height <= LONGEST_SIDE:
        raise ValueError(f"a picture of {width} x {height} pixels makes no sense")
    image = np.empty((height, width), np.uint8)
    if pipe.readinto(image.data) < image.size:
        return None  # cut off in the middle of a picture
    return image, began_ns
