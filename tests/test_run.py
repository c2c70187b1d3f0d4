import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nanotally.cli.run import app
from nanotally.errors import BundleError, ConfigError, NanotallyError, UsageError
from nanotally.wire import CountsMessage, StatusMessage, Subscriber

WAIT_S = 60.0
NANOTALLY = [sys.executable, "-m", "nanotally", "run"]


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*NANOTALLY, *words], capture_output=True, text=True, timeout=WAIT_S, check=False)


def write_config(folder: Path, text: str = "") -> Path:
    """A configuration of which nothing collides with a daemon that may run on this machine."""
    path = folder / "sem.toml"
    sockets = "".join(f'[{name}]\nendpoint = "ipc://{folder}/{name}"\n' for name in ("publish", "control"))
    path.write_text(f"{sockets}[metrics]\nport = 0\n{text}")
    return path


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        ([], UsageError, "nothing to look at: give --source URI"),
        (["--config", "{tmp}/nowhere.toml"], ConfigError, "nowhere.toml: No such file or directory"),
        (["--config", "{tmp}/typo.toml"], ConfigError, "unknown key publish.endpont; did you mean publish.endpoint?"),
        (["--config", "{config}", "--source", "sim:", "--engine", "abacus"], ConfigError, "'abacus' is not known"),
        (["--config", "{config}", "--source", "sim:", "--instance", "SEM 1"], ConfigError, "cannot be a name"),
        (["--config", "{config}", "--source", "sim:", "--model", "{tmp}"], BundleError, "a model bundle is a folder"),
    ],
)
def test_mistake_is_an_error_that_says_what(
    tmp_path: Path, words: list[str], error: type[NanotallyError], complaint: str
) -> None:
    config = write_config(tmp_path)
    (tmp_path / "typo.toml").write_text('[publish]\nendpont = "x"\n')
    result = CliRunner().invoke(app, ["run", *(word.format(tmp=tmp_path, config=config) for word in words)])
    assert type(result.exception) is error
    assert complaint in str(result.exception)


@pytest.mark.parametrize("uri", ["dir:{tmp}/empty", "file:{tmp}/nowhere.mp4", "pigeon:"])
def test_feed_that_is_not_there_is_one_clear_line(tmp_path: Path, uri: str) -> None:
    (tmp_path / "empty").mkdir()
    done = run("--config", str(write_config(tmp_path)), "--source", uri.format(tmp=tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("nanotally: ")
    assert "Traceback" not in done.stderr


def test_simulated_feed_goes_through_the_real_model(tmp_path: Path) -> None:
    config = write_config(tmp_path, '[source.stage]\nuri = "sim:?frames=4&fps=0&width=416&height=416"\n')
    with Subscriber(f"ipc://{tmp_path}/publish", kinds=("counts", "status")) as subscriber:
        process = subprocess.Popen([*NANOTALLY, "--config", str(config)], stderr=subprocess.PIPE, text=True)
        items = []
        while process.poll() is None or items == [] or not getattr(items[-1], "stopping", False):
            item = subscriber.receive(WAIT_S)
            assert item is not None
            items.append(item)
            if isinstance(item, StatusMessage) and item.stopping:
                break
        _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert [item.frame for item in items if isinstance(item, CountsMessage)] == [0, 1, 2, 3]
    assert re.search(r"stopped: 4 frames, 0 dropped, 4 processed", said)
