"""The whole way of watching: daemons, a forwarder, Prometheus, the queries of the dashboard, an alert that fires."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from queries import DEPLOY, alert_queries, dashboard_queries, selectors
from source_parts import free_port
from waiting import WAIT_S

SENDER = Path(__file__).parent.parent / "examples" / "send_frames.py"
STAND_IN = Path(__file__).with_name("stand_in_daemon.py")
GIVEN_BY_PROMETHEUS = {"up", "ALERTS"}
DAEMONS = ("sem1", "sem2")
SET_ASIDE = re.compile(r"^# ( *- | *[a-z_]+:)", re.M)
"""What stands before settings that deploy/prometheus.yml offers in comments."""


@contextmanager
def running(*command: str | Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block runs; what it says goes to `log`."""
    with log.open("wb") as said:
        process = subprocess.Popen([str(word) for word in command], stdout=said, stderr=said)
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT_S)


def fetch(url: str) -> str | None:
    """A page; None while it cannot be had."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def soon(condition: Callable[[], Any], log: Path) -> Any:
    """What `condition` answers as soon as it is something."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"waited in vain; {log.name}:\n{log.read_text()}")


@dataclass(frozen=True)
class Watched:
    """Two daemons and a forwarder before them: `sem1` with a simulated microscope, `main`, and another that a program
    pushes, `pushed`; `sem2`, whose detector is a stand-in.

    Attributes:
        folder: for what they say.
        pages: where the metrics of each are.
        sender: the program that pushes.
    """

    folder: Path
    pages: dict[str, str]
    sender: subprocess.Popen[bytes]

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def page(self, name: str) -> str:
        return soon(lambda: fetch(f"http://{self.pages[name]}/metrics"), self.log(name))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, pushing = tmp_path_factory.mktemp("watched"), f"tcp://127.0.0.1:{free_port()}"
    pages = {name: f"127.0.0.1:{free_port()}" for name in ("sem1", "sem2", "forwarder")}
    sources = {
        "sem1": '[source.main]\nuri = "sim:?width=320&height=240&particles=9&fps=4"\n'
        f'[source.pushed]\nuri = "zmq:{pushing}"\n',
        "sem2": '[source.main]\nuri = "sim:?width=96&height=64&fps=4"\n',
        "forwarder": "".join(f'[daemon.{name}]\nendpoint = "ipc://{folder}/{name}-publish"\n' for name in DAEMONS),
    }
    for name, page in pages.items():
        sockets = ["publish", "replay"] + ["control"] * (name in DAEMONS)
        own = f'instance = "{name}"\n[journal]\ndirectory = "{folder}"\n' if name in DAEMONS else ""
        ends = "".join(f'[{socket}]\nendpoint = "ipc://{folder}/{name}-{socket}"\n' for socket in sockets)
        (folder / f"{name}.toml").write_text(f"{own}{sources[name]}{ends}[metrics]\nport = {page.rpartition(':')[2]}\n")
    commands: dict[str, tuple[str | Path, ...]] = {
        "sem1": ("-m", "nanotally", "run", "--config", folder / "sem1.toml"),
        "sem2": (STAND_IN, folder / "sem2.toml"),
        "forwarder": ("-m", "nanotally", "forward", folder / "forwarder.toml"),
        "sender": (SENDER, pushing),
    }
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(running(sys.executable, *command, log=folder / f"{name}.log"))
            for name, command in commands.items()
        }
        made = Watched(folder, pages, started["sender"])
        for name, sample in (
            ("sem1", 'frames_processed_total{source="main"}'),
            ("sem1", 'frames_processed_total{source="pushed"}'),
            ("sem2", 'frames_processed_total{source="main"}'),
            ("forwarder", 'forward_up{instance="sem1"}'),
            ("forwarder", 'forward_up{instance="sem2"}'),
        ):
            seen = re.compile(rf"^nanotally_{re.escape(sample)} [1-9]", re.M)
            soon(lambda name=name, seen=seen: seen.search(made.page(name)), made.log(name))  # type: ignore[misc]
        yield made


def test_whatever_is_asked_for_is_exported(watched: Watched) -> None:
    told = "".join(watched.page(name) for name in watched.pages)
    exported = set(re.findall(r"^([a-z]\w+)[ {]", told, re.M)) | GIVEN_BY_PROMETHEUS
    asked = {selector.name for query in [*dashboard_queries(), *alert_queries()] for selector in selectors(query)}
    assert len(asked) >= 20
    assert asked - exported == set()


@dataclass(frozen=True)
class Prometheus:
    """A server that scrapes and judges every second."""

    root: str
    log: Path

    def ask(self, query: str) -> list[Any]:
        """The series that answer `query`."""
        text = fetch(f"{self.root}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        return json.loads(text)["data"]["result"] if text else []  # type: ignore[no-any-return]

    def firing(self) -> set[tuple[str, str]]:
        """Alerts that fire, with the source that each is of."""
        labels = [series["metric"] for series in self.ask('ALERTS{alertstate="firing"}')]
        return {(label["alertname"], label.get("source", "")) for label in labels}


@pytest.fixture(scope="module")
def prometheus(watched: Watched) -> Iterator[Prometheus]:
    """The one of deploy/, but faster: every time in it is a second."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian package prometheus)")
    folder, port = watched.folder, free_port()
    config = SET_ASIDE.sub(r"  \1", (DEPLOY / "prometheus.yml").read_text())
    for offered, name in (("127.0.0.1:9757", "sem1"), ("127.0.0.1:9767", "sem2"), ("127.0.0.1:9777", "forwarder")):
        assert re.search(rf"{offered}.*\n.*labels:\n.*microscope: {name}\n", config)
        config = config.replace(offered, watched.pages[name])
    (folder / "prometheus.yml").write_text(re.sub(r"(interval: )\d+s", r"\g<1>1s", config))
    (folder / "alerts.yml").write_text(re.sub(r"( for: )\d+m", r"\g<1>1s", (DEPLOY / "alerts.yml").read_text()))
    options = (f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}")
    log = folder / "prometheus.log"
    with running("prometheus", f"--config.file={folder}/prometheus.yml", *options, log=log):
        server = Prometheus(f"http://127.0.0.1:{port}", log)
        soon(lambda: fetch(f"{server.root}/-/ready"), log)
        yield server


def test_every_query_of_the_dashboard_has_an_answer(prometheus: Prometheus) -> None:
    for query in dashboard_queries():
        if not query.startswith("ALERTS"):

            def told(query: str = query) -> bool:
                found = {series["metric"].get("microscope") for series in prometheus.ask(query)}
                return found - {"forwarder"} == set(DAEMONS)

            soon(told, prometheus.log)


def test_an_alert_fires_for_the_source_that_is_lost_and_for_no_other(prometheus: Prometheus, watched: Watched) -> None:
    soon(lambda: prometheus.ask('nanotally_source_up{source="pushed"} == 1'), prometheus.log)
    assert ("NanotallySourceDown", "pushed") not in prometheus.firing()
    watched.sender.kill()
    fired = soon(
        lambda: prometheus.firing() & {("NanotallySourceDown", "pushed")} and prometheus.firing(), watched.log("sem1")
    )
    assert ("NanotallySourceDown", "main") not in fired
    assert not {name for name, _ in fired} & {"NanotallyDown", "NanotallyRestarts", "NanotallyJournalFault"}
