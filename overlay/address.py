"""Where daemons are: their endpoints, and the keys that they want."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import zmq

from nanotally.errors import UsageError
from nanotally.wire import ClientKeys, Subscriber
from nanotally.wire.control import CONTROL_ENDPOINT, ControlClient
from nanotally.wire.subscriber import ENDPOINT

PORT, CONTROL_PORT = (int(endpoint.rpartition(":")[2]) for endpoint in (ENDPOINT, CONTROL_ENDPOINT))


NAMED = re.compile(r"([a-z0-9_-]{1,32})=(.+)")
"""What is said of one instance. No endpoint looks like this."""


@dataclass(frozen=True)
class ControlAddress:
    """Where one daemon takes requests.

    Attributes:
        endpoint: of its control socket.
        keys: where it wants some.
    """

    endpoint: str
    keys: ClientKeys | None = None


@dataclass(frozen=True)
class Address:
    """One daemon, or a forwarder, which speaks for many.

    Attributes:
        publish: where it publishes.
        control: where it takes requests, if it is a daemon; None: nobody told.
        replay: where its journal answers; None: as the daemon tells it.
        keys: where it wants some.
    """

    publish: str
    control: str | None = None
    replay: str | None = None
    keys: ClientKeys | None = None


def addresses(
    publish: Sequence[str],
    *,
    control: Sequence[str] = (),
    replay: Sequence[str] = (),
    keys: Sequence[ClientKeys] = (),
) -> list[Address]:
    """Addresses of daemons, of which the endpoints stand in the same order.

    Args:
        publish: endpoints; none: the one where a daemon publishes unless it is told otherwise.
        control: endpoints; left out: as many ports above `publish` as with a daemon that was not told otherwise.
        replay: endpoints; left out: as the daemon tells it.
        keys: one for each daemon, or one for all of them.

    Raises:
        UsageError: one of them is no endpoint, or there are more than there are daemons.
    """
    publish = list(publish) or [ENDPOINT]
    for name, given in (("--control", control), ("--replay", replay), ("--server-key", keys)):
        if len(given) > len(publish):
            raise UsageError(f"{name}: given {len(given)} times for {len(publish)} daemons; their order is the same")
    if len(keys) > 1 and len(keys) < len(publish):
        raise UsageError(f"--server-key: give one for all daemons, or one for each of {len(publish)}")
    every = list(keys) * len(publish) if len(keys) == 1 else keys
    found = [Address(p, c or beside(p), r, k) for p, c, r, k in zip_longest(publish, control, replay, every)]
    for address in found:
        _check(address)
    return found


def by_instance(given: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """What an option was given: that which goes by the order of the daemons, and `INSTANCE=...` by instance."""
    named = {found[1]: found[2] for value in given if (found := NAMED.fullmatch(value))}
    return [value for value in given if not NAMED.fullmatch(value)], named


def control_addresses(
    endpoints: Mapping[str, str], *, keys: Mapping[str, ClientKeys] | None = None
) -> dict[str, ControlAddress]:
    """Where daemons take requests that are heard through a forwarder, by instance.

    Raises:
        UsageError: one of them is no endpoint, or there are keys for an instance without one.
    """
    keys = keys or {}
    for name in keys.keys() - endpoints.keys():
        raise UsageError(f"--server-key {name}=...: say where {name} takes requests: --control {name}=ENDPOINT")
    found = {name: ControlAddress(endpoint, keys.get(name)) for name, endpoint in endpoints.items()}
    try:
        for address in found.values():
            ControlClient(address.endpoint, keys=address.keys).close()
    except zmq.ZMQError as error:
        raise UsageError(
            f"{address.endpoint}: not an endpoint such as {CONTROL_ENDPOINT} ({error.strerror})"
        ) from error
    return found


def beside(publish: str) -> str | None:
    """The control endpoint that goes with one to publish on; None of `ipc:`, where there is no such habit."""
    place, _, port = publish.rpartition(":")
    if not publish.startswith("tcp://") or not port.isdecimal():
        return None
    return f"{place}:{int(port) + CONTROL_PORT - PORT}"


def _check(address: Address) -> None:
    try:
        Subscriber(address.publish, kinds=(), keys=address.keys).close()
        for endpoint in filter(None, (address.control, address.replay)):
            ControlClient(endpoint, keys=address.keys).close()
    except zmq.ZMQError as error:
        told = ", ".join(filter(None, (address.publish, address.control, address.replay)))
        raise UsageError(f"{told}: not an endpoint such as {ENDPOINT} ({error.strerror})") from error
