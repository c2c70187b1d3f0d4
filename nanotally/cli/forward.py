"""`nanotally forward`: many daemons at one address."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.logs import set_up_logging


@app.command()
def forward(
    config: Annotated[Path, typer.Argument(help="TOML file with a [daemon.INSTANCE] for each; see docs/scaling.md.")],
) -> None:
    """Publish what several daemons tell at one address, and put loggers through to their journals.

    Subscribers and `nanotally log` use it as they use a daemon. Daemons may come and go. SIGTERM and SIGINT (Ctrl-C)
    stop it.
    """
    from nanotally.daemon.forward.config import read_forward_config
    from nanotally.daemon.forward.forwarder import Forwarder

    settings = read_forward_config(config)
    set_up_logging()
    Forwarder(settings).run()
