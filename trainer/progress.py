"""A progress bar for a training that takes hours: on a terminal only."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from ultralytics.utils import RANK


def begin_bar(trainer: Any) -> None:
    """Show a bar on standard error; nothing where that is not a terminal. Of several processes, the first one does."""
    console = Console(stderr=True)
    if console.is_terminal and RANK <= 0:
        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()
        trainer.bar = Progress(*columns, console=console, transient=True)
        trainer.bar.add_task("training", completed=trainer.start_epoch * len(trainer.train_loader))
        trainer.bar.start()


def advance_bar(trainer: Any) -> None:
    """Tell how far training is, its loss, and the average precision of the last validation."""
    if trainer.bar is not None:
        loss = sum(float(part) for part in trainer.tloss.values())
        judged = trainer.metrics.get("metrics/mAP50(B)", 0.0)
        trainer.bar.update(
            trainer.bar.task_ids[0],
            completed=trainer.batches_done,
            total=trainer.epochs * len(trainer.train_loader),  # with --hours it follows from the speed
            description=f"pass {trainer.epoch + 1} of {trainer.epochs}, loss {loss:.2f}, mAP50 {judged:.3f}",
        )


def end_bar(trainer: Any) -> None:
    """Take the bar away."""
    if trainer.bar is not None:
        trainer.bar.stop()
