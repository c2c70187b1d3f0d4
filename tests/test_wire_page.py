import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest

from nanotally.daemon.publish import Publisher
from nanotally.wire import (
    COLUMNS,
    ContoursMessage,
    CountsMessage,
    DetectionsMessage,
    FrameMessage,
    Message,
    StatusMessage,
    decode,
)

WAIT_S = 20.0
ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "wire-format.md").read_text()
GOLDEN = Path(__file__).parent / "golden"


def golden(kind: str) -> Message:
    raw, parts = (GOLDEN / f"wire1_{kind}.bin").read_bytes(), []
    while raw:
        length = int.from_bytes(raw[:4], "little")
        parts.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    return decode(parts)


def publish(publisher: Publisher, message: Message, *, lose: int = 0) -> None:
    """Send a message as the next of its topic, behind `lose` that never arrive."""
    origin = publisher.next_origin(message.kind, "main")
    publisher.send(replace(message, origin=replace(origin, seq=origin.seq + lose)))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with closing(Publisher("tcp://127.0.0.1:*", instance="sem")) as made:
        yield made


@pytest.fixture
def by_hand(tmp_path: Path, publisher: Publisher) -> Iterator["subprocess.Popen[str]"]:
    """The subscriber as the page has it, connected to the publisher."""
    program, _ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "subscriber.py"
    path.write_text(program)
    command = [sys.executable, "-I", str(path), publisher.endpoint]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(5):
        assert publisher._socket.poll(round(WAIT_S * 1000)), "the subscriber on the page does not subscribe"
        publisher.answer_subscribers()
        if publisher.subscriptions == 5:
            break
    watchdog = threading.Timer(WAIT_S, process.kill)  # whoever waits for a line then gets an empty one
    watchdog.start()
    yield process
    watchdog.cancel()
    process.kill()
    process.communicate(timeout=WAIT_S)


def test_the_subscriber_on_the_page_needs_pyzmq_only() -> None:
    program, _ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert set(re.findall(r"^import (.*)", program, re.MULTILINE)) == {"json, struct, sys", "zmq"}
    assert "from " not in program


def test_the_subscriber_on_the_page_reads_everything(publisher: Publisher, by_hand: "subprocess.Popen[str]") -> None:
    for kind in ("status", "detections", "counts", "contours", "frames"):
        publish(publisher, golden(kind))
    publish(publisher, golden("counts"), lose=2)
    publish(publisher, golden("status"))
    assert by_hand.stdout is not None
    said = [by_hand.stdout.readline().strip() for _ in range(12)]
    facts = {line.split("/")[0]: line for line in said if "/sem/main/ {" in line}
    assert set(facts) == {"detections", "counts", "status", "contours", "frames"}
    for kind, line in facts.items():
        assert "'instance': 'sem', 'source': 'main'" in line, kind
    records = [line for line in said if line.startswith("{'x1'")]
    assert len(records) == 2
    assert "'x1': 100.0, 'y1': 200.0, 'x2': 164.0, 'y2': 264.0, 'score': 0.96875, 'class': 1" in records[1]
    picture = golden("frames")
    assert isinstance(picture, FrameMessage)
    assert f"{len(picture.image)} bytes of jpeg" in said
    assert "particle 1: [(1.0, 2.0), (10.0, 2.0), (10.0, 2047.9375), (1.0, 2.0625)]" in said
    assert "counts/sem/main/ 2 messages missed" in said


def test_the_subscriber_on_the_page_notices_a_restart(publisher: Publisher, by_hand: "subprocess.Popen[str]") -> None:
    publish(publisher, golden("counts"))
    publisher.run_id = "another"
    publish(publisher, golden("counts"))
    assert by_hand.stdout is not None
    said = [by_hand.stdout.readline().strip() for _ in range(3)]
    assert said[1] == "counts/sem/main/ the daemon was started again"


def test_every_key_of_every_message_is_on_the_page() -> None:
    for cls in (DetectionsMessage, CountsMessage, StatusMessage, ContoursMessage, FrameMessage):
        section = re.search(rf"### `{cls.kind}`\n(.*?)\n##", PAGE, re.DOTALL)
        assert section is not None
        in_header = {f.name for f in fields(cls)} - {"origin", "records", "image", "outlines", "wall"}
        assert {key for key in in_header if f"`{key}`" not in section[1]} == set()


def test_every_column_and_flag_is_on_the_page() -> None:
    for name, code, _ in COLUMNS:
        assert re.search(rf"\| .*`{name}`.* \| {code} \|", PAGE), name


def test_default_endpoint_of_the_page_is_that_of_the_daemon() -> None:
    from nanotally.daemon.config import PublishConfig

    assert PublishConfig().endpoint in PAGE
