"""An endpoint that the daemon listens on: its form, and who can reach it."""

from __future__ import annotations

from nanotally.loopback import is_loopback


def host_of(endpoint: str) -> str | None:
    """Host of `tcp://HOST:PORT`, None of `ipc://PATH`.

    Raises:
        ValueError: if it is neither.
    """
    scheme, _, place = endpoint.partition("://")
    if scheme == "ipc" and place:
        return None
    host, _, port = place.rpartition(":")
    in_brackets = host.startswith("[") and host.endswith("]")
    if scheme != "tcp" or not host or (":" in host and not in_brackets) or not (port == "*" or port.isdecimal()):
        raise ValueError(f"{endpoint!r} is not an endpoint such as tcp://127.0.0.1:5757, tcp://[::1]:5757 or ipc:///x")
    return host.strip("[]")


def fault_without_keys(endpoint: str) -> str | None:
    """Why a socket without keys must not listen there, and what to do; None where it may."""
    host = host_of(endpoint)
    if host is None or is_loopback(host):
        return None
    return (
        f"{host} can be reached from other machines, and there are no CURVE keys: make them with `nanotally keys` and "
        "name them under [security] (docs/security.md), or listen on 127.0.0.1 and use a tunnel (ssh -L)"
    )
