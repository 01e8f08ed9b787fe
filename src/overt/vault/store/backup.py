"""Backup and restore of rows, objects and log: what opens nothing by itself.

Stage: beside the servers. In: a database, an object store, the log's folder; out: a
folder that holds all three as they stood at one moment, and back. Rows travel as a
SQLite file, whatever database they come from or go to. It never reads a key store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, func, insert, select

from overt.protocol.errors import VaultError
from overt.vault.store.database import Database
from overt.vault.store.files import make_folder, sync, write_durably
from overt.vault.store.objects import LocalObjects
from overt.vault.store.rows import (
    Base,
    DerivedKeyRow,
    PersonKeyRow,
    PersonRow,
    SegmentRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Table
    from sqlalchemy.orm import Session

    from overt.vault.store.objects import StoredObjects

ROWS, OBJECTS, LOG = "rows.db", "objects", "log"
_PAGE = 2000
# what lives for minutes and would only tell who was there
_LEFT_OUT = frozenset({"seen_requests", "web_sessions"})


@dataclass(frozen=True, slots=True)
class Counts:
    """What a backup holds, or what was brought back."""

    rows: int
    objects: int
    log_files: int


def back_up(
    database: Database, objects: StoredObjects, log: Path, target: Path
) -> Counts:
    """Make or renew a backup; erased objects leave it as well.

    Rows and log are of one moment: nobody writes meanwhile. Objects follow; one whose
    row is not in the backup is harmless.

    Args:
        database: The rows.
        objects: The objects.
        log: The log's folder.
        target: The backup's folder; made when missing.

    Raises:
        VaultError: Something cannot be read or written; an older backup's rows stand.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = target / f".{ROWS}.new"
    fresh.unlink(missing_ok=True)
    with database.write() as session:  # the write lock: the log stands still
        rows = _copy_out(session, fresh)
        log_files = _copy_log(log, target / LOG)
    fresh.replace(target / ROWS)
    sync(target)
    kept = LocalObjects(target / OBJECTS)
    return Counts(rows, _mirror(objects, kept), log_files)


def restore(
    source: Path, database: Database, objects: StoredObjects, log: Path
) -> Counts:
    """Bring a backup back into an empty database, store and folder.

    Raises:
        VaultError: The backup is not whole, or there is something already.
    """
    if not (source / ROWS).exists() or not (source / LOG).is_dir():
        raise VaultError(f"{source} holds no backup.")
    with database.read() as session:
        held = session.scalar(select(func.count(PersonRow.person))) or 0
    if held or log.exists() or next(iter(objects.names()), None):
        raise VaultError(
            "There is a vault already; nothing was changed.",
            remedy="Restore into an empty folder, database and object store.",
        )
    kept = LocalObjects(source / OBJECTS)
    count = _mirror(kept, objects)
    log_files = _copy_log(source / LOG, log)
    return Counts(_copy_in(source / ROWS, database), count, log_files)


def person_keys(session: Session) -> list[dict[str, Any]]:
    """Return every wrapped half as it is now, for the backup of the keys.

    Everybody's by `person`, and of what is derived by `derived_key`.
    """
    return [
        {name: of, "epoch": epoch, "wrapped": (wrapped or b"").hex()}
        for name, row, column in (
            ("person", PersonKeyRow, PersonKeyRow.person),
            ("derived_key", DerivedKeyRow, DerivedKeyRow.key_id),
        )
        for of, epoch, wrapped in session.execute(
            select(column, row.epoch, row.wrapped).order_by(column)
        )
    ]


def apply_person_keys(
    database: Database, objects: StoredObjects, keys: list[dict[str, Any]]
) -> int:
    """Put the newest wrapped halves into restored rows; erase again who was erased.

    Args:
        database: Restored rows.
        objects: Restored objects.
        keys: What `person_keys` returned when the keys were last backed up.

    Returns:
        How many people were erased since the rows were backed up.
    """
    gone = {"epoch": 0, "wrapped": ""}
    known = {str(key.get("person") or key["derived_key"]): key for key in keys}
    with database.write() as session:
        erased = []
        for row in session.scalars(select(PersonKeyRow)):
            had = row.wrapped is not None
            _renew(row, known.get(row.person, gone))
            if had and row.wrapped is None:
                erased.append(row.person)
        for derived in session.scalars(select(DerivedKeyRow)):
            _renew(derived, known.get(derived.key_id, gone))
        names = _erase_rows(session, erased)
    for name in names:
        objects.delete(name)
    database.scrub()
    return len(erased)


def _renew(row: PersonKeyRow | DerivedKeyRow, key: dict[str, Any]) -> None:
    row.epoch = int(key["epoch"]) or row.epoch
    row.wrapped = bytes.fromhex(key["wrapped"]) or None


def _erase_rows(session: Session, people: list[str]) -> list[str]:
    names = []
    for person in people:
        session.get_one(PersonRow, person).state = "erased"
        for row in session.scalars(
            select(SegmentRow).where(SegmentRow.person == person)
        ):
            row.state = "erased"
            names.append(row.object_name)
    return names


def _tables() -> list[Table]:
    tables = Base.metadata.sorted_tables
    return [table for table in tables if table.name not in _LEFT_OUT]


def _pages(session: Session, table: Table) -> Iterator[list[dict[str, Any]]]:
    query = select(table).order_by(*table.primary_key.columns)
    for page in session.execute(query).mappings().partitions(_PAGE):
        yield [dict(row) for row in page]


def _copy_out(session: Session, path: Path) -> int:
    copy = Database(f"sqlite:///{path}")
    try:
        count = _copy(session, copy)
        copy.scrub()
    finally:
        copy.close()
    return count


def _copy_in(path: Path, database: Database) -> int:
    source = Database(f"sqlite:///{path}")
    try:
        with source.read() as session:
            return _copy(session, database)
    finally:
        source.close()


def _copy(session: Session, target: Database) -> int:
    count = 0
    with target.write() as writing:
        for table in _tables():
            for page in _pages(session, table):
                writing.execute(insert(table), page)
                count += len(page)
            _continue_numbers(writing, table)
    return count


def _continue_numbers(session: Session, table: Table) -> None:
    """Let PostgreSQL count on from the rows that were copied with their numbers."""
    column = table.autoincrement_column
    if session.get_bind().dialect.name != "postgresql" or column is None:
        return
    if isinstance(column.type, Integer) and column.autoincrement is True:
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        newest = select(func.coalesce(func.max(column), 1)).scalar_subquery()
        session.execute(select(func.setval(sequence, newest)))


def _copy_log(source: Path, target: Path) -> int:
    """Copy the checkpoint, then the tiles that it covers and maybe later ones."""
    files = sorted(path for path in source.rglob("*") if path.is_file())
    files.sort(key=lambda path: path.name != "checkpoint")
    kept = {path.relative_to(source) for path in files}
    for path in files:
        place = target / path.relative_to(source)
        make_folder(place.parent, root=target)
        if not place.exists() or path.name == "checkpoint":
            write_durably(place, path.read_bytes())
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.relative_to(target) not in kept:
            path.unlink()
    return len(files)


def _mirror(source: StoredObjects, target: StoredObjects) -> int:
    wanted, there = set(source.names()), set(target.names())
    for name in sorted(wanted - there):
        target.put(name, source.get(name))
    for name in there - wanted:
        target.delete(name)
    return len(wanted)


def copy_folder(source: Path, target: Path, *, leave_out: frozenset[str]) -> list[str]:
    """Copy a folder's files durably, mode 0600; return their names."""
    copied = []
    for path in sorted(source.rglob("*")):
        if path.is_file() and path.name not in leave_out:
            place = target / path.relative_to(source)
            make_folder(place.parent, root=target)
            write_durably(place, path.read_bytes())
            copied.append(place.relative_to(target).as_posix())
    return copied
