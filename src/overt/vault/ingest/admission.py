"""Admission of a sealed segment: checked by its signature, stored, logged, receipted.

Stage: the way of a recording into the vault. In: sealed bytes from an enrolled device;
out: a receipt that names the log entry. It cannot open what it stores. The same bytes
again give the same receipt; a crash at any point is mended by sending again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from overt.protocol.canonical import parse_json
from overt.protocol.consent import consent_problems, verify_consent
from overt.protocol.errors import ConsentError, DataError, GovernError, SealError
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
from overt.vault.store.grouping import Grouped
from overt.vault.store.objects import new_object_name
from overt.vault.store.rows import ConsentRow, DeviceRow, SegmentRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from overt.protocol.canonical import Json
    from overt.protocol.consent import ConsentRecord
    from overt.protocol.programme import Programme
    from overt.vault.govern.callers import Caller
    from overt.vault.govern.registry import Registry
    from overt.vault.store.objects import Objects


@dataclass
class _Arrival:
    """A segment whose object is durable and whose row is not.

    Attributes:
        header: What it says of itself.
        digest: SHA-256 of its bytes.
        name: Its object's.
        size_bytes: Its object's.
        programme: The programme in force.
        is_stray: Whether it is certain that no row names its object.
    """

    header: SealedHeader
    digest: str
    name: str
    size_bytes: int
    programme: Programme
    is_stray: bool = False


class Admission:
    """Admits segments; those that arrive together share commits and log entries.

    Args:
        registry: Rows, roster, log, receipt key.
        objects: Where ciphertext lies.
    """

    def __init__(self, registry: Registry, objects: Objects) -> None:
        self.registry = registry
        self.objects = objects
        self._settle = Grouped(self._settle_all)

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
        row = self._known(header, digest, programme)
        if row is None:
            return self._store(header, digest, data, programme)
        return row.receipt or self._answer(row)

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

    def _known(
        self, header: SealedHeader, digest: str, programme: Programme
    ) -> SegmentRow | None:
        """Return the row of the same bytes; without one, consent has to cover them."""
        with self.registry.database.read() as session:
            row = _same(session, header, digest)
            if row is None:
                _check_consent(session, header, programme)
            return row

    def _store(
        self, header: SealedHeader, digest: str, data: bytes, programme: Programme
    ) -> bytes:
        """Store object, then row, then log entry; return the receipt."""
        arrival = _Arrival(header, digest, new_object_name(), len(data), programme)
        self.objects.put(arrival.name, data)
        try:
            return self._settle(arrival)
        finally:
            if arrival.is_stray:
                self.objects.delete(arrival.name)

    def _settle_all(self, arrivals: Sequence[_Arrival]) -> list[bytes | Exception]:
        """Give rows, entries and receipts to arrivals, with one commit for each.

        Consent is checked once more in the rows' own transaction.
        """
        found: list[SegmentRow | Exception] = []
        with self.registry.database.write() as session:
            for arrival in arrivals:
                try:
                    found.append(_place(session, arrival))
                except (ConsentError, ConflictError, SealError) as error:
                    found.append(error)
        fresh = []
        for arrival, row in zip(arrivals, found, strict=True):
            if isinstance(row, SegmentRow) and row.object_name == arrival.name:
                fresh.append(row)
            else:
                arrival.is_stray = True
        receipts = self._receipts(fresh)
        return [
            row
            if isinstance(row, Exception)
            else receipts.get(row.segment_id) or row.receipt or self._answer(row)
            for row in found
        ]

    def _receipts(self, rows: Sequence[SegmentRow]) -> dict[str, bytes]:
        """Log fresh rows and return their receipts by the segments' ids."""
        if not rows:
            return {}
        registry, day = self.registry, self.registry.today.isoformat()
        entries: list[Json] = [
            {
                "kind": "segment",
                "subject": row.segment_id,
                "day": day,
                "person": row.person,
                "digest": row.sha256,
            }
            for row in rows
        ]
        receipts = [
            registry.receipt("segment", row.segment_id, row.sha256, index)
            for row, index in zip(rows, registry.broker.append(entries), strict=True)
        ]
        changes = [
            {"segment_id": row.segment_id, "receipt": receipt, "state": "stored"}
            for row, receipt in zip(rows, receipts, strict=True)
        ]
        with registry.database.write() as session:
            session.execute(update(SegmentRow), changes)
        return {
            row.segment_id: receipt for row, receipt in zip(rows, receipts, strict=True)
        }

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


def _place(session: Session, arrival: _Arrival) -> SegmentRow:
    """Return the row of an arrival's bytes, a new one where there is none yet."""
    _check_consent(session, arrival.header, arrival.programme)
    row = _same(session, arrival.header, arrival.digest)
    if row is None:
        row = _row(arrival.header, arrival.name, arrival.digest, arrival.size_bytes)
        session.add(row)
        session.flush()
    return row


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
    record = _verified(row.document, device.public_key)
    problems = consent_problems(record, programme)
    if not record.agreed_purposes or not record.agreed_data_types:
        problems.append("The consent agrees to no purpose or no data type.")
    for problem in problems:
        raise ConsentError(f"Segment {header.segment}: {problem}")


@lru_cache(maxsize=4096)
def _verified(document: bytes, key: str) -> ConsentRecord:
    """Return a consent record that its device signed; the same bytes once."""
    return verify_consent(
        parse_json(document, what="A consent record"), public_key(key)
    )
