"""Writing one minute of a recording: sealed as it comes, durable when it is said so.

Input: the framed bytes of records. Output: a spool file that grows frame by frame.
`flush` hands what waits to the system, so that a killed recorder loses nothing of it;
`commit` makes it durable. A frame that could not be written is kept and written later
as it is: no nonce is ever used for two texts. Never reads back what it wrote.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.protocol.canonical import canonical_bytes
from overt.protocol.errors import CaptureError
from overt.protocol.sealing import KEY_BYTES, SealingPublicKey
from overt.protocol.segment import SegmentHeader, begin_segment, end_segment
from overt.recorder.spool.form import MAGIC, VERSIONS, SpoolHead, framed, info, nonce

if TYPE_CHECKING:
    from pathlib import Path

BEAT_S = 2.0  # with nothing to write, an empty frame as often proves that one could


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
    """Writes one segment of a minute at most.

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
        self._unwritten, self._is_synced = b"", True
        self._beat_s, self._has_end = time.monotonic(), False
        self.last_commit_records = 0
        box = own.seal(key, info(VERSIONS[MAGIC], head))
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
        """Take the framed bytes of one record; nothing is on disk before `flush`."""
        self._pending += record
        self._records += 1

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait to be written."""
        return len(self._pending) + len(self._unwritten)

    def flush(self) -> None:
        """Encrypt what waits and write it: it outlives this process.

        Raises:
            CaptureError: The disk is full or not writable; what waits is kept.
        """
        if self._pending:
            self._seal()
        if self._unwritten:
            self._put()

    def commit(self) -> bool:
        """Make all that was appended durable: it outlives this machine's power.

        Returns:
            Whether anything was written since the commit before.

        Raises:
            CaptureError: The disk is full or not writable; what waits is kept.
        """
        if self._is_synced and not self._pending and self._beats():
            self._seal()
        self.flush()
        if self._is_synced:
            return False
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _full(error) from error
        self._is_synced, self._beat_s = True, time.monotonic()
        self.last_commit_records = self._records
        return True

    def _beats(self) -> bool:
        return time.monotonic() - self._beat_s >= BEAT_S

    def _seal(self) -> None:
        sealed = self._cipher.encrypt(nonce(self._index), bytes(self._pending), None)
        self._unwritten += framed(sealed)
        self._index += 1
        self._pending.clear()

    def _put(self) -> None:
        start = self._file.tell()
        try:
            self._write(self._unwritten)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(start)
                self._file.seek(start)
            raise _full(error) from error
        self._unwritten, self._is_synced = b"", False

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def close(self) -> None:
        """Write the end record, commit, close; the segment then waits for review.

        Raises:
            CaptureError: The disk is full or not writable; call it again later.
        """
        if not self._has_end:
            self._pending += end_segment(self._records)
            self._has_end = True
        self.commit()
        self._file.close()

    def abandon(self) -> None:
        """Close without an end record, as after an error; the file can be recovered."""
        self._file.close()


def _full(error: OSError) -> CaptureError:
    return CaptureError(
        f"The spool cannot be written: {error.strerror}.",
        remedy="Free disk space; what was recorded before is kept.",
    )
