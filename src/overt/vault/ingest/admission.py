"""Admission of a sealed segment: checked by its signature, stored, logged, receipted.

Stage: the way of a recording into the vault. In: sealed bytes from an enrolled device;
out: a receipt that names the log entry. It cannot open what it stores. The same bytes
again give the same receipt; a crash at any point is mended by sending again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from overt.protocol.canonical import parse_json
from overt.protocol.consent import consent_problems, verify_consent
from overt.protocol.errors import ConsentError, DataError, GovernError, VaultError
from overt.protocol.ids import check_id
from overt.protocol.sealing import (
    SealedHeader,
    parse_sealed,
    sealed_digest,
    verify_sealed,
)
from overt.protocol.signing import public_key
from overt.vault.govern.halt import check_running
from overt.vault.govern.refusals import ConflictError
from overt.vault.store.objects import new_object_name
from overt.vault.store.rows import ConsentRow, DeviceRow, SegmentRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from overt.protocol.programme import Programme
    from overt.vault.govern.callers import Caller
    from overt.vault.govern.registry import Registry
    from overt.vault.store.objects import Objects


@dataclass(frozen=True)
class Admission:
    """Admits segments.

    Attributes:
        registry: Rows, roster, log, receipt key.
        objects: Where ciphertext lies.
    """

    registry: Registry
    objects: Objects

    def admit(self, caller: Caller, segment: str, data: bytes) -> bytes:
        """Admit a sealed segment and return its receipt.

        Raises:
            HaltedError: The programme is halted.
            SealError: The device has not signed these bytes.
            DataError: Malformed, or a date that is off.
            GovernError: Another person's, device's or programme's.
            ConsentError: No consent in force covers it.
            ConflictError: Other bytes were admitted under this id or number.
            VaultError: The store or the log refuses; send it again.
            NetworkError: The log is away; send it again.
        """
        programme = check_running(self.registry)
        sealed = parse_sealed(data)
        verify_sealed(sealed, public_key(caller.key))
        header = sealed.header
        self._check_header(header, caller, segment, programme)
        digest = sealed_digest(data)
        row = self._known(header, digest)
        if row is None:
            row = self._store(header, digest, data, programme)
        if row.receipt is not None:
            return row.receipt
        return self._answer(row)

    def _check_header(
        self, header: SealedHeader, caller: Caller, segment: str, programme: Programme
    ) -> None:
        check_id(header.segment, "seg")
        check_id(header.session, "sess")
        if header.segment != segment:
            raise DataError("The segment's own id is another than the route's.")
        mine = (caller.person, caller.device, programme.programme)
        if (header.person, header.device, header.programme) != mine:
            raise GovernError(
                f"Segment {segment} names another person, device or programme."
            )
        try:
            day = date.fromisoformat(header.day)
        except ValueError as error:
            raise DataError(f"Segment {segment} names no date.") from error
        today = self.registry.today
        oldest = today - timedelta(days=programme.retention_days)
        if not oldest <= day <= today + timedelta(days=1) or header.sequence < 0:
            raise DataError(
                f"Segment {segment} is of {header.day}, which is too old or to come.",
                remedy="Set the device's clock; what is past retention is not taken.",
            )

    def _known(self, header: SealedHeader, digest: str) -> SegmentRow | None:
        with self.registry.database.read() as session:
            return _same(session, header, digest)

    def _store(
        self, header: SealedHeader, digest: str, data: bytes, programme: Programme
    ) -> SegmentRow:
        """Store object, then row; consent is checked in the row's own transaction."""
        name = new_object_name()
        with self.registry.database.read() as session:
            _check_consent(session, header, programme)
        self.objects.put(name, data)
        try:
            with self.registry.database.write() as session:
                _check_consent(session, header, programme)
                known = _same(session, header, digest)
                if known is None:
                    row = _row(header, name, digest, len(data))
                    session.add(row)
                    return row
        except (ConsentError, VaultError):
            self.objects.delete(name)
            raise
        self.objects.delete(name)
        return known

    def _answer(self, row: SegmentRow) -> bytes:
        index = self.registry.record(
            "segment", row.segment_id, person=row.person, digest=row.sha256
        )
        receipt = self.registry.receipt("segment", row.segment_id, row.sha256, index)
        with self.registry.database.write() as session:
            stored = session.get_one(SegmentRow, row.segment_id)
            if stored.receipt is None and stored.state == "pending":
                stored.receipt, stored.state = receipt, "stored"
            return stored.receipt or receipt


def _same(session: Session, header: SealedHeader, digest: str) -> SegmentRow | None:
    """Return the row of the same bytes; refuse other bytes in the same place."""
    row = session.get(SegmentRow, header.segment)
    if row is None:
        place = (
            select(SegmentRow)
            .where(SegmentRow.session_id == header.session)
            .where(SegmentRow.sequence == header.sequence)
        )
        row = session.scalars(place).first()
    if row is None:
        return None
    if (row.segment_id, row.sha256) != (header.segment, digest):
        raise ConflictError(
            f"Another segment was admitted in the place of {header.segment}."
        )
    if row.state == "erased":
        raise ConflictError(f"Segment {header.segment} was erased.")
    return row


def _row(header: SealedHeader, name: str, digest: str, size: int) -> SegmentRow:
    return SegmentRow(
        segment_id=header.segment,
        object_name=name,
        size_bytes=size,
        sha256=digest,
        person=header.person,
        device_id=header.device,
        session_id=header.session,
        sequence=header.sequence,
        consent_id=header.consent,
        day=date.fromisoformat(header.day),
        state="pending",
    )


def _check_consent(
    session: Session, header: SealedHeader, programme: Programme
) -> None:
    """Check that the named consent is in force and fits the programme as it is.

    Raises:
        ConsentError: It is not.
    """
    row = session.get(ConsentRow, header.consent)
    mine = (header.person, header.device)
    if row is None or (row.person, row.device_id) != mine or row.state != "given":
        raise ConsentError(
            f"No consent in force covers segment {header.segment}.",
            remedy="Consent first: overt consent give.",
        )
    device = session.get_one(DeviceRow, header.device)
    record = verify_consent(
        parse_json(row.document, what="A consent record"),
        public_key(device.public_key),
    )
    problems = consent_problems(record, programme)
    if not record.agreed_purposes or not record.agreed_data_types:
        problems.append("The consent agrees to no purpose or no data type.")
    for problem in problems:
        raise ConsentError(f"Segment {header.segment}: {problem}")
