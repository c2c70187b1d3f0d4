"""Control: verbs passed on to the daemons, one after the other, each daemon by a thread that owns the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from nanotally.errors import WireError
from nanotally.overlay.address import ControlAddress
from nanotally.overlay.asked import read
from nanotally.overlay.hub import Hub
from nanotally.wire.control import Answer, ControlClient

ANSWER_S = 10.0
MOST_WAITING = 8
"""Requests to one daemon that wait for their turn."""


class Order(msgspec.Struct, frozen=True):
    """What a daemon is asked to do, see `docs/control.md`."""

    verb: str
    args: dict[str, Any] = {}


class Control:
    """The control sockets of the daemons."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lines: dict[ControlAddress, Line] = {}

    async def ask(self, request: Request) -> Response:
        """What the daemon of a microscope answers."""
        instance, order = request.path_params["instance"], await read(request, Order)
        if not any(name.instance == instance for name in self._hub.microscopes):
            raise HTTPException(404, f"no daemon of the name {instance} was heard")
        try:
            answer = await self._line(instance).ask(instance, order)
        except WireError as error:
            raise HTTPException(502, str(error).removeprefix("control: ")) from error
        facts = {"ok": answer.ok, "settings_sha256": answer.settings_sha256}
        return Response(msgspec.json.encode(facts), media_type="application/json")

    def _line(self, instance: str) -> Line:
        address = self._hub.control_of(instance)
        if address is None:
            told = f"--control {instance}=ENDPOINT"
            raise HTTPException(503, f"nobody told where {instance} takes requests: start the overlay with {told}")
        if address not in self._lines:
            self._lines[address] = Line(address)
        return self._lines[address]

    def close(self) -> None:
        """Disconnect once what is being asked has been answered."""
        for line in self._lines.values():
            line.close()


class Line:
    """The control socket of one daemon. Used by the event loop's thread."""

    def __init__(self, address: ControlAddress) -> None:
        """Connect when first asked."""
        self._address = address
        self._waiting = 0
        self._client: ControlClient | None = None
        self._instance: str | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"control {address.endpoint}")

    async def ask(self, instance: str, order: Order) -> Answer:
        """What the daemon answers.

        Raises:
            HTTPException: 503, too many requests wait.
            WireError: no answer came, the daemon refused, or another daemon listens there.
        """
        if self._waiting >= MOST_WAITING:
            raise HTTPException(503, f"{self._waiting} requests to {instance} wait already; try again")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, self._ask, instance, order)
        finally:
            self._waiting -= 1

    def _ask(self, instance: str, order: Order) -> Answer:
        if self._client is None:
            self._client = ControlClient(self._address.endpoint, keys=self._address.keys)
        if self._instance != instance:
            self._instance = _instance(self._client.ask("get", timeout_s=ANSWER_S).ok)
            if self._instance != instance:
                raise WireError(
                    f"control: at {self._address.endpoint} is {self._instance}, not {instance}; give --control"
                )
        return self._client.ask(order.verb, order.args, timeout_s=ANSWER_S)

    def close(self) -> None:
        """Disconnect once what is being asked has been answered."""
        self._worker.submit(self._close)
        self._worker.shutdown(wait=False)

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()


def _instance(settings: Mapping[str, Any]) -> str:
    return str(settings.get("instance"))
