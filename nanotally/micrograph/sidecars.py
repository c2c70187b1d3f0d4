"""Text files that instruments write beside their images."""

from __future__ import annotations

from pathlib import Path

MOST_BYTES = 1 << 20
"""Of a sidecar no more is read. Real ones have a few kilobytes."""


def read_sidecar(image: Path, *endings: str) -> str | None:
    """The first text file that has the image's name with one of `endings` in place of its suffix, or None.

    Endings are tried as given, in capitals and capitalised. Instruments write UTF-16 with a byte order mark,
    UTF-8, or the code page of the country they stand in; of the last only the ASCII part can be relied on. A last
    line without an end is left out: while the file is being written, `PixelSize=82.7` is for a moment `PixelSize=8`.

    Raises:
        OSError: if there is one that cannot be read.
    """
    for ending in endings:
        for spelling in (ending, ending.upper(), ending.title()):
            sidecar = image.with_name(image.stem + spelling)
            if sidecar.is_file():
                with sidecar.open("rb") as file:
                    text = _decode(file.read(MOST_BYTES))
                return text[: text.rfind("\n") + 1]
    return None


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
