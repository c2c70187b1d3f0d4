"""Control: what a running daemon is asked to do, one request after the other."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nanotally.errors import WireError
from nanotally.wire.curve import ClientKeys
from nanotally.wire.dealer import Dealer
from nanotally.wire.header import from_json, to_json
from nanotally.wire.messages import SCHEMA

CONTROL_ENDPOINT = "tcp://127.0.0.1:5759"
"""Where a daemon takes requests unless it is told otherwise."""

ASK_AGAIN_S = 2.0
"""After this long without an answer the same request is sent again; the daemon knows it by its id and does it once."""


@dataclass(frozen=True)
class Answer:
    """What a daemon answered to a request that it carried out.

    Attributes:
        ok: the answer to the verb.
        settings_sha256: by source, as in its `detections` messages from now on.
    """

    ok: Mapping[str, Any]
    settings_sha256: Mapping[str, str]


def encode_request(request_id: str, verb: str, args: Mapping[str, Any]) -> bytes:
    """A request as it goes over the wire."""
    return to_json({"schema": SCHEMA, "id": request_id, "verb": verb, "args": dict(args)})


def encode_answer(
    request_id: str | None,
    *,
    ok: Mapping[str, Any] | None = None,
    error: str | None = None,
    settings_sha256: Mapping[str, str],
) -> bytes:
    """An answer as it goes over the wire: with what was done, or with the error that says why nothing was."""
    said = {"ok": dict(ok or {})} if error is None else {"error": error}
    return to_json({"schema": SCHEMA, "id": request_id, **said, "settings_sha256": dict(settings_sha256)})


def decode_answer(raw: bytes) -> Answer:
    """The answer that was received as `raw`.

    Raises:
        WireError: if the daemon refused the request, or the answer breaks the wire format.
    """
    header = from_json(raw)
    if header.get("schema") != SCHEMA:
        raise WireError(f"control: schema {header.get('schema')!r}, this client knows {SCHEMA}: update nanotally")
    if "error" in header:
        raise WireError(f"control: {header['error']}")
    ok, settings = header.get("ok"), header.get("settings_sha256")
    if not isinstance(ok, dict) or not isinstance(settings, dict):
        raise WireError(f"control: {raw[:80]!r} is not an answer")
    return Answer(ok, settings)


class ControlClient(Dealer):
    """Asks a daemon to do something. Used by one thread."""

    def __init__(self, endpoint: str = CONTROL_ENDPOINT, *, keys: ClientKeys | None = None) -> None:
        """Connect, see `Dealer`."""
        super().__init__(endpoint, keys=keys)

    def ask(self, verb: str, args: Mapping[str, Any] | None = None, *, timeout_s: float) -> Answer:
        """What the daemon answers; it carries a request out once, however often it has to be sent.

        Args:
            verb: what to do, such as `get` or `set`.
            args: with what, by name.
            timeout_s: how long to wait.

        Raises:
            WireError: no answer came, the daemon refused, or its answer breaks the wire format.
        """
        deadline_s = time.monotonic() + timeout_s
        request_id = secrets.token_hex(16)
        request = encode_request(request_id, verb, args or {})
        while (now_s := time.monotonic()) < deadline_s:
            self._send(request)
            answer = self._receive(request_id, min(deadline_s, now_s + ASK_AGAIN_S))
            if answer is not None:
                return answer
            self._reconnect()
        raise WireError(
            f"control: no answer from {self.endpoint} within {timeout_s:g} s; "
            "does the daemon run, and is this its control.endpoint?"
        )

    def _receive(self, request_id: str, deadline_s: float) -> Answer | None:
        """The answer to a request, passing over late ones to others; None if none comes in time."""
        while self._socket.poll(max(0, round(1000 * (deadline_s - time.monotonic())))):
            raw = self._socket.recv()
            if from_json(raw).get("id") in (request_id, None):
                return decode_answer(raw)
        return None

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
