"""IPv6 endpoints, `tcp://[::1]:5757`."""

from __future__ import annotations

import zmq


def allow_ipv6(socket: zmq.Socket[bytes], endpoint: str) -> None:
    """Let a socket have this endpoint; called before it binds or connects.

    libzmq takes an address in brackets only where `ZMQ_IPV6` is set. It is set for nothing else: with it a name is
    looked up as an IPv6 address, and `localhost` would be another place to a daemon than to an older client.
    """
    socket.ipv6 = "[" in endpoint
