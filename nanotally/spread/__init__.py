"""Work spread over the processes of this machine or over a Dask cluster: one function over many items."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from nanotally.errors import UsageError
from nanotally.spread.work import Failure, Here, Pool, Spread

__all__ = ["Failure", "Here", "Pool", "Spread", "spread_over"]


@contextmanager
def spread_over(dask: str | None = None, *, workers: int | None = None) -> Iterator[Spread]:
    """Where work is to be done.

    Args:
        dask: address of a Dask scheduler, or `local` for a cluster of this machine's own; None: without Dask.
        workers: processes on this machine; None: one, or with `local` one a core. A scheduler has its own.

    Raises:
        UsageError: if there are to be no workers, or Dask is not installed.
        NanotallyError: if no scheduler answers.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}, expected 1 or more")
    if dask is None:
        yield Here() if workers is None or workers == 1 else Pool(workers)
        return
    if find_spec("distributed") is None:
        raise UsageError(f"--dask {dask}: needs Dask, which is not installed: pip install 'nanotally[cluster]'")
    from nanotally.spread.cluster import cluster_at

    with cluster_at(dask, workers=workers) as spread:
        yield spread
