"""fsck of what is derived: registrations, log, keys, and whose data is in it.

Stage: the part of `overt fsck` for what jobs made. In: rows and log entries; out: each
difference by name. It opens nothing and changes nothing; whether a researcher's own
bytes are the registered ones only their holder can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from overt.protocol.canonical import Json, parse_json
from overt.protocol.consent import document_digest
from overt.protocol.derived import Derived
from overt.protocol.documents import read_unverified
from overt.protocol.errors import DataError
from overt.protocol.forms import read_form
from overt.protocol.release import ReleaseNames
from overt.vault.log.book import EntryBook
from overt.vault.store.rows import (
    DerivedKeyRow,
    DerivedPersonRow,
    DerivedRow,
    ReleaseRow,
    SegmentRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from overt.vault.store.database import Database

_ABOUT = ("derived", "revoked", "tainted", "derived-decision", "opening", "export")
_FALLEN = frozenset({"revoked", "tainted"})


def differences_of_derived(database: Database) -> Iterator[str]:
    """Yield what differs between registrations, log, keys and contributors.

    Args:
        database: Rows and log entries.
    """
    told: dict[str, list[Json]] = {}
    for number, entry in _entries(database):
        try:
            body = parse_json(entry, what="A log entry")
        except DataError as error:
            yield f"Log entry {number}: {error}"
            continue
        told.setdefault(str(body.get("subject")), []).append(body)
    with database.read() as session:
        rows = list(session.scalars(select(DerivedRow).order_by(DerivedRow.derived_id)))
        for row in rows:
            entries = told.pop(row.derived_id, [])
            try:
                yield from _of_registration(row, entries)
                yield from _of_people(session, row)
            except DataError as error:
                yield f"{row.derived_id}: its registration is malformed: {error}"
            yield from _of_state(row, entries)
            if not row.key_id or session.get(DerivedKeyRow, row.key_id) is None:
                yield f"{row.derived_id}: the key that it is sealed to has no row."
    for name in sorted(told):
        if all(one.get("kind") == "derived" for one in told[name]):
            continue  # no answer was given: its researcher registers it again
        yield f"The log tells of {name:.60}, which has no row."


def _entries(database: Database) -> list[tuple[int, bytes]]:
    """Return the log's entries about what is derived, in their order."""
    book = EntryBook(database, "")
    return sorted(
        (number, entry) for kind in _ABOUT for number, _, entry in book.find(kind)
    )


def _of_registration(row: DerivedRow, entries: list[Json]) -> Iterator[str]:
    envelope = parse_json(row.document, what="A registration")
    digest = document_digest(envelope)
    logged = [one.get("digest") for one in entries if one.get("kind") == "derived"]
    if digest not in logged:
        yield f"{row.derived_id}: the log has no entry of this registration."
    signed = _signed(row)
    in_row = (row.derived_id, row.kind, row.request_id, row.researcher, row.key_id)
    said = (signed.derived, signed.kind, signed.request, signed.researcher, signed.key)
    if in_row != said:
        yield f"{row.derived_id}: its row says something else than its registration."


def _signed(row: DerivedRow) -> Derived:
    _, body, _ = read_unverified(parse_json(row.document, what="A registration"))
    return read_form(Derived, body, what="A registration")


def _of_state(row: DerivedRow, entries: list[Json]) -> Iterator[str]:
    """Yield a state that the last word of the log contradicts.

    A thing can fall as it is registered, without a word of its own.
    """
    state = "held"
    for one in entries:
        if one.get("kind") in _FALLEN:
            state = str(one["kind"])
        elif one.get("kind") == "derived-decision":
            state = str(one.get("decision"))
    if row.state != state and not (state == "held" and row.state in _FALLEN):
        yield f"{row.derived_id} is {row.state} by its row and {state} by the log."


def _of_people(session: Session, row: DerivedRow) -> Iterator[str]:
    signed = _signed(row)
    of = select(DerivedPersonRow.person)
    kept = set(session.scalars(of.where(DerivedPersonRow.derived_id == row.derived_id)))
    if signed.kind != "dataset":
        sources = DerivedPersonRow.derived_id.in_(signed.made_of)
        if kept != set(session.scalars(of.where(sources))):
            yield f"{row.derived_id}: other people are on record than its sources'."
        return
    release = session.get(ReleaseRow, signed.release)
    if release is None or release.names_key is None:
        yield f"{row.derived_id}: its release {signed.release:.60} has no names."
        return
    names, people = ReleaseNames(release.names_key), set()
    for name in signed.segments:
        segment = session.get(SegmentRow, names.resolve(name))
        if segment is None:
            yield f"{row.derived_id}: a segment in it has no row."
        else:
            people.add(segment.person)
    if kept != people:
        yield f"{row.derived_id}: other people are on record than its segments'."
