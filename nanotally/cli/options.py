"""Options that several verbs have."""

from __future__ import annotations

from typing import Annotated

import typer

Dask = Annotated[
    str | None,
    typer.Option(
        help="Do the work on a Dask cluster: address of its scheduler, or local for one on this machine. "
        "Never changes a result."
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        help="Network pixels per image pixel at the finest level; left out: 1, and 2 or 4 where most particles are "
        "small."
    ),
]
