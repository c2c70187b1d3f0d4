"""`gst:PIPELINE`: whatever GStreamer can show, by a `gst-launch-1.0` child, so that no special OpenCV is needed."""

from __future__ import annotations

import shlex
from shutil import which

from nanotally.daemon.sources.child import ChildSource
from nanotally.errors import SourceError

PROGRAM = "gst-launch-1.0"
PACKAGES = "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-bad"

TO_PGM = "! videoconvert dither=none ! video/x-raw,format=GRAY8 ! pnmenc"
NEWEST = "! queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 ! fdsink sync=false"


class GstSource(ChildSource):
    """A pipeline as for `gst-launch-1.0`, without its sink: `gst:v4l2src device=/dev/video0 ! jpegdec`."""

    program = PROGRAM

    def __init__(self, uri: str) -> None:
        """Start the pipeline.

        Raises:
            SourceError: there is no `gst-launch-1.0`, or the pipeline does not start.
        """
        program = which(PROGRAM)
        if program is None:
            raise SourceError(f"{uri}: {PROGRAM} is not installed: apt install {PACKAGES}")
        try:
            pipeline = shlex.split(uri.partition(":")[2])
        except ValueError as error:
            raise SourceError(f"{uri}: {error}") from error
        if not pipeline:
            raise SourceError(f"{uri}: there is no pipeline; write for instance gst:videotestsrc")
        tail = [*shlex.split(TO_PGM), *shlex.split(NEWEST)]
        super().__init__(uri, lambda writing: [program, "-q", *pipeline, *tail, f"fd={writing}"])
