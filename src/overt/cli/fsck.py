"""`overt fsck`: log, rows, objects and receipts compared with one another."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from overt.cli.options import FOLDER
from overt.cli.output import emit, exit_codes, json_option
from overt.protocol.errors import DataError, SealError, VaultError

if TYPE_CHECKING:
    from pathlib import Path

    from overt.vault.govern.fsck import Comparison


@click.command(epilog=exit_codes(SealError, VaultError, DataError))
@click.option("--data", type=FOLDER, required=True, help="The servers' data folder.")
@click.option("--programme", type=FOLDER, required=True, help="The programme's folder.")
@click.option("--database", default="", help="URL; SQLite in --data where empty.")
@click.option("--objects", default="", help="URL; files in --data where empty.")
@json_option
def fsck(
    data: Path, programme: Path, database: str, objects: str, as_json: bool
) -> None:
    """Rebuild the log's tree; compare it with rows, objects, receipts and what is made.

    It opens nothing and changes nothing. Each difference is named; any ends with exit
    code 5. While segments come in, one that is on its way may show as a difference:
    then look again.
    """
    from overt.cli.founding import read_programme
    from overt.vault.govern.fsck import Vault, compare
    from overt.vault.store.database import Database
    from overt.vault.store.objects import open_objects

    _, _, found = read_programme(programme)
    vault = data / "vault"
    canary = data / "exposure" / "canary"
    planted = [canary.read_text(encoding="ascii")] if canary.exists() else []
    compared = compare(
        Vault(
            found,
            Database(database or f"sqlite:///{(vault / 'rows.db').absolute()}"),
            open_objects(objects or (vault / "objects").absolute().as_uri()),
            vault / "log",
            planted,
        )
    )
    emit(asdict(compared), _text(compared), as_json=as_json)
    if compared.differences:
        raise SealError(f"{len(compared.differences)} differences were found.")


def _text(compared: Comparison) -> str:
    lines = [*compared.differences]
    lines.append(
        f"{compared.entries} log entries and {compared.segments} segments compared."
    )
    return "\n".join(lines)
