from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.train


def half_way() -> Any:
    """What the bar looks at: batch 3 of 4 of the second of two passes, in a run that went on after the first."""
    return SimpleNamespace(
        bar=None, start_epoch=1, epoch=1, epochs=2, batches_done=7, train_loader=range(4),
        tloss={"box": 1.5, "cls": 0.25}, metrics={"metrics/mAP50(B)": 0.8125},
    )  # fmt: skip


def show(trainer: Any) -> None:
    from nanotally.trainer.offline import keep_offline

    keep_offline()
    from nanotally.trainer.progress import advance_bar, begin_bar, end_bar

    begin_bar(trainer)
    advance_bar(trainer)
    end_bar(trainer)


def test_a_terminal_sees_how_far_training_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    trainer = half_way()
    show(trainer)
    assert "pass 2 of 2, loss 1.75, mAP50 0.812" in capsys.readouterr().err
    assert (trainer.bar.tasks[0].completed, trainer.bar.tasks[0].total) == (7, 8)


def test_what_is_not_a_terminal_sees_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    show(half_way())
    assert capsys.readouterr() == ("", "")
