"""Admission of a sealed segment: checked by its signature, stored, logged, receipted.

Stage: the way of a recording into the vault. In: sealed bytes from an enrolled device;
out: a receipt that names the log entry. It cannot open what it stores. The same bytes
again give the same receipt; a crash at any point is mended by sending again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, insert, or_, select, update

from overt.protocol.canonical import parse_json
from overt.protocol.consent import consent_problems, verify_consent
from overt.protocol.errors import ConsentError, DataError, GovernError, SealError
from overt.protocol.ids import check_id
from overt.protocol.sealing import (
    SealedHeader,
    parse_sealed,
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

    from sqlalchemy import Connection

    from overt.protocol.canonical import Json
    from overt.protocol.consent import ConsentRecord
    from overt.protocol.programme import Programme
    from overt.vault.govern.callers import Caller
    from overt.vault.govern.registry import Registry
    from overt.vault.store.objects import Objects


class Kept(NamedTuple):
    """What admission needs to know of a segment's row."""

    segment_id: str
    object_name: str
    sha256: str
    person: str
    state: str
    receipt: bytes | None


_NEW = insert(SegmentRow)
_PLACE = select(*(getattr(SegmentRow, name) for name in Kept._fields)).where(
    or_(
        SegmentRow.segment_id == bindparam("segment"),
        and_(
            SegmentRow.session_id == bindparam("session"),
            SegmentRow.sequence == bindparam("sequence"),
        ),
    )
)
_CONSENT = (
    select(
        ConsentRow.person,
        ConsentRow.device_id,
        ConsentRow.state,
        ConsentRow.document,
        DeviceRow.public_key,
    )
    .join(DeviceRow, DeviceRow.device_id == ConsentRow.device_id)
    .where(ConsentRow.consent_id == bindparam("consent"))
)


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
        digest = caller.body_digest
        known = self._known(header, digest, programme)
        if known is None:
            return self._store(header, digest, data, programme)
        return known.receipt or self._answer(known)

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
    ) -> Kept | None:
        """Return the row of the same bytes; without one, consent has to cover them."""
        with self.registry.database.look() as connection:
            kept = _same(connection, header, digest)
            if kept is None:
                _check_consent(connection, header, programme)
            return kept

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
        found: list[Kept | Exception] = []
        with self.registry.database.write() as session:
            connection = session.connection()
            for arrival in arrivals:
                try:
                    found.append(_place(connection, arrival))
                except (ConsentError, ConflictError, SealError) as error:
                    found.append(error)
        fresh = []
        for arrival, row in zip(arrivals, found, strict=True):
            if isinstance(row, Kept) and row.object_name == arrival.name:
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

    def _receipts(self, rows: Sequence[Kept]) -> dict[str, bytes]:
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

    def _answer(self, row: Kept) -> bytes:
        index = self.registry.record(
            "segment", row.segment_id, person=row.person, digest=row.sha256
        )
        receipt = self.registry.receipt("segment", row.segment_id, row.sha256, index)
        with self.registry.database.write() as session:
            stored = session.get_one(SegmentRow, row.segment_id)
            if stored.receipt is None and stored.state == "pending":
                stored.receipt, stored.state = receipt, "stored"
            return stored.receipt or receipt


def _place(connection: Connection, arrival: _Arrival) -> Kept:
    """Return the row of an arrival's bytes, a new one where there is none yet."""
    _check_consent(connection, arrival.header, arrival.programme)
    kept = _same(connection, arrival.header, arrival.digest)
    if kept is None:
        values = _values(arrival)
        connection.execute(_NEW, values)
        kept = Kept(*(values[name] for name in Kept._fields))
    return kept


def _same(connection: Connection, header: SealedHeader, digest: str) -> Kept | None:
    """Return the row of the same bytes; refuse other bytes in the same place."""
    place = {
        "segment": header.segment,
        "session": header.session,
        "sequence": header.sequence,
    }
    rows = [Kept(*row) for row in connection.execute(_PLACE, place)]
    if not rows:
        return None
    if any((row.segment_id, row.sha256) != (header.segment, digest) for row in rows):
        raise ConflictError(
            f"Another segment was admitted in the place of {header.segment}."
        )
    if rows[0].state == "erased":
        raise ConflictError(f"Segment {header.segment} was erased.")
    return rows[0]


def _values(arrival: _Arrival) -> dict[str, Any]:
    """Return the columns of a new row."""
    header = arrival.header
    return {
        "segment_id": header.segment,
        "object_name": arrival.name,
        "size_bytes": arrival.size_bytes,
        "sha256": arrival.digest,
        "person": header.person,
        "device_id": header.device,
        "session_id": header.session,
        "sequence": header.sequence,
        "consent_id": header.consent,
        "day": date.fromisoformat(header.day),
        "state": "pending",
        "receipt": None,
    }


def _check_consent(
    connection: Connection, header: SealedHeader, programme: Programme
) -> None:
    """Check that the named consent is in force and fits the programme as it is.

    Raises:
        ConsentError: It is not.
    """
    row = connection.execute(_CONSENT, {"consent": header.consent}).first()
    mine = (header.person, header.device)
    if row is None or (row.person, row.device_id) != mine or row.state != "given":
        raise ConsentError(
            f"No consent in force covers segment {header.segment}.",
            remedy="Consent first: overt consent give.",
        )
    record = _verified(row.document, row.public_key)
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
