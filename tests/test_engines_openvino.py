import subprocess
import sys

import numpy as np
import pytest

from nanotally.bundle import load_bundle
from nanotally.detect.engines import openvino

SUCCESSORS = """
import gc, os, signal
from nanotally.bundle import load_bundle
from nanotally.detect import load_engine

first, second = (load_engine("openvino", load_bundle()) for _ in range(2))
first.close()
del first
gc.collect()
second.close()
del second
gc.collect()
signal.signal(signal.SIGTERM, lambda *_: print("heard", flush=True))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_process_whose_engines_followed_each_other_still_hears_signals() -> None:
    done = subprocess.run([sys.executable, "-c", SUCCESSORS], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr


def test_a_size_that_comes_often_gets_a_network_of_its_own_that_answers_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openvino, "OFTEN", 2)
    monkeypatch.setattr(openvino, "MOST_OWN", 2)
    engine = openvino.OpenVinoEngine(load_bundle())
    rng = np.random.default_rng(5)
    tiles = [rng.random((1, 1, height, 64), np.float32) for height in (64, 96, 128)]
    first = [engine.infer(tile) for tile in tiles]
    for tile, wanted in zip(tiles, first, strict=True):
        engine.infer(tile)
        own = engine._network._own[tile.shape[2:]]
        assert own.result(60) is not engine._network._of_any
        np.testing.assert_array_equal(engine.infer(tile), wanted)
    assert list(engine._network._own) == [(96, 64), (128, 64)]
    np.testing.assert_array_equal(engine.infer(tiles[0]), first[0])
    engine.close()


def test_where_no_network_of_its_own_can_be_had_that_of_any_size_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "OFTEN", 1)
    engine = openvino.OpenVinoEngine(load_bundle())

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(openvino, "_compiled", refuse)
    tile = np.random.default_rng(5).random((1, 1, 64, 64), np.float32)
    wanted = engine.infer(tile)
    assert engine._network._own[64, 64].result(60) is engine._network._of_any
    np.testing.assert_array_equal(engine.infer(tile), wanted)
    engine.close()
