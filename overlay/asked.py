"""What the body of a request asks."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 65_536
"""Of a body."""

Asked = TypeVar("Asked", bound=msgspec.Struct)


async def read(request: Request, what: type[Asked]) -> Asked:
    """The body as a `what`.

    Raises:
        HTTPException: 413, it is too long; 400, it is no such thing.
    """
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MOST_BYTES:
            raise HTTPException(413, f"more than {MOST_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=what)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(400, f"not understood: {error}") from error
