"""Comparing everything with everything: log, rows, objects, receipts, what is derived.

Stage: what `overt fsck` does, on a vault that may run. In: the log's folder and key,
rows, objects; out: each difference by name. It rebuilds the tree from its leaves, opens
nothing, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from overt.protocol.canonical import Json, parse_json, sha256_hex
from overt.protocol.consent import verify_receipt
from overt.protocol.errors import DataError, OvertError, SealError, VaultError
from overt.protocol.sealing import parse_sealed, verify_sealed
from overt.protocol.signing import device_id, public_key
from overt.vault.govern.fsck_derived import differences_of_derived
from overt.vault.log.book import EntryBook
from overt.vault.log.verify import verify
from overt.vault.store.rows import DeviceRow, PersonKeyRow, PersonRow, SegmentRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from overt.protocol.programme import Programme
    from overt.vault.store.database import Database
    from overt.vault.store.objects import Objects


@dataclass(frozen=True)
class Vault:
    """What is compared.

    Attributes:
        programme: The programme in force: it names the keys.
        database: Rows.
        objects: Sealed segments.
        log_folder: The log's files.
        planted: Objects without a row that belong there: the exposure audit's canary.
    """

    programme: Programme
    database: Database
    objects: Objects
    log_folder: Path
    planted: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and each difference as a sentence.

    Attributes:
        entries: Entries of the log that were compared with their leaves.
        segments: Segments whose object was fetched and hashed.
        differences: Empty where everything agrees.
    """

    entries: int
    segments: int
    differences: tuple[str, ...]


def compare(vault: Vault) -> Comparison:
    """Compare log, rows, objects and receipts with one another.

    Raises:
        VaultError: There is no log, or the database cannot be read.
    """
    book = EntryBook(vault.database, "")
    key = vault.programme.service_key("log")
    entries, witnesses = book.entries(0, book.count()), vault.programme.witnesses
    log = verify(vault.log_folder, key, entries, witnesses=witnesses)
    rows = _segments(vault.database)
    differences = [*log.problems]
    if book.count() != log.size:
        differences.append(f"The log has {log.size} entries and {book.count()} rows.")
    names = set(vault.objects.names())
    for row in rows:
        differences += _of_segment(vault, row, names)
    differences += _not_rows(vault, rows, names)
    differences += _unlogged(vault, rows)
    differences += differences_of_derived(vault.database)
    differences += _erased(vault.database)
    held = sum(1 for row in rows if row.state == "stored")
    return Comparison(log.entries_checked, held, tuple(differences))


def _segments(database: Database) -> list[SegmentRow]:
    with database.read() as session:
        return list(session.scalars(select(SegmentRow).order_by(SegmentRow.segment_id)))


def _of_segment(vault: Vault, row: SegmentRow, names: Collection[str]) -> Iterator[str]:
    """Yield what differs between a segment's row, object, receipt and log entry."""
    name = f"Segment {row.segment_id}"
    if row.state == "pending":
        return  # no receipt was given: its device sends it again
    if row.state == "erased":
        if row.object_name in names:
            yield f"{name} is erased, and its object {row.object_name} is there."
        return
    try:
        data = vault.objects.get(row.object_name)
    except VaultError:
        yield f"{name}: its object {row.object_name} is missing."
        return
    if len(data) != row.size_bytes or sha256_hex(data) != row.sha256:
        yield f"{name}: its object {row.object_name} is other bytes than were admitted."
    else:
        yield from _of_header(vault.database, row, data, name)
    yield from _of_receipt(vault, row, name)


def _of_header(
    database: Database, row: SegmentRow, data: bytes, name: str
) -> Iterator[str]:
    """Yield what differs between a row, what its object says, and who signed that."""
    with database.read() as session:
        device = session.get(DeviceRow, row.device_id)
    if device is None:
        yield f"{name}: its device {row.device_id} has no row."
        return
    try:
        key = public_key(device.public_key)
        sealed = parse_sealed(data)
        verify_sealed(sealed, key)
    except (DataError, SealError) as error:
        yield f"{name}: what its device signed does not hold: {error}"
        return
    if device_id(key) != row.device_id:
        yield f"{name}: the key of its device is not the one that was enrolled."
    said, kept = sealed.header, row
    for field, in_header, in_row in (
        ("id", said.segment, kept.segment_id),
        ("person", said.person, kept.person),
        ("device", said.device, kept.device_id),
        ("session", said.session, kept.session_id),
        ("number", said.sequence, kept.sequence),
        ("consent", said.consent, kept.consent_id),
        ("day", said.day, kept.day.isoformat()),
    ):
        if in_header != in_row:
            yield f"{name}: its object names another {field} than its row."


def _of_receipt(vault: Vault, row: SegmentRow, name: str) -> Iterator[str]:
    if row.receipt is None:
        yield f"{name} is stored and has no receipt."
        return
    try:
        envelope = parse_json(row.receipt, what="A receipt")
        receipt = verify_receipt(envelope, vault.programme, digest=row.sha256)
    except (DataError, SealError) as error:
        yield f"{name}: its receipt does not hold: {error}"
        return
    found = EntryBook(vault.database, "").entry(receipt.log_index)
    body: Json = parse_json(found[2], what="A log entry") if found else {}
    told = (body.get("kind"), body.get("subject"), body.get("digest"))
    if told != ("segment", row.segment_id, row.sha256):
        yield f"{name}: log entry {receipt.log_index} is not what its receipt names."


def _not_rows(
    vault: Vault, rows: Collection[SegmentRow], names: Collection[str]
) -> Iterator[str]:
    known = {row.object_name for row in rows} | set(vault.planted)
    for name in sorted(names):
        if name not in known:
            yield f"Object {name} belongs to no segment."


def _unlogged(vault: Vault, rows: Collection[SegmentRow]) -> Iterator[str]:
    """Yield segments that the log admitted and no row has, and reads of such."""
    known = {row.segment_id for row in rows}
    book = EntryBook(vault.database, "")
    for kind in ("segment", "read"):
        for number, _, entry in book.find(kind):
            try:
                subject = str(parse_json(entry, what="A log entry").get("subject"))
            except OvertError as error:
                yield f"Log entry {number}: {error}"
                continue
            if subject not in known:
                yield f"Log entry {number} ({kind}) is of {subject}, which has no row."


def _erased(database: Database) -> Iterator[str]:
    query = (
        select(PersonRow.person, PersonRow.state, PersonKeyRow.wrapped)
        .join(PersonKeyRow, PersonKeyRow.person == PersonRow.person)
        .where(PersonRow.state == "erased")
    )
    with database.read() as session:
        found = session.execute(query).all()
    for person, _, wrapped in found:
        if wrapped is not None:
            yield f"{person} is erased, and their vault key is there."
