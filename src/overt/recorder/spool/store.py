"""The spool: recordings at rest on the participant's machine, sealed to their own key.

Input: the bytes of a segment as they are made. Output: one file a minute, CRC-framed,
each frame encrypted under the minute's own key, which is sealed to the participant's
own public key: writing needs no private key, and nothing opens without its owner. A
state file beside it tells what became of the segment; it carries no content. Forgetting
destroys the sealed key first. Specified in docs/spec/spool.md. Never touches a network.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.errors import CaptureError, DataError
from overt.protocol.ids import check_id
from overt.protocol.sealing import BOX_BYTES, SealingKey, SealingPublicKey
from overt.recorder.spool.form import (
    HEAD_LIMIT,
    box_place,
    head_bytes,
    info,
    minute_end_ns,
    open_frames,
    read_head,
    version_of,
)
from overt.recorder.spool.writer import SpoolWriter, sync_folder, write_private

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable
    from pathlib import Path

    from overt.protocol.segment import SegmentHeader


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
        until_utc_ns: Nothing in it is later.
        size_bytes: Size of its file.
        state: What became of it.
        receipt: The vault's signed receipt, once sent.
        since_utc_ns: When that was noted, UTC nanoseconds since 1970; 0 where nothing
            was.
    """

    segment: str
    session: str
    sequence: int
    started_utc_ns: int
    until_utc_ns: int
    size_bytes: int
    state: SpoolState
    receipt: Json | None = None
    since_utc_ns: int = 0


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

    def replace(
        self, header: SegmentHeader, own: SealingPublicKey, records: Iterable[bytes]
    ) -> None:
        """Put a segment's file in place of the one that is there, whose key goes.

        Raises:
            CaptureError: The disk is full; what was there stays.
        """
        path = self._file(header.segment)
        fresh = _written(path, header, own, records)
        with path.open("r+b", buffering=0) as old:
            fresh.replace(path)
            _overwrite_key(old)
        sync_folder(self.folder)

    def restore(
        self, header: SegmentHeader, own: SealingPublicKey, records: Iterable[bytes]
    ) -> None:
        """Put a segment that was sent back into the spool, whole or not at all.

        Raises:
            CaptureError: The disk is full.
        """
        path = self._file(header.segment)
        fresh = _written(path, header, own, records)
        self.set_state(header.segment, SpoolState.SENT)
        fresh.replace(path)
        sync_folder(self.folder)

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
                start = file.read(HEAD_LIMIT)
            facts = path.stat()
        except OSError as error:
            raise DataError(f"There is no segment {segment} in the spool.") from error
        try:
            head = read_head(start)
        except DataError as error:
            raise DataError(f"Segment {segment}: {error}") from error
        if head.segment != segment:
            raise DataError(f"The spool file of {segment} holds another segment.")
        state, receipt = self._state(segment)
        began_ns, written_ns = int(head.started_utc_ns), facts.st_mtime_ns
        return SpoolEntry(
            segment,
            head.session,
            head.sequence,
            began_ns,
            minute_end_ns(began_ns) if version_of(start) > 1 else written_ns,
            facts.st_size,
            state,
            receipt,
            self._noted_ns(segment),
        )

    def _noted_ns(self, segment: str) -> int:
        try:
            return self._state_file(segment).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

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
        head, version = head_bytes(data), version_of(data)
        start = 12 + len(head)
        if len(data) < start + BOX_BYTES:
            raise DataError(f"The spool file of {segment} is truncated in its key.")
        key = own.open(data[start : start + BOX_BYTES], info(version, head))
        return b"".join(open_frames(data, start + BOX_BYTES, AESGCM(key)))

    def forget(self, segment: str) -> None:
        """Destroy a segment: its sealed key is overwritten first, then the file."""
        path = self._file(segment)
        with contextlib.suppress(FileNotFoundError):
            with path.open("r+b", buffering=0) as file:
                _overwrite_key(file)
            path.unlink()
        path.with_name(path.name + ".part").unlink(missing_ok=True)
        self._state_file(segment).unlink(missing_ok=True)
        sync_folder(self.folder)


def _written(
    path: Path, header: SegmentHeader, own: SealingPublicKey, records: Iterable[bytes]
) -> Path:
    """Write a whole segment beside its place; return where it lies."""
    fresh = path.with_name(path.name + ".part")
    fresh.unlink(missing_ok=True)
    writer = SpoolWriter(fresh, header, own)
    try:
        for record in records:
            writer.append(record)
        writer.close()
    except CaptureError:
        writer.abandon()
        fresh.unlink()
        raise
    return fresh


def _overwrite_key(file: io.FileIO) -> None:
    """Destroy the sealed key of an open spool file."""
    at, size_bytes = box_place(file.read(HEAD_LIMIT))
    file.seek(at)
    file.write(os.urandom(size_bytes))
    os.fsync(file.fileno())
