"""The overview: every microscope with what was last said of it."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from nanotally import __version__
from nanotally.overlay.hub import Hub
from nanotally.overlay.login import COOKIE, Login
from nanotally.overlay.microscope import Microscope, Name, header_of


class Overview:
    """Tells what the hub knows."""

    def __init__(self, hub: Hub, login: Login) -> None:
        self._hub, self._login = hub, login

    async def microscopes(self, request: Request) -> Response:
        """All microscopes and daemons; without a login, where one is needed, only that it is."""
        now_s = time.monotonic()
        may = self._login.lets_in(request.cookies.get(COOKIE), now_s)
        microscopes = sorted(self._hub.microscopes.items()) if may else ()
        daemons = self._hub.daemons() if may else ()
        facts = {
            "version": __version__,
            "source_url": "/source",
            "may_control": may,
            "needs_login": not may,
            "logged_in": may and self._login.has_password,
            "microscopes": [self._told(name, microscope, now_s) for name, microscope in microscopes],
            "daemons": [{"endpoint": address.publish, "refused": refused} for address, refused in daemons],
        }
        return Response(msgspec.json.encode(facts), media_type="application/json")

    def _told(self, name: Name, microscope: Microscope, now_s: float) -> dict[str, Any]:
        signal, state = self._hub.signal(name, now_s), microscope.state(now_s)
        counts, status = microscope.counts, microscope.status
        return {
            **(header_of(counts.message) if counts else {}),
            "instance": name.instance,
            "source": name.source,
            "state": state,
            "live": state == "live",
            "signal": signal.state,
            "has_control": self._hub.control_of(name.instance) is not None,
            "since_s": round(now_s - signal.since_s, 1),
            "counts_age_s": round(now_s - counts.at_s, 1) if counts else None,
            "status": header_of(status.message) if status else None,
        }
