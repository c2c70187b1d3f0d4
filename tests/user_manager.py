"""A real systemd, `systemd --user`, of a test's own: its units, folders and cgroup, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from waiting import WAIT_S

SYSTEMD = Path("/lib/systemd/systemd")
BOOTED = "/run/systemd/system"
"""Is there where systemd has booted the machine; elsewhere it does not serve users either, unless it is told so."""
SEES_BOOTED = f"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
int faccessat(int folder, const char *path, int mode, int flags) {{
    int (*really)(int, const char *, int, int) = dlsym(RTLD_NEXT, "faccessat");
    return strncmp(path, "{BOOTED}", sizeof "{BOOTED}" - 1) ? really(folder, path, mode, flags) : 0;
}}
"""
HIERARCHIES = tuple(Path("/sys/fs/cgroup", name) for name in ("unified", "systemd", ""))
"""Where cgroups are; which of them there are depends on how the machine was set up."""
PATIENCE_S = 200.0
"""A real daemon starts and starts again here, on machines that are busy: more than its `TimeoutStartSec=`."""
ENTER = 'echo $$ >"$0/cgroup.procs" && exec setpriv --pdeathsig TERM "$@"'
"""Into the cgroup, and never without; tests that are killed leave nothing behind that runs."""


@dataclass(frozen=True)
class Manager:
    """A systemd that runs. `folder` holds all of it, among others the `units`, which a test writes."""

    folder: Path
    units: Path
    environment: dict[str, str]

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`systemctl --user`, whatever it answers."""
        command = ["systemctl", "--user", *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def told(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", "--value", f"--property={name}", unit).stdout.strip()

    def until(self, unit: str, name: str, holds: Callable[[str], bool]) -> str:
        """A property, as soon as it is as it shall be."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if holds(value := self.told(unit, name)):
                return value
            time.sleep(0.1)
        raise AssertionError(f"{name} of {unit} is {value!r}:\n{self.systemctl('status', unit).stdout}")


def _sees_booted(folder: Path) -> str:
    """What systemd has to preload to take the machine for one that systemd has booted."""
    if Path(BOOTED).is_dir():
        return ""
    if shutil.which("cc") is None:
        pytest.skip("systemd has not booted this machine, and cc is not installed (Debian package gcc)")
    made = folder / "booted.so"
    command: list[str | Path] = ["cc", "-shared", "-fPIC", "-x", "c", "-o", made, "-"]
    subprocess.run(command, input=SEES_BOOTED, text=True, timeout=2 * WAIT_S, check=True)
    return str(made)


@contextmanager
def _cgroup() -> Iterator[Path]:
    """A cgroup of our own: systemd takes the one that it is started in for its own, with all processes there."""
    name = f"nanotally-test-{os.getpid()}"
    top = next((path for path in HIERARCHIES if (path / "cgroup.controllers").exists()), None)
    if top is None:
        pytest.skip("this machine has no cgroups of version 2, which systemd --user needs")
    try:
        (top / name).mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup of our own can be made here ({error.strerror}); root may, outside of a container")
    try:
        yield top / name
    finally:
        (top / name / "cgroup.kill").write_text("1")
        for path in HIERARCHIES:
            _remove(path / name)


def _remove(cgroup: Path) -> None:
    """Take away what systemd leaves of its cgroups, from the innermost out; the kernel may lag behind the processes."""
    deadline = time.monotonic() + WAIT_S
    while cgroup.exists() and time.monotonic() < deadline:
        for path in sorted((each for each in [cgroup, *cgroup.rglob("*")] if each.is_dir()), reverse=True):
            with suppress(OSError):
                path.rmdir()


@contextmanager
def user_manager(folder: Path) -> Iterator[Manager]:
    """A systemd for as long as the block runs; skips the test where it cannot be had."""
    if not SYSTEMD.exists() or shutil.which("systemctl") is None:
        pytest.skip("systemd is not installed (Debian package systemd)")
    units = folder / "config" / "systemd" / "user"
    units.mkdir(parents=True)
    # Without the sockets and timers that packages of the machine hang into it.
    (units / "basic.target").write_text("[Unit]\nDescription=Nothing\n")
    (folder / "run").mkdir(mode=0o700)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LD_PRELOAD": _sees_booted(folder),
        "SYSTEMD_UNIT_PATH": f"{units}:/usr/lib/systemd/user",
        "XDG_RUNTIME_DIR": str(folder / "run"),
        **{f"XDG_{name.upper()}_HOME": str(folder / name) for name in ("config", "state", "cache")},
    }
    manager = Manager(folder, units, environment)
    with _cgroup() as cgroup:
        command: list[str | Path] = ["sh", "-c", ENTER, cgroup, SYSTEMD, "--user", "--unit=basic.target"]
        said = (folder / "systemd.log").open("wb")
        with said, subprocess.Popen(command, env=environment, stdout=said, stderr=said) as process:
            try:
                deadline = time.monotonic() + WAIT_S
                while manager.systemctl("is-active", "--quiet", "basic.target").returncode:
                    if process.poll() is not None or time.monotonic() > deadline:
                        pytest.skip(f"systemd --user does not start: {(folder / 'systemd.log').read_text()[-200:]}")
                    time.sleep(0.1)
                yield manager
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(WAIT_S)
                process.kill()
