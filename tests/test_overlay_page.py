"""The page of the live overlay in a real browser, with a real daemon and pictures that the test sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the overlay extra is not installed")

from overlay_browser import HEIGHT, WIDTH, Sender, Site, chromium, opened
from overlay_site import overlay, process, until

from nanotally.wire import DetectionsMessage

CONFIG = """
instance = "sem"
[source.main]
uri = "zmq:ipc://{folder}/frames"
[publish]
endpoint = "ipc://{folder}/publish"
[replay]
endpoint = "ipc://{folder}/replay"
[control]
endpoint = "ipc://{folder}/control"
[journal]
directory = "{folder}/journal"
[metrics]
enabled = false
"""
IMAGE = "<img src=x onerror=\"document.title='taken'\">"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("page")
    config = folder / "sem.toml"
    config.write_text(CONFIG.format(folder=folder))
    sender = Sender(f"ipc://{folder}/frames")
    try:
        with (
            process(["-m", "nanotally", "run", "--config", str(config)], folder / "daemon.txt") as daemon,
            overlay(folder, f"ipc://{folder}/publish", "--control", f"ipc://{folder}/control") as page,
        ):
            page.await_microscopes(lambda found: found.get("sem/main", {}).get("state") == "live")
            yield Site(folder, page.origin, daemon, sender)
    finally:
        sender.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def shared_page(browser: Any, site: Site) -> Iterator[Any]:
    with opened(browser, site.address) as page:
        yield page


@pytest.fixture
def page(shared_page: Any) -> Iterator[Any]:
    """The page of the microscope, with a picture on it; one for all tests, which leave it as they found it."""
    shared_page.wait_for_selector("#picture[data-frame]")
    await_signal(shared_page, "live")
    yield shared_page
    assert shared_page.faults == []


def await_signal(page: Any, key: str) -> None:
    page.wait_for_selector(f"#signal[data-key={key}]")


def counts(page: Any) -> dict[str, Any]:
    """The large numbers, and the frame that they are of."""
    return page.evaluate("""() => ({
        frame: document.querySelector("#kinds").dataset.frame,
        live: document.querySelector("#kinds").dataset.live,
        ...Object.fromEntries([...document.querySelectorAll("#kinds [data-kind]")]
            .map((number) => [number.dataset.kind, number.textContent])),
    })""")


def total(page: Any) -> int:
    told = counts(page)
    return int(told["cube"]) + int(told["quasi_sphere"])


def draw(page: Any, x1: float, y1: float, x2: float, y2: float) -> None:
    """Draw with the mouse between two points, in shares of the picture, which is seen as a whole."""
    box = page.locator("#picture").bounding_box()
    zoom = min(box["width"] / WIDTH, box["height"] / HEIGHT)
    left = box["x"] + (box["width"] - zoom * WIDTH) / 2
    top = box["y"] + (box["height"] - zoom * HEIGHT) / 2
    page.mouse.move(left + x1 * zoom * WIDTH, top + y1 * zoom * HEIGHT)
    page.mouse.down()
    page.mouse.move(left + x2 * zoom * WIDTH, top + y2 * zoom * HEIGHT, steps=5)
    page.mouse.up()


def test_counts_are_those_of_the_wire_for_the_frame_that_is_shown(page: Any, site: Site) -> None:
    with site.detections() as subscriber:
        wire: dict[str, dict[str, str]] = {}

        def told() -> dict[str, Any] | None:
            item = subscriber.receive(0.2)
            if isinstance(item, DetectionsMessage):
                wire[str(item.frame)] = {name: str(n) for name, n in (item.counts or {}).items()}
            shown = counts(page)
            return shown if shown["frame"] in wire else None

        for _ in range(3):
            shown = until(told, bool)
            assert {name: shown[name] for name in ("cube", "quasi_sphere")} == wire[shown["frame"]]
            assert sum(map(int, wire[shown["frame"]].values())) > 5
            wire.clear()


@pytest.mark.parametrize(("mood", "key", "words"), [("silent", "stalled", "Stalled"), ("frozen", "frozen", "Frozen")])
def test_a_signal_that_is_not_live_is_told_and_is_not_zero(
    page: Any, site: Site, mood: str, key: str, words: str
) -> None:
    site.sender.mood = mood
    try:
        await_signal(page, key)
        assert page.inner_text("#veil-label") == words
        assert page.inner_text("#signal").strip() == words
        assert words in page.title()
        told = counts(page)
        assert told["live"] == "false"
        assert int(told["cube"]) > 0  # the last known
        assert "last known" in page.inner_text("#freshness")
    finally:
        site.sender.mood = "live"
    await_signal(page, "live")
    assert page.locator("#veil").is_hidden()


def test_a_daemon_that_hangs_is_not_heard(page: Any, site: Site) -> None:
    with site.paused():
        await_signal(page, "silent")
        assert "Daemon not heard" in page.inner_text("#veil")
        assert counts(page)["live"] == "false"
    await_signal(page, "live")


def test_a_server_that_is_gone_is_told(browser: Any, site: Site) -> None:
    with opened(browser, site.address) as page:
        await_signal(page, "live")
        page.context.set_offline(True)
        page.wait_for_selector("#signal[data-tone=bad]")
        assert counts(page)["live"] == "false"
        page.context.set_offline(False)
        await_signal(page, "live")
        page.faults.clear()  # the browser itself tells of requests that failed


def test_region_drawn_with_the_mouse_changes_the_count(page: Any, site: Site) -> None:
    before = total(page)
    page.keyboard.press("r")
    assert page.get_attribute("#do-region", "aria-pressed") == "true"
    draw(page, 0.0, 0.0, 0.5, 0.5)
    message = site.await_detections(lambda one: one.roi is not None and one.roi[2] < WIDTH)
    assert message.roi == pytest.approx((0, 0, WIDTH / 2, HEIGHT / 2), abs=2)
    until(lambda: total(page), lambda now: now < 0.6 * before)
    page.keyboard.press("r")
    page.click("#hint-action")  # the whole picture
    site.await_detections(lambda one: one.roi in (None, (0, 0, WIDTH, HEIGHT)))


def test_masks_are_drawn_and_clicked_away(page: Any, site: Site) -> None:
    page.keyboard.press("m")
    draw(page, 0.0, 0.0, 0.9, 0.9)
    site.await_detections(lambda one: bool((one.records["flags"] & 4).any()))
    page.wait_for_selector("#hint-action:not([hidden])")  # there is one that could be removed
    box = page.locator("#picture").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    site.await_detections(lambda one: not (one.records["flags"] & 4).any())
    page.keyboard.press("Escape")
    assert page.locator("#hint").is_hidden()


def test_pixel_size_from_a_line_along_the_scale_bar(page: Any, site: Site) -> None:
    assert "unknown" in page.inner_text("[data-fact=pixel]")
    page.keyboard.press("p")
    draw(page, 0.25, 0.9, 0.5, 0.9)
    page.fill("#length", "half a metre")
    page.keyboard.press("Enter")
    assert page.locator("#length-sheet").is_visible()  # that is no length
    page.fill("#length", "0,5 µm")
    page.keyboard.press("Enter")
    message = site.await_detections(lambda one: one.nm_per_px is not None)
    assert message.nm_per_px is not None
    assert message.nm_per_px[0] == pytest.approx(500 / (0.25 * WIDTH), rel=0.03)
    until(lambda: page.inner_text("[data-fact=pixel]"), lambda words: "given by hand" in words)


def test_threshold_by_slider(page: Any, site: Site) -> None:
    page.keyboard.press("h")
    slider = page.locator("#threshold-cube")
    slider.focus()
    own, shown = site.await_detections(lambda _: True).thresholds["cube"], float(slider.input_value())
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    site.await_detections(lambda one: one.thresholds["cube"] == pytest.approx(shown + 0.05))
    page.click("#thresholds-own")
    site.await_detections(lambda one: one.thresholds["cube"] == pytest.approx(own))


def test_session_outlives_a_reload_and_names_stay_text(page: Any, site: Site) -> None:
    page.keyboard.press("e")
    page.fill("#sample", IMAGE)
    page.fill("#operator", "Anna")
    page.keyboard.press("Enter")
    page.wait_for_selector("#session-chip[data-running=true]")
    page.reload()
    page.wait_for_selector("#session-chip[data-running=true]")
    assert page.inner_text("#session-chip") == f"{IMAGE} · Anna"
    page.keyboard.press("e")
    assert IMAGE in page.inner_text("#session-facts")
    assert page.locator("#session-chip img, #session-facts img, #said img").count() == 0
    assert page.title() != "taken"
    page.click("#session-now .danger")
    page.wait_for_selector("#session-chip[data-running=false]")


def test_download_of_what_was_counted(page: Any) -> None:
    page.keyboard.press("d")
    with page.expect_download() as waiting:
        page.click("#formats button >> nth=0")
    text = Path(waiting.value.path()).read_text()
    assert waiting.value.suggested_filename.endswith(".csv")
    assert "quasi_sphere" in text


def test_refusal_is_one_line_on_the_picture(page: Any) -> None:
    page.keyboard.press("s")
    page.wait_for_selector("#said[data-fault=true]")
    assert "recording.directory" in page.inner_text("#said")
    page.faults.clear()  # the browser tells of every answer that is a refusal


def test_contours_take_the_place_of_boxes_and_are_remembered(page: Any) -> None:
    def coloured() -> int:
        """Pixels of the picture that have nearly the colour of cubes."""
        return int(
            page.evaluate("""() => {
            const canvas = document.querySelector("#picture");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let found = 0;
            for (let i = 0; i < data.length; i += 4) found += data[i] - data[i + 2] > 120;
            return found;
        }""")
        )

    def pressed() -> list[str]:
        return [page.get_attribute(f"#do-{name}", "aria-pressed") for name in ("boxes", "contours")]

    boxes = coloured()
    assert boxes > 500
    page.keyboard.press("c")
    assert pressed() == ["false", "true"]
    until(coloured, lambda now: 0.3 * boxes < now < 0.97 * boxes)  # what lies in a box is shorter than the box
    page.reload()
    page.wait_for_selector("#do-contours[aria-pressed=true]")
    page.wait_for_selector("#picture[data-frame]")
    page.keyboard.press("c")
    assert pressed() == ["false", "false"]
    until(coloured, lambda now: now < 0.1 * boxes)
    page.keyboard.press("b")
    assert pressed() == ["true", "false"]


def test_a_recording_is_seen_by_whoever_did_not_begin_it(browser: Any, site: Site) -> None:
    recording = False

    def meddle(page_side: Any) -> None:
        server_side = page_side.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            if isinstance(message, str) and '"status"' in message:
                told = json.loads(message)
                told["header"]["recording"] = recording
                message = json.dumps(told)
            page_side.send(message)

        server_side.on_message(pass_on)

    with opened(browser, "about:blank") as page:
        page.route_web_socket("**/ws/**", meddle)
        page.goto(site.address)
        await_signal(page, "live")
        assert page.locator("#recording").is_hidden()
        recording = True
        page.wait_for_selector("#recording:not([hidden])")
        page.wait_for_selector("#do-record[aria-pressed=true]")
        recording = False
        page.wait_for_selector("#recording", state="hidden")
        page.wait_for_selector("#do-record[aria-pressed=false]")


def test_keys_and_the_sheet_that_tells_them(page: Any) -> None:
    page.keyboard.press("?")
    told = page.inner_text("#help-keys")
    assert "Region" in told
    assert "Track numbers" in told
    page.keyboard.press("b")  # not while a dialog is open
    page.keyboard.press("Escape")
    assert page.locator("#help-sheet").is_hidden()
    assert page.get_attribute("#do-boxes", "aria-pressed") == "true"
    page.keyboard.press("b")
    page.keyboard.press("x")
    page.reload()
    page.wait_for_selector("#do-boxes[aria-pressed=false]")  # is remembered
    assert page.get_attribute("#do-crosshair", "aria-pressed") == "true"
    page.keyboard.press("b")
    page.keyboard.press("x")


def test_wheel_zooms_and_a_double_click_shows_all(page: Any) -> None:
    box = page.locator("#picture").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.wheel(0, -500)
    page.wait_for_selector("#picture[data-zoomed=true]")
    page.mouse.dblclick(*middle)
    page.wait_for_selector("#picture[data-zoomed=false]")


def test_who_may_not_control_has_no_buttons_for_it(browser: Any, site: Site) -> None:
    def without(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "may_control": False})

    with opened(browser, "about:blank") as page:
        page.route("**/api/microscopes", without)
        page.goto(site.address)
        page.wait_for_selector("#picture[data-frame]")
        assert page.locator("#do-ruler").is_visible()
        assert page.locator("#do-region, #do-session, #do-record, #thresholds-own").filter(visible=True).count() == 0
        page.keyboard.press("r")
        assert page.locator("#hint").is_hidden()
        page.unroute_all(behavior="wait")


def test_a_phone_scrolls_in_one_direction_only(browser: Any, site: Site) -> None:
    with opened(browser, site.address, has_touch=True, is_mobile=True) as page:
        page.wait_for_selector("#picture[data-frame]")
        for width, height in [(844, 390), (390, 844), (360, 640)]:
            page.set_viewport_size({"width": width, "height": height})
            wide = page.evaluate("() => [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
            assert wide == [width] * 3
        page.tap("#do-crosshair")
        assert page.get_attribute("#do-crosshair", "aria-pressed") == "true"
