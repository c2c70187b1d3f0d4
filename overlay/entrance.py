"""The entrance: login and logout."""

from __future__ import annotations

import time

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nanotally.overlay.asked import read
from nanotally.overlay.login import COOKIE, LASTS_S, Login


class Password(msgspec.Struct, frozen=True):
    """What is asked of who logs in."""

    password: str


class Entrance:
    """Gives cookies to who knows the password."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def log_in(self, request: Request) -> Response:
        """A cookie for who knows the password."""
        address, now_s = request.client.host if request.client else "", time.monotonic()
        wait_s = self._login.wait_s(address, now_s)
        if wait_s > 0:
            told = f"{wait_s:.0f}"
            raise HTTPException(429, f"wrong password; try again in {told} s", {"Retry-After": told})
        cookie = self._login.cookie((await read(request, Password)).password, address, now_s)
        if cookie is None:
            raise HTTPException(403, "wrong password")
        answer = JSONResponse({"ok": True})
        answer.set_cookie(COOKIE, cookie, max_age=LASTS_S, httponly=True, samesite="strict")
        return answer

    async def log_out(self, _: Request) -> Response:
        """The cookie taken back."""
        answer = JSONResponse({"ok": True})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer
