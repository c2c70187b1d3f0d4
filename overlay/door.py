"""The door: what every request has to pass, whatever it is for, and the headers of every answer."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nanotally.loopback import is_loopback
from nanotally.overlay.login import COOKIE, Login

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # another version of the page is seen at once
}
"""Of every answer: nothing comes from elsewhere, and nobody else's page shows ours."""

OPEN = ("/", "/favicon.svg", "/api/login", "/api/logout", "/api/microscopes")
"""Answered without a login too, as is the rest of the page: the last one says only that a login is needed."""


class Door:
    """Turns away who must not come in, before anything looks at the request.

    Without a password the overlay is for this machine only, and so must be the name by which it was called: a page from
    elsewhere whose name leads here (DNS rebinding) would otherwise be of the same origin.
    """

    def __init__(self, app: ASGIApp, login: Login) -> None:
        self._app, self._login = app, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or turn it away."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, asked: HTTPConnection) -> JSONResponse | None:
        headers, path, kind = asked.headers, asked.scope["path"], asked.scope["type"]
        if not self._login.has_password and not is_loopback(_name_of(headers.get("host", ""))):
            return refuse(403, "without a password the overlay is called by 127.0.0.1 or localhost only")
        changes = kind == "websocket" or asked.scope["method"] not in ("GET", "HEAD")
        if (changes and not is_same_origin(headers)) or (path != "/" and is_cross_site(headers)):
            return refuse(403, "asked by a page of another origin")
        is_open = kind == "http" and (path in OPEN or path.startswith("/static/"))
        if not is_open and not self._login.lets_in(asked.cookies.get(COOKIE), time.monotonic()):
            return refuse(401, "log in first")
        return None


def refuse(status: int, error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that says in one line why not."""
    return JSONResponse({"error": error}, status, headers)


def is_same_origin(headers: Headers) -> bool:
    """Whether the page that asks is ours: its origin has the host and the port by which we were called."""
    host = headers.get("host")
    try:
        origin = urlsplit(headers.get("origin", ""))
    except ValueError:
        return False
    return bool(host) and origin.scheme in ("http", "https") and origin.netloc.lower() == str(host).lower()


def is_cross_site(headers: Headers) -> bool:
    """Whether a browser says that a page from elsewhere asks: it could not read the answer, but make us work for it."""
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def _name_of(host: str) -> str:
    """Name in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
