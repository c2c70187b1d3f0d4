"""What a viewer gets, and when."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlay_pictures import frame_of, unpacked
from told import detections, status

from nanotally.overlay.microscope import Heard, Microscope, Name
from nanotally.overlay.picture import Picture
from nanotally.overlay.viewer import Signal, Viewer

WAIT_S = 20.0


def picture(seq: int) -> Picture:
    told = detections(seq)
    return Picture(told, frame_of(told))


class Recorded:
    """A line that writes down what is sent."""

    def __init__(self) -> None:
        self.texts: list[dict[str, object]] = []
        self.frames: list[int] = []

    async def send_text(self, data: str) -> None:
        self.texts.append(json.loads(data))

    async def send_bytes(self, data: bytes) -> None:
        self.frames.append(unpacked(data)[0]["frame"])


async def settled(viewer: Viewer, line: Recorded, *, texts: int = 0, frames: int = 0) -> None:
    """Let the viewer run until so much was sent."""
    running = asyncio.create_task(viewer.run(line))
    for _ in range(int(WAIT_S / 0.01)):
        if len(line.texts) >= texts and len(line.frames) >= frames:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # nothing more comes
    running.cancel()
    assert (len(line.texts), len(line.frames)) == (texts, frames)


def test_newest_of_each_kind_is_sent() -> None:
    async def go() -> None:
        viewer, line = Viewer(Name("sem", "main")), Recorded()
        for seq in range(1, 5):
            viewer.tell(Heard(status(seq), 0.0))
            viewer.show(picture(seq))
        viewer.tell_signal(Signal("heard", 0.0))
        await settled(viewer, line, texts=2, frames=1)
        assert [text["kind"] for text in line.texts] == ["status", "signal"]
        assert line.texts[0]["header"]["seq"] == 4  # type: ignore[index]
        assert line.frames == [3]

    asyncio.run(go())


def test_next_picture_waits_for_seen() -> None:
    async def go() -> None:
        viewer, line = Viewer(Name("sem", "main")), Recorded()
        viewer.show(picture(1))
        await settled(viewer, line, frames=1)
        viewer.show(picture(2))
        viewer.show(picture(3))
        await settled(viewer, line, frames=1)
        viewer.hear('{"seen": 0}')
        await settled(viewer, line, frames=2)
        assert line.frames == [0, 2]

    asyncio.run(go())


def test_who_does_not_watch_gets_no_pictures() -> None:
    async def go() -> None:
        viewer, line = Viewer(Name("sem", "main")), Recorded()
        viewer.hear('{"watch": false}')
        viewer.show(picture(1))
        viewer.tell(Heard(status(), 0.0))
        await settled(viewer, line, texts=1)
        viewer.hear('{"watch": true}')
        viewer.show(picture(2))
        await settled(viewer, line, texts=1, frames=1)

    asyncio.run(go())


def test_signal_is_told_when_it_changes() -> None:
    async def go() -> None:
        viewer, line = Viewer(Name("sem", "main")), Recorded()
        for state in ("heard", "heard", "no daemon"):
            viewer.tell_signal(Signal(state, 0.0))
        await settled(viewer, line, texts=1)
        viewer.tell_signal(Signal("no daemon", 0.0))
        await settled(viewer, line, texts=1)
        assert line.texts[0]["state"] == "no daemon"

    asyncio.run(go())


@given(
    st.text().filter(lambda text: text.strip() != "{}")
    | st.sampled_from(['{"watch": 1}', '{"seen": "a"}', '{"seen": 1.5}', '{"watch": true, "x": 0}', "[]"])
)
def test_nonsense_is_refused(word: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        Viewer(Name("sem", "main")).hear(word)


def test_microscope_says_what_was_heard_and_since_when() -> None:
    microscope = Microscope(since_s=0.0)
    assert (microscope.signal(1.0), microscope.state(1.0)) == ("waiting", None)
    assert microscope.signal(4.0) == "no daemon"
    microscope.take(status(), 5.0)
    assert (microscope.signal(6.0), microscope.state(6.0)) == ("heard", None)  # up, and no frame yet
    microscope.take_picture(picture(1), 6.5)
    assert microscope.state(7.0) == "live"
    assert (microscope.signal(9.6), microscope.state(9.6)) == ("no daemon", None)
    microscope.take(status(2, stopping=True), 10.0)
    assert microscope.signal(10.0) == microscope.signal(99.0) == "stopped"
