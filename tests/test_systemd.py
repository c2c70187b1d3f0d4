"""The units, judged by systemd itself; nothing is started here."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
import typer

from nanotally.daemon.pages import HUNG_AFTER_S

SYSTEMD = Path(__file__).parent.parent / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
DAEMON = SYSTEMD / "nanotally@.service"
ENGINE = SYSTEMD / "nanotally-engine@.service"
PROGRAM = "/opt/nanotally/current/bin/nanotally"
MOST_EXPOSURE = 2.0
"""By the score of systemd 252, from 0, shut in, to 10, anything goes."""


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def verify(unit: Path) -> subprocess.CompletedProcess[str]:
    return analyze("verify", "--man=no", unit)


def as_here(unit: Path, folder: Path) -> Path:
    """The unit as it is, but starting a program that exists on every machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    text, found = re.subn(rf"^(Exec\w+=){PROGRAM} ", r"\1/bin/true ", unit.read_text(), flags=re.M)
    assert found >= 1
    copy = folder / unit.name
    copy.write_text(text)
    return copy


@pytest.fixture(params=UNITS, ids=lambda unit: unit.stem)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return as_here(request.param, tmp_path)


def test_systemd_understands_every_line(unit: Path) -> None:
    result = verify(unit)
    # A value that cannot be parsed is a warning and exit code 0: only silence will do.
    assert (result.stderr, result.returncode) == ("", 0)


@pytest.mark.parametrize("mistake", ["RestartSec=ten", "Restarts=always"])
def test_a_mistake_would_be_seen(tmp_path: Path, mistake: str) -> None:
    unit = as_here(DAEMON, tmp_path)
    unit.write_text(unit.read_text().replace("[Service]", f"[Service]\n{mistake}"))
    assert verify(unit).stderr != ""


@pytest.mark.parametrize("path", [DAEMON, ENGINE], ids=lambda unit: unit.stem)
def test_systemd_understands_what_a_jetson_adds(tmp_path: Path, path: Path) -> None:
    unit = as_here(path, tmp_path)
    extra = tmp_path / f"{unit.name}.d"
    extra.mkdir()
    shutil.copy(SYSTEMD / "jetson.conf", extra / "10-jetson.conf")
    assert (verify(unit).stderr, verify(unit).returncode) == ("", 0)
    (extra / "10-jetson.conf").write_text("[Service]\nDevicePolicy=open\n")
    assert "Failed to parse device policy" in verify(unit).stderr


def test_a_unit_is_shut_in(unit: Path) -> None:
    told = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSURE * 10:.0f}", "--no-pager", unit)
    assert told.returncode == 0, told.stdout.splitlines()[-1]


@pytest.mark.parametrize("path", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_that_exists(path: Path) -> None:
    line = next(line for line in path.read_text().splitlines() if line.startswith("ExecStart="))
    arguments = re.search(r'^Environment="OVERLAY=(.*)"$', path.read_text(), re.M)
    words = line.removeprefix("ExecStart=").replace("$OVERLAY", arguments[1] if arguments else "")
    program, verb, *rest = shlex.split(words)
    module = import_module(f"nanotally.cli.{verb}")
    command = typer.main.get_command(module.app).commands[verb]  # type: ignore[attr-defined]
    offered = {option for parameter in command.params for option in parameter.opts}
    assert program == PROGRAM
    assert {word for word in rest if word.startswith("--")} <= offered


def test_the_daemon_follows_the_file_of_its_microscope() -> None:
    assert f"ExecStart={PROGRAM} run --config /etc/nanotally/%i.toml" in DAEMON.read_text().splitlines()


def test_a_reload_is_the_signal_that_the_daemon_hears() -> None:
    # tests/test_reload.py sends it to a daemon.
    assert "ExecReload=/bin/kill -HUP $MAINPID" in DAEMON.read_text().splitlines()


def test_the_watchdog_and_the_page_of_health_are_of_one_mind() -> None:
    assert f"WatchdogSec={HUNG_AFTER_S:.0f}s" in DAEMON.read_text().splitlines()


def settings_of(unit: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.M))


def test_the_engine_is_built_for_the_daemon_where_that_looks_and_with_time() -> None:
    daemon, engine = settings_of(DAEMON), settings_of(ENGINE)
    shared = ("User", "Group", "SupplementaryGroups", "CacheDirectory", "CacheDirectoryMode", "UMask")
    assert {name: engine[name] for name in shared} == {name: daemon[name] for name in shared}
    assert engine["ExecStart"].partition("--config ")[2] == daemon["ExecStart"].partition("--config ")[2]
    assert engine["Before"] == engine["WantedBy"] == DAEMON.name.replace("@", "@%i")
    assert engine["TimeoutStartSec"].endswith("h")


def test_the_user_of_the_daemon_is_made(tmp_path: Path) -> None:
    if shutil.which("systemd-sysusers") is None:
        pytest.skip("systemd-sysusers is not installed (Debian package systemd)")
    (tmp_path / "etc").mkdir()
    command = ["systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "nanotally.sysusers"]
    subprocess.run(command, capture_output=True, timeout=60, check=True)
    settings = settings_of(DAEMON)
    assert f"{settings['User']}:x:" in (tmp_path / "etc/passwd").read_text()
    groups = dict(re.findall(r"^(\w+):x:\d+:(.*)$", (tmp_path / "etc/group").read_text(), re.M))
    assert {groups[name] for name in settings["SupplementaryGroups"].split()} == {settings["User"]}


RULES = SYSTEMD / "70-nanotally.rules"


def test_cameras_get_names_that_stay() -> None:
    lines = [line for line in RULES.read_text().splitlines() if line and not line.startswith("#")]
    part = r'(SUBSYSTEM|ATTR\{\w+\}|ENV\{\w+\}|SYMLINK|GOTO|LABEL)(==|!=|\+=|=)"[^"]*"'
    assert all(re.fullmatch(rf"{part}(, {part})*", line) for line in lines)
    assert sum('SYMLINK+="nanotally/' in line for line in lines) == 2


def test_udev_understands_the_rules() -> None:
    told = None
    if shutil.which("udevadm"):
        told = subprocess.run(["udevadm", "verify", RULES], capture_output=True, text=True, timeout=60, check=False)
    if told is None or "Unknown command verb" in told.stderr:
        pytest.skip("udevadm that can verify is not installed (Debian package udev, 254 or later)")
    assert told.returncode == 0, told.stdout + told.stderr
