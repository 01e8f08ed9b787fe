"""A release as a file and as a stream: sealed segments with keys sealed to one job.

`OVERTRL1`, u32 header size, canonical JSON header, then for each segment a u32 box
size, the box of `rewrap`, a u64 size and the sealed segment as it was uploaded. All
integers are little endian. Nothing in it opens without the job's key.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.errors import DataError
from overt.protocol.forms import read_form
from overt.protocol.sealing import (
    SealedSegment,
    SealingKey,
    open_released,
    parse_sealed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"OVERTRL1"


@dataclass(frozen=True, slots=True)
class ReleaseHeader:
    """What a release is.

    Attributes:
        release: Release id.
        programme: Programme id.
        request: Access request id.
        grant: `Grant.digest`.
        expires_utc_s: Unix seconds until which it may be used.
        segments: How many segments follow.
        devices: Public key of each device whose segments follow, base64url, by
            device id: marks are checked with them.
    """

    release: str
    programme: str
    request: str
    grant: str
    expires_utc_s: int
    segments: int
    devices: dict[str, str] = field(default_factory=dict)


def begin_release(header: ReleaseHeader) -> bytes:
    """Return the first bytes of a release."""
    head = canonical_bytes(asdict(header))
    return MAGIC + struct.pack("<I", len(head)) + head


def release_part(box: bytes, sealed: bytes) -> bytes:
    """Return one segment of a release."""
    return struct.pack("<I", len(box)) + box + struct.pack("<Q", len(sealed)) + sealed


def read_release(
    data: bytes,
) -> tuple[ReleaseHeader, list[tuple[bytes, SealedSegment]]]:
    """Take a release apart: its header, and box and sealed segment of each part.

    Raises:
        DataError: Malformed, truncated, or fewer segments than announced.
    """
    if not data.startswith(MAGIC) or len(data) < 12:
        raise DataError("A file does not begin like an overt release.")
    (size,) = struct.unpack_from("<I", data, 8)
    body = parse_json(data[12 : 12 + size], what="A release's header")
    header = read_form(ReleaseHeader, body, what="A release's header")
    parts = [(box, parse_sealed(sealed)) for box, sealed in _parts(data, 12 + size)]
    if len(parts) != header.segments:
        raise DataError(
            f"Release {header.release} has {len(parts)} of {header.segments} segments;"
            " it was interrupted. Release it again."
        )
    return header, parts


def _parts(data: bytes, offset: int) -> Iterator[tuple[bytes, bytes]]:
    def take(size: int) -> bytes:
        nonlocal offset
        if offset + size > len(data):
            raise DataError("A release is truncated. Release it again.")
        offset += size
        return data[offset - size : offset]

    while offset < len(data):
        box = take(struct.unpack("<I", take(4))[0])
        yield box, take(struct.unpack("<Q", take(8))[0])


def open_release(data: bytes, job: SealingKey) -> Iterator[bytes]:
    """Yield the opened segments of a release.

    Raises:
        DataError: Malformed or truncated.
        SealError: Not the job's key, or altered bytes.
    """
    for box, sealed in read_release(data)[1]:
        yield open_released(sealed, box, job)
