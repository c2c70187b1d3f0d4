"""Watching: a viewer's WebSocket, from its first word to its last."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from nanotally.errors import WireError
from nanotally.overlay.hub import Hub
from nanotally.overlay.microscope import Name
from nanotally.overlay.viewer import Viewer
from nanotally.wire import check_name

NONSENSE, TRY_AGAIN_LATER = 1008, 1013
"""Close codes."""


class Watching:
    """Lets viewers look."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def watch(self, websocket: WebSocket) -> None:
        """Serve a viewer until it goes."""
        try:
            name = Name(check_name(websocket.path_params["instance"]), check_name(websocket.path_params["source"]))
        except WireError:
            await websocket.close(NONSENSE)
            return
        await websocket.accept()
        if self._hub.is_full:
            await websocket.close(TRY_AGAIN_LATER, "too many look already")
            return
        viewer = Viewer(name)
        with self._hub.joined(viewer):
            sending = asyncio.create_task(viewer.run(websocket))
            try:
                await self._hear(viewer, websocket)
            finally:
                sending.cancel()
                with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                    await sending

    async def _hear(self, viewer: Viewer, websocket: WebSocket) -> None:
        try:
            while True:
                viewer.hear(await websocket.receive_text())
                self._hub.look_again()
        except WebSocketDisconnect:
            pass
        except (msgspec.MsgspecError, UnicodeError, KeyError):  # KeyError: bytes instead of text
            with suppress(RuntimeError, WebSocketDisconnect):
                await websocket.close(NONSENSE, "not understood")
