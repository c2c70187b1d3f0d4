"""The whole way of watching: a real daemon, a real Prometheus, the queries of the dashboard and an alert that fires."""

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
GIVEN_BY_PROMETHEUS = {"up", "ALERTS"}


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
    """A daemon with a simulated microscope, `main`, and another that a program pushes, `pushed`."""

    folder: Path
    metrics: str
    sender: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    def page(self) -> str:
        return soon(lambda: fetch(self.metrics), self.log)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, port, pushing = tmp_path_factory.mktemp("watched"), free_port(), f"tcp://127.0.0.1:{free_port()}"
    sockets = "".join(f'[{name}]\nendpoint = "tcp://127.0.0.1:*"\n' for name in ("publish", "replay", "control"))
    config = folder / "sem1.toml"
    config.write_text(
        f'[source.main]\nuri = "sim:?width=320&height=240&particles=9&fps=4"\n[source.pushed]\nuri = "zmq:{pushing}"\n'
        f'{sockets}[journal]\ndirectory = "{folder}"\n[metrics]\nport = {port}\n'
    )
    with ExitStack() as stack:
        daemon = (sys.executable, "-m", "nanotally", "run", "--config", config)
        stack.enter_context(running(*daemon, log=folder / "daemon.log"))
        sender = stack.enter_context(running(sys.executable, SENDER, pushing, log=folder / "sender.log"))
        made = Watched(folder, f"http://127.0.0.1:{port}/metrics", sender)
        for source in ("main", "pushed"):
            seen = re.compile(rf'^nanotally_frames_processed_total{{source="{source}"}} [1-9]', re.M)
            soon(lambda seen=seen: seen.search(made.page()), made.log)  # type: ignore[misc]
        yield made


def test_whatever_is_asked_for_is_exported(watched: Watched) -> None:
    exported = set(re.findall(r"^([a-z]\w+)[ {]", watched.page(), re.M)) | GIVEN_BY_PROMETHEUS
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
    target = urllib.parse.urlsplit(watched.metrics).netloc
    config = (DEPLOY / "prometheus.yml").read_text().replace("127.0.0.1:9757", target)
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
            answer = soon(lambda query=query: prometheus.ask(query), prometheus.log)  # type: ignore[misc]
            assert {series["metric"].get("microscope") for series in answer} == {"sem1"}, query


def test_an_alert_fires_for_the_source_that_is_lost_and_for_no_other(prometheus: Prometheus, watched: Watched) -> None:
    soon(lambda: prometheus.ask('nanotally_source_up{source="pushed"} == 1'), prometheus.log)
    assert ("NanotallySourceDown", "pushed") not in prometheus.firing()
    watched.sender.kill()
    fired = soon(lambda: prometheus.firing() & {("NanotallySourceDown", "pushed")} and prometheus.firing(), watched.log)
    assert ("NanotallySourceDown", "main") not in fired
    assert not {name for name, _ in fired} & {"NanotallyDown", "NanotallyRestarts", "NanotallyJournalFault"}
