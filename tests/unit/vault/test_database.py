"""Rows: what the migrations build, what a commit promises, what erasing leaves."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, text

from overt.protocol.errors import UsageError, VaultError
from overt.vault.store.database import Database
from overt.vault.store.rows import Base, DeviceRow, PersonKeyRow, PersonRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path, migrated: bytes) -> Iterator[Database]:
    """SQLite alone: what these tests look into is its files."""
    (tmp_path / "vault.db").touch(mode=0o600)
    (tmp_path / "vault.db").write_bytes(migrated)
    opened = Database(f"sqlite:///{tmp_path}/vault.db")
    yield opened
    opened.close()


def test_migrations_build_exactly_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_keeps_the_rows(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        session.add(PersonRow(person="part_a"))
    again = Database(f"sqlite:///{tmp_path}/vault.db")
    with again.read() as session:
        assert session.get_one(PersonRow, "part_a").state == "active"
    again.close()


def test_files_are_private_and_commits_durable(
    database: Database, tmp_path: Path
) -> None:
    with database.write() as session:
        session.add(PersonRow(person="part_a"))
    for file in tmp_path.glob("vault.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with database.read() as session:
        found = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


def test_a_failed_session_changes_nothing(database: Database) -> None:
    def enrol() -> None:
        stray = DeviceRow(device_id="d", person="nobody", public_key="", document=b"")
        with database.write() as session:
            session.add(PersonRow(person="part_a"))
            session.add(stray)

    with pytest.raises(VaultError, match="IntegrityError"):
        enrol()
    with database.read() as session:
        assert session.get(PersonRow, "part_a") is None


def test_what_is_read_in_a_read_session_is_not_kept(database: Database) -> None:
    with database.read() as session:
        session.add(PersonRow(person="part_a"))
    with database.read() as session:
        assert session.get(PersonRow, "part_a") is None


def test_an_erased_key_is_in_no_byte_of_the_files(
    database: Database, tmp_path: Path
) -> None:
    canary = b"canary-of-a-wrapped-key-0123456789abcdef"
    with database.write() as session:
        session.add(
            PersonKeyRow(
                person="p", public_half="", epoch=1, wrapped=canary, binding=b""
            )
        )
    with database.write() as session:
        session.execute(delete(PersonKeyRow))
    database.scrub()
    for file in tmp_path.glob("vault.db*"):
        assert canary not in file.read_bytes()


def test_bad_urls_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sqlite:///PATH"):
        Database("no url at all")
    with pytest.raises(UsageError, match="installed driver"):
        Database("postgresql+nosuchdriver://host/db")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VaultError, match="cannot be made"):
        Database(f"sqlite:///{tmp_path}/file/vault.db")
    (tmp_path / "other.db").write_bytes(b"this is no database at all" * 99)
    with pytest.raises(VaultError, match="cannot be opened"):
        Database(f"sqlite:///{tmp_path}/other.db")
