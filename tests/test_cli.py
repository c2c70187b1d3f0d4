from __future__ import annotations

import subprocess
import sys

import pytest


def nanotally(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nanotally", *words], capture_output=True, text=True, check=False)


VERBS = (
    "demo", "detect", "evaluate", "generate", "simulate", "templates", "dataset", "train", "export", "import-darknet",
    "run", "log",
)  # fmt: skip


def test_without_a_verb_the_verbs_are_listed() -> None:
    done = nanotally()
    assert all(verb in done.stdout + done.stderr for verb in VERBS)


@pytest.mark.parametrize("words", [("fly",), ("detect", "--nonsense"), ("generate",), ("run",)])
def test_wrong_usage_is_exit_code_2_without_a_traceback(words: tuple[str, ...]) -> None:
    done = nanotally(*words)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_asking_for_help_loads_neither_torch_nor_an_engine() -> None:
    code = (
        "import sys; sys.argv = ['nanotally', '--help']\n"
        "from nanotally.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'ultralytics', 'openvino'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
