import json
import runpy
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locked import make_locks
from source_parts import following, free_port, header, lost, number_of, picture, read_some, sender, until

from nanotally.daemon.gate import Gate
from nanotally.daemon.sources import open_source
from nanotally.daemon.sources.grey import window_of
from nanotally.daemon.sources.pushed import read_message
from nanotally.errors import SourceError
from nanotally.frame import Source

EXAMPLE = Path(__file__).parent.parent / "examples" / "send_frames.py"


@pytest.fixture
def endpoint() -> str:
    return f"tcp://127.0.0.1:{free_port()}"


@pytest.fixture
def source(endpoint: str) -> Iterator[Source]:
    with closing(open_source(f"zmq:{endpoint}")) as opened:
        yield opened


def message(image: np.ndarray[Any, Any], **facts: object) -> list[bytes]:
    return [header(image, dtype=str(image.dtype), **facts), image.tobytes()]


def test_all_that_a_sender_may_say_comes_through(endpoint: str, source: Source) -> None:
    with sender(endpoint) as send:
        assert send(*message(picture(3), nm_per_px=[2.5, 2.6], databar_px=8, name="grid 3", magnification=5000))
        frame = read_some(source, 1)[0]
    assert (frame.nm_per_px, frame.pixel_size_from, frame.name) == ((2.5, 2.6), "sender", "grid 3")
    assert frame.field == (0, 0, 64, 40)
    assert np.array_equal(frame.image, picture(3))


def test_picture_alone_is_enough(endpoint: str, source: Source) -> None:
    with sender(endpoint) as send:
        assert send(b'{"width": 64, "height": 48}', picture(4).tobytes())
        frame = read_some(source, 1)[0]
    assert (frame.nm_per_px, frame.field, frame.name, number_of(frame.image)) == (None, None, "", 4)


@pytest.mark.parametrize(
    ("dtype", "factor", "facts"),
    [("uint8", 1, {}), ("uint16", 257, {}), ("uint16", 16, {"bits": 12}), ("uint16", 4, {"bits": 10})],
)
def test_window_is_that_of_the_bits(dtype: str, factor: int, facts: dict[str, int]) -> None:
    grey = np.arange(240, dtype=np.uint16).reshape(12, 20)
    header, image = read_message(message((grey * factor).astype(dtype), **facts))
    assert np.abs(image.astype(int) - grey).max() <= 1
    assert window_of(header.bits_used)[1] == pytest.approx(255 * factor, rel=0.01)


def test_window_is_told(endpoint: str, source: Source) -> None:
    with sender(endpoint) as send:
        assert send(*message(picture(1).astype(np.uint16), bits=12))
        assert read_some(source, 1)[0].window == (0, 4095)


def test_colours_become_luma() -> None:
    red = np.zeros((4, 5, 3), np.uint8)
    red[..., 0] = 255
    _, image = read_message(message(red, channels=3))
    assert image.shape == (4, 5)
    assert image[0, 0] == 76


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ([b"{}"], "1 parts"),
        ([b"{}", b"", b""], "3 parts"),
        ([b"no JSON", b""], "not JSON"),
        ([b"\xff", b""], "not JSON"),
        ([b"[]", b""], "Expected `object`"),
        ([b'{"width": 64}', b""], "missing required field `height`"),
        ([b'{"width": 0, "height": 48}', b""], ">= 1"),
        ([b'{"width": 64, "height": 48}', b"123"], "3 bytes of pixels; the header says 3072"),
        ([b'{"width": 64, "height": 48, "dtype": "float32"}', b""], "float32"),
        ([b'{"width": 64, "height": 48, "nm_per_px": -1}', b""], "not above 0"),
        ([b'{"width": 64, "height": 48, "nm_per_px": [1]}', b""], "length"),
        ([b'{"width": 64, "height": 48, "databar_px": 48}', b""], "leaves nothing"),
    ],
)
def test_malformed_message_says_what_is_wrong(parts: list[bytes], complaint: str) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError)) as caught:
        read_message(parts)
    assert complaint in str(caught.value)


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_no_bytes_do_more_than_be_refused(parts: list[bytes]) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError)):
        read_message(parts)


def test_malformed_messages_are_counted_and_harm_nothing(endpoint: str, source: Source) -> None:
    with sender(endpoint) as send:
        for parts in ([b"x"], [b"x", b"y"], [b"{}", b""]):
            assert send(*parts)
        assert send(*message(picture(7)))
        frame = read_some(source, 1)[0]
    assert number_of(frame.image) == 7
    assert (source.damaged, frame.number) == (3, 3)


def test_old_pictures_give_way_to_the_newest(endpoint: str, source: Source) -> None:
    with sender(endpoint) as send:
        assert send(*message(picture(0)))
        read_some(source, 1)
        sent = [number for number in range(1, 30) if send(*message(picture(number)))]
        numbers = []
        while not numbers or numbers[-1] != sent[-1]:
            numbers += [number_of(frame.image) for frame in read_some(source, 1)]
    assert numbers == sorted(numbers)


def test_last_picture_of_a_sender_that_goes_is_not_lost(endpoint: str, source: Source) -> None:
    with sender(endpoint) as send:
        assert send(*message(picture(9)))
        assert until(lambda: source._socket.poll(0) > 0)  # type: ignore[attr-defined]
    assert number_of(read_some(source, 1)[0].image) == 9
    assert "the sender has gone" in str(lost(source))


def test_stranger_who_knocks_is_no_sender(endpoint: str, source: Source) -> None:
    with socket.create_connection(("127.0.0.1", int(endpoint.rpartition(":")[2]))) as stranger:
        stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert source.read(0.2) is None
    assert source.read(0.2) is None


def test_port_that_is_taken_is_an_error(endpoint: str, source: Source) -> None:
    with pytest.raises(SourceError, match="address already in use"):
        open_source(f"zmq:{endpoint}")


def test_feed_loses_the_source_with_its_sender_and_finds_the_next(endpoint: str) -> None:
    with following(f"zmq:{endpoint}") as feed:
        with sender(endpoint) as send:
            assert send(*message(picture(1)))
            first = feed.mailbox.take(10)
        assert until(lambda: feed.reconnects == 1)
        assert (feed.state, "the sender has gone" in str(feed.fault)) == ("lost", True)
        with sender(endpoint) as send:
            assert send(*message(picture(2)))
            second = feed.mailbox.take(10)
            assert until(lambda: feed.state == "up")
        assert first is not None
        assert second is not None
        assert (first.number, second.number, number_of(second.image)) == (0, 1, 2)


def test_example_sends_as_it_says(endpoint: str, source: Source) -> None:
    process = subprocess.Popen([sys.executable, str(EXAMPLE), endpoint], stdout=subprocess.DEVNULL)
    try:
        frames = read_some(source, 2)
    finally:
        process.terminate()
        process.wait(10)
    assert frames[0].image.shape == (480, 640)
    assert frames[0].nm_per_px == (2.5, 2.5)
    assert frames[0].name.startswith("picture ")
    assert source.damaged == 0


def test_example_sends_with_its_keys_what_without_them_does_not_arrive(endpoint: str, tmp_path: Path) -> None:
    locks = make_locks(tmp_path / "keys")
    words = [sys.executable, str(EXAMPLE), endpoint]
    with closing(open_source(f"zmq:{endpoint}", gate=Gate(locks.config))) as source, ExitStack() as ending:
        for name in ("nobody", "bert", "anna"):
            keys = [] if name == "nobody" else [f"{locks.folder}/{name}.key_secret", f"{locks.folder}/sem.key"]
            process = subprocess.Popen([*words, *keys], stdout=subprocess.DEVNULL)
            ending.callback(process.wait, 10)
            ending.callback(process.terminate)
            if name == "anna":
                assert read_some(source, 1)[0].name.startswith("picture ")
            else:
                assert source.read(1.0) is None


def test_example_needs_nothing_but_numpy_and_pyzmq() -> None:
    example = runpy.run_path(str(EXAMPLE))
    assert example["grab"](0).dtype == np.uint8
    imported = [line.split()[1] for line in EXAMPLE.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == {"numpy", "zmq"}


def test_page_shows_a_header_that_is_understood() -> None:
    page = (EXAMPLE.parent.parent / "docs" / "sources.md").read_text()
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    pixels = bytes(shown["width"] * shown["height"] * 2)
    read, _ = read_message([json.dumps(shown).encode(), pixels])
    assert set(shown) == set(read.__dataclass_fields__)
