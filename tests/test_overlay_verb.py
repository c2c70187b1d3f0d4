"""`nanotally overlay` and `nanotally run --overlay`: options, keys, passwords, and the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the overlay extra is not installed")

from locked import Locks, make_locks
from overlay_site import daemon, endpoints, overlay, picture, process, until
from typer.testing import CliRunner
from websockets.exceptions import InvalidStatus

from nanotally.cli import app
from nanotally.cli import overlay as overlay_verb
from nanotally.cli.run import run  # noqa: F401 - adds its verb
from nanotally.errors import ConfigError, NanotallyError, UsageError

WAIT_S = 30.0


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        (["overlay", "--bind", "8078"], UsageError, "8078: not HOST:PORT"),
        (["overlay", "--bind", "0.0.0.0:8078"], UsageError, "no password: give --password-file"),
        (["overlay", "--bind", "[::]:8078"], UsageError, "no password: give --password-file"),
        (["overlay", "nowhere"], UsageError, "not an endpoint such as tcp://127.0.0.1:5757"),
        (["overlay", "--password-file", "{tmp}/no"], ConfigError, "/no: No such file"),
        (["overlay", "--keys", "{tmp}/no"], UsageError, "belong together"),
        (["overlay", "--control", "sem1=nowhere"], UsageError, "nowhere: not an endpoint such as tcp://127.0.0.1:5759"),
        (["overlay", "--server-key", "sem1={tmp}/no"], UsageError, "belong together"),
        (["overlay", "--bind", "192.0.2.1:1", "--password-file", "{tmp}/word"], UsageError, "--bind 192.0.2.1:1: "),
        (["run", "--config", "{tmp}/sem.toml", "--overlay", "0.0.0.0:1"], UsageError, "can be reached from other"),
        (["run", "--config", "{tmp}/sem.toml", "--overlay", "1"], UsageError, "1: not HOST:PORT"),
        (["run", "--config", "{tmp}/any.toml", "--overlay"], UsageError, "has no port that could be known"),
    ],
)
def test_mistake_is_an_error_that_says_what(
    tmp_path: Path, words: list[str], error: type[NanotallyError], complaint: str
) -> None:
    (tmp_path / "word").write_text("correct horse\n")
    (tmp_path / "word").chmod(0o600)
    for name, place in (("sem", f"ipc://{tmp_path}/publish"), ("any", "tcp://127.0.0.1:*")):
        (tmp_path / f"{name}.toml").write_text(f'[source.main]\nuri = "sim:"\n[publish]\nendpoint = "{place}"\n')
    result = CliRunner().invoke(app, [word.format(tmp=tmp_path) for word in words])
    assert type(result.exception) is error
    assert complaint in str(result.exception)


def test_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(app, ["overlay", "--bind", f"127.0.0.1:{taken.getsockname()[1]}"])
    assert isinstance(result.exception, UsageError)
    assert "Address already in use" in str(result.exception)


def test_without_the_extra_a_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay_verb, "NEEDED", ("no_such_package",))
    result = CliRunner().invoke(app, ["overlay"])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).endswith("pip install 'nanotally[overlay]'")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Locks]]:
    """A daemon that wants keys, and a password file."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "keys").mkdir()
    locks = make_locks(folder / "keys")
    (folder / "word").write_text("correct horse\n")
    (folder / "word").chmod(0o600)
    with daemon(folder, more=locks.toml()):
        yield folder, locks


def test_password_keeps_everybody_out_but_who_knows_it(site: tuple[Path, Locks]) -> None:
    folder, locks = site
    words = [*endpoints(folder), "--password-file", str(folder / "word"), *locks.options("anna")]
    with overlay(folder, *words) as page:
        # Behind a password every name of the host will do.
        told = page.json("/api/microscopes", Host="sem.example")
        assert (told["needs_login"], told["may_control"], told["microscopes"]) == (True, False, [])
        for path in ("/api/export/sem/main?to=csv", "/source", "/api/nothing", "/docs"):
            assert page.ask(path)[0] == 401
        assert page.ask("/api/control/sem", b'{"verb": "get"}')[0] == 401
        with pytest.raises(InvalidStatus):
            page.watch()
        assert page.ask("/api/login", b'{"password": "wrong"}')[0] == 403
        status, headers, _ = page.ask("/api/login", b'{"password": "correct horse"}')
        assert (status, headers["Retry-After"]) == (429, "1")
        status, headers, _ = until(
            lambda: page.ask("/api/login", b'{"password": "correct horse"}'), lambda answer: answer[0] == 200
        )
        cookie, *facts = headers["Set-Cookie"].split("; ")
        assert sorted(facts) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=strict"]
        page.cookie = cookie
        page.await_microscopes(lambda found: found.get("sem/main", {}).get("live", False))
        with page.watch() as viewer:
            assert picture(viewer)[0]["state"] == "live"
        assert page.json("/api/control/sem", {"verb": "get"})["ok"]["instance"] == "sem"
        assert page.ask("/api/export/sem/main?to=csv")[0] == 200
        assert page.ask("/api/control/sem", b'{"verb": "get"}', Origin="http://evil.example")[0] == 403


def test_without_the_right_keys_it_says_so_and_a_signal_ends_it_while_somebody_looks(site: tuple[Path, Locks]) -> None:
    folder, locks = site
    with overlay(folder, *endpoints(folder), *locks.options("bert")) as page:
        until(lambda: page.json("/api/microscopes")["daemons"][0]["refused"], bool)
        with page.watch() as viewer:
            assert json.loads(viewer.recv(timeout=WAIT_S))["state"] == "refused"
            page.process.terminate()
            assert page.process.wait(WAIT_S) == 0
        assert "Traceback" not in page.said.read_text()


def test_daemon_goes_on_without_the_page_beside_it(tmp_path: Path) -> None:
    config, said = tmp_path / "sem.toml", tmp_path / "said.txt"
    config.write_text(
        f'[source.main]\nuri = "sim:?fps=5&width=96&height=64"\n[publish]\nendpoint = "ipc://{tmp_path}/publish"\n'
        f'[control]\nendpoint = "ipc://{tmp_path}/control"\n[metrics]\nenabled = false\n'
    )
    with process(["-m", "nanotally", "run", "--config", str(config), "--overlay", "127.0.0.1:0"], said) as child:
        until(said.read_text, lambda text: "source main is up" in text and "the page is at http" in text, alive=child)
        os.kill(page_of(child), signal.SIGKILL)
        until(said.read_text, lambda text: "the page ended with exit code -9; the daemon goes on" in text, alive=child)
        child.terminate()
        assert child.wait(WAIT_S) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_page_ends_with_the_daemon_however_that_ends(tmp_path: Path, number: int) -> None:
    program = (
        "import time; from nanotally.overlay.beside import running_beside\n"
        f"with running_beside('ipc://{tmp_path}/a', 'ipc://{tmp_path}/b', bind='127.0.0.1:0'): time.sleep(60)"
    )
    said = tmp_path / "said.txt"
    with process(["-c", program], said) as child:
        until(said.read_text, lambda text: "the page is at http" in text, alive=child)
        page = page_of(child)
        child.send_signal(number)
        child.wait(WAIT_S)
        until(lambda: runs(page), lambda answer: not answer)
    assert "the page ended" not in said.read_text()
    assert "Fatal" not in said.read_text()


def page_of(daemon: subprocess.Popen[bytes]) -> int:
    """Process that a daemon has started."""
    return int(Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()[0])


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_overlay_alone_is_the_usual_place() -> None:
    assert "[HOST:PORT]" in CliRunner().invoke(app, ["run", "--help"]).output
