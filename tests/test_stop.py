"""A stop that was asked for ends the process, whatever hangs. How long it took is printed, not judged finely."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import zmq
from waiting import WAIT_S

HANGS = Path(__file__).with_name("hanging_daemon.py")
BOUND_S = 5.0
"""The promise is 2 s; a machine that is busy with other things may need longer."""


def stopped_after_s(folder: Path, what: str, *, subscribe: bool = False) -> tuple[float, str]:
    """How long a daemon in which something hangs lives after SIGTERM, and what it said."""
    command = [sys.executable, str(HANGS), what, str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        with zmq.Context() as context, context.socket(zmq.SUB) as deaf:
            deaf.linger, deaf.rcvhwm = 0, 1
            if subscribe:
                deaf.subscribe(b"")
                deaf.connect(f"ipc://{folder}/publish")
            deadline_s = time.monotonic() + WAIT_S
            while not (folder / "hangs").exists():
                assert time.monotonic() < deadline_s
                assert process.poll() is None
                time.sleep(0.02)
            if subscribe:
                time.sleep(1.0)  # so that a good deal waits for it
            began_s = time.monotonic()
            process.terminate()
            process.wait(WAIT_S)
            took_s = time.monotonic() - began_s
    finally:
        process.kill()
    _, said = process.communicate(timeout=WAIT_S)
    print(f"{what}: {took_s:.2f} s")
    assert process.returncode == 0, said
    assert "Traceback" not in said
    return took_s, said


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("read", "does not let go; it is abandoned"),
        ("close", "does not let go; it is abandoned"),
        ("reopen", "does not let go; it is abandoned"),
        ("back-off", "stopped: "),
        ("open", "something still runs"),
        ("engine", "something still runs"),
        ("load", "something still runs"),
        ("nothing", "stopped: "),
    ],
)
def test_whatever_hangs_the_process_ends(tmp_path: Path, what: str, word: str) -> None:
    took_s, said = stopped_after_s(tmp_path, what)
    assert took_s < BOUND_S
    assert word in said


def test_a_subscriber_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    took_s, said = stopped_after_s(tmp_path, "nothing", subscribe=True)
    assert took_s < BOUND_S
    assert "stopped: " in said
