"""Canaries: texts and pixels known to have been on a screen, searched in every byte.

Input: canaries and folders. Output: which canary lies readable in which file. The
search knows the encodings that overt and others use: plain, UTF-16, base64, hex,
JSON-escaped, gzip and zstd (also in the middle of a file), key events of the segment
container as typed text, tiles and PNGs as pixels. It is no part of the product.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import zstandard
from PIL import Image

from overt.protocol.errors import DataError
from overt.protocol.records import EVENT_DTYPE, EventKind, InputRecord
from overt.protocol.segment import MAGIC, read_segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP = b"\x1f\x8b\x08"
_PNG = b"\x89PNG\r\n\x1a\n"
_LEAST = 5  # bytes: a shorter needle would be met by chance
_DEPTH = 4


@dataclass(frozen=True)
class Canary:
    """Something that must not be found.

    Attributes:
        name: What it is, without its content.
        kind: `text` (UTF-8 in `needle`), `keys` (the same, as key events alone) or
            `pixels` (RGB of one row of pixels).
        needle: Its bytes.
    """

    name: str
    kind: str
    needle: bytes

    def encodings(self) -> list[bytes]:
        """Return every byte string that would show this canary."""
        if self.kind == "pixels":
            return [self.needle, np.frombuffer(self.needle, "u1")[::-1].tobytes()]
        text = self.needle.decode()
        found = [
            self.needle,
            text.encode("utf-16-le"),
            text.encode("utf-16-be"),
            self.needle.hex().encode(),
            self.needle.hex().upper().encode(),
            json.dumps(text)[1:-1].encode(),
        ]
        for shift in range(3):
            for table in (base64.b64encode, base64.urlsafe_b64encode):
                whole = table(bytes(shift) + self.needle)
                # the outer characters depend on the neighbours: leave them away
                inner = whole[2 if shift else 0 :][: len(self.needle) * 4 // 3 - 3]
                found.append(inner[2:] if shift else inner)
        return [item for item in dict.fromkeys(found) if len(item) >= _LEAST]


def typed_text(data: bytes) -> bytes:
    """Return the characters that the key presses of a segment typed."""
    try:
        records = read_segment(data, recover=True).records
    except DataError:
        return b""
    batches = [item.events for item in records if isinstance(item, InputRecord)]
    events = np.concatenate([np.zeros(0, EVENT_DTYPE), *batches])
    keys = events[events["kind"] == EventKind.KEY_PRESS]["detail"]
    return "".join(chr(key) for key in keys if 0x20 <= key <= 0xFF).encode()


def views(data: bytes, depth: int = _DEPTH) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes and everything that can be unpacked from them.

    Yields:
        `typed` and the text of key events, or `bytes` and anything else.
    """
    yield "bytes", data
    for start in _starts(data, MAGIC):
        yield "typed", typed_text(data[start:])
    if depth == 0:
        return
    for inner in _unpacked(data):
        yield from views(inner, depth - 1)


def _unpacked(data: bytes) -> Iterator[bytes]:
    for start in _starts(data, _ZSTD):
        unpacker = zstandard.ZstdDecompressor().decompressobj()
        try:
            inner = unpacker.decompress(data[start:])
        except zstandard.ZstdError:
            continue
        yield inner
    for start in _starts(data, _GZIP):
        try:
            yield zlib.decompressobj(wbits=31).decompress(data[start:])
        except zlib.error:
            continue
    for start in _starts(data, _PNG):
        try:
            yield np.asarray(
                Image.open(io.BytesIO(data[start:])).convert("RGB")
            ).tobytes()
        except OSError:
            continue


def _starts(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


def search(
    canaries: list[Canary], places: list[Path], *, first_only: bool = False
) -> dict[str, list[Path]]:
    """Return for each canary that is readable the files in which it is.

    Args:
        canaries: What to look for.
        places: Files, and folders with all that is in them, names included.
        first_only: Whether one file for each canary is enough.
    """
    found: dict[str, list[Path]] = {}
    for path in _files(places):
        looked_for = [
            item for item in canaries if not (first_only and item.name in found)
        ]
        for name in _found_in(path, looked_for):
            found.setdefault(name, []).append(path)
    return found


def _files(places: list[Path]) -> list[Path]:
    inside = [path for place in places for path in (place, *place.rglob("*"))]
    return sorted(path for path in inside if path.is_file())


def _found_in(path: Path, canaries: list[Canary]) -> set[str]:
    needles = {item.name: (item.kind, item.encodings()) for item in canaries}
    found: set[str] = set()
    for kind, view in views(path.name.encode() + b"\0" + path.read_bytes()):
        for name, (wanted, encodings) in needles.items():
            if name in found or (wanted == "keys" and kind != "typed"):
                continue
            if any(item in view for item in encodings):
                found.add(name)
    return found


def pixel_canary(name: str, frame: np.ndarray, width_px: int = 24) -> Canary | None:
    """Take a row of pixels that could not be met by chance from a frame.

    Args:
        name: What to call it.
        frame: uint8 (height, width, 3).
        width_px: How many pixels; they lie inside one tile.
    """
    best, seen = None, 8
    for y in range(0, frame.shape[0], 3):
        for x in range(0, frame.shape[1] - 64, 64):
            row = frame[y, x + 4 : x + 4 + width_px]
            colours = len(np.unique(row.reshape(-1, 3), axis=0))
            if colours > seen:
                best, seen = row, colours
    return None if best is None else Canary(name, "pixels", best.tobytes())
