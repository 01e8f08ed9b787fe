"""Migrations with rows in every table: up keeps them, down and up again too."""

from __future__ import annotations

import uuid
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from overt.vault.store import migrations
from overt.vault.store.database import Database, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Rows = dict[str, list[dict[str, Any]]]


def revisions() -> list[str]:
    """Every revision, the first one first."""
    config = Config()
    config.set_main_option("script_location", str(migrations.__path__[0]))
    config.set_main_option("path_separator", "os")
    found = ScriptDirectory.from_config(config).walk_revisions()
    return [script.revision for script in found][::-1]


REVISIONS = revisions()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database at the newest revision."""
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgres")
        opened = Database(cluster.create(f"t{uuid.uuid4().hex}"))
    else:
        opened = Database(f"sqlite:///{tmp_path}/vault.db")
    yield opened
    opened.close()


def tables(database: Database) -> list[sa.Table]:
    """What tables there are, those that others refer to first."""
    found = sa.MetaData()
    found.reflect(database.engine)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def rows(database: Database) -> Rows:
    with database.engine.connect() as connection:
        return {
            table.name: [
                dict(row._mapping) for row in connection.execute(table.select())
            ]
            for table in tables(database)
        }


def value(column: sa.Column[Any], filled: Rows) -> Any:
    for key in column.foreign_keys:
        return filled[key.column.table.name][0][key.column.name]
    return {
        int: 7,
        str: f"{column.table.name}.{column.name}",
        bool: True,
        bytes: b"\x00\xff",
        date: date(2026, 11, 3),
    }[column.type.python_type]


def fill(database: Database) -> Rows:
    """Put a row into every table that has none."""
    filled = rows(database)
    for table in tables(database):
        if filled[table.name]:
            continue
        row = {column.name: value(column, filled) for column in table.columns}
        with database.write() as session:
            session.execute(table.insert(), [row])
        filled[table.name] = [row]
    return rows(database)


def shared(of: Rows, other: Rows) -> Rows:
    """Return rows of a state, as far as another has their tables and columns."""
    return {
        name: [{key: row[key] for key in row if key in other[name][0]} for row in found]
        for name, found in of.items()
        if other.get(name)
    }


@pytest.mark.parametrize("at", range(1, len(REVISIONS)))
def test_rows_stay_up_and_down_and_up_again(database: Database, at: int) -> None:
    older, newer = REVISIONS[at - 1 : at + 1]
    migrate(database.engine, older)
    before = fill(database)
    assert all(before.values())
    migrate(database.engine, newer)
    above = rows(database)
    assert set(before) <= set(above)
    assert shared(before, above) == shared(above, before)
    fill(database)
    migrate(database.engine, older)
    assert rows(database) == before
    migrate(database.engine, newer)
    assert rows(database) == above
