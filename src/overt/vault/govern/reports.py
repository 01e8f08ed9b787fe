"""What may be told: a participant's readers, the state of a programme, log lines.

Stage: behind routes and pages that only show. In: rows; out: facts without content.
Counts of people below 5 are hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from overt.protocol.canonical import b64, parse_json
from overt.protocol.programme import OWN_PURPOSE
from overt.protocol.release import READ_KINDS
from overt.vault.govern.acknowledged import counts, shown
from overt.vault.govern.halt import state_or_halted
from overt.vault.log.book import EntryBook
from overt.vault.store.rows import AccessRequestRow, ConsentRow, DeviceRow, SegmentRow

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.vault.govern.registry import Registry
    from overt.vault.store.database import Database

_PAGE = 500
_READ_FIELDS = ("day", "purpose", "requester", "request", "segment", "derived")


def readers(database: Database, person: str) -> list[Json]:
    """Return every read of a person's segments and of what was made of them.

    In the order of the log.
    """
    book, reads = EntryBook(database, ""), []
    for kind in READ_KINDS:
        for number, _, entry in book.find(kind, person=person):
            body = parse_json(entry, what="A log entry")
            facts = {name: body.get(name, "") for name in _READ_FIELDS}
            reads.append({"log_index": number, **facts})
    return sorted(reads, key=lambda read: int(read["log_index"]))


def held_of(database: Database, person: str) -> list[Json]:
    """Return what is stored of a person: `segment`, `device`, `day`, `size_bytes`."""
    query = (
        select(
            *(SegmentRow.segment_id, SegmentRow.device_id),
            *(SegmentRow.day, SegmentRow.size_bytes),
        )
        .where(SegmentRow.person == person, SegmentRow.state == "stored")
        .order_by(SegmentRow.session_id, SegmentRow.sequence)
    )
    with database.look() as connection:
        return [
            {"segment": one, "device": by, "day": day.isoformat(), "size_bytes": size}
            for one, by, day, size in connection.execute(query)
        ]


def entries_about(registry: Registry, person: str, start: int) -> Json:
    """Return a page of entries about a person with what proves them: `entries`, `next`.

    Args:
        registry: The vault's parts.
        person: Pseudonym.
        start: The first number of the page.
    """
    book = EntryBook(registry.database, "")
    page = book.about(person, start, _PAGE + 1)
    shown_now = page[:_PAGE]
    return {
        "entries": [
            {"number": number, "salt": b64(salt), "entry": entry.decode()}
            for number, salt, entry in shown_now
        ],
        "next": page[_PAGE][0] if len(page) > _PAGE else None,
    }


def log_lines(database: Database, limit: int) -> list[Json]:
    """Return the newest entries without participants, newest first.

    Each has `number`, `kind`, `day`, and `purpose`, `requester`, `request` where the
    entry has them.
    """
    book, lines = EntryBook(database, ""), []
    size = book.count()
    for number, _, entry in book.entries(max(size - limit, 0), size):
        body = parse_json(entry, what="A log entry")
        facts = {
            name: str(body.get(name, ""))
            for name in ("kind", "day", "purpose", "requester", "request")
        }
        if facts["purpose"] == OWN_PURPOSE:  # nobody learns who looks at their own
            facts |= {"requester": "a participant", "request": ""}
        lines.append({"number": number, **facts})
    return lines[::-1]


def state_report(registry: Registry) -> Json:
    """Return state, reason, version and counts of a programme."""
    programme = registry.roster.programme()
    state = state_or_halted(registry)
    with registry.database.read() as session:
        devices = session.scalar(select(func.count(DeviceRow.device_id))) or 0
        people = select(func.count(ConsentRow.person.distinct()))
        consents = session.scalar(people.where(ConsentRow.state == "given")) or 0
        held = select(func.count(), func.coalesce(func.sum(SegmentRow.size_bytes), 0))
        segments, size = session.execute(held.where(SegmentRow.state == "stored")).one()
        requests = session.scalar(select(func.count(AccessRequestRow.request_id)))
    return {
        "state": state.state,
        "reason": state.reason,
        "version": programme.version,
        "devices": shown(devices),
        "consents": shown(consents),
        "segments": segments,
        "size_bytes": size,
        "reads": sum(map(EntryBook(registry.database, "").count_of, READ_KINDS)),
        "requests": requests or 0,
        "halt": counts(registry),
    }
