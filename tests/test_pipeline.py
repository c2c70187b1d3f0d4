"""Who cuts and decodes: the host around an engine, or an engine that does it itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from oracle import OracleEngine, draw_patches, oracle_bundle

from nanotally.daemon.bench.course import lend
from nanotally.daemon.looking import Looking
from nanotally.detect import Detector
from nanotally.detect.batches import Look
from nanotally.detect.pipeline import HostPipeline, Pipeline, Sight, pipeline_of

BOXES = np.array([[20, 30, 50, 60], [100, 40, 130, 70], [300, 200, 340, 240]])
IMAGE = draw_patches(300, 400, BOXES, np.array([255, 170, 255]))


class WholeEngine(OracleEngine):
    """Keeps its tiles to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Sequence[Look]] = []
        self._host = HostPipeline(OracleEngine())

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("tiles of the host")

    def look(self, looks: Sequence[Look], thresholds: NDArray[np.float32]) -> Sight:
        self.asked.append(looks)
        return self._host.look(looks, thresholds)


def test_an_engine_with_a_pipeline_of_its_own_gets_fields() -> None:
    engine = WholeEngine()
    assert pipeline_of(engine) is engine
    found = Detector(oracle_bundle(), engine).detect(IMAGE)
    plain = Detector(oracle_bundle(), OracleEngine()).detect(IMAGE)
    np.testing.assert_array_equal(found.detections.xyxy, plain.detections.xyxy)
    assert (len(found.detections), found.tiles) == (3, plain.tiles)
    (looks,) = engine.asked
    assert all(np.shares_memory(field, IMAGE) for field, _ in looks)


def test_candidates_are_told_by_look_and_tile() -> None:
    detector = Detector(oracle_bundle(), engine := WholeEngine())
    detector.detect_all([(IMAGE, None), (IMAGE[:100, :160], None)])
    (looks,) = engine.asked
    sight = HostPipeline(OracleEngine()).look(looks, np.array([0.5, 0.5], np.float32))
    assert len(sight.candidates) == len(looks)
    for (_, level), candidates in zip(looks, sight.candidates, strict=True):
        assert (candidates.tile < len(level.corners)).all()
    assert list(sight.latency_ms) == ["tile", "infer", "decode"]
    assert min(sight.latency_ms.values()) > 0


def test_a_lent_engine_is_of_the_same_kind_and_is_looked_at_again() -> None:
    whole, thread = WholeEngine(), Looking()
    lent = lend(whole, thread)
    assert isinstance(lent, Pipeline)
    Detector(oracle_bundle(), lent).detect(IMAGE)
    assert lent.again_ms(0.0) > 0
    assert len(whole.asked) == 2
    lent.close()
    assert not whole.closed
    assert not isinstance(lend(OracleEngine(), thread), Pipeline)
    thread.close()
