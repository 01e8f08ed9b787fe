"""`overt backup` and `overt restore`: the drill that an operator practises.

Input: a server's data folder. Output: two folders that must not lie together: what is
stored, and what opens it. Restoring needs both and an empty place. A key backup that
is older than an erasure brings the erased person's key back, so it says to destroy it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from overt.cli.options import FOLDER, NEW_FOLDER
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import DataError, UsageError, VaultError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from overt.vault.store.backup import Counts
    from overt.vault.store.database import Database
    from overt.vault.store.objects import StoredObjects

PERSON_KEYS = "person-keys.json"
_SERVICES = "services.json"
_NOT_KEPT = frozenset({"lock"})
_APART = "A backup that holds both opens. Name two folders, kept by two people."
_place_options = [
    click.option("--database", default="", help="URL; SQLite in --data where empty."),
    click.option("--objects", default="", help="URL; files in --data where empty."),
    click.option(
        "--log", type=NEW_FOLDER, help="The log's folder; in --data by default."
    ),
]


def _with_places(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_place_options):
        command = option(command)
    return command


@click.command(epilog=exit_codes(VaultError))
@click.option("--data", type=FOLDER, required=True, help="Of `overt serve`.")
@click.option("--to", type=NEW_FOLDER, required=True, help="Rows, objects, log.")
@click.option("--keys-to", type=NEW_FOLDER, required=True, help="The key store.")
@_with_places
@json_option
def backup(
    data: Path,
    to: Path,
    keys_to: Path,
    database: str,
    objects: str,
    log: Path | None,
    as_json: bool,
) -> None:
    """Back a vault up, also while it runs: what is stored, and apart from it the keys.

    Again into the same folders, it renews them: objects that were erased leave the
    backup, keys that were destroyed leave the key backup. Do that after every erasure,
    and destroy older copies of the key backup. A key store of somebody else (a token,
    OpenBao, AWS) is backed up by its own means.
    """
    from overt.cli.files import write_json
    from overt.vault.store.backup import back_up, copy_folder, person_keys

    _check_apart(to, keys_to)
    rows, store = open_places(data, database, objects)
    try:
        counts = back_up(rows, store, log or data / "vault" / "log", to)
        with rows.read() as session:
            write_json(keys_to / PERSON_KEYS, {"keys": person_keys(session)})
    finally:
        rows.close()
    copy_folder(data / "broker", keys_to / "broker", leave_out=_NOT_KEPT)
    for name in ("receipt.key", "lease.key", "service-token"):
        _copy(data / "vault" / name, keys_to / "vault" / name)
    _copy(data / _SERVICES, keys_to / _SERVICES)
    emit({**_counts(counts), "stored": str(to), "keys": str(keys_to)}, as_json=as_json)


@click.command(epilog=exit_codes(VaultError, DataError))
@click.option(
    "--from", "source", type=FOLDER, required=True, help="Rows, objects, log."
)
@click.option("--keys-from", type=FOLDER, required=True, help="The newest key backup.")
@click.option("--data", type=NEW_FOLDER, required=True, help="A new folder.")
@_with_places
@json_option
def restore(
    source: Path,
    keys_from: Path,
    data: Path,
    database: str,
    objects: str,
    log: Path | None,
    as_json: bool,
) -> None:
    """Bring a vault back from a backup and the newest key backup.

    Whoever was erased after the backup was made is erased again: the key backup holds
    no key of theirs. Then start it: overt serve. Participants' devices and witnesses
    have seen the log's newest head; if the restored log is shorter, they say so, and
    the auditor has to be told why.
    """
    from overt.cli.files import read_json
    from overt.vault.store.backup import apply_person_keys, copy_folder
    from overt.vault.store.backup import restore as bring_back

    if data.exists():
        raise UsageError(f"{data} exists; nothing is overwritten.")
    _check_apart(source, keys_from)
    keys = read_json(keys_from / PERSON_KEYS, what="The key backup")
    for name in ("broker", "vault"):
        copy_folder(keys_from / name, data / name, leave_out=frozenset())
    _copy(keys_from / _SERVICES, data / _SERVICES)
    rows, store = open_places(data, database, objects)
    try:
        counts = bring_back(source, rows, store, log or data / "vault" / "log")
        erased = apply_person_keys(rows, store, keys["keys"])
    finally:
        rows.close()
    emit({**_counts(counts), "erased_again": erased}, as_json=as_json)


def open_places(
    data: Path, database: str, objects: str
) -> tuple[Database, StoredObjects]:
    """Open rows and objects where `overt serve` has them."""
    from overt.vault.store.database import Database
    from overt.vault.store.objects import open_objects

    rows = database or f"sqlite:///{(data / 'vault' / 'rows.db').absolute()}"
    place = objects or (data / "vault" / "objects").absolute().as_uri()
    return Database(rows), open_objects(place)


def _check_apart(stored: Path, keys: Path) -> None:
    one, other = stored.absolute().resolve(), keys.absolute().resolve()
    if one == other or one in other.parents or other in one.parents:
        raise UsageError("The keys would lie with what they open.", remedy=_APART)


def _copy(source: Path, target: Path) -> None:
    from overt.vault.store.files import make_folder, write_durably

    make_folder(target.parent, root=target.parent)
    write_durably(target, source.read_bytes())


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "rows": counts.rows,
        "objects": counts.objects,
        "log_files": counts.log_files,
    }
