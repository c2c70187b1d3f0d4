"""Mode `paper`: turned particles, apart from one another, on a flat canvas (paper section 2.3)."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.generator.ground import Ground, at
from nanotally.generator.micrograph import Seed, SyntheticMicrograph
from nanotally.generator.pattern import Pattern
from nanotally.generator.pieces import GAP_PX, Canvas, Piece, piece_of
from nanotally.generator.specimen import Specimen, draw_particle
from nanotally.generator.truth import Truth
from nanotally.generator.turns import turns_of

FIELD = slice(GAP_PX, -GAP_PX), slice(GAP_PX, -GAP_PX)


def make_paper_micrograph(
    source: Pattern | tuple[str, ...],
    *,
    height: int,
    width: int,
    max_particles: int,
    seed: Seed,
) -> SyntheticMicrograph:
    """A picture made as the paper made them (section 2.3): turned templates, apart from one another, on a flat canvas.

    Args:
        source: a pattern, whose resolution and background are taken; or names of procedural shapes.
        height: of the image in pixels, for shapes.
        width: of the image in pixels, for shapes.
        max_particles: the placement stops there or when no space is left.
        seed: of everything that is drawn at random.
    """
    rng = np.random.default_rng(seed)
    if isinstance(source, Pattern):
        turns = turns_of(source)
        canvas, draw = turns.canvas, turns.draw
    else:
        canvas = Canvas(height, width, Pattern.background)
        draw = partial(_draw_shapes, Specimen(cube_share=sum(name == "cube" for name in source) / len(source)), canvas)
    ground = Ground(canvas)
    stop = ground.lay(max_particles, draw, rng)
    field = 0, 0, canvas.width, canvas.height
    return SyntheticMicrograph(_painted(ground, canvas), _truth(ground, canvas), stop, field)


def _draw_shapes(specimen: Specimen, canvas: Canvas, number: int, rng: Generator) -> list[Piece]:
    return [piece_of(draw_particle(specimen, rng), canvas) for _ in range(number)]


def _painted(ground: Ground, canvas: Canvas) -> NDArray[np.uint8]:
    """The picture: where two fringes meet the later one is seen, and no fringe on a particle."""
    picture = np.full(ground.owner.shape, canvas.background, np.uint8)
    flat, pieces, places = picture.reshape(-1), ground.pieces, ground.places
    if pieces:
        flat[at([piece.fringe for piece in pieces], places)[0]] = np.concatenate([p.fringe_grey for p in pieces])
        flat[at([piece.inner for piece in pieces], places)[0]] = np.concatenate([p.inner_grey for p in pieces])
    return np.ascontiguousarray(picture[FIELD])


def _truth(ground: Ground, canvas: Canvas) -> Truth:
    """All is seen of every particle, so its box is that of its piece."""
    pieces = ground.pieces
    y, x = np.divmod(ground.places, canvas.stride)
    corners = np.stack([x, y, x, y], axis=1) - GAP_PX
    boxes = corners + np.array([piece.box for piece in pieces], np.intp).reshape(-1, 4)
    n = len(pieces)
    return Truth(
        detections=Detections(
            boxes.astype(np.float32), class_id=np.array([piece.class_id for piece in pieces], np.uint16)
        ),
        instances=ground.owner[FIELD],
        visible=np.ones(n, np.float32),
        truncated=np.zeros(n, bool),
        difficult=np.zeros(n, bool),
        size_px=np.array([piece.size_px for piece in pieces], np.float32),
        identity=np.arange(n, dtype=np.int32),
    )
