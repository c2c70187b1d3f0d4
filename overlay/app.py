"""The web application: what is served under which address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from nanotally.overlay.address import Address, ControlAddress
from nanotally.overlay.control import Control
from nanotally.overlay.door import Door
from nanotally.overlay.downloads import Downloads
from nanotally.overlay.entrance import Entrance
from nanotally.overlay.hub import Hub
from nanotally.overlay.login import Login
from nanotally.overlay.overview import Overview
from nanotally.overlay.watching import Watching

PAGE = Path(__file__).parent / "page"


def application(
    addresses: Sequence[Address], controls: Mapping[str, ControlAddress], password: str | None
) -> Starlette:
    """The overlay of these daemons; `password` is asked for unless it is None."""
    login, hub = Login(password), Hub(addresses, controls)
    control, downloads, entrance = Control(hub), Downloads(hub), Entrance(login)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        listening = asyncio.create_task(hub.run())
        yield
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        control.close()

    return Starlette(
        routes=[
            Route("/", _file("index.html")),
            Route("/favicon.svg", _file("favicon.svg")),
            Mount("/static", StaticFiles(directory=PAGE, check_dir=False)),
            Route("/source", downloads.source),
            Route("/api/microscopes", Overview(hub, login).microscopes),
            Route("/api/login", entrance.log_in, methods=["POST"]),
            Route("/api/logout", entrance.log_out, methods=["POST"]),
            Route("/api/control/{instance}", control.ask, methods=["POST"]),
            Route("/api/export/{instance}/{source}", downloads.export),
            WebSocketRoute("/ws/{instance}/{source}", Watching(hub).watch),
        ],
        lifespan=lifespan,
        middleware=[Middleware(Door, login=login)],
        exception_handlers={HTTPException: _refused},
    )


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    """What serves one file of the page."""

    async def serve(_: Request) -> Response:
        if not (PAGE / name).is_file():
            raise HTTPException(404, f"{name} is not installed")
        return FileResponse(PAGE / name)

    return serve


async def _refused(_: Request, error: Exception) -> Response:
    """Every error is one line of JSON."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
