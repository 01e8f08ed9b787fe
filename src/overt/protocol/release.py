"""A release as a file and as a stream: sealed segments with keys for one job.

A release has a key of its own, sealed once to the job; the segments' keys are wrapped
under it by AES-256-GCM. Each wrapping is bound to the release, to its place in it and
to the segment's header. Nothing in a release opens without the job's key. Specified in
docs/spec/access.md.
"""

from __future__ import annotations

import os
import struct
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.errors import DataError, SealError
from overt.protocol.forms import read_form
from overt.protocol.sealing import (
    BOX_BYTES,
    KEY_BYTES,
    TAG_BYTES,
    SealedSegment,
    box_info,
    decrypt_segment,
    parse_sealed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overt.protocol.sealing import SealingKey, SealingPublicKey

VERSION = 2
MAGIC = b"OVERTRL2"
WRAPPED_BYTES = KEY_BYTES + TAG_BYTES
_ANY_VERSION = MAGIC[:-1]


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


class ReleaseKey:
    """The key of one release: it wraps segments' keys, each at its place.

    Args:
        raw: 32 bytes, fresh for this release.
        release: Release id.
    """

    def __init__(self, raw: bytes, release: str) -> None:
        self._aead = AESGCM(raw)
        self._bound = b"overt release part v2\0" + release.encode() + b"\0"

    def wrap(self, place: int, info: bytes, key: bytes) -> bytes:
        """Return a segment's key wrapped: 48 bytes.

        Args:
            place: Number of the segment in the release, from 0; never the same twice.
            info: `box_info` of the segment.
            key: The segment's key.
        """
        return self._aead.encrypt(_nonce(place), key, self._bound + info)

    def unwrap(self, place: int, info: bytes, wrapped: bytes) -> bytes:
        """Return a segment's key.

        Raises:
            SealError: Another release's, place's or segment's, or altered.
        """
        try:
            return self._aead.decrypt(_nonce(place), wrapped, self._bound + info)
        except (InvalidTag, ValueError) as error:
            raise SealError("A released key does not open.") from error


def _nonce(place: int) -> bytes:
    """The place in the release: its key is fresh, so that no nonce comes twice."""
    return struct.pack("<QI", place, 0)


class ReleaseWriter:
    """Makes the bytes of one release, segment by segment.

    Args:
        header: What it is.
        job: Whose key opens it.

    Attributes:
        head: The release's first bytes.
    """

    def __init__(self, header: ReleaseHeader, job: SealingPublicKey) -> None:
        raw, head = os.urandom(KEY_BYTES), canonical_bytes(asdict(header))
        self._key = ReleaseKey(raw, header.release)
        self._place = 0
        box = job.seal(raw, _info(head))
        self.head = MAGIC + struct.pack("<I", len(head)) + head + box

    def part(self, sealed: SealedSegment, key: bytes, size_bytes: int) -> bytes:
        """Return what stands before the next segment's bytes.

        Args:
            sealed: The segment.
            key: Its key.
            size_bytes: How many bytes it has.
        """
        wrapped = self._key.wrap(self._place, box_info(sealed.header), key)
        self._place += 1
        return wrapped + struct.pack("<Q", size_bytes)


def _info(head: bytes) -> bytes:
    return b"overt release v2\0" + head


def read_release(
    data: bytes,
) -> tuple[ReleaseHeader, list[tuple[bytes, SealedSegment]]]:
    """Take a release apart: its header, and wrapped key and segment of each part.

    Raises:
        DataError: Malformed, truncated, of another version, or fewer segments than
            announced.
    """
    header, _, at = _read_head(data)
    parts = list(read_parts(data, at))
    if len(parts) != header.segments:
        raise DataError(
            f"Release {header.release} has {len(parts)} of {header.segments} segments;"
            " it was interrupted. Release it again."
        )
    return header, parts


def _read_head(data: bytes) -> tuple[ReleaseHeader, bytes, int]:
    """Return the header, its bytes, and where the release key's box begins."""
    if data[:8] != MAGIC or len(data) < 12:
        raise _not_readable(data)
    (size,) = struct.unpack_from("<I", data, 8)
    head = data[12 : 12 + size]
    body = parse_json(head, what="A release's header")
    header = read_form(ReleaseHeader, body, what="A release's header")
    return header, head, 12 + size


def _not_readable(data: bytes) -> DataError:
    version = data[7:8].decode("ascii", "replace")
    if not data.startswith(_ANY_VERSION) or not version.isalnum():
        return DataError("A file does not begin like an overt release.")
    return DataError(
        f"A release is of version {version}; this overt reads version {VERSION}.",
        remedy="Release it again: overt release. A version above needs a newer overt.",
    )


def read_parts(data: bytes, at: int) -> Iterator[tuple[bytes, SealedSegment]]:
    """Yield wrapped key and segment of each part behind the header, which ends at `at`.

    Raises:
        DataError: Malformed or truncated.
    """

    def take(size: int) -> bytes:
        nonlocal at
        if at + size > len(data):
            raise DataError("A release is truncated. Release it again.")
        at += size
        return data[at - size : at]

    take(BOX_BYTES)
    while at < len(data):
        wrapped = take(WRAPPED_BYTES)
        yield wrapped, parse_sealed(take(struct.unpack("<Q", take(8))[0]))


def open_release(data: bytes, job: SealingKey) -> Iterator[bytes]:
    """Yield the opened segments of a release.

    Raises:
        DataError: Malformed or truncated.
        SealError: Not the job's key, or altered bytes.
    """
    _, parts = read_release(data)
    yield from open_parts(data, parts, job)


def open_parts(
    data: bytes, parts: list[tuple[bytes, SealedSegment]], job: SealingKey
) -> Iterator[bytes]:
    """Yield the opened segments of a release that was taken apart.

    Raises:
        SealError: Not the job's key, altered bytes, or a part from elsewhere.
    """
    header, head, at = _read_head(data)
    raw = job.open(data[at : at + BOX_BYTES], _info(head))
    key = ReleaseKey(raw, header.release)
    for place, (wrapped, sealed) in enumerate(parts):
        secret = key.unwrap(place, box_info(sealed.header), wrapped)
        yield decrypt_segment(sealed, secret)
