"""The spool: recordings at rest on the participant's machine, sealed to their own key.

Input: the bytes of a segment as they are made. Output: one file a segment, CRC-framed,
each frame encrypted under the segment's own key, which is sealed to the participant's
own public key: writing needs no private key, and nothing opens without its owner. A
state file beside it tells what became of the segment; it carries no content. Forgetting
destroys the sealed key first. Specified in docs/spec/spool.md. Never touches a network.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import zlib
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.errors import CaptureError, DataError, SealError
from overt.protocol.forms import read_form
from overt.protocol.ids import check_id
from overt.protocol.sealing import BOX_BYTES, KEY_BYTES, SealingKey, SealingPublicKey
from overt.protocol.segment import SegmentHeader, begin_segment, end_segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAGIC = b"OVERTSP1"
_FRAME = struct.Struct("<II")  # ciphertext bytes, CRC-32
_INFO = b"overt spool v1\0"
_HEAD_LIMIT = 1 << 16
_DECIMAL = re.compile(r"-?[0-9]{1,19}")


class SpoolState(StrEnum):
    """What became of a segment on the participant's machine."""

    RECORDING = "recording"
    WAITING = "waiting"  # for the person's review
    APPROVED = "approved"  # reviewed; leaves with the next `send`
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """A segment in the spool, without its content.

    Attributes:
        segment: Segment id.
        session: Recording session id.
        sequence: Number in its session.
        started_utc_ns: When it began, UTC nanoseconds since 1970.
        size_bytes: Size of its file.
        state: What became of it.
        receipt: The vault's signed receipt, once sent.
    """

    segment: str
    session: str
    sequence: int
    started_utc_ns: int
    size_bytes: int
    state: SpoolState
    receipt: Json | None = None


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


def _nonce(index: int) -> bytes:
    return struct.pack("<QI", index, 0)


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 whole or not at all: temporary name, fsync, rename.

    Raises:
        CaptureError: The disk is full or not writable.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CaptureError(
            f"{path.name} cannot be written: {error.strerror}.",
            remedy="Free disk space or mend its rights; nothing was lost.",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SpoolWriter:
    """Writes one segment; `commit` makes what was appended durable.

    Attributes:
        last_commit_records: How many records the last durable commit held in all.
    """

    def __init__(
        self, path: Path, header: SegmentHeader, own: SealingPublicKey
    ) -> None:
        started = str(header.started_utc_ns)
        said = SpoolHead(header.segment, header.session, header.sequence, started)
        head = canonical_bytes(asdict(said))
        key = os.urandom(KEY_BYTES)
        self._cipher, self._path = AESGCM(key), path
        self._pending, self._index, self._records = bytearray(), 0, 0
        self.last_commit_records = 0
        box = own.seal(key, _INFO + head)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(handle, "wb", buffering=0)
            self._begin(MAGIC + struct.pack("<I", len(head)) + head + box)
        except OSError as error:
            raise CaptureError(
                f"The spool cannot be written: {error.strerror}.",
                remedy="Free disk space or mend its rights; nothing was lost.",
            ) from error
        self._pending += begin_segment(header)

    def _begin(self, start: bytes) -> None:
        try:
            self._write(start)
            sync_folder(self._path.parent)
        except OSError:
            self._file.close()
            self._path.unlink()
            raise

    def append(self, record: bytes) -> None:
        """Take the framed bytes of one record; nothing is on disk before `commit`."""
        self._pending += record
        self._records += 1

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait for the next commit."""
        return len(self._pending)

    def commit(self) -> None:
        """Encrypt what waits, write it and make it durable.

        Raises:
            CaptureError: The disk is full or not writable; what waits is kept.
        """
        if not self._pending:
            return
        sealed = self._cipher.encrypt(_nonce(self._index), bytes(self._pending), None)
        start = self._file.tell()
        try:
            self._write(_FRAME.pack(len(sealed), zlib.crc32(sealed)) + sealed)
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(start)
                self._file.seek(start)
            raise CaptureError(
                f"The spool cannot be written: {error.strerror}.",
                remedy="Free disk space; what was recorded before is kept.",
            ) from error
        self._index += 1
        self._pending.clear()
        self.last_commit_records = self._records

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def close(self) -> None:
        """Write the end record, commit, close; the segment then waits for review."""
        self._pending += end_segment(self._records)
        self.commit()
        self._file.close()

    def abandon(self) -> None:
        """Close without an end record, as after an error; the file can be recovered."""
        self._file.close()


class Spool:
    """The folder of segments (mode 0700)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _file(self, segment: str) -> Path:
        return self.folder / f"{check_id(segment, 'seg')}.ovsp"

    def _state_file(self, segment: str) -> Path:
        return self.folder / f"{check_id(segment, 'seg')}.state.json"

    def begin(self, header: SegmentHeader, own: SealingPublicKey) -> SpoolWriter:
        """Start a segment.

        Raises:
            CaptureError: The spool is not writable.
        """
        self.set_state(header.segment, SpoolState.RECORDING)
        return SpoolWriter(self._file(header.segment), header, own)

    def set_state(
        self, segment: str, state: SpoolState, receipt: Json | None = None
    ) -> None:
        """Note what became of a segment, durably."""
        body = {"state": state.value, "receipt": receipt}
        write_private(self._state_file(segment), canonical_bytes(body))

    def entries(self) -> list[SpoolEntry]:
        """Return all segments, oldest first; `damaged` names those without facts."""
        found = [one for one in self._looked_at().values() if not isinstance(one, str)]
        return sorted(found, key=lambda entry: (entry.started_utc_ns, entry.sequence))

    def damaged(self) -> dict[str, str]:
        """Return the segments whose head or state is malformed, and what is wrong."""
        looked = self._looked_at().items()
        return {name: one for name, one in looked if isinstance(one, str)}

    def _looked_at(self) -> dict[str, SpoolEntry | str]:
        """Return each segment's facts, or why there are none."""
        found: dict[str, SpoolEntry | str] = {}
        for path in sorted(self.folder.glob("seg_*.ovsp")):
            try:
                found[path.stem] = self.entry(path.stem)
            except DataError as error:
                if path.exists():  # else it was forgotten meanwhile
                    found[path.stem] = str(error)
        return found

    def unfinished(self) -> list[str]:
        """Return the segments that are being written, or were when a crash came."""
        names = sorted(path.stem for path in self.folder.glob("seg_*.ovsp"))
        return [name for name in names if self._is_unfinished(name)]

    def _is_unfinished(self, segment: str) -> bool:
        try:
            if self._state_file(segment).exists():
                return self._state(segment)[0] is SpoolState.RECORDING
            self.entry(segment)
        except DataError:  # without a state only a torn head tells of a crash
            return not self._state_file(segment).exists()
        return False

    def entry(self, segment: str) -> SpoolEntry:
        """Return one segment's facts.

        Raises:
            DataError: There is no such segment, or its head is malformed.
        """
        path = self._file(segment)
        try:
            with path.open("rb") as file:
                start = file.read(_HEAD_LIMIT)
            size_bytes = path.stat().st_size
        except OSError as error:
            raise DataError(f"There is no segment {segment} in the spool.") from error
        try:
            head = read_head(start)
        except DataError as error:
            raise DataError(f"Segment {segment}: {error}") from error
        if head.segment != segment:
            raise DataError(f"The spool file of {segment} holds another segment.")
        state, receipt = self._state(segment)
        return SpoolEntry(
            segment,
            head.session,
            head.sequence,
            int(head.started_utc_ns),
            size_bytes,
            state,
            receipt,
        )

    def _state(self, segment: str) -> tuple[SpoolState, Json | None]:
        try:
            data = self._state_file(segment).read_bytes()
        except FileNotFoundError:
            return SpoolState.WAITING, None
        body = parse_json(data, what=f"The state of {segment}")
        state, receipt = body.get("state"), body.get("receipt")
        if state not in list(SpoolState) or not isinstance(receipt, dict | None):
            raise DataError(f"The state of {segment} in the spool is malformed.")
        return SpoolState(state), receipt

    def read(self, segment: str, own: SealingKey) -> bytes:
        """Open a segment: the bytes of its container, as far as they are whole.

        Raises:
            DataError: There is no such segment or it is malformed.
            SealError: The key is not its owner's.
        """
        try:
            data = self._file(segment).read_bytes()
        except OSError as error:
            raise DataError(f"There is no segment {segment} in the spool.") from error
        head = _read_head(data)
        start = len(MAGIC) + 4 + len(head)
        if len(data) < start + BOX_BYTES:
            raise DataError(f"The spool file of {segment} is truncated in its key.")
        key = own.open(data[start : start + BOX_BYTES], _INFO + head)
        return b"".join(_open_frames(data, start + BOX_BYTES, AESGCM(key)))

    def forget(self, segment: str) -> None:
        """Destroy a segment: its sealed key is overwritten first, then the file."""
        path = self._file(segment)
        with contextlib.suppress(FileNotFoundError):
            with path.open("r+b", buffering=0) as file:
                at, size_bytes = _box_place(file.read(_HEAD_LIMIT))
                file.seek(at)
                file.write(os.urandom(size_bytes))
                os.fsync(file.fileno())
            path.unlink()
        self._state_file(segment).unlink(missing_ok=True)
        sync_folder(self.folder)


def read_head(data: bytes) -> SpoolHead:
    """Return what a spool file says of itself, without opening it.

    Raises:
        DataError: The bytes are no spool file.
    """
    body = parse_json(_read_head(data), what="A spool file's head")
    head = read_form(SpoolHead, body, what="A spool file's head")
    if not _DECIMAL.fullmatch(head.started_utc_ns):
        raise DataError("A spool file's head: started_utc_ns is no number.")
    return head


def _read_head(data: bytes) -> bytes:
    if not data.startswith(MAGIC) or len(data) < 12:
        raise DataError("A file does not begin like an overt spool file.")
    (size,) = struct.unpack_from("<I", data, 8)
    if len(data) < 12 + size:
        raise DataError("A spool file is truncated in its head.")
    return data[12 : 12 + size]


def _box_place(data: bytes) -> tuple[int, int]:
    """Where the sealed key lies, its size; of a damaged head, all that may hold it."""
    try:
        return len(MAGIC) + 4 + len(_read_head(data)), BOX_BYTES
    except DataError:
        return 0, len(data)


def _open_frames(data: bytes, offset: int, cipher: AESGCM) -> Iterator[bytes]:
    """Yield decrypted frames up to the first torn one."""
    index = 0
    while offset + _FRAME.size <= len(data):
        size, crc = _FRAME.unpack_from(data, offset)
        sealed = data[offset + _FRAME.size : offset + _FRAME.size + size]
        if len(sealed) < size or zlib.crc32(sealed) != crc:
            return
        try:
            yield cipher.decrypt(_nonce(index), sealed, None)
        except InvalidTag as error:
            raise SealError("A spool file was altered.") from error
        offset += _FRAME.size + size
        index += 1
