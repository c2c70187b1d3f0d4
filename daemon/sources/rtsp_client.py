"""The process behind `rtsp://`: decodes a stream and writes grey PGM pictures to a file descriptor.

It is run as a script and imports no nanotally, so that it starts at once and stays small.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

import av

OPEN_S, SILENCE_S = 5.0, 3.0
"""How long FFmpeg waits for a connection and for the next packet; in practice it takes up to twice as long."""

OPTIONS = {
    "rtsp_transport": "tcp",  # a lost UDP packet smears a picture, and a smeared picture is counted
    "fflags": "nobuffer+discardcorrupt",
    "flags": "low_delay",
    "timeout": str(round(OPEN_S * 1e6)),
}


def write_pictures(url: str, pipe: BinaryIO) -> None:
    """Write every picture of the stream, undelayed, until it ends."""
    with av.open(url, options=OPTIONS, timeout=(OPEN_S, SILENCE_S)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"  # threads for whole frames would hold back as many frames
        for picture in container.decode(stream):
            if picture.is_corrupt:
                continue
            grey = picture.to_ndarray(format="gray")
            height, width = grey.shape
            pipe.write(b"P5\n%d %d\n255\n" % (width, height))
            pipe.write(grey.tobytes())
            pipe.flush()


def main() -> int:
    """Exit code 1: the stream has ended or could not be had; the reason is on stderr."""
    try:
        with os.fdopen(int(sys.argv[1]), "wb") as pipe:
            write_pictures(os.environ["NANOTALLY_RTSP_URL"], pipe)
    except BrokenPipeError:
        return 0  # the daemon has gone
    except av.error.ExitError:
        print(f"no packet came for {SILENCE_S:g} s", file=sys.stderr)
    except IndexError:
        print("the stream holds no video", file=sys.stderr)
    except (av.error.FFmpegError, OSError) as error:
        print(error.strerror, file=sys.stderr)
    else:
        print("the server ended the stream", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
