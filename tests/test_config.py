import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest

from nanotally.daemon.config import Config, JournalConfig, SourceConfig
from nanotally.daemon.config_file import read_config
from nanotally.detect import DetectSettings
from nanotally.errors import ConfigError

ROOT = Path(__file__).parent.parent
Write = Callable[[str], Path]
SIM = '[source.main]\nuri = "sim:"\n'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "nanotally.toml"
        path.write_text(text)
        return path

    return write


def tables(cls: type = Config, prefix: str = "") -> dict[str, type]:
    """Every table of the configuration file with its dataclass."""
    found = {prefix.rstrip("."): cls}
    for name, hint in get_type_hints(cls).items():
        if dataclasses.is_dataclass(hint):
            found |= tables(hint, f"{prefix}{name}.")  # type: ignore[arg-type]
    return found | {"source.NAME": SourceConfig} if cls is Config else found


def test_a_source_is_enough(write: Write) -> None:
    assert read_config(write(SIM)) == Config(source={"main": SourceConfig(uri="sim:")})
    assert read_config(uri="sim:") == read_config(write(SIM))


def test_every_value_is_read(write: Write) -> None:
    config = read_config(
        write(
            'instance = "sem-2"\n'
            '[source.chamber]\nuri = "dir:/data"\nnm_per_px = 2\n'
            '[model]\nbundle = "/opt/m"\nengine = "openvino"\n'
            "[detect]\nscore = 0.4\nscale = 2\noverlap_px = 64\nlevels = 2\nmax_detections = 5000\n"
            '[publish]\nendpoint = "ipc:///run/sem.ipc"\n'
            '[journal]\ndirectory = "/j"\nretention_s = 60\nretention_mb = 9\nsegment_mb = 2\nsync_interval_s = 5\n'
            '[replay]\nendpoint = "ipc:///run/replay.ipc"\n'
            '[metrics]\nenabled = false\naddress = "::1"\nport = 0\n'
        )
    )
    assert config.source == {"chamber": SourceConfig(uri="dir:/data", nm_per_px=2.0)}
    assert config.detect == DetectSettings(score=0.4, scale=2.0, overlap_px=64, levels=2, max_detections=5000)
    assert (config.instance, config.model.bundle, config.model.engine) == ("sem-2", "/opt/m", "openvino")
    assert config.publish.endpoint == "ipc:///run/sem.ipc"
    assert config.replay.endpoint == "ipc:///run/replay.ipc"
    assert dataclasses.astuple(config.journal) == ("/j", 60, 9, 2, 5)
    assert (config.metrics.enabled, config.metrics.address, config.metrics.port) == (False, "::1", 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SIM + "[detct]\n", "unknown key detct; did you mean detect?"),
        (SIM + "[detect]\nscor = 0.5\n", "unknown key detect.scor; did you mean detect.score?"),
        (SIM + "nm_per_pixel = 3\n", "unknown key source.main.nm_per_pixel; did you mean source.main.nm_per_px?"),
        (SIM + "[journal]\nsegment_mb = 5000\n", "journal: segment_mb 5000 is more than retention_mb 4000"),
        (SIM + "[journal]\nsync_interval_s = 0\n", "journal.sync_interval_s: Expected `float` > 0.0"),
        (SIM + "[publish]\nzzz = 1\n", "unknown key publish.zzz; there are endpoint"),
        (SIM + '[metrics]\nport = "9757"\n', "metrics.port: Expected `int`, got `str`"),
        (SIM + '[security]\nserver_key = "k"\n', "security: server_key and allow belong together"),
        (SIM + '[security]\nkey = "k"\n', "unknown key security.key; "),
        (SIM + "[metrics]\nport = 70000\n", "metrics.port: Expected `int` <= 65535"),
        (SIM + "[detect]\nscale = true\n", "detect.scale: Expected `float | null`, got `bool`"),
        (SIM + '[model]\nengine = "cuda"\n', "model: engine 'cuda' is not known; there are auto, openvino"),
        (SIM + "nm_per_px = 0\n", "source.NAME.nm_per_px: Expected `float` > 0.0"),
        (SIM + "nm_per_px = nan\n", "source.NAME.nm_per_px"),
        (SIM + "nm_per_px = inf\n", "source.NAME.nm_per_px"),
        ("", "a [source.NAME] with its uri is needed; found none"),
        ('[source.main]\nuri = ""\n', "source.NAME.uri: Expected `str` of length >= 1"),
        ("[source.main]\n", "Object missing required field `uri`"),
        ('[source]\nuri = "sim:"\n', "source needs a name: write [source.NAME] above its keys"),
        ("source = 3\n", "source needs a name"),
        ("model = 3\n", "model must be a table, not 3"),
        ('[source.Main]\nuri = "sim:"\n', "'Main' cannot be a name on the wire"),
        ('instance = "SEM 1"\n' + SIM, "'SEM 1' cannot be a name on the wire"),
        ("source = \n", "not TOML: Invalid value (at line 1, column 10)"),
    ],
)  # fmt: skip
def test_mistake_is_one_line_that_names_the_key(write: Write, text: str, complaint: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert complaint in message
    assert "\n" not in message


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "192.168.1.7", "[::]", "sem.example.org", "eth0"])
@pytest.mark.parametrize("table", ["publish", "replay", "control"])
def test_other_machines_need_keys(write: Write, host: str, table: str) -> None:
    text = f'{SIM}[{table}]\nendpoint = "tcp://{host}:5757"\n'
    with pytest.raises(ConfigError, match=f"{table}.endpoint: .* make them with `nanotally keys` and name them under"):
        read_config(write(text))
    keys = '[security]\nserver_key = "/k/sem.key_secret"\nallow = "/k/allowed"\n'
    assert read_config(write(text + keys)).security.is_given


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "192.168.1.7", "::", "sem.example.org"])
def test_metrics_are_of_this_machine_with_keys_or_without(write: Write, host: str) -> None:
    with pytest.raises(ConfigError, match=r"metrics: .* this page asks nobody for a key"):
        read_config(write(f'{SIM}[metrics]\naddress = "{host}"\n[security]\nserver_key = "k"\nallow = "a"\n'))


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://127.0.0.1:5757", "tcp://127.0.0.2:*", "tcp://localhost:0", "tcp://[::1]:5757", "ipc:///run/s"],
)
def test_this_machine_needs_no_keys(write: Write, endpoint: str) -> None:
    assert read_config(write(f'{SIM}[publish]\nendpoint = "{endpoint}"\n')).publish.endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["", "5757", "tcp://127.0.0.1", "udp://127.0.0.1:1", "ipc://", "tcp://:5757"])
def test_nonsense_is_no_endpoint(write: Write, endpoint: str) -> None:
    with pytest.raises(ConfigError, match="publish: "):
        read_config(write(f'{SIM}[publish]\nendpoint = "{endpoint}"\n'))


def test_the_journal_is_where_it_is_told_or_where_systemd_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert JournalConfig().folder is None
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/nanotally/sem1:/var/lib/other")
    assert JournalConfig().folder == Path("/var/lib/nanotally/sem1/journal")
    assert JournalConfig(directory="/data").folder == Path("/data")


def test_command_line_stands_instead_of_the_file(write: Write) -> None:
    path = write('instance = "a"\n[source.feed]\nuri = "sim:"\nnm_per_px = 3\n[model]\nengine = "auto"\n')
    config = read_config(path, uri="dir:/data", instance="b", bundle="/m", engine="openvino")
    assert (config.instance, config.model.bundle, config.model.engine) == ("b", "/m", "openvino")
    # The pixel size was that of another feed: wrong nanometres are worse than none.
    assert config.source == {"feed": SourceConfig(uri="dir:/data", nm_per_px=None)}


def test_source_of_the_command_line_completes_a_file_without_one(write: Write) -> None:
    assert read_config(write('instance = "a"\n'), uri="sim:").source == {"main": SourceConfig(uri="sim:")}


@pytest.mark.parametrize("path", ["missing.toml", "."])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / path))):
        read_config(tmp_path / path)


def test_binary_file_is_not_toml(tmp_path: Path) -> None:
    path = tmp_path / "nanotally.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not TOML"):
        read_config(path)


def test_example_is_what_happens_without_it() -> None:
    example = read_config(ROOT / "deploy" / "nanotally.toml")
    assert example == dataclasses.replace(read_config(uri="sim:"), source=example.source)


def test_what_the_example_comments_out_is_the_default_or_says_what_is(write: Write) -> None:
    text = (ROOT / "deploy" / "nanotally.toml").read_text()
    default = read_config(ROOT / "deploy" / "nanotally.toml")
    shown = read_config(write(re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)))
    own = dict.fromkeys(re.findall(r"^# (\w+) = .*# left out", text, re.MULTILINE))
    assert dataclasses.replace(shown.detect, **own) == default.detect
    assert own.keys() == {"score", "scale", "overlap_px", "levels", "max_detections"}
    assert shown == dataclasses.replace(default, source=shown.source, detect=shown.detect)


@pytest.mark.parametrize(("table", "cls"), tables().items())
def test_every_key_is_documented_and_in_the_example(table: str, cls: type) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    example = (ROOT / "deploy" / "nanotally.toml").read_text()
    keys = [f.name for f in dataclasses.fields(cls) if f.name not in {*tables(), "source"}]
    section = page.split(f"## `[{table}]`" if table else "## At the top")[1].split("\n## ")[0]
    assert [key for key in keys if f"`{key}`" not in section] == []
    assert [key for key in keys if not re.search(rf"^#? ?{key} = ", example, re.MULTILINE)] == []
