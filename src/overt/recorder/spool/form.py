"""The form of a spool file: magic, head, box, frames; and how it is told from others.

Input: the first bytes of a file, or all of them. Output: what it says of itself, and
its frames decrypted. Version 2 promises that a file holds one minute; version 1, which
is read but not written any more, held two at most. Pure. Specified in
docs/spec/spool.md.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag

from overt.protocol.canonical import parse_json
from overt.protocol.errors import DataError, SealError
from overt.protocol.forms import read_form
from overt.protocol.sealing import BOX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC: Final = b"OVERTSP2"
VERSIONS: Final = {b"OVERTSP1": 1, MAGIC: 2}
FRAME: Final = struct.Struct("<II")  # ciphertext bytes, CRC-32
HEAD_LIMIT: Final = 1 << 16
MINUTE_NS: Final = 60 * 10**9
_DECIMAL = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class SpoolHead:
    """What a spool file says of itself in clear.

    Attributes:
        segment: Segment id.
        session: Recording session id.
        sequence: Number in its session.
        started_utc_ns: When it began, UTC nanoseconds since 1970, as decimal digits.
    """

    segment: str
    session: str
    sequence: int
    started_utc_ns: str


def minute_end_ns(utc_ns: int) -> int:
    """Return the end of the UTC minute in which an instant lies."""
    return (utc_ns // MINUTE_NS + 1) * MINUTE_NS


def info(version: int, head: bytes) -> bytes:
    """Return the HPKE `info` that binds a file's key to its version and head."""
    return b"overt spool v%d\0" % version + head


def nonce(index: int) -> bytes:
    """Return the nonce of a frame: its number, used once under a file's key."""
    return struct.pack("<QI", index, 0)


def framed(sealed: bytes) -> bytes:
    """Return a ciphertext with size and checksum before it."""
    return FRAME.pack(len(sealed), zlib.crc32(sealed)) + sealed


def version_of(data: bytes) -> int:
    """Return the version of a spool file.

    Raises:
        DataError: The bytes are no spool file, or one of a newer recorder.
    """
    version = VERSIONS.get(data[:8])
    if version is None and data[:7] == MAGIC[:7]:
        raise DataError("A spool file is of a newer recorder. Update overt to read it.")
    if version is None or len(data) < 12:
        raise DataError("A file does not begin like an overt spool file.")
    return version


def head_bytes(data: bytes) -> bytes:
    """Return the head of a spool file as it stands there.

    Raises:
        DataError: The bytes are no spool file, or end within the head.
    """
    version_of(data)
    (size,) = struct.unpack_from("<I", data, 8)
    if len(data) < 12 + size:
        raise DataError("A spool file is truncated in its head.")
    return data[12 : 12 + size]


def read_head(data: bytes) -> SpoolHead:
    """Return what a spool file says of itself, without opening it.

    Raises:
        DataError: The bytes are no spool file.
    """
    body = parse_json(head_bytes(data), what="A spool file's head")
    head = read_form(SpoolHead, body, what="A spool file's head")
    if not _DECIMAL.fullmatch(head.started_utc_ns):
        raise DataError("A spool file's head: started_utc_ns is no number.")
    return head


def box_place(data: bytes) -> tuple[int, int]:
    """Where the sealed key lies, its size; of a damaged head, all that may hold it."""
    try:
        return 12 + len(head_bytes(data)), BOX_BYTES
    except DataError:
        return 0, len(data)


def open_frames(data: bytes, offset: int, cipher: AESGCM) -> Iterator[bytes]:
    """Yield decrypted frames up to the first torn one.

    Raises:
        SealError: A whole frame does not open: the file was altered.
    """
    index = 0
    while offset + FRAME.size <= len(data):
        size, crc = FRAME.unpack_from(data, offset)
        sealed = data[offset + FRAME.size : offset + FRAME.size + size]
        if len(sealed) < size or zlib.crc32(sealed) != crc:
            return
        try:
            yield cipher.decrypt(nonce(index), sealed, None)
        except InvalidTag as error:
            raise SealError("A spool file was altered.") from error
        offset += FRAME.size + size
        index += 1
