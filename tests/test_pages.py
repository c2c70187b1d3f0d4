"""The daemon's HTTP pages: metrics, and health that tells live from ready."""

import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, Gauge

from nanotally.daemon import pages
from nanotally.daemon.pages import Health, serving
from nanotally.errors import ConfigError


@pytest.fixture
def feed() -> SimpleNamespace:
    return SimpleNamespace(state="up", fault=None)


@pytest.fixture
def health(feed: SimpleNamespace) -> Health:
    return Health({"main": SimpleNamespace(feed=feed)})  # type: ignore[dict-item]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_metrics_are_served_while_the_block_runs(health: Health) -> None:
    registry = CollectorRegistry()
    Gauge("nanotally_x", "X.", registry=registry).set(3)
    with serving(registry, health, address="127.0.0.1", port=0) as url:
        assert "nanotally_x 3.0" in get(url)[1]
    with pytest.raises(urllib.error.URLError):
        get(url)


@pytest.mark.parametrize(("state", "code"), [("up", 200), ("ended", 200), ("stalled", 503), ("lost", 503)])
def test_a_lost_source_is_live_but_not_ready(health: Health, feed: SimpleNamespace, state: str, code: int) -> None:
    feed.state, feed.fault = state, "no such device" if state == "lost" else None
    with serving(CollectorRegistry(), health, address="127.0.0.1", port=0) as url:
        root = url.removesuffix("/metrics")
        assert get(f"{root}/healthz") == (200, "alive\n")
        fault = ": no such device" if state == "lost" else ""
        assert get(f"{root}/readyz") == (code, f"main: {state}{fault}\n")


def test_a_main_loop_that_hangs_is_neither(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "HUNG_AFTER_S", -1.0)
    with serving(CollectorRegistry(), health, address="127.0.0.1", port=0) as url:
        for page in ("healthz", "readyz"):
            code, said = get(f"{url.removesuffix('metrics')}{page}")
            assert (code, said) == (503, "the main loop has not turned for 0 s\n")


def test_port_in_use_is_one_line(health: Health) -> None:
    registry = CollectorRegistry()
    with serving(registry, health, address="127.0.0.1", port=0) as url:
        port = int(url.split(":")[2].split("/")[0])
        with (
            pytest.raises(ConfigError, match=rf"^metrics 127.0.0.1:{port}: .*in use"),
            serving(registry, health, address="127.0.0.1", port=port),
        ):
            pass
