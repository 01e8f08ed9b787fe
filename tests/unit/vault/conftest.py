"""Databases, the log's key, and a whole vault on SQLite and files."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.vault.store.database import Database
from tests.fakes.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Bytes of an empty database, so that not every test runs the migrations."""
    path = tmp_path_factory.mktemp("migrated") / "vault.db"
    Database(f"sqlite:///{path}").close()
    return path.read_bytes()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, migrated: bytes
) -> Iterator[Database]:
    """An empty database; `make long` runs every test on PostgreSQL as well."""
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgres")
        opened = Database(cluster.create(f"t{uuid.uuid4().hex}", "migrated"))
        yield opened
        opened.close()
        return
    (tmp_path / "vault.db").touch(mode=0o600)
    (tmp_path / "vault.db").write_bytes(migrated)
    opened = Database(f"sqlite:///{tmp_path}/vault.db")
    yield opened
    opened.close()


@pytest.fixture
def log_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


@pytest.fixture
def world(tmp_path: Path, database: Database) -> Iterator[World]:
    made = World(tmp_path, database)
    yield made
    made.stop()
