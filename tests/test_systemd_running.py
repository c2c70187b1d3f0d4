"""The units under a real systemd that runs: what they do over a life, not what they shut out.

Users, devices and the rest of the sandbox need the systemd of the machine; test_systemd.py has them judged unstarted.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from user_manager import PATIENCE_S, Manager, user_manager

SYSTEMD = Path(__file__).parent.parent / "systemd"
PROGRAM = "/opt/nanotally/current/bin/nanotally"
OF_THE_SANDBOX = re.compile(
    r"(User|Group|SupplementaryGroups|OOMScoreAdjust|Nice|IP\w+|Protect\w+|Private\w+|Device\w+|CapabilityBoundingSet"
    r"|LockPersonality|NoNewPrivileges|RemoveIPC|Restrict\w+|SystemCall\w+)=.*\n"
)
TRIAL = """
[Service]
UnsetEnvironment=LD_PRELOAD
StandardOutput=append:{folder}/%p.log
StandardError=append:{folder}/%p.log
ExecStopPost=/bin/sh -c 'echo "$SERVICE_RESULT" >>{folder}/%p.results'
"""
"""On top of each unit: the log of systemd is not to be had here, so how a run ended is written down."""
DAEMON, ENGINE = "nanotally@sem1.service", "nanotally-engine@sem1.service"
SOURCE = '[source.main]\nuri = "sim:?width=320&height=240&particles=9&fps=4"\n'
SOCKETS = "".join(f'[{name}]\nendpoint = "tcp://127.0.0.1:*"\n' for name in ("publish", "replay", "control"))


class Microscope:
    """A systemd that knows our units, with a real daemon to start; its configuration is `sem1.toml`."""

    def __init__(self, systemd: Manager) -> None:
        self.systemd = systemd
        self.folder = systemd.folder
        for unit in ("nanotally@.service", "nanotally-engine@.service"):
            text = OF_THE_SANDBOX.sub("", (SYSTEMD / unit).read_text())
            text = text.replace(PROGRAM, f"{sys.executable} -m nanotally").replace("/etc/nanotally", str(self.folder))
            (self.systemd.units / unit).write_text(text)
            self.add(unit, TRIAL.format(folder=self.folder))
        self.configure()

    def add(self, unit: str, lines: str) -> Path:
        """What `systemctl edit` would write; a second time: besides."""
        extra = self.systemd.units / f"{unit}.d"
        extra.mkdir(exist_ok=True)
        path = extra / f"{len(list(extra.iterdir()))}.conf"
        path.write_text(lines)
        self.systemd.systemctl("daemon-reload")
        return path

    def configure(self, *, more: str = "") -> None:
        """Write its configuration, with `more` of its source."""
        text = f'{SOURCE}{more}{SOCKETS}[model]\nengine = "openvino"\n[metrics]\nport = 0\n'
        (self.folder / "sem1.toml").write_text(text)

    def log(self, name: str = "nanotally") -> str:
        return (self.folder / f"{name}.log").read_text()

    def results(self, name: str = "nanotally") -> list[str]:
        """How each run that has ended did end, in the words of systemd."""
        return (self.folder / f"{name}.results").read_text().split()

    def pid(self) -> int:
        return int(self.systemd.until(DAEMON, "MainPID", lambda pid: pid != "0"))

    def until_started_again(self, before: int) -> None:
        """Return when the daemon is ready, as another process than `before`."""
        self.systemd.until(DAEMON, "MainPID", lambda pid: pid not in ("0", str(before)))
        self.systemd.until(DAEMON, "ActiveState", lambda state: state == "active")


@pytest.fixture
def sem1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microscope]:
    # A short path: sockets lie in it.
    with user_manager(tmp_path_factory.mktemp("manager")) as systemd:
        yield Microscope(systemd)


def test_a_life_ready_alive_reloaded_stopped(sem1: Microscope) -> None:
    systemd = sem1.systemd
    started = systemd.systemctl("start", DAEMON)
    assert (started.returncode, started.stderr) == (0, ""), sem1.log()
    # Type=notify: `start` comes back when the daemon says that it is ready, and not before.
    assert systemd.told(DAEMON, "SubState") == "running"
    systemd.until(DAEMON, "StatusText", lambda text: "main: " in text and "frames/s" in text)
    ready_us = int(systemd.told(DAEMON, "ActiveEnterTimestampMonotonic"))
    systemd.until(DAEMON, "WatchdogTimestampMonotonic", lambda text: int(text) > ready_us)
    assert list(sem1.folder.glob("*/nanotally/sem1/**/*")), "no journal in the state directory"

    before = sem1.pid()
    sem1.configure(more="nm_per_px = 4\n")
    assert systemd.systemctl("reload", DAEMON).returncode == 0
    deadline = time.monotonic() + PATIENCE_S
    while "reloaded; changed: source.main.nm_per_px" not in sem1.log() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "reloaded; changed: source.main.nm_per_px" in sem1.log()
    systemd.until(DAEMON, "SubState", lambda state: state == "running")
    assert sem1.pid() == before

    assert systemd.systemctl("stop", DAEMON).returncode == 0
    assert (systemd.told(DAEMON, "ActiveState"), sem1.results()) == ("inactive", ["success"])
    assert systemd.told(DAEMON, "NRestarts") == "0"
    assert not (sem1.folder / "nanotally-engine.log").exists()


def test_a_daemon_that_hangs_is_started_again(sem1: Microscope) -> None:
    systemd = sem1.systemd
    sem1.add("nanotally@.service", "[Service]\nRestartSec=100ms\nWatchdogSec=5s\n")
    assert systemd.systemctl("start", DAEMON).returncode == 0
    hung = sem1.pid()
    os.kill(hung, signal.SIGSTOP)
    sem1.until_started_again(hung)
    assert set(sem1.results()) == {"watchdog"}


def test_a_wrong_command_line_is_not_tried_again(sem1: Microscope) -> None:
    wrong = f"[Service]\nExecStart=\nExecStart={sys.executable} -m nanotally run --confg sem1.toml\n"
    sem1.add("nanotally@.service", wrong)
    assert sem1.systemd.systemctl("start", DAEMON).returncode != 0
    assert sem1.systemd.told(DAEMON, "ActiveState") == "failed"
    assert sem1.results() == ["exit-code"]


def test_the_engine_comes_first_where_that_is_wanted_and_keeps_nobody_away(sem1: Microscope) -> None:
    systemd = sem1.systemd
    sem1.add("nanotally@.service", "[Service]\nRestartSec=100ms\n")
    broken = sem1.add("nanotally-engine@.service", "[Service]\nExecStart=\nExecStart=/bin/false\n")
    enabled = systemd.systemctl("enable", ENGINE)
    assert enabled.returncode == 0, enabled.stderr
    assert systemd.systemctl("start", DAEMON).returncode == 0
    assert (sem1.results("nanotally-engine"), systemd.told(DAEMON, "SubState")) == (["exit-code"], "running")

    broken.unlink()
    systemd.systemctl("daemon-reload")
    killed = sem1.pid()
    os.kill(killed, signal.SIGKILL)
    sem1.until_started_again(killed)
    assert sem1.results() == ["signal"]
    assert sem1.results("nanotally-engine") == ["exit-code", "success"]
    assert "engine is openvino, which needs no plan" in sem1.log("nanotally-engine")
    built_us = int(systemd.told(ENGINE, "ExecMainExitTimestampMonotonic"))
    assert built_us <= int(systemd.told(DAEMON, "ExecMainStartTimestampMonotonic"))
