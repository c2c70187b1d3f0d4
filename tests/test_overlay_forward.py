"""The page behind a forwarder: two real daemons, a real forwarder, keys on every socket, and a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the overlay extra is not installed")

from locked import make_locks
from overlay_browser import chromium, opened
from overlay_site import Page, daemon, overlay, picture, process, texts

NAMES = ("sem1", "sem2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("facility")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Page]:
    """The page is told of the forwarder only, and of where one of the daemons takes requests."""
    (folder / "keys").mkdir()
    locks = make_locks(folder / "keys")
    locks.admit("bert")  # the page; anna is the forwarder
    keys = locks.folder
    config = folder / "forward.toml"
    config.write_text(
        "".join(
            f'[daemon.{name}]\nendpoint = "ipc://{folder}/{name}-publish"\nserver_key = "{keys}/sem.key"\n'
            for name in NAMES
        )
        + f'[publish]\nendpoint = "ipc://{folder}/publish"\n[replay]\nendpoint = "ipc://{folder}/replay"\n'
        + f'[metrics]\nenabled = false\n[security]\nserver_key = "{keys}/anna.key_secret"\nallow = "{locks.allow}"\n'
    )
    words = [f"ipc://{folder}/publish", "--keys", f"{keys}/bert.key_secret", "--server-key", f"{keys}/anna.key",
             "--control", f"sem1=ipc://{folder}/sem1-control", "--server-key", f"sem1={keys}/sem.key"]  # fmt: skip
    with ExitStack() as opened:
        for name in NAMES:
            opened.enter_context(daemon(folder, instance=name, more=locks.toml()))
        opened.enter_context(process(["-m", "nanotally", "forward", str(config)], folder / "forward.txt"))
        yield opened.enter_context(overlay(folder, *words))


@pytest.fixture
def page(site: Page) -> Page:
    site.await_microscopes(lambda found: all(found.get(f"{name}/main", {}).get("live") for name in NAMES))
    return site


def test_whoever_speaks_through_the_forwarder_is_there(page: Page, folder: Path) -> None:
    told = page.json("/api/microscopes")
    assert [(m["instance"], m["has_control"]) for m in told["microscopes"]] == [("sem1", True), ("sem2", False)]
    assert [each["endpoint"] for each in told["daemons"]] == [f"ipc://{folder}/publish"]
    for name in NAMES:
        with page.watch(f"{name}/main") as viewer:
            assert texts(viewer, lambda one: one["kind"] == "status")["header"]["instance"] == name
            assert picture(viewer)[0]["state"] == "live"


def test_control_goes_to_the_daemon_itself_where_somebody_told(page: Page) -> None:
    assert page.json("/api/control/sem1", {"verb": "get"})["ok"]["instance"] == "sem1"
    status, _, raw = page.ask("/api/control/sem2", b'{"verb": "get"}')
    assert (status, json.loads(raw)["error"]) == (
        503, "nobody told where sem2 takes requests: start the overlay with --control sem2=ENDPOINT",
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_download_is_of_the_right_journal(page: Page, name: str) -> None:
    page.await_microscopes(lambda found: found[f"{name}/main"].get("counts") is not None)
    status, headers, raw = page.ask(f"/api/export/{name}/main?to=csv")
    assert status == 200, raw
    assert f'filename="{name}-main-group' in headers["Content-Disposition"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


def test_the_index_has_a_tile_with_a_picture_for_each(browser: Any, page: Page) -> None:
    with opened(browser, page.origin) as seen:
        for name in NAMES:
            tile = seen.locator(f'a.tile[href="#/{name}/main"]')
            tile.locator("canvas[data-frame]").wait_for()
            assert tile.locator(".tile-head h2").inner_text() == f"{name} / main"
            tile.locator(".signal", has_text="Live").wait_for()
        assert seen.locator("a.tile").count() == len(NAMES)
        seen.click('a.tile[href="#/sem1/main"]')
        seen.wait_for_selector("#picture[data-frame]")
        assert seen.locator("#do-region").is_visible()
        seen.keyboard.press("g")
        seen.click('a.tile[href="#/sem2/main"]')
        seen.wait_for_selector("#picture[data-frame]")
        assert seen.locator("#do-region").is_hidden()
