"""The entries behind the leaves, and the last head, as rows of the database.

Stage: inside the log. In: numbered salts and entry bytes; out: the same. Entries lie
apart from the tiles, so that tiles tell nothing and an entry can be erased while its
leaf stays. It never computes a hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, insert, select, update

from overt.protocol.canonical import parse_json
from overt.protocol.errors import DataError
from overt.vault.store.rows import LogEntryRow, LogHeadRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from overt.vault.store.database import Database

LABELS = ("kind", "person", "subject")
Numbered = tuple[int, bytes, bytes]  # number, salt, entry
_PAGE = 1000
_ADD = insert(LogEntryRow)
_FIRST_HEAD = insert(LogHeadRow)
_MOVE_HEAD = update(LogHeadRow).where(LogHeadRow.origin == bindparam("of"))


class EntryBook:
    """The rows of one log.

    Args:
        database: Where they lie.
        origin: The log's name.
    """

    def __init__(self, database: Database, origin: str) -> None:
        self._database = database
        self._origin = origin

    def add(
        self,
        first: int,
        entries: Sequence[tuple[bytes, bytes]],
        also: Sequence[Callable[[Session], None]] = (),
    ) -> None:
        """Store salts and entries from number `first` on, durably; `also` likewise.

        Raises:
            VaultError: The database refuses; nothing is stored.
        """
        rows = [
            {
                "number": first + offset,
                "salt": salt,
                "entry": entry,
                **_labels(entry),
            }
            for offset, (salt, entry) in enumerate(entries)
        ]
        with self._database.write() as session:
            session.connection().execute(_ADD, rows)
            for change in also:
                change(session)

    def count(self) -> int:
        """Return how many entries there are."""
        with self._database.read() as session:
            return session.scalar(select(func.count(LogEntryRow.number))) or 0

    def cut(self, size: int) -> None:
        """Take entries away that no checkpoint covers: nobody was answered."""
        with self._database.write() as session:
            session.execute(delete(LogEntryRow).where(LogEntryRow.number >= size))

    def head(self) -> tuple[int, bytes] | None:
        """Return size and root of the last head, if there was one."""
        with self._database.read() as session:
            row = session.get(LogHeadRow, self._origin)
            return None if row is None else (row.size, row.root)

    def set_head(self, size: int, root: bytes) -> None:
        """Remember a head durably.

        Raises:
            VaultError: The database refuses.
        """
        head = {"origin": self._origin, "size": size, "root": root}
        with self._database.write() as session:
            connection = session.connection()
            moved = {"of": self._origin, "size": size, "root": root}
            if not connection.execute(_MOVE_HEAD, moved).rowcount:
                connection.execute(_FIRST_HEAD, head)

    def entry(self, number: int) -> Numbered | None:
        """Return an entry with its salt; nothing where it is erased or not there."""
        found = list(self.entries(number, number + 1))
        return found[0] if found else None

    def find(self, kind: str, *, subject: str = "", person: str = "") -> list[Numbered]:
        """Return the entries of a kind, about a subject or a person where given."""
        query = select(LogEntryRow).where(LogEntryRow.kind == kind)
        if subject:
            query = query.where(LogEntryRow.subject == subject)
        if person:
            query = query.where(LogEntryRow.person == person)
        with self._database.read() as session:
            rows = session.scalars(query.order_by(LogEntryRow.number))
            return [
                (row.number, row.salt, row.entry)
                for row in rows
                if row.salt is not None and row.entry is not None
            ]

    def about(self, person: str, start: int, limit: int) -> list[Numbered]:
        """Return entries about a person from a number on, erased ones left out."""
        query = (
            select(LogEntryRow)
            .where(LogEntryRow.person == person, LogEntryRow.number >= start)
            .where(LogEntryRow.entry.is_not(None), LogEntryRow.salt.is_not(None))
            .order_by(LogEntryRow.number)
            .limit(limit)
        )
        with self._database.read() as session:
            return [
                (row.number, row.salt, row.entry)
                for row in session.scalars(query)
                if row.salt is not None and row.entry is not None
            ]

    def count_of(self, kind: str) -> int:
        """Return how many entries of a kind there are."""
        query = select(func.count(LogEntryRow.number)).where(LogEntryRow.kind == kind)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def entries(self, start: int, end: int) -> Iterator[Numbered]:
        """Yield the entries from `start` on, before `end`; erased ones are left out."""
        while start < end:
            query = (
                select(LogEntryRow)
                .where(LogEntryRow.number >= start, LogEntryRow.number < end)
                .order_by(LogEntryRow.number)
                .limit(_PAGE)
            )
            with self._database.read() as session:
                rows = list(session.scalars(query))
            for row in rows:
                if row.salt is not None and row.entry is not None:
                    yield row.number, row.salt, row.entry
            start = rows[-1].number + 1 if len(rows) == _PAGE else end


def _labels(entry: bytes) -> dict[str, str]:
    """Return the entry's fields by which rows are found; empty where it has none."""
    try:
        body = parse_json(entry, what="A log entry")
    except DataError:
        body = {}
    return {name: str(body.get(name, "")) for name in LABELS}
