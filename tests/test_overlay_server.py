"""The overlay as a whole: a real daemon, a real overlay, a real WebSocket."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the overlay extra is not installed")

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from overlay_site import Page, daemon, endpoints, kill, overlay, picture, texts, until
from websockets.exceptions import ConnectionClosed, InvalidStatus

from nanotally.opencv import cv2
from nanotally.wire import DetectionsMessage, Subscriber

WAIT_S = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Page]:
    """A page of two daemons: `sem` has two sources and counts, `tem` does not run."""
    more = '[source.second]\nuri = "sim:?fps=2&width=96&height=64&seed=2"\n'
    words = [word for instance in ("sem", "tem") for word in endpoints(folder, instance)]
    with daemon(folder, more=more), overlay(folder, *words) as page:
        page.await_microscopes(
            lambda found: len(found) == 2 and all(m["live"] and "unique" in m for m in found.values())
        )
        yield page


def test_page_and_headers(page: Page) -> None:
    status, headers, _ = page.ask("/api/microscopes")
    assert status == 200
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert page.ask("/static/nothing.js")[0] == 404
    assert page.ask("/static/../app.py")[0] == 404
    assert page.ask("/static/%2e%2e/app.py")[0] == 404
    assert page.ask("/static/..%2fapp.py")[0] == 404


def test_microscopes_tell_the_counts_of_the_wire(page: Page, folder: Path) -> None:
    told = page.json("/api/microscopes")
    assert (told["may_control"], told["needs_login"], told["logged_in"]) == (True, False, False)
    assert [(m["instance"], m["source"]) for m in told["microscopes"]] == [("sem", "main"), ("sem", "second")]
    for microscope in told["microscopes"]:
        assert (microscope["live"], microscope["state"], microscope["signal"]) == (True, "live", "heard")
        assert set(microscope["counts"]) == set(microscope["unique"]) == {"cube", "quasi_sphere"}
        assert microscope["status"]["source_state"] == "up"
    endpoints = [daemon["endpoint"] for daemon in told["daemons"]]
    assert endpoints == [f"ipc://{folder}/sem-publish", f"ipc://{folder}/tem-publish"]


def test_picture_and_particles_are_those_of_one_frame_of_the_wire(page: Page, folder: Path) -> None:
    seen: dict[int, DetectionsMessage] = {}
    with Subscriber(f"ipc://{folder}/sem-publish", kinds=("detections",)) as subscriber, page.watch() as socket:
        for _ in range(3):
            facts, jpeg = picture(socket)
            socket.send(json.dumps({"seen": facts["frame"]}))
            while facts["frame"] not in seen:
                item = subscriber.receive(WAIT_S)
                assert item is not None
                if isinstance(item, DetectionsMessage):
                    seen[item.frame] = item
            told = seen[facts["frame"]]
            assert facts["run_id"] == told.origin.run_id
            assert len(facts["particles"]["x1"]) == len(told.records)
            assert facts["counts"] == dict(told.counts or {})
            image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert image.shape == (facts["height"], facts["width"]) == (told.height, told.width)
            assert len(told.records) == pytest.approx(int(image[0, 0]), abs=40)  # the stand-in counts by this pixel


def test_pictures_are_asked_for_only_while_somebody_looks(page: Page, folder: Path) -> None:
    said = folder / "sem.txt"

    def changes() -> list[str]:
        return re.findall(r"(somebody|nobody) subscribes to 'frames/sem/main/'", said.read_text())

    until(changes, lambda found: not found or found[-1] == "nobody")
    before = len(changes())
    with page.watch() as one, page.watch() as other:
        picture(one)
        picture(other)
        one.send('{"watch": false}')
        other.send('{"watch": false}')
        until(changes, lambda found: found[before:] == ["somebody", "nobody"])
        one.send('{"watch": true}')
        picture(one)
    until(changes, lambda found: found[before:] == ["somebody", "nobody"] * 2)


def test_next_picture_comes_only_after_seen(page: Page) -> None:
    with page.watch() as socket:
        first, _ = picture(socket)
        kinds = set()
        while kinds != {"status", "counts"}:  # both come each second: time for many pictures
            message = socket.recv(timeout=WAIT_S)
            assert isinstance(message, str)
            if (told := json.loads(message))["kind"] in ("status", "counts") and told["age_s"] < 0.5:
                kinds.add(told["kind"])
        socket.send(json.dumps({"seen": first["frame"]}))
        assert picture(socket)[0]["frame"] > first["frame"]


def test_viewer_of_what_was_never_heard_is_told_so(page: Page) -> None:
    with page.watch("tem/second") as socket:
        assert texts(socket, lambda told: told["state"] == "no daemon")["kind"] == "signal"


@pytest.mark.parametrize("name", ["SEM/main", "sem/" + "a" * 33, "sem/%2e%2e"])
def test_name_that_cannot_be_one_is_refused(page: Page, name: str) -> None:
    with pytest.raises(InvalidStatus):
        page.watch(name)


def test_control_reaches_the_daemon_and_its_refusal_the_page(page: Page) -> None:
    told = page.json("/api/control/sem", {"verb": "set", "args": {"source.main.masks": [[0, 0, 5, 5]]}})
    assert told["ok"]["set"] == {"source.main.masks": [[0, 0, 5, 5]]}
    assert set(told["settings_sha256"]) == {"main", "second"}
    page.json("/api/control/sem", {"verb": "unset", "args": {"keys": ["source"]}})
    status, _, raw = page.ask("/api/control/sem", b'{"verb": "sett"}')
    assert (status, json.loads(raw)) == (502, {"error": "unknown verb 'sett'; did you mean set?"})
    status, _, raw = page.ask("/api/control/tem", b'{"verb": "get"}')
    assert (status, json.loads(raw)["error"]) == (404, "no daemon of the name tem was heard")


def test_session_comes_as_a_table(page: Page) -> None:
    started = page.json("/api/control/sem", {"verb": "session-start", "args": {"sample": "Au", "operator": "anna"}})
    session = started["ok"]["session"]["id"]
    page.await_microscopes(lambda found: (found["sem/main"]["session"] or {}).get("id") == session)
    status, headers, raw = page.ask("/api/export/sem/main?to=csv")
    page.json("/api/control/sem", {"verb": "session-stop", "args": {}})
    assert status == 200
    assert headers["Content-Disposition"] == f'attachment; filename="sem-main-{session}.csv"'
    table = raw.decode().splitlines()
    assert table[0].startswith("image,offset,run_id,frame")
    assert all(f",{session},Au,anna," in row for row in table[1:])
    assert len(raw) == int(headers["Content-Length"])
    again = page.ask(f"/api/export/sem/main?to=csv&session={session}")
    assert again[2].startswith(raw[: len(table[0])])


@pytest.mark.parametrize(
    ("query", "status", "complaint"),
    [
        ("sem/main?to=xls", 400, "to: one of csv"),
        ("sem/main", 400, "to: one of csv"),
        ("tem/main?to=csv", 404, "no microscope of the name tem/main"),
        ("sem/main?to=csv&session=nothing", 502, "holds no frame"),
    ],
)
def test_download_that_cannot_be_had_is_an_error(page: Page, query: str, status: int, complaint: str) -> None:
    told, _, raw = page.ask(f"/api/export/{query}")
    assert told == status
    assert complaint in json.loads(raw)["error"]


def test_source_of_the_running_program_is_offered(page: Page) -> None:
    _, _, raw = page.ask(page.json("/api/microscopes")["source_url"])
    with tarfile.open(fileobj=io.BytesIO(raw)) as files:
        names = {name.partition("/")[2]: name for name in files.getnames()}
        served = files.extractfile(names["nanotally/overlay/source.py"])
        assert served is not None
        assert served.read() == (Path(__file__).parents[1] / "overlay/source.py").read_bytes()
        assert {"LICENSE", "NOTICE", "nanotally/daemon/service.py"} <= set(names)


def test_page_from_elsewhere_gets_nothing(page: Page) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://["}):
        assert page.ask("/api/control/sem", b'{"verb": "get"}', **headers)[0] == 403
    assert page.ask("/api/microscopes", Host=f"evil.example:{page.port}")[0] == 403
    assert page.ask("/api/microscopes", Host="[")[0] in (400, 403)
    assert page.ask("/api/export/sem/main?to=csv", Sec_Fetch_Site="cross-site")[0] == 403
    with pytest.raises(InvalidStatus):
        page.watch(origin="http://evil.example")
    with pytest.raises(InvalidStatus):
        page.watch(origin=None)


def test_too_much_is_refused(page: Page) -> None:
    assert page.ask("/api/control/sem", b" " * 70_000)[0] == 413
    with page.watch() as socket:
        socket.send(" " * 5000)
        with pytest.raises(ConnectionClosed):
            texts(socket, lambda _: False)


@settings(max_examples=40)
@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) |
    st.dictionaries(st.sampled_from(["verb", "args", "password", "keys", "source"]) | st.text(), inner), max_leaves=6,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_whatever_is_posted_is_answered_and_changes_nothing(page: Page, body: bytes) -> None:
    status, _, raw = page.ask("/api/control/sem", body)
    assert status in (400, 502)
    assert set(json.loads(raw)) == {"error"}
    assert page.ask("/api/login", body)[0] in (400, 403, 429)


@settings(max_examples=25)
@given(
    st.text().filter(lambda text: text.strip() != "{}")
    | st.binary()
    | st.sampled_from(['{"watch": 1}', '{"seen": 1e999}', '{"else": 0}', "[]", "{" * 999])
)
def test_viewer_that_talks_nonsense_harms_only_itself(page: Page, word: str | bytes) -> None:
    with page.watch() as socket:
        socket.send(word)
        with pytest.raises(ConnectionClosed) as closed:
            texts(socket, lambda _: False)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in (1007, 1008, 1009)
    assert page.microscopes()["sem/main"]["live"]


def test_daemon_that_is_killed_is_not_heard_and_comes_back(page: Page, folder: Path) -> None:
    with page.watch("tem/main") as socket:
        texts(socket, lambda told: told.get("state") == "no daemon")  # it was never there
        with daemon(folder, instance="tem") as first:
            texts(socket, lambda told: told.get("state") == "heard")
            before = picture(socket)[0]
            assert page.json("/api/control/tem", {"verb": "get"})["ok"]["instance"] == "tem"
            kill(first)
            assert texts(socket, lambda told: told.get("state") == "no daemon")["since_s"] >= 3
            microscope = page.microscopes()["tem/main"]
            assert (microscope["live"], microscope["state"]) == (False, None)
            assert page.microscopes()["sem/main"]["live"]
        with daemon(folder, instance="tem") as second:
            texts(socket, lambda told: told.get("state") == "heard")
            run_id = before["run_id"]
            while run_id == before["run_id"]:  # one of the old run may have waited
                socket.send(json.dumps({"seen": before["frame"]}))
                run_id = picture(socket)[0]["run_id"]
            second.terminate()
            texts(socket, lambda told: told.get("state") == "stopped")
