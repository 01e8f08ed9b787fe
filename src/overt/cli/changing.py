"""`overt programme change`: a new version, shown as what it changes, signed, installed.

Input: the changed TOML file, the programme's folder, as many programme keys as the
threshold. Output: the next version, in the folder and at the server. Devices stop until
each participant has read what is new and decided afresh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from overt.cli.files import check_output, read_text, write_json
from overt.cli.members import open_key, read_passphrase
from overt.cli.options import FILE, folder_option, key_option, server_option
from overt.cli.output import emit, exit_codes, json_option, plain
from overt.cli.participant import passphrase_option
from overt.protocol.errors import (
    DataError,
    GovernError,
    NetworkError,
    SealError,
    UsageError,
    VaultError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.canonical import Json
    from overt.protocol.changes import Change
    from overt.protocol.programme import Anchor, Programme


@click.command(
    epilog=exit_codes(SealError, DataError, VaultError, GovernError, NetworkError)
)
@click.argument("file", type=FILE)
@folder_option
@server_option
@key_option
@click.option(
    "--programme-key",
    "holders",
    type=FILE,
    multiple=True,
    required=True,
    help="Key file of a programme key holder; as many as the threshold.",
)
@click.option("--yes", is_flag=True, help="You have read the changes; do not ask.")
@passphrase_option
@json_option
def change(
    file: Path,
    folder: Path,
    server: str,
    key_file: Path,
    holders: tuple[Path, ...],
    passphrase_file: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Sign the next version of a programme from FILE (TOML) and put it into force.

    Every change is shown before anybody signs, what is wider first. It takes as many
    programme keys as at the founding. Recording stops until each participant has
    consented afresh; what waits on their machines goes out only if the consent that it
    was recorded under fits the new version.
    """
    from overt.cli.calling import Caller
    from overt.cli.founding import PROGRAMME, read_programme
    from overt.protocol import routes
    from overt.protocol.changes import programme_changes
    from overt.protocol.programme import sign_programme

    anchor, earlier, old = read_programme(folder)
    new = _next(file, old)
    changes = programme_changes(old, new)
    _check(changes, anchor, old, len(holders), asked=yes or not as_json)
    check_output(folder / PROGRAMME)
    if not as_json:
        click.echo(_told(old, new, changes))
    if not (yes or as_json):
        click.confirm("Sign exactly these changes?", abort=True, err=True)
    steward, *signers = [
        open_key(path, read_passphrase(passphrase_file, what=path.name))
        for path in (key_file, *holders)
    ]
    document = sign_programme(new, signers)
    anchor.programme_of(document)
    answer = Caller(server, steward).send("POST", routes.PROGRAMME, document)
    _keep(folder, old, earlier, document)
    lines = [one.line() for one in changes]
    text = f"Version {new.version} is in force. Devices ask for fresh consent."
    emit(answer | {"version": new.version, "changes": lines}, text, as_json=as_json)


def _next(file: Path, old: Programme) -> Programme:
    """Return what the file says, as the next version of the same programme."""
    from overt.protocol.programme import programme_from_toml
    from overt.vault.govern.policy import policies_digest

    return programme_from_toml(
        read_text(file),
        programme=old.programme,
        services=old.services,
        policies=policies_digest(),
        version=old.version + 1,
    )


def _check(
    changes: list[Change], anchor: Anchor, old: Programme, holders: int, *, asked: bool
) -> None:
    if not changes:
        raise UsageError(
            f"The file says what version {old.version} says; there is nothing to sign."
        )
    if not asked:
        raise UsageError("With --json nobody is asked.", remedy="Add --yes.")
    if holders < anchor.threshold:
        raise GovernError(
            f"{anchor.threshold} programme keys must sign; {holders} are named.",
            remedy="Give --programme-key once for each of them.",
        )


def _told(old: Programme, new: Programme, changes: list[Change]) -> str:
    wider = sum(one.widens for one in changes)
    head = (
        f"{new.title}: version {old.version} -> {new.version}, {len(changes)} changes"
    )
    tail = f"{wider} of them record, keep or show more than before." if wider else ""
    return "\n".join(
        [f"{plain(head)}. {tail}".rstrip(), *(plain(one.line()) for one in changes)]
    )


def _keep(folder: Path, old: Programme, earlier: Json, document: Json) -> None:
    """Keep the earlier version beside the one in force."""
    from overt.cli.founding import PROGRAMME

    write_json(folder / f"programme-{old.version}.json", earlier, mode=0o644)
    write_json(folder / PROGRAMME, document, mode=0o644)
