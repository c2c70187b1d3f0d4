"""Downloads: what was found, and the source of the program. A file is whole, or there is an error instead."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from nanotally import __version__
from nanotally.errors import NanotallyError
from nanotally.overlay.export import FORMATS, Format
from nanotally.overlay.hub import Hub
from nanotally.overlay.microscope import Name
from nanotally.overlay.selection import Selection, selected
from nanotally.overlay.source import archive
from nanotally.wire import DetectionsMessage

CHUNK_BYTES = 1 << 18
LONGEST_NAME = 120


class Downloads:
    """Makes files to be saved, one at a time."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._making = asyncio.Lock()

    async def export(self, request: Request) -> Response:
        """What was found, by the journal of the daemon."""
        name = Name(request.path_params["instance"], request.path_params["source"])
        asked, microscope = request.query_params, self._hub.microscopes.get(name)
        wanted = FORMATS.get(asked.get("to", ""))
        if wanted is None:
            raise HTTPException(400, f"to: one of {', '.join(FORMATS)}")
        if microscope is None or microscope.address is None:
            raise HTTPException(404, f"no microscope of the name {name} was heard")
        if self._making.locked():
            raise HTTPException(503, "another download is being made; try again")
        async with self._making:
            try:
                session = asked.get("session")
                selection = Selection(session=session) if session else Selection.now(microscope)
                replay = microscope.status.message.replay if microscope.status else None
                frames = selected(name, microscope.address, replay, selection)
                file = await asyncio.to_thread(_made, wanted, frames)
            except NanotallyError as error:
                raise HTTPException(502, str(error)) from error
            except OSError as error:
                raise HTTPException(507, f"the file cannot be written: {error.strerror or error}") from error
        headers = _attached(f"{name.instance}-{name.source}-{selection}.{wanted.suffix}")
        headers["Content-Length"] = str(os.fstat(file.fileno()).st_size)
        return StreamingResponse(_chunks(file), headers=headers, media_type=wanted.media_type)

    async def source(self, _: Request) -> Response:
        """The source of the running program."""
        headers = _attached(f"nanotally-{__version__}.tar.gz")
        return Response(await asyncio.to_thread(archive), headers=headers, media_type="application/gzip")


def _made(wanted: Format, frames: Iterator[DetectionsMessage]) -> BinaryIO:
    """A file of these frames that has no name any more: it is gone as soon as it is closed."""
    first = next(frames, None)
    if first is None:
        raise NanotallyError("the journal holds no frame of this")
    handle, name = tempfile.mkstemp(suffix=f".{wanted.suffix}", prefix="nanotally-")
    os.close(handle)
    path = Path(name)
    try:
        wanted.write(path, chain([first], frames))
        return path.open("rb")
    finally:
        path.unlink()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _attached(name: str) -> dict[str, str]:
    """A header that makes a browser save a file; of its name only letters, digits and -_. are kept."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
    return {"Content-Disposition": f'attachment; filename="{kept[-LONGEST_NAME:]}"'}
