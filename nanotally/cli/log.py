"""`nanotally log`: counts into SQLite, CSV or Parquet, a row a frame, and a row for what is missing."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
import zmq

from nanotally.cli import app
from nanotally.cli.keys import KeysOption, ServerKeyOption, client_keys
from nanotally.errors import UsageError
from nanotally.log import Frames, Logger, Particles, Parts, Store
from nanotally.log.logger import KINDS
from nanotally.log.parts import check
from nanotally.signals import stopping_on_signals
from nanotally.wire import ClientKeys, ReplayClient, Subscriber
from nanotally.wire.replay import REPLAY_ENDPOINT
from nanotally.wire.subscriber import ENDPOINT

DATABASE = ".sqlite"


@app.command()
def log(
    endpoint: Annotated[str, typer.Argument(help="Of the daemon; it need not run yet.")] = ENDPOINT,
    *,
    to: Annotated[Path, typer.Option(help="File .sqlite; or .csv or .parquet, which are derived from a .sqlite.")],
    replay: Annotated[str | None, typer.Option(help="Endpoint of the journal; left out: as the daemon says.")] = None,
    particles: Annotated[bool, typer.Option("--particles", help="Log every particle with its sizes, too.")] = False,
    frames: Annotated[int | None, typer.Option(help="End once this many counts were logged.", min=1)] = None,
    until_ended: Annotated[bool, typer.Option("--until-ended", help="End when the daemon says that it stops.")] = False,
    keys: KeysOption = None,
    server_key: ServerKeyOption = None,
) -> None:
    """Log the counts of every frame; SIGINT (Ctrl-C) and SIGTERM end it.

    What was sent while nobody logged is asked for, as far back as the daemon's journal goes. Where messages cannot be
    had any more, a row says so: its event is `gap` or `restart`, and `missed` how many counts are missing at least.
    With --particles every particle is a row of `counts.particles.csv`, or of the table `particle`.
    """
    derived = to.suffix != DATABASE
    if derived:
        check(to)
    if replay is not None:
        _check_replay(replay)
    wanted = client_keys(keys, server_key)
    with (
        _subscriber(endpoint, wanted) as subscriber,
        closing(Store(to.with_suffix(DATABASE), particles=particles)) as store,
    ):
        parts = [Parts(Frames(store), to)] if derived else []
        if derived and particles:
            parts.append(Parts(Particles(store), to.with_suffix(f".particles{to.suffix}")))
        print(f"nanotally: counts of {endpoint} go to {to}; Ctrl-C ends", file=sys.stderr)
        logging = Logger(subscriber, store, replay=replay, keys=wanted, say=_say)
        with closing(logging) as logger, stopping_on_signals(logger.stop):
            for _ in logger.batches():
                for each in parts:
                    each.update_if_due()
                if (until_ended and logger.ended) or (frames is not None and store.counted >= frames):
                    break
        for each in parts:
            each.update()
        if logger.is_behind:
            _say("the journal holds more than is logged; log again while the daemon runs")
        print(f"nanotally: {store.counted} counts in {to}", file=sys.stderr)


def _subscriber(endpoint: str, keys: ClientKeys | None) -> Subscriber:
    try:
        return Subscriber(endpoint, kinds=KINDS, keys=keys)
    except zmq.ZMQError as error:
        raise UsageError(f"{endpoint}: not an endpoint such as {ENDPOINT} ({error.strerror})") from error


def _check_replay(endpoint: str) -> None:
    try:
        ReplayClient(endpoint).close()
    except zmq.ZMQError as error:
        raise UsageError(
            f"--replay {endpoint}: not an endpoint such as {REPLAY_ENDPOINT} ({error.strerror})"
        ) from error


def _say(line: str) -> None:
    print(f"nanotally: {line}", file=sys.stderr, flush=True)
