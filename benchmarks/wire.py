"""One detections message, written and read: our records beside a JSON list of objects, on the same data.

Every way begins and ends with the same arrays, pays for the same header and must give back the same numbers.
JSON is tried with Python's own module and with msgspec, the fastest at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from nanotally.detections import CLASSES, Detections
from nanotally.wire import DetectionsMessage, Model, Origin, decode, encode, records_from

Dumps = Callable[[Any], bytes]
Loads = Callable[[Any], Any]
Way = Callable[[Detections], tuple[int, Detections]]

PARTICLES = (300, 2000)
ROUNDS = 20

HEADER = DetectionsMessage(
    origin=Origin(run_id="0123456789abcdef", instance="sem1", source="main", seq=1),
    frame=1,
    grabbed_ns=1,
    wall=datetime(2026, 1, 1, tzinfo=timezone.utc),
    age_ms=20.0,
    width=1280,
    height=960,
    nm_per_px=(1.25, 1.25),
    pixel_size_from="configuration",
    state="live",
    classes=CLASSES,
    counts=dict.fromkeys(CLASSES, 0),
    truncated=False,
    model=Model(name="default", sha256="0" * 64, engine="openvino", precision="fp32"),
    thresholds=dict.fromkeys(CLASSES, 0.25),
    scale=1.0,
    tile=416,
    overlap=96,
    roi=None,
    settings_sha256="0" * 64,
    latency_ms={"tile": 1.0, "infer": 15.0, "decode": 3.0},
    records=records_from(Detections.empty()),
)


def particles(n: int) -> Detections:
    """`n` particles anywhere in a frame."""
    random = np.random.default_rng(0)
    low = random.uniform(0, 900, (n, 2))
    xyxy = np.hstack([low, low + random.uniform(8, 60, (n, 2))])
    score = random.random(n, np.float32)
    return Detections(xyxy.astype(np.float32), score, random.integers(0, 2, n, np.uint16))


def by_records(found: Detections) -> tuple[int, Detections]:
    """There and back our way; also the bytes on the wire."""
    parts = encode(replace(HEADER, records=records_from(found)))
    message = decode(parts)
    assert isinstance(message, DetectionsMessage)
    return sum(map(len, parts)), message.detections


def by_json(found: Detections, dumps: Dumps, loads: Loads) -> tuple[int, Detections]:
    """There and back as a list of objects, one a particle; also the bytes on the wire."""
    columns = (found.xyxy.tolist(), found.score.tolist(), found.class_id.tolist(), found.flags.tolist())
    sent = [
        {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "score": sure, "class": kind, "track": -1, "flags": bits}
        for (x1, y1, x2, y2), sure, kind, bits in zip(*columns, strict=True)
    ]
    parts = [*encode(HEADER), dumps(sent)]
    decode(parts)
    received = loads(parts[-1])
    xyxy = np.array([[o["x1"], o["y1"], o["x2"], o["y2"]] for o in received], np.float32)
    score = np.array([o["score"] for o in received], np.float32)
    kinds, flags = (np.array([o[name] for o in received], np.uint16) for name in ("class", "flags"))
    return sum(map(len, parts)), Detections(xyxy, score, kinds, flags)


WAYS: dict[str, Way] = {
    "records": by_records,
    "json": lambda found: by_json(found, lambda rows: json.dumps(rows).encode(), json.loads),
    "msgspec": lambda found: by_json(found, msgspec.json.encode, msgspec.json.decode),
}


def same(a: Detections, b: Detections) -> bool:
    pairs = ((a.xyxy, b.xyxy), (a.score, b.score), (a.class_id, b.class_id), (a.flags, b.flags))
    return all(np.array_equal(p, q) for p, q in pairs)


def best_ms(found: Detections) -> dict[str, float]:
    """Best time of every way in milliseconds, the ways taking turns."""
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            start = perf_counter()
            way(found)
            took[name].append(1000 * (perf_counter() - start))
    return {name: min(times) for name, times in took.items()}


def main() -> None:
    """Print the table; exit code 1 if a way does not give back the numbers it was given."""
    table = Table("particles", "as", "there and back ms", "kB", "time / ours", "bytes / ours", "agree")
    agreed = True
    for n in PARTICLES:
        found = particles(n)
        took_ms = best_ms(found)
        ours_bytes, _ = by_records(found)
        for name, way in WAYS.items():
            sent_bytes, back = way(found)
            right = same(back, found)
            agreed &= right
            ratios = (f"{took_ms[name] / took_ms['records']:.1f}", f"{sent_bytes / ours_bytes:.1f}")
            sizes = (f"{took_ms[name]:.2f}", f"{sent_bytes / 1000:.1f}")
            table.add_row(str(n), name, *sizes, *ratios, "yes" if right else "NO")
    Console(width=120).print(table)
    raise SystemExit(not agreed)


if __name__ == "__main__":
    main()
