"""`rtsp://...`: a network camera or an encoder, by FFmpeg in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from nanotally.daemon.sources.child import ChildSource

CLIENT = Path(__file__).with_name("rtsp_client.py")


class RtspSource(ChildSource):
    """A stream over RTSP. FFmpeg cannot be told to stop waiting, but its process can be ended."""

    program = "the RTSP client"

    def __init__(self, uri: str) -> None:
        """Start the client.

        Raises:
            SourceError: nobody answers there, or the answer is no.
        """
        # The address may hold a password, and everybody can read everybody's command lines.
        secret = {"NANOTALLY_RTSP_URL": uri}
        # -I: this folder must not become the child's first place to look for modules.
        super().__init__(uri, lambda writing: [sys.executable, "-I", str(CLIENT), str(writing)], environment=secret)
