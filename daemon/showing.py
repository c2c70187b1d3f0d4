"""What is made of a frame only while somebody looks: its contours and its picture."""

from __future__ import annotations

from nanotally.daemon import report
from nanotally.daemon.channel import Channel
from nanotally.daemon.publish import Publisher, to_jpeg
from nanotally.frame import Frame
from nanotally.measure.measurement import Measurement
from nanotally.wire import DetectionsMessage

SHOW_EVERY_S = 0.05
"""Frames of a live feed are shown at most this often."""


def show(
    publisher: Publisher, channel: Channel, frame: Frame, told: DetectionsMessage, measured: Measurement | None
) -> None:
    """Publish contours and picture of a frame that was told of, those that are wanted; the picture last.

    Both are of the same frames, so who has the picture has had all that belongs on it.
    """
    name = channel.name
    contours, picture = (publisher.is_wanted(kind, name) for kind in ("contours", "frames"))
    if not (contours or picture) or (channel.feed.live and not channel.is_due("show", every_s=SHOW_EVERY_S)):
        return
    if contours and measured is not None and measured.contours is not None:
        publisher.send(report.contours_message(publisher.next_origin("contours", name), told, measured.contours))
    if picture:
        publisher.send(report.frame_message(publisher.next_origin("frames", name), told, to_jpeg(frame.image)))
