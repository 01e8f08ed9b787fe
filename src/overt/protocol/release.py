"""A release as a file and as a stream: segments under fresh names, keys for one job.

A release has a key of its own, sealed once to the job; the segments' keys are wrapped
under it by AES-256-GCM. Each wrapping is bound to the release, to its place in it and
to what the release says of the segment: names that hold in this release alone. Nothing
in a release opens without the job's key. Specified in docs/spec/access.md.
"""

from __future__ import annotations

import base64
import os
import struct
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.errors import DataError, SealError
from overt.protocol.forms import read_form
from overt.protocol.ids import check_id
from overt.protocol.sealing import (
    BOX_BYTES,
    KEY_BYTES,
    TAG_BYTES,
    decrypt_segment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.ciphers import CipherContext

    from overt.protocol.sealing import SealedHeader, SealingKey, SealingPublicKey

VERSION = 3
READ_KINDS = ("read", "opening")  # log entries of a segment's read, of a derived one's
MAGIC = b"OVERTRL3"
WRAPPED_BYTES = KEY_BYTES + TAG_BYTES
_SIZES = struct.Struct("<IQ")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # of base32, RFC 4648
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
    """

    release: str
    programme: str
    request: str
    grant: str
    expires_utc_s: int
    segments: int


@dataclass(frozen=True, slots=True)
class Released:
    """What a release says of a segment. Ids are `ReleaseNames`: nobody else's.

    Attributes:
        segment: Its name in this release.
        session: Name of its recording session.
        sequence: Number of the segment in its session.
        person: Name of the participant: the same throughout the release.
        consent: Name of the consent record.
    """

    segment: str
    session: str
    sequence: int
    person: str
    consent: str


@dataclass(frozen=True, slots=True)
class ReleasePart:
    """A released segment taken apart; nothing in it is opened.

    Attributes:
        wrapped: Its key, wrapped under the release's.
        header: What the release says of it.
        head: The header's bytes.
        ciphertext: Nonce, AES-256-GCM ciphertext, tag, as its device made them.
    """

    wrapped: bytes
    header: Released
    head: bytes
    ciphertext: bytes


_TOLD = tuple(item.name for item in fields(Released))


class ReleaseNames:
    """Names that stand for ids in one release, and the way back for who has the key.

    A name is the id's 16 bytes, encrypted as one AES-256 block: as random as the id,
    never the same for two ids, the same for one throughout a release.

    Args:
        key: 32 bytes, fresh for the release; the vault keeps them, no job has them.
    """

    def __init__(self, key: bytes) -> None:
        # one block each, of random ids that do not repeat: no mode is needed
        cipher = Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305
        self._there, self._back = cipher.encryptor(), cipher.decryptor()
        self._again = lru_cache(maxsize=1024)(self.name)  # what many segments share

    def name(self, identifier: str) -> str:
        """Return the name of an id, an id of the same kind."""
        return _turned(identifier, self._there)

    def resolve(self, name: str) -> str:
        """Return the id that a name stands for."""
        return _turned(name, self._back)

    def of(self, header: SealedHeader) -> Released:
        """Return what a release says of a segment."""
        return Released(
            self.name(header.segment),
            self._again(header.session),
            header.sequence,
            self._again(header.person),
            self._again(header.consent),
        )


def _turned(identifier: str, way: CipherContext) -> str:
    """Encrypt or decrypt an id's 128 bits; what its last letter has beyond stays."""
    kind = identifier.partition("_")[0]
    check_id(identifier, kind)  # type: ignore[arg-type] # of whatever kind it is
    text = identifier[len(kind) + 1 :].upper()
    turned = way.update(base64.b32decode(text + "======"))
    spare = _LETTERS.index(text[-1]) & 3
    told = base64.b32encode(turned).decode().rstrip("=")
    last = _LETTERS[_LETTERS.index(told[-1]) | spare]
    return f"{kind}_{told[:-1]}{last}".lower()


class ReleaseKey:
    """The key of one release: it wraps segments' keys, each at its place.

    Args:
        raw: 32 bytes, fresh for this release.
        release: Release id.
    """

    def __init__(self, raw: bytes, release: str) -> None:
        self._aead = AESGCM(raw)
        self._bound = b"overt release part v3\0" + release.encode() + b"\0"

    def wrap(self, place: int, head: bytes, key: bytes) -> bytes:
        """Return a segment's key wrapped: 48 bytes.

        Args:
            place: Number of the segment in the release, from 0; never the same twice.
            head: What the release says of the segment, in bytes.
            key: The segment's key.
        """
        return self._aead.encrypt(_nonce(place), key, self._bound + head)

    def unwrap(self, place: int, head: bytes, wrapped: bytes) -> bytes:
        """Return a segment's key.

        Raises:
            SealError: Another release's, place's or segment's, or altered.
        """
        try:
            return self._aead.decrypt(_nonce(place), wrapped, self._bound + head)
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

    def part(self, header: Released, key: bytes, size_bytes: int) -> bytes:
        """Return what stands before the next segment's ciphertext.

        Args:
            header: What the release says of the segment.
            key: Its key.
            size_bytes: How many bytes its ciphertext has.
        """
        head = canonical_bytes({name: getattr(header, name) for name in _TOLD})
        wrapped = self._key.wrap(self._place, head, key)
        self._place += 1
        return wrapped + _SIZES.pack(len(head), size_bytes) + head


def _info(head: bytes) -> bytes:
    return b"overt release v3\0" + head


def read_release(data: bytes) -> tuple[ReleaseHeader, list[ReleasePart]]:
    """Take a release apart: its header and its segments.

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


def read_parts(data: bytes, at: int) -> Iterator[ReleasePart]:
    """Yield each segment behind the header, which ends at `at`.

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
        head_size, size = _SIZES.unpack(take(_SIZES.size))
        head = take(head_size)
        body = parse_json(head, what="A released segment's header")
        header = read_form(Released, body, what="A released segment's header")
        yield ReleasePart(wrapped, header, head, take(size))


def open_release(data: bytes, job: SealingKey) -> Iterator[bytes]:
    """Yield the opened segments of a release.

    Raises:
        DataError: Malformed or truncated.
        SealError: Not the job's key, or altered bytes.
    """
    _, parts = read_release(data)
    yield from open_parts(data, parts, job)


def open_parts(
    data: bytes, parts: list[ReleasePart], job: SealingKey
) -> Iterator[bytes]:
    """Yield the opened segments of a release that was taken apart.

    Raises:
        SealError: Not the job's key, altered bytes, or a part from elsewhere.
    """
    header, head, at = _read_head(data)
    raw = job.open(data[at : at + BOX_BYTES], _info(head))
    key = ReleaseKey(raw, header.release)
    for place, part in enumerate(parts):
        secret = key.unwrap(place, part.head, part.wrapped)
        yield decrypt_segment(part.ciphertext, secret)
