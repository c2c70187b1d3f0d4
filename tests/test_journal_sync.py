import errno
import os
from pathlib import Path

import pytest

from nanotally.daemon.journal.sync import Syncer


def opened(folder: Path) -> int:
    return os.open(folder / "file", os.O_CREAT | os.O_WRONLY)


def is_open(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").is_symlink()


def test_what_is_open_is_synced_again_and_again_and_what_is_retired_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    syncer, descriptor = Syncer(60), opened(tmp_path)
    syncer.watch(descriptor, tmp_path)
    syncer.sync()
    syncer.sync()
    assert is_open(descriptor)
    syncer.retire(descriptor)
    syncer.sync()
    syncer.sync()
    assert synced == [descriptor] * 3
    assert not is_open(descriptor)


def test_closing_syncs_a_last_time(tmp_path: Path) -> None:
    syncer, descriptor = Syncer(60), opened(tmp_path)
    syncer.start()
    syncer.watch(descriptor, tmp_path)
    syncer.retire(descriptor)
    syncer.close()
    assert not syncer.is_alive()
    assert not is_open(descriptor)


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    syncer, descriptor = Syncer(60), opened(tmp_path)
    syncer.watch(descriptor, tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        syncer.sync()
    assert syncer.fault == "journal not synced: Input/output error"
    syncer.retire(descriptor)
    syncer.sync()
    assert syncer.fault is None
    assert not is_open(descriptor)
