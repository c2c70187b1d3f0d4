"""The cache folder: that of systemd, else that of the user."""

from pathlib import Path

import pytest

from nanotally.cache_folder import cache_folder


@pytest.fixture(autouse=True)
def nobody_said_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)


def test_that_of_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/nanotally:/var/cache/other")
    assert cache_folder("plans") == Path("/var/cache/nanotally/plans")


def test_that_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder("plans") == Path("/home/someone/.cache/nanotally/plans")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/tmp/c")
    assert cache_folder("plans") == Path("/var/tmp/c/nanotally/plans")
