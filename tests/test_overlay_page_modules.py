"""What the page decides without a page: its modules, run in a real browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from overlay_browser import chromium, opened

PAGE = Path(__file__).parent.parent / "overlay" / "page"


class Files(SimpleHTTPRequestHandler):
    """The files of the page."""

    extensions_map = {".js": "text/javascript", ".svg": "image/svg+xml"}  # noqa: RUF012

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":  # browsers ask for it
            self.path = "/favicon.svg"
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=PAGE)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def modules(address: str) -> Iterator[Any]:
    """Runs the body of a function of JavaScript with the modules that it names."""
    with chromium() as browser, opened(browser, f"{address}/favicon.svg") as page:

        def run(names: str, body: str, *arguments: Any) -> Any:
            imports = "".join(f"const {name} = await import('/{name}.js');" for name in names.split())
            return page.evaluate(f"async (given) => {{ {imports} {body} }}", list(arguments))

        yield run


def test_words_of_every_state(modules: Any) -> None:
    def words(**known: Any) -> dict[str, Any]:
        status = {"source_state": "up", "frame_state": "live", "fault": None, "stopping": False}
        status |= known.pop("status", {})
        usual = {"connected": True, "refused": False, "status": status, "silent_s": 0.5, "frameState": "live"}
        return dict(modules("signal", "return signal.signalOf(given[0])", usual | known))

    assert words()["live"] is True
    assert words(frameState="partial")["label"] == "Scanning"
    for key, known in {
        "unreachable": {"connected": False},
        "waiting": {"status": {"frame_state": None}, "frameState": None},
        "refused": {"refused": True},
        "stopped": {"status": {"stopping": True}},
        "silent": {"silent_s": 3.1},
        "stalled": {"status": {"source_state": "stalled"}},
        "lost": {"status": {"source_state": "lost", "fault": "no such device"}},
        "ended": {"status": {"source_state": "ended"}},
        "frozen": {"frameState": "frozen"},
        "blank": {"frameState": "blank"},
    }.items():
        told = words(**known)
        assert (told["key"], told["live"]) == (key, False)
        assert told["sentence"]
    assert "No such device." in words(status={"source_state": "lost", "fault": "no such device"})["sentence"]


@pytest.mark.parametrize(
    ("text", "nm"),
    [("200", 200), ("0,5 µm", 500), (" 1 um", 1000), ("2 MM", 2e6), ("-1", None), ("1 m", None), ("0", None)],
)
def test_lengths_as_people_type_them(modules: Any, text: str, nm: float | None) -> None:
    assert modules("scale", "return scale.lengthTyped(given[0])", text) == (None if nm is None else pytest.approx(nm))


def test_scale_bar_is_1_2_or_5(modules: Any) -> None:
    found = modules("scale", "return given[0].map(scale.roundLength)", [1, 1.99, 2, 4.9, 5, 9.99, 10, 730, 0.03])
    assert found == pytest.approx([1, 1, 2, 2, 5, 5, 10, 500, 0.02])
    assert modules("scale", "return [500, 1500, 2e6].map((nm) => scale.lengthWords(nm))") == [
        "500 nm",
        "1.5 µm",
        "2 mm",
    ]


def test_what_is_under_the_pointer_stays_there(modules: Any) -> None:
    found = modules(
        "viewport",
        """const view = new viewport.Viewport();
        view.resize(800, 600); view.show(1000, 500);
        const at = {x: 210, y: 330}, before = view.toPicture(at), fit = view.zoom;
        view.zoomBy(4, at);
        const after = view.toPicture(at), back = view.toScreen(after);
        view.zoomBy(1 / 100, at);
        return {fit, before, after, back, zoom: view.zoom, fitted: view.fitted};""",
    )
    assert found["fit"] == found["zoom"] == pytest.approx(0.8)
    assert found["fitted"] is True
    assert found["after"] == pytest.approx(found["before"])
    assert found["back"] == pytest.approx({"x": 210, "y": 330})


def test_every_size_is_in_one_bin(modules: Any) -> None:
    sizes = np.random.default_rng(3).lognormal(4.5, 0.3, 500).tolist()
    found = modules("histogram", "return histogram.histogram([given[0], []])", sizes)
    assert sum(found["bins"][0]) == 500
    assert sum(found["bins"][1]) == 0
    assert 8 <= len(found["bins"][0]) <= 40
    assert modules("histogram", "return histogram.histogram([[], []])") is None


def test_a_line_does_not_bridge_what_was_not_measured(modules: Any) -> None:
    body = """const found = new series.Series(4);
        const told = [[0, 7], [1, 3], [2, null], [3, 4], [3, 5], [4, 0]];
        told.forEach(([second, n]) => found.add(second, n === null ? null : {cube: n}));
        return found.stretches("cube").map((points) => points.map(({n}) => n));"""
    assert modules("series", body) == [[3], [5, 0]]


def test_each_particle_has_one_size_until_the_group_begins_anew(modules: Any) -> None:
    body = """const found = new sizes.Sizes();
        const usual = {state: "live", run_id: "a", ecd_unit: "nm", unique: {}};
        const frame = (group, track, size, more) => found.add({...usual, group, ...more},
            [{kind: "cube", size, track, masked: false}, {kind: "cube", size: 9, track: -1, masked: false}]);
        const seen = [];
        frame(1, 5, 100); frame(1, 5, 102); frame(1, 6, null); seen.push(found.ofKind("cube"));
        frame(1, 7, 50, {state: "frozen", ecd_unit: "px"}); seen.push(found.ofKind("cube"));
        frame(2, 8, 70); seen.push(found.ofKind("cube"));
        return seen;"""
    assert modules("sizes", body) == [[102], [102], [70]]


def test_a_frame_that_is_cut_short_is_refused(modules: Any) -> None:
    for raw in ([], [1, 0], [200, 0, 0, 0, 123]):
        body = """try { message.decodeFrame(new Uint8Array(given[0]).buffer); }
            catch (fault) { return fault.message; }"""
        assert "cut short" in modules("message", body, raw)


def test_too_many_particles_are_warned_of(modules: Any) -> None:
    body = """const shown = {live: true, truncated: true};
        const pixelSize = {nm: null, from: "unconfirmed: x"};
        const tally = {status: {journal_fault: "disk full"}, counts: null, pixelSize};
        return notices.noticesOf(tally, shown).map(({key}) => key);"""
    assert modules("notices", body) == ["truncated", "journal", "pixel"]


def test_outlines_go_to_their_particles(modules: Any) -> None:
    body = """const head = new TextEncoder().encode(given[0]);
        const buffer = new ArrayBuffer(4 + head.length + 32 + 3), bytes = new Uint8Array(buffer);
        new DataView(buffer).setUint32(0, head.length, true);
        bytes.set(head, 4);
        const outlines = [5, 6, 7, 8, 1, 300, 0, 2, -1, -1, -1, -1, -1, -1, -1, -1];
        outlines.forEach((one, i) => new DataView(buffer).setInt16(4 + head.length + 2 * i, one, true));
        bytes.set([9, 8, 7], buffer.byteLength - 3);
        const {facts, outlines: found, jpeg} = message.decodeFrame(buffer);
        const own = message.particlesOf(facts, found).map(({outline}) => outline && [...outline]);
        return {own, without: message.particlesOf(facts).map(({outline}) => outline), jpeg: [...jpeg]};"""
    columns = ("x1", "y1", "x2", "y2", "class", "score", "track", "flags", "ecd", "edge")
    facts = {"classes": ["cube"], "particles": {name: [0, 0] for name in columns}}
    for odd in ("", "!"):  # wherever the outlines begin
        head = json.dumps({**facts, "outlines": {"points": 4, "unit_px": 0.0625, "bytes": 32}, "odd": odd})
        told = modules("message", body, head)
        assert told == {"own": [[5, 6, 7, 8, 1, 300, 0, 2], None], "without": [None, None], "jpeg": [9, 8, 7]}
    cut = """try { message.decodeFrame(new Uint8Array(given[0]).buffer); } catch (fault) { return fault.message; }"""
    head = list(json.dumps({"outlines": {"bytes": 9}}).encode())
    assert "cut short" in modules("message", cut, [len(head), 0, 0, 0, *head, 1, 2])


def test_a_contour_is_drawn_in_place_of_the_box_where_there_is_one(modules: Any) -> None:
    body = """const ctx = new OffscreenCanvas(100, 100).getContext("2d");
        const view = new viewport.Viewport();
        view.resize(100, 100); view.show(50, 50);
        const usual = {kind: "cube", masked: false, outline: null};
        const outline = Int16Array.from([40, 20, 60, 40, 40, 60, 20, 40]);  // half pixels: a rhombus
        const all = [{...usual, x1: 10, y1: 10, x2: 30, y2: 30, outline}, {...usual, x1: 35, y1: 35, x2: 45, y2: 45}];
        marks.particles(ctx, view, all, ["cube"], {thick: 2, unit_px: given[0]});
        const at = (x, y) => ctx.getImageData(x, y, 1, 1).data[3] > 0;
        return {corner: at(20, 20), rhombus: at(50, 30), inside: at(40, 40), other: at(70, 80)};"""
    assert modules("marks viewport", body, 0.5) == {"corner": False, "rhombus": True, "inside": False, "other": True}
    assert modules("marks viewport", body, None) == {"corner": True, "rhombus": False, "inside": False, "other": True}
