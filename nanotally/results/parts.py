"""An analysis of an archive as Parquet parts under a folder or URL, which goes on where it was broken off.

    manifest.json                  what is analysed and how; whether all of it is there
    images/part.00000.parquet      a row an image, also for those that could not be looked at: column `fault`
    particles/part.00000.parquet   a row a particle, columns as in `particles.parquet`

A part is of so many inputs, in their order, whoever looked at them; its file in `images/` is the last one of it.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.util import find_spec
from typing import Any

from nanotally.errors import NanotallyError, UsageError
from nanotally.results.inputs import Input
from nanotally.results.manifest import NAME, versions
from nanotally.results.result import Run
from nanotally.results.row import COUNT, Row, images_table
from nanotally.results.tables import particles_schema
from nanotally.spread import Failure

PARTS = "parts"
"""What `--to` calls this."""


def check_parts() -> None:
    """Whether parts can be written here.

    Raises:
        UsageError: if what they need is not installed.
    """
    if find_spec("pyarrow") is None or find_spec("fsspec") is None:
        raise UsageError(
            "--to parts: needs pyarrow and fsspec, which are not installed: pip install 'nanotally[cluster]'"
        )


class Parts:
    """The parts of one analysis.

    Attributes:
        images: that were looked at, earlier runs included.
        particles: in them.
        truncated: images with more particles than the model may report.
        faults: of images that could not be looked at.
    """

    def __init__(self, url: str, run: Run, inputs: Sequence[Input], *, images_a_part: int) -> None:
        """Begin, or go on with what an earlier run has left.

        Args:
            url: folder, or URL of any file system that fsspec knows.
            run: what is the same for all images.
            inputs: all images, also those that are done.
            images_a_part: inputs that are together in a part.

        Raises:
            UsageError: if the URL is not understood, or nothing is to be in a part.
            NanotallyError: if another analysis is there.
            OSError: if it cannot be read or written.
        """
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        if images_a_part < 1:
            raise UsageError(f"--images-a-part {images_a_part}: expected 1 or more")
        try:
            self._files, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise UsageError(f"--out {url}: {error}") from error
        self._url, self._run, self._inputs, self._size = url, run, inputs, images_a_part
        self.images = self.particles = self.truncated = 0
        self.faults: list[str] = []
        self._begin()
        self._done = {number for number in range(-(-len(inputs) // images_a_part)) if self._exists(number)}
        for number in sorted(self._done):
            self._tally(self._read(number))

    def left(self) -> list[int]:
        """Numbers of the parts that are not there yet."""
        return [number for number in range(-(-len(self._inputs) // self._size)) if number not in self._done]

    def inputs_of(self, number: int) -> Sequence[Input]:
        """The images of a part."""
        return self._inputs[number * self._size : (number + 1) * self._size]

    def write(self, number: int, answers: Sequence[Row | Failure]) -> None:
        """Write a part, answers in the order of its inputs.

        Raises:
            OSError: if it cannot be written.
        """
        import pyarrow as pa  # type: ignore[import-untyped]

        images = images_table(answers, self._run)
        empty = particles_schema().empty_table()
        self._put("particles", number, pa.concat_tables([empty, *(a.particles for a in answers if isinstance(a, Row))]))
        self._put("images", number, images)
        self._done.add(number)
        self._tally(images)

    def close(self) -> None:
        """Write in the manifest that all is there."""
        self._put_manifest(complete=not self.left())

    def _begin(self) -> None:
        path = f"{self._root}/{NAME}"
        if not self._files.exists(path):
            if self._files.exists(self._root) and self._files.ls(self._root):
                raise NanotallyError(f"{self._url}: is not empty and holds no parts; choose another --out")
            self._put_manifest(complete=False)
            return
        there = json.loads(self._files.cat_file(path)).get("analysis", {})
        ours = json.loads(json.dumps(self._analysis()))
        if other := [name for name, value in ours.items() if there.get(name) != value]:
            raise NanotallyError(
                f"{self._url}: holds the results of another analysis ({', '.join(other)} differ); choose another --out"
            )

    def _analysis(self) -> dict[str, Any]:
        """All that the rows depend on."""
        run, listed = self._run, "\n".join(f"{each.name}\t{each.path}" for each in self._inputs)
        return {
            "versions": {name: own for name, own in versions().items() if name not in ("python", "system")},
            "model": {name: value for name, value in run.model.items() if name != "path"},
            "thresholds": dict(run.thresholds), "settings": dict(run.settings),
            "nm_per_px_where_unknown": run.nm_per_px,
            "images": len(self._inputs), "images_sha256": hashlib.sha256(listed.encode()).hexdigest(),
            "folder": str(run.folder), "images_a_part": self._size,
        }  # fmt: skip

    def _put_manifest(self, *, complete: bool) -> None:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        told = {"analysis": self._analysis(), "command": list(self._run.command), "engine": self._run.engine,
                "complete": complete, "written": now}  # fmt: skip
        self._put_bytes(f"{self._root}/{NAME}", (json.dumps(told, indent=1) + "\n").encode())

    def _tally(self, images: Any) -> None:
        for row in images.to_pylist():
            if row["fault"] is not None:
                self.faults.append(row["fault"])
                continue
            self.images += 1
            self.particles += sum(row[COUNT + name] for name in self._run.classes)
            self.truncated += row["truncated"]

    def _path(self, kind: str, number: int) -> str:
        return f"{self._root}/{kind}/part.{number:05d}.parquet"

    def _exists(self, number: int) -> bool:
        return bool(self._files.exists(self._path("images", number)))

    def _read(self, number: int) -> Any:
        from pyarrow import parquet

        return parquet.read_table(io.BytesIO(self._files.cat_file(self._path("images", number))))

    def _put(self, kind: str, number: int, table: Any) -> None:
        from pyarrow import parquet

        file = io.BytesIO()
        parquet.write_table(table, file)
        self._put_bytes(self._path(kind, number), file.getvalue())

    def _put_bytes(self, path: str, content: bytes) -> None:
        """Write a file aside and move it into place: it is whole or not there."""
        folder, _, name = path.rpartition("/")
        self._files.makedirs(folder, exist_ok=True)
        self._files.pipe_file(f"{folder}/.{name}.new", content)
        self._files.mv(f"{folder}/.{name}.new", path)
