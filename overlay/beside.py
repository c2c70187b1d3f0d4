"""The overlay beside a daemon: started with it, and ended with it, however that ends."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nanotally.errors import UsageError
from nanotally.overlay.bind import Bind

log = logging.getLogger(__name__)

END_S = 3.0
"""How long a page that was told to end has before it is killed."""


NICENESS = 10
"""Of the page: where cores are few, the detector comes first."""


@contextmanager
def running_beside(publish: str, control: str, *, bind: str) -> Iterator[None]:
    """A page for the daemon that runs in the block. When the page ends by itself, a line says so, and that is all.

    Args:
        publish: endpoint of the daemon.
        control: endpoint of the daemon.
        bind: HOST:PORT of the page.

    Raises:
        UsageError: nobody can connect to such an endpoint, or the page would be reached by other machines.
    """
    if not Bind.parse(bind).is_loopback:
        raise UsageError(
            f"--overlay {bind} can be reached from other machines: start `nanotally overlay --bind {bind} "
            "--password-file FILE` by itself"
        )
    command = ["overlay", reached(publish), "--control", reached(control), "--bind", bind, "--until-eof"]
    # The pipe closes also when this process is killed. A session of its own: Ctrl-C is for the daemon.
    process = subprocess.Popen(
        [sys.executable, "-m", "nanotally", *command], stdin=subprocess.PIPE, start_new_session=True
    )
    os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process, over), name="overlay", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        process.terminate()
        watcher.join(END_S)
        process.kill()
        if process.stdin is not None:
            process.stdin.close()
        watcher.join(END_S)


def reached(endpoint: str) -> str:
    """The endpoint by which this machine reaches what is bound to `endpoint`.

    Raises:
        UsageError: the system chooses its port.
    """
    if endpoint.endswith(":*"):
        raise UsageError(f"--overlay: {endpoint} has no port that could be known before; give it one")
    return endpoint.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _watch(process: subprocess.Popen[bytes], over: threading.Event) -> None:
    code = process.wait()
    if not over.is_set():
        log.warning("the page ended with exit code %d; the daemon goes on without it", code)
