"""The drill: a vault is lost, and brought back without the keys lying beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from overt.cli.__main__ import main
from overt.protocol.errors import VaultError
from overt.vault.log.verify import verify
from overt.vault.store.backup import (
    apply_person_keys,
    back_up,
    copy_folder,
    person_keys,
    restore,
)
from overt.vault.store.database import Database
from overt.vault.store.objects import open_objects
from overt.vault.store.rows import DerivedKeyRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.world import World


@pytest.fixture
def empty(tmp_path: Path, migrated: bytes) -> Iterator[Database]:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/vault.db").write_bytes(migrated)
    database = Database(f"sqlite:///{tmp_path}/new/vault.db")
    yield database
    database.close()


def take(world: World, where: Path) -> list[dict[str, Any]]:
    """Back up rows, objects and log; return the people's keys of that moment."""
    back_up(world.database, world.objects, world.folder / "log", where)
    with world.database.read() as session:
        return person_keys(session)


def move(world: World, source: Path, database: Database) -> None:
    """Let the world go on from a restored copy; its key store is the one it had."""
    objects = open_objects(f"file://{world.folder}/new/objects")
    restore(source, database, objects, world.folder / "new" / "log")
    world.stop()
    copy_folder(
        world.folder / "kms", world.folder / "new" / "kms", leave_out=frozenset()
    )
    world.folder, world.database = world.folder / "new", database
    world.objects = objects
    world.start()


def test_a_restored_vault_goes_on_where_the_backup_was(
    world: World, empty: Database, tmp_path: Path
) -> None:
    device = world.participant(b"one", b"two")
    request = world.granted()
    assert world.halt("stella").status_code == 200
    world.now_s += 60
    assert world.halt("stella", "stan", state="running").status_code == 200
    take(world, tmp_path / "backup")
    move(world, tmp_path / "backup", empty)
    assert world.opened(request) == [b"one", b"two"]
    world.send(device, b"three")
    assert len(world.opened(request)) == 3
    assert world.halt("stella").status_code == 200  # numbers count on
    report = verify(world.folder / "log", world.services["log"].public_key())
    assert report.ok, report.problems


def test_who_was_erased_after_the_backup_is_erased_again(
    world: World, empty: Database, tmp_path: Path
) -> None:
    world.participant(b"stays")
    leaves = world.participant(b"leaves")
    request = world.granted()
    take(world, tmp_path / "backup")
    assert world.withdraw(leaves, erase=True).status_code == 200
    with world.database.read() as session:
        keys = person_keys(session)  # the newest backup of the keys
    move(world, tmp_path / "backup", empty)
    assert len(list(world.objects.names())) == 2
    assert apply_person_keys(empty, world.objects, keys) == 1
    assert world.opened(request) == [b"stays"]
    assert len(list(world.objects.names())) == 1


def test_who_withdrew_after_the_backup_is_not_read(
    world: World, empty: Database, tmp_path: Path
) -> None:
    world.participant(b"stays")
    leaves = world.participant(b"leaves")
    request = world.granted()
    take(world, tmp_path / "backup")
    assert world.withdraw(leaves).status_code == 200
    move(world, tmp_path / "backup", empty)
    assert world.opened(request) == [b"stays"]


def test_what_was_derived_opens_after_a_restore_unless_it_held_the_erased(
    world: World, empty: Database, tmp_path: Path
) -> None:
    stays, leaves = world.participant(b"stays"), world.participant(b"leaves")
    of_one = world.derive(world.granted(cohort=(stays.person,)))
    of_both = world.derive(world.granted())
    for thing in (of_one, of_both):
        assert world.register(thing).status_code == 200
        assert world.open(thing.derived).status_code == 200
    take(world, tmp_path / "backup")
    assert world.withdraw(leaves, erase=True).status_code == 200
    with world.database.read() as session:
        keys = person_keys(session)
    move(world, tmp_path / "backup", empty)
    assert apply_person_keys(empty, world.objects, keys) == 1
    assert world.open(of_one.derived).status_code == 200
    before = world.kms.unwraps
    assert world.open(of_both.derived).status_code == 403
    assert world.kms.unwraps == before
    with empty.read() as session:
        row = session.get_one(DerivedKeyRow, of_both.key)
    assert row.wrapped is None


def test_a_backup_renewed_after_an_erasure_has_nothing_of_the_erased(
    world: World, tmp_path: Path
) -> None:
    leaves = world.participant(b"leaves")
    take(world, tmp_path / "backup")
    assert len(list((tmp_path / "backup/objects").rglob("??/*"))) == 1
    assert world.withdraw(leaves, erase=True).status_code == 200
    take(world, tmp_path / "backup")
    assert list((tmp_path / "backup/objects").rglob("??/*")) == []
    report = verify(tmp_path / "backup/log", world.services["log"].public_key())
    assert report.ok, report.problems


def test_a_backup_holds_nothing_that_lives_for_minutes(
    world: World, tmp_path: Path
) -> None:
    world.participant(b"one")
    take(world, tmp_path / "backup")
    copy = Database(f"sqlite:///{tmp_path}/backup/rows.db")
    with copy.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM seen_requests")
        assert found.scalar_one() == 0
    copy.close()
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_nothing_is_restored_over_a_vault(
    world: World, empty: Database, tmp_path: Path
) -> None:
    world.participant(b"one")
    take(world, tmp_path / "backup")
    objects = open_objects("memory:")
    with pytest.raises(VaultError, match="already"):
        restore(tmp_path / "backup", world.database, objects, tmp_path / "x")
    with pytest.raises(VaultError, match="holds no backup"):
        restore(tmp_path / "new", empty, objects, tmp_path / "x")
    assert list(objects.names()) == []


def overt(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


def test_the_commands_keep_keys_apart_and_bring_both_back(
    world: World, tmp_path: Path
) -> None:
    world.participant(b"one")
    data = tmp_path / "server"
    for name in ("vault", "broker"):
        (data / name).mkdir(parents=True)
        (data / name / "service-token").write_text("token")
    for name in ("vault/receipt.key", "vault/lease.key", "broker/log.key"):
        (data / name).write_text("key")
    (data / "services.json").write_text("{}")
    take(world, tmp_path / "one")
    restore_into = Database(f"sqlite:///{data}/vault/rows.db")
    objects = open_objects(f"file://{data}/vault/objects")
    restore(tmp_path / "one", restore_into, objects, data / "vault" / "log")
    restore_into.close()
    (data / "broker/keyring").mkdir()
    (data / "broker/keyring/keyring.json").write_text("sealed roots")

    stored, keys = tmp_path / "stored", tmp_path / "keys"
    at = "backup", "--data", data, "--to", stored, "--keys-to"
    assert overt(*at, stored / "keys")[0] == 2
    code, said = overt(*at, keys, "--json")
    assert code == 0, said
    assert json.loads(said)["objects"] == 1
    assert b"sealed roots" not in b"".join(
        path.read_bytes() for path in stored.rglob("*") if path.is_file()
    )
    back = "restore", "--from", stored, "--keys-from", keys, "--data"
    assert overt(*back, data)[0] == 2
    code, said = overt(*back, tmp_path / "again", "--json")
    assert code == 0, said
    assert json.loads(said)["erased_again"] == 0
    for path in data.rglob("*"):
        same = tmp_path / "again" / path.relative_to(data)
        if path.is_file() and not path.name.startswith("rows.db"):
            assert same.read_bytes() == path.read_bytes(), path.name
